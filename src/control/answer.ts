// Answers of the control API: JSON, nothing, and errors.
import type { TenError } from "../core/errors.ts";
import type { ErrorAnswer } from "./wire.ts";

const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };

export function answerJson(value: unknown, status = 200): Response {
  return Response.json(value, { status, headers: HEADERS });
}

export function answerNothing(): Response {
  return new Response(null, { status: 204, headers: HEADERS });
}

/** @param log the last lines of an instance whose start failed */
export function answerError(error: TenError, log?: readonly string[]): Response {
  const body: ErrorAnswer = {
    error: error.message,
    code: error.code,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(log === undefined ? {} : { log }),
  };
  const headers: Record<string, string> = { ...HEADERS };
  if (error.status === 401) headers["WWW-Authenticate"] = 'Bearer realm="ten"';
  if (error.retryAfterMs !== undefined) {
    headers["Retry-After"] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  }
  return Response.json(body, { status: error.status, headers });
}

/** For what nobody foresaw: the caller learns that it happened, the server's log what it was. */
export function answerFault(): Response {
  const body: ErrorAnswer = { error: "Cannot answer: a fault in the server", code: "FAILED" };
  return Response.json(body, { status: 500, headers: HEADERS });
}
