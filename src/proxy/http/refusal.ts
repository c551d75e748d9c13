// Refusals, which the proxy answers itself: status, code and a message for strangers.
import { TenError } from "../../core/errors.ts";
import { ParseFailure } from "./parser.ts";

export interface Refusal {
  readonly status: number;
  readonly code: string;
  /** Never names a path, a port or a command of this server. */
  readonly message: string;
  /** Null: no Retry-After. */
  readonly retryAfterMs: number | null;
}

/** The request must not be forwarded; the connection ends with the answer. */
export class RequestRefused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal, reason: string) {
    super(reason);
    this.name = "RequestRefused";
    this.refusal = refusal;
  }
}

function refusal(status: number, code: string, message: string): Refusal {
  return { status, code, message, retryAfterMs: null };
}

export const MALFORMED = refusal(400, "REQUEST_MALFORMED", "The request is malformed or ambiguous");
export const TOO_SLOW = refusal(408, "REQUEST_TIMEOUT", "The request took too long to arrive");
export const METHOD_REFUSED = refusal(405, "METHOD_NOT_ALLOWED", "This method is not supported");
export const HEAD_TOO_LARGE = refusal(
  431,
  "HEADERS_TOO_LARGE",
  "The request headers are too large",
);
export const NOT_FOUND = refusal(404, "NOT_FOUND", "There is nothing at this address");
export const INTERNAL = refusal(500, "INTERNAL", "Something went wrong");
export const BAD_GATEWAY = refusal(502, "BAD_GATEWAY", "The application did not answer properly");
export const TENANT_TOO_SLOW = refusal(
  504,
  "GATEWAY_TIMEOUT",
  "The application took too long to answer",
);

export const TOO_MANY_CONNECTIONS: Refusal = {
  ...refusal(503, "TOO_MANY_CONNECTIONS", "There are too many connections from your address"),
  retryAfterMs: 1000,
};
export const NO_ROOM: Refusal = {
  ...refusal(503, "NO_ROOM", "There are too many connections"),
  retryAfterMs: 1000,
};

/** Unless the error names a better time. */
const RETRY_AFTER_MS = 5000;

const PUBLIC_MESSAGES: ReadonlyMap<string, string> = new Map([
  ["NOT_FOUND", NOT_FOUND.message],
  ["INSTANCE_UNKNOWN", NOT_FOUND.message],
  ["SERVICE_UNKNOWN", NOT_FOUND.message],
  ["START_FAILED", "The application could not be started"],
  ["QUEUE_FULL", "Too many requests are waiting for this application"],
]);

/** The cause of a failed start is for operators: clients get START_FAILED for each of these. */
const FAILED_STARTS: ReadonlySet<string> = new Set([
  "LEVEL_MISSING",
  "PORTS_EXHAUSTED",
  "DESCRIPTORS_EXHAUSTED",
  "STORAGE_FAILED",
]);

/** The refusal for an error of the supervisor; leaves out all that only operators may know. */
export function refusalOf(thrown: unknown): Refusal {
  if (!(thrown instanceof TenError)) return INTERNAL;
  const isFailedStart = FAILED_STARTS.has(thrown.code);
  const status = isFailedStart ? 503 : thrown.status;
  const code = isFailedStart ? "START_FAILED" : thrown.code;
  return {
    status,
    code,
    message: PUBLIC_MESSAGES.get(code) ?? "The application is not available right now",
    retryAfterMs: status === 503 ? (thrown.retryAfterMs ?? RETRY_AFTER_MS) : null,
  };
}

/** The refusal for bytes that are no request; null: another error, which is a bug. */
export function refusalOfBytes(error: unknown): Refusal | null {
  if (error instanceof RequestRefused) return error.refusal;
  if (!(error instanceof ParseFailure)) return null;
  return error.kind === "tooLarge" ? HEAD_TOO_LARGE : MALFORMED;
}
