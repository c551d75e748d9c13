// Streams a JSON array in pieces, no faster than its reader takes them.

/** Of every answer. */
export const ANSWER_HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };

/** Of a piece: little to hold, and few pieces for a long answer. */
const PIECE_CHARS = 64 * 1024;

interface StreamOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** The answer has been read, or its reader has left; called once. */
  readonly onEnd: () => void;
}

export function streamJson(items: readonly unknown[], { headers, onEnd }: StreamOptions): Response {
  const pieces = renderPieces(items);
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = pieces.next();
        if (done !== true) return controller.enqueue(value);
        controller.close();
        onEnd();
      },
      cancel: onEnd,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: { "Content-Type": "application/json", ...ANSWER_HEADERS, ...headers },
  });
}

function* renderPieces(items: readonly unknown[]): Generator<Uint8Array, undefined> {
  const encoder = new TextEncoder();
  let piece = "[";
  for (const [index, item] of items.entries()) {
    piece += `${index === 0 ? "" : ","}${JSON.stringify(item)}`;
    if (piece.length < PIECE_CHARS) continue;
    yield encoder.encode(piece);
    piece = "";
  }
  yield encoder.encode(`${piece}]`);
}
