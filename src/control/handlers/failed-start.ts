// The error of a failed start, with the last lines that the instance wrote.
import { TenError } from "../../core/errors.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { ControlWorld } from "../control-world.ts";

interface Excerpt {
  readonly ref: InstanceRef;
  readonly limit: number;
}

/** Performs an order that may start an instance; when the start fails, the error holds its last lines. */
export async function withLastLines<T>(
  world: Pick<ControlWorld, "logs">,
  excerpt: Excerpt,
  perform: () => Promise<T>,
): Promise<T> {
  try {
    return await perform();
  } catch (thrown) {
    if (!(thrown instanceof TenError) || thrown.code !== "START_FAILED") throw thrown;
    throw thrown.withLog(await lastLines(world, excerpt));
  }
}

/** Without the server's own lines, which repeat the error. */
export async function lastLines(
  { logs }: Pick<ControlWorld, "logs">,
  { ref, limit }: Excerpt,
): Promise<string[]> {
  const page = await logs.query(ref, limit).catch(() => null);
  return (page?.lines ?? []).filter((line) => line.stream !== "server").map(({ text }) => text);
}
