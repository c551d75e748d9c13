// Why an instance can't run, and what a host lacks: a reason each, and what to do about it.
import { type ErrorCode, messageOf, TenError } from "./errors.ts";
import { formatRef, type InstanceRef } from "./ref.ts";

/** Why an instance can't run. */
export interface Failure {
  readonly code: ErrorCode;
  /** A clause that follows the name of the instance: `Cannot start "notes:alice": REASON`. */
  readonly reason: string;
  /** What to do about it; null: nothing that is known here. */
  readonly hint: string | null;
}

/** Something that a host lacks. */
export interface Gap {
  readonly reason: string;
  /** The command, or what else mends it; of several lines each is a way of its own. */
  readonly remedy: string;
}

export function startFailure(reason: string, hint: string | null = null): Failure {
  return { code: "START_FAILED", reason, hint };
}

export function unavailable(reason: string, hint: string | null = null): Failure {
  return { code: "INSTANCE_UNAVAILABLE", reason, hint };
}

/** The ways to mend a gap on one line, as a hint; `otherwise` is one more way. */
export function hintOf({ remedy }: Gap, ...otherwise: readonly string[]): string {
  return [...remedy.split("\n"), ...otherwise].join("; or: ");
}

/** Thrown by whatever keeps an instance from starting; whoever catches it names the instance. */
export class FailureError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure, cause?: unknown) {
    super(failure.reason, cause === undefined ? undefined : { cause });
    this.name = "FailureError";
    this.failure = failure;
  }
}

/** The failure of a start that ended with something thrown. */
export function failureOf(thrown: unknown): Failure {
  return thrown instanceof FailureError ? thrown.failure : startFailure(messageOf(thrown));
}

interface InstanceErrorDetails {
  /** What could not be done: "start". */
  readonly verb: string;
  readonly failure: Failure;
  readonly retryAfterMs?: number | null;
}

/** A failure as whoever asked is told: the one place where the sentence is made. */
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
