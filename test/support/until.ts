// Polls for a condition that no event reports.
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;
/** Long enough for a busy machine: after it the condition never becomes true. Guests are emulated, and have more. */
const PATIENCE_SECONDS = Number(process.env["TEN_TEST_PATIENCE_SECONDS"] ?? 60);

/** Asks again until the answer is neither false nor nullish, and returns it; throws, naming `what`, after a minute. */
export async function until<Answer>(
  what: string,
  ask: () => Answer | Promise<Answer>,
): Promise<Exclude<Answer, false | null | undefined>> {
  const deadline = performance.now() + PATIENCE_SECONDS * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== null && answer !== undefined) {
      return answer as Exclude<Answer, false | null | undefined>;
    }
    if (performance.now() > deadline) throw new Error(`Timed out: ${what}`);
    await delay(POLL_MS);
  }
}
