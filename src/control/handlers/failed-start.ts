// The error of a failed start, with the last lines that its process wrote, and the hint that they give.
import { type ErrorCode, TenError } from "../../core/errors.ts";
import { InstanceError } from "../../core/failure.ts";
import { hintFromOutput } from "../../core/output-hints.ts";
import type { InstanceRef, Slot } from "../../core/ref.ts";
import type { InstanceStory } from "../../supervisor/administration.ts";
import type { ControlWorld } from "../control-world.ts";

const GONE: ReadonlySet<ErrorCode> = new Set(["INSTANCE_UNKNOWN", "SERVICE_UNKNOWN"]);

type World = Pick<ControlWorld, "administration" | "clock" | "logs">;

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
  const since = world.clock.wall();
  try {
    return await perform();
  } catch (thrown) {
    if (!(thrown instanceof TenError) || thrown.code !== "START_FAILED") throw thrown;
    throw await describeFailedStart(world, { ...excerpt, since }, thrown);
  }
}

/**
 * The error with the last lines of the latest launch.
 * @param since of an instance that is not registered any more, all lines since then are of the launch
 */
export async function describeFailedStart(
  world: World,
  { since = world.clock.wall(), ...excerpt }: Excerpt & { since?: number },
  error: TenError,
): Promise<TenError> {
  const launch = launchOf(world, excerpt.ref, since);
  const lines = launch === null ? null : await lastLines(world, excerpt, launch);
  const isSilent = launch?.process != null && lines?.length === 0;
  const message = isSilent ? `${error.message}; it wrote nothing` : error.message;
  const log = lines ?? [];
  const hint = error.hint ?? (launch && hintOf(world, { ...launch, ref: excerpt.ref, error, log }));
  return error.with({ message, log, ...(hint !== null && { hint }) });
}

interface Launch {
  readonly at: number;
  /** Null: not known any more. */
  readonly process: { readonly slot: Slot; readonly port: number; readonly dataDir: string } | null;
}

/** Null: no process ran. */
function launchOf({ administration }: World, ref: InstanceRef, since: number): Launch | null {
  const story = storyOf(administration, ref);
  if (story === null) return { at: since, process: null };
  const { lastLaunch } = story;
  if (lastLaunch === null || lastLaunch.process === null) return null;
  const dataDir = administration.dataDirectory(ref);
  return { at: lastLaunch.at, process: { ...lastLaunch.process, dataDir } };
}

/** Null: it is not registered any more. */
function storyOf(administration: World["administration"], ref: InstanceRef): InstanceStory | null {
  try {
    return administration.story(ref);
  } catch (error) {
    const isGone = error instanceof TenError && GONE.has(error.code);
    if (!isGone) throw error;
    return null;
  }
}

/** Without the server's own lines, which repeat the error; null: the logs can't be read. */
async function lastLines(
  { logs }: World,
  { ref, limit }: Excerpt,
  { at, process }: Launch,
): Promise<string[] | null> {
  const filter = { ...ref, since: at, ...(process !== null && { slot: process.slot }) };
  const page = await logs.query(filter, limit).catch(() => null);
  if (page === null) return null;
  return page.lines.filter((line) => line.stream !== "server").map(({ text }) => text);
}

interface Ended extends Launch {
  readonly ref: InstanceRef;
  readonly error: TenError;
  readonly log: readonly string[];
}

function hintOf({ administration }: World, { ref, error, process, log }: Ended): string | null {
  const service = administration.services().get(ref.service);
  if (!(error instanceof InstanceError) || service === undefined) return null;
  return hintFromOutput({
    reason: error.failure.reason,
    lines: log,
    service,
    port: process?.port ?? null,
    dataDir: process?.dataDir ?? null,
    isReplacement: error.message.startsWith("Cannot replace "),
  });
}
