// Failures of instances and gaps of a host: each has a reason and a remedy.
import { type ErrorCode, messageOf, TenError } from "./errors.ts";
import { formatRef, type InstanceRef } from "./ref.ts";

/** Why an instance can't run. */
export interface Failure {
  readonly code: ErrorCode;
  /** A clause that follows the name of the instance: `Cannot start "notes:alice": REASON`. */
  readonly reason: string;
  /** The remedy; null: none is known. */
  readonly hint: string | null;
}

/** A missing capability of a host. */
export interface Gap {
  readonly reason: string;
  /** A command or an instruction; several lines are alternatives. */
  readonly remedy: string;
}

export function startFailure(reason: string, hint: string | null = null): Failure {
  return { code: "START_FAILED", reason, hint };
}

export function unavailable(reason: string, hint: string | null = null): Failure {
  return { code: "INSTANCE_UNAVAILABLE", reason, hint };
}

/** The remedies of a gap on one line, as a hint; `otherwise` are further alternatives. */
export function hintOf({ remedy }: Gap, ...otherwise: readonly string[]): string {
  return [...remedy.split("\n"), ...otherwise].join("; or: ");
}

/** Thrown where a start fails; the catcher adds the name of the instance. A lack of the server's own goes first. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(given: Failure, cause?: unknown) {
    const failure = lackOf(cause) ?? given;
    super(failure.reason, cause === undefined ? undefined : { cause });
    this.name = "FailureError";
    this.failure = failure;
  }
}

/** The failure of a start that threw. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof FailureError) return thrown.failure;
  return lackOf(thrown) ?? startFailure(messageOf(thrown));
}

const NO_DESCRIPTOR: Failure = {
  code: "DESCRIPTORS_EXHAUSTED",
  reason: "the server has no free file descriptor",
  hint: "Raise the limit of the server: LimitNOFILE= under systemd, or ulimit -n",
};

const NO_SPACE: Failure = {
  code: "STORAGE_FAILED",
  reason: "no space is left on the disk",
  hint: "Free some space on the disk of the data directory",
};

/** By the codes of the system's and the database's errors. */
const LACKS: Readonly<Record<string, Failure>> = {
  EMFILE: NO_DESCRIPTOR,
  ENFILE: NO_DESCRIPTOR,
  ENOSPC: NO_SPACE,
  SQLITE_FULL: NO_SPACE,
};

/** The lack of the server behind an error, by its codes and those of its causes; null: there is none. */
export function lackOf(thrown: unknown): Failure | null {
  if (!(thrown instanceof Error)) return null;
  const { cause, code } = thrown as { readonly cause?: unknown; readonly code?: unknown };
  return LACKS[String(code)] ?? lackOf(cause);
}

/** The server could not make the start, which says nothing of the application. */
export function isServersOwn({ code }: Failure): boolean {
  switch (code) {
    case "PORTS_EXHAUSTED":
    case "DESCRIPTORS_EXHAUSTED":
    case "STORAGE_FAILED":
      return true;
    default:
      return false;
  }
}

interface InstanceErrorDetails {
  /** The order that failed: "start". */
  readonly verb: string;
  readonly failure: Failure;
  readonly retryAfterMs?: number | null;
}

/** The error that reports a failure to a caller: the only place that composes its sentence. */
export class InstanceError extends TenError {
  readonly failure: Failure;

  constructor(ref: InstanceRef, { verb, failure, retryAfterMs = null }: InstanceErrorDetails) {
    const { code, hint, reason } = failure;
    super(code, `Cannot ${verb} "${formatRef(ref)}": ${reason}`, {
      ...(hint !== null && { hint }),
      ...(retryAfterMs !== null && { retryAfterMs }),
    });
    this.failure = failure;
  }
}
