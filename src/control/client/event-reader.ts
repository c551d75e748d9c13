// Reads server-sent events off the body of an answer.

export interface ServerEvent {
  readonly type: string;
  readonly data: string;
}

/** Yields events until the body ends or `signal` is aborted; comments are passed over. */
export async function* readEvents(
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent, void> {
  if (body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of body) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parseEvent(block);
        if (event !== null) yield event;
      }
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

function parseEvent(block: string): ServerEvent | null {
  let type = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) type = line.slice("event: ".length);
    if (line.startsWith("data: ")) data.push(line.slice("data: ".length));
  }
  return data.length === 0 ? null : { type, data: data.join("\n") };
}
