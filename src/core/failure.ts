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

/** Thrown where a start fails; the catcher adds the name of the instance. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, cause?: unknown) {
    super(failure.reason, cause === undefined ? undefined : { cause });
    this.name = "FailureError";
    this.failure = failure;
  }
}

/** The failure of a start that threw. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof FailureError) return thrown.failure;
  const { code } = (thrown ?? {}) as { readonly code?: unknown };
  return code === "EMFILE" || code === "ENFILE" ? NO_DESCRIPTOR : startFailure(messageOf(thrown));
}

const NO_DESCRIPTOR: Failure = {
  code: "DESCRIPTORS_EXHAUSTED",
  reason: "the server has no free file descriptor",
  hint: "Raise the limit of the server: LimitNOFILE= under systemd, or ulimit -n",
};

/** The server could not make the start, which says nothing of the application. */
export function isServersOwn({ code }: Failure): boolean {
  return code === "PORTS_EXHAUSTED" || code === "DESCRIPTORS_EXHAUSTED";
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
