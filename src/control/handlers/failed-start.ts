// The error of a failed start, with the last lines that the instance wrote.
import { TenError } from "../../core/errors.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { ControlWorld } from "../control-world.ts";

/** Performs what may start an instance; when that fails, the error holds its last lines. */
export async function withLastLines<T>(
  { logs }: Pick<ControlWorld, "logs">,
  { ref, limit }: { ref: InstanceRef; limit: number },
  perform: () => Promise<T>,
): Promise<T> {
  try {
    return await perform();
  } catch (thrown) {
    if (!(thrown instanceof TenError) || thrown.code !== "START_FAILED") throw thrown;
    const lines = await logs.query(ref, limit).catch(() => []);
    throw thrown.withLog(lines.map(({ text }) => text));
  }
}
