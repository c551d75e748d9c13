// TenError, the one error class that users see, and its codes with their HTTP statuses and exit codes.

const CODES = {
  CONFIG_INVALID: { status: 422, exit: 2 },
  USAGE_INVALID: { status: 400, exit: 2 },
  REQUEST_INVALID: { status: 422, exit: 2 },
  BODY_TOO_LARGE: { status: 413, exit: 2 },
  MEDIA_TYPE_UNKNOWN: { status: 415, exit: 2 },
  REF_INVALID: { status: 422, exit: 2 },
  NOT_FOUND: { status: 404, exit: 1 },
  METHOD_UNKNOWN: { status: 405, exit: 1 },
  UPGRADE_REQUIRED: { status: 426, exit: 1 },
  INSTANCE_UNKNOWN: { status: 404, exit: 3 },
  SERVICE_UNKNOWN: { status: 404, exit: 3 },
  CONFLICT: { status: 409, exit: 1 },
  UNAUTHENTICATED: { status: 401, exit: 5 },
  FORBIDDEN: { status: 403, exit: 5 },
  RATE_LIMITED: { status: 429, exit: 1 },
  INSTANCE_UNAVAILABLE: { status: 503, exit: 1 },
  START_FAILED: { status: 503, exit: 1 },
  QUEUE_FULL: { status: 503, exit: 1 },
  LEVEL_MISSING: { status: 422, exit: 1 },
  PORTS_EXHAUSTED: { status: 503, exit: 1 },
  DESCRIPTORS_EXHAUSTED: { status: 503, exit: 1 },
  STORAGE_FAILED: { status: 503, exit: 1 },
  SERVER_UNREACHABLE: { status: 503, exit: 4 },
  SERVER_RUNNING: { status: 409, exit: 1 },
  LISTEN_FAILED: { status: 503, exit: 1 },
  FAILED: { status: 503, exit: 1 },
} as const;

export type ErrorCode = keyof typeof CODES;
export const ERROR_CODES = Object.keys(CODES) as ErrorCode[];

export interface ErrorDetails {
  /** The remedy: an instruction for the user. */
  readonly hint?: string;
  /** How long to wait before trying again, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The last lines that an instance wrote before its start failed. */
  readonly log?: readonly string[];
  readonly cause?: unknown;
}

/** The message is "Cannot", a verb, the quoted subject, a colon and the reason. The code determines status and exit. */
export class TenError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly log: readonly string[] | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "TenError";
    this.code = code;
    this.hint = details.hint;
    this.retryAfterMs = details.retryAfterMs;
    this.log = details.log;
  }

  /** The same error of a failed start, with more that is known about it. */
  with({ message, ...details }: { readonly message: string } & ErrorDetails): TenError {
    const { hint, retryAfterMs, cause } = this;
    return new TenError(this.code, message, {
      ...(hint !== undefined && { hint }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      cause,
      ...details,
    });
  }

  get status(): number {
    return CODES[this.code].status;
  }

  get exit(): number {
    return CODES[this.code].exit;
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(CODES, text);
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
