// Runs the tools of e2fsprogs, util-linux and coreutils that volumes need, each within its deadline.
import { runHelper } from "../platform/process/helper.ts";
import { SYSTEM_PATH } from "../platform/programs.ts";

const MINUTE_MS = 60_000;

/**
 * The Debian package of each tool, and its deadline: a start and the end of the server wait for it, and a disk that
 * hangs must not hold them up for ever. The long ones read or write all files of an instance.
 */
export const TOOLS = {
  "mkfs.ext4": { debian: "e2fsprogs", timeoutMs: 10 * MINUTE_MS },
  e2fsck: { debian: "e2fsprogs", timeoutMs: 60 * MINUTE_MS },
  resize2fs: { debian: "e2fsprogs", timeoutMs: 60 * MINUTE_MS },
  mount: { debian: "mount", timeoutMs: MINUTE_MS },
  umount: { debian: "mount", timeoutMs: MINUTE_MS },
  cp: { debian: "coreutils", timeoutMs: 6 * 60 * MINUTE_MS },
} as const;
export type Tool = keyof typeof TOOLS;

export interface ToolOrder {
  /** The highest exit code that means success. */
  readonly highestSuccess?: number;
  readonly timeoutMs?: number;
}

/** Rejects with the first line that the tool prints as an error, or when it does not end in time. */
export async function runTool(
  tool: Tool,
  args: readonly string[],
  { highestSuccess = 0, timeoutMs = TOOLS[tool].timeoutMs }: ToolOrder = {},
): Promise<void> {
  const env = { PATH: SYSTEM_PATH, LC_ALL: "C" };
  const end = await runHelper({ argv: [tool, ...args], env, timeoutMs });
  if (end.kind === "failed") throw new Error(end.reason, { cause: end.cause });
  if (end.exitCode <= highestSuccess) return;
  const [first = ""] = end.errors.trim().split("\n");
  throw new Error(first === "" ? `${tool} ended with ${end.exitCode}` : `${tool}: ${first}`);
}
