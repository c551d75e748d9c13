// Reads server-sent events from the body of an answer.
import { createParser, type EventSourceMessage, type ParseError } from "eventsource-parser";
import { TenError } from "../../core/errors.ts";

/**
 * The longest event is that of a failed rollout: 50 lines of 16 KiB, each byte up to six characters when escaped, which
 * makes 5 million.
 */
const EVENT_CHARS_MAX = 8 * 1024 * 1024;

/** Yields events until the body ends, and cancels it when left early. Throws FAILED for an endless event. */
export async function* readEvents(
  body: ReadableStream<Uint8Array> | null,
): AsyncGenerator<EventSourceMessage, void> {
  if (body === null) return;
  const decoder = new TextDecoder();
  let events: EventSourceMessage[] = [];
  const parser = createParser({
    maxBufferSize: EVENT_CHARS_MAX,
    onEvent: (event) => events.push(event),
    onError: refuseEndless,
  });
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events;
    events = [];
  }
}

/** Other errors are unknown fields, which the format tells to ignore. */
function refuseEndless({ type }: ParseError): void {
  if (type !== "max-buffer-size-exceeded") return;
  const reason = `an event is longer than ${EVENT_CHARS_MAX} characters`;
  throw new TenError("FAILED", `Cannot read the server's events: ${reason}`);
}
