// The error of a failed start, with the last lines that its process wrote, and the hint that they give.
import { TenError } from "../../core/errors.ts";
import { InstanceError } from "../../core/failure.ts";
import { hintFromOutput } from "../../core/output-hints.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { LaunchRecord } from "../../supervisor/administration.ts";
import type { ControlWorld } from "../control-world.ts";

type World = Pick<ControlWorld, "logs" | "administration">;

interface Excerpt {
  readonly ref: InstanceRef;
  readonly limit: number;
}

/** Performs an order that may start an instance; when the start fails, the error holds its last lines. */
export async function withLastLines<T>(
  world: World,
  excerpt: Excerpt,
  perform: () => Promise<T>,
): Promise<T> {
  try {
    return await perform();
  } catch (thrown) {
    if (!(thrown instanceof TenError) || thrown.code !== "START_FAILED") throw thrown;
    throw await describeFailedStart(world, excerpt, thrown);
  }
}

/** The error with the last lines of the latest launch. */
export async function describeFailedStart(
  world: World,
  { ref, limit }: Excerpt,
  error: TenError,
): Promise<TenError> {
  const launch = lastLaunchOf(world, ref);
  const lines = await lastLines(world, { ref, limit, launch });
  const message = lines?.length === 0 ? `${error.message}; it wrote nothing` : error.message;
  const hint = error.hint ?? hintOf(world, { ref, error, launch, lines: lines ?? [] });
  return error.with({ message, log: lines ?? [], ...(hint !== undefined && { hint }) });
}

/** Null: the instance has been removed meanwhile, or was not launched. */
function lastLaunchOf({ administration }: World, ref: InstanceRef): LaunchRecord | null {
  try {
    return administration.story(ref).lastLaunch;
  } catch {
    return null;
  }
}

/** Without the server's own lines, which repeat the error; null: no process ran, or the logs can't be read. */
async function lastLines(
  { logs }: World,
  { ref, limit, launch }: Excerpt & { launch: LaunchRecord | null },
): Promise<string[] | null> {
  if (launch === null || launch.process === null) return null;
  const filter = { ...ref, slot: launch.process.slot, since: launch.at };
  const page = await logs.query(filter, limit).catch(() => null);
  if (page === null) return null;
  return page.lines.filter((line) => line.stream !== "server").map(({ text }) => text);
}

interface Ended {
  readonly ref: InstanceRef;
  readonly error: TenError;
  readonly launch: LaunchRecord | null;
  readonly lines: readonly string[];
}

function hintOf(
  { administration }: World,
  { ref, error, launch, lines }: Ended,
): string | undefined {
  const service = administration.services().get(ref.service);
  if (!(error instanceof InstanceError) || !launch?.process || service === undefined)
    return undefined;
  const hint = hintFromOutput({
    reason: error.failure.reason,
    lines,
    service,
    port: launch.process.port,
    dataDir: administration.dataDirectory(ref),
    isReplacement: error.message.startsWith("Cannot replace "),
  });
  return hint ?? undefined;
}
