// The restart policy: whether and when a process that has ended is restarted, and when to give up.
import { unreachable } from "../assert.ts";
import type { RestartPolicy, RestartSettings } from "../service.ts";
import type { Exit } from "./instance.ts";

/** By then the server may have the port or the descriptor that it lacked. */
const UNMADE_DELAY_MS = 1000;

const JITTER_MAX = 0.1;
const MEGABYTE = 1024 * 1024;

export function restartsAfter(policy: RestartPolicy, exit: Exit): boolean {
  if (policy === "always") return true;
  return policy === "on-failure" && !(exit.kind === "code" && exit.code === 0);
}

export type Retry =
  | { readonly kind: "retry"; readonly at: number; readonly crashes: readonly number[] }
  | { readonly kind: "giveUp"; readonly crashes: readonly number[] };

/**
 * Decides on the next start after a crash at `now`: base * 2^(n-1), at most the maximum, with jitter so that instances
 * which crash together do not start together.
 * @param crashes moments of the earlier crashes
 * @param random at least 0, below 1
 */
export function decideRetry(
  settings: RestartSettings,
  { crashes, now, random }: { crashes: readonly number[]; now: number; random: number },
): Retry {
  const recent = [...crashes.filter((at) => now - at < settings.windowMs), now];
  if (recent.length > settings.max) return { kind: "giveUp", crashes: recent };
  const delayMs = Math.min(
    settings.backoffBaseMs * 2 ** (recent.length - 1),
    settings.backoffMaxMs,
  );
  return { kind: "retry", at: now + delayMs * (1 + JITTER_MAX * random), crashes: recent };
}

/** Decides on the next start after one that the server itself could not make: no crash of the application counts. */
export function retryUnmade(
  settings: RestartSettings,
  { crashes, now }: { crashes: readonly number[]; now: number },
): Retry {
  return { kind: "retry", at: now + Math.max(settings.backoffBaseMs, UNMADE_DELAY_MS), crashes };
}

export function describeExit(exit: Exit): string {
  switch (exit.kind) {
    case "code":
      return `exited with code ${exit.code}`;
    case "signal":
      return `was terminated by ${exit.signal}`;
    case "outOfMemory":
      return `was killed: out of memory (${describeLimit(exit.limitBytes)})`;
    case "unstarted":
      return `did not run: ${exit.reason}`;
    case "unknown":
      return "ended under another server, its exit code is unknown";
    default:
      return unreachable(exit);
  }
}

function describeLimit(bytes: number | null): string {
  return bytes === null ? "the host had none left" : `limit ${Math.round(bytes / MEGABYTE)} MB`;
}
