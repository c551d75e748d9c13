// Renders answers of the control API: results of handlers as their operations declare them, and errors.
import { unreachable } from "../core/assert.ts";
import type { TenError } from "../core/errors.ts";
import { ANSWER_HEADERS } from "./json-stream.ts";
import type { Answer } from "./wire/operation.ts";
import { type ErrorAnswer, errorAnswerOf } from "./wire/wire.ts";

/** @param result of the route's handler */
export function renderAnswer(answer: Answer, result: unknown): Response {
  switch (answer.kind) {
    case "json":
      if (result instanceof Response) return result;
      return Response.json(result, { status: answer.status, headers: ANSWER_HEADERS });
    case "empty":
      return new Response(null, { status: 204, headers: ANSWER_HEADERS });
    case "text":
      return result as Response;
    case "socket":
      throw new Error("Assertion failed: the connection was to become a WebSocket");
    default:
      return unreachable(answer);
  }
}

export function answerError(error: TenError): Response {
  const headers: Record<string, string> = { ...ANSWER_HEADERS };
  if (error.status === 401) headers["WWW-Authenticate"] = 'Bearer realm="ten"';
  if (error.retryAfterMs !== undefined) {
    headers["Retry-After"] = String(Math.max(1, Math.ceil(error.retryAfterMs / 1000)));
  }
  return Response.json(errorAnswerOf(error), { status: error.status, headers });
}

/** For an unexpected error: the caller learns that there was one, the server's log which one. */
export function answerFault(): Response {
  const body: ErrorAnswer = { error: "Cannot answer: a fault in the server", code: "FAILED" };
  return Response.json(body, { status: 500, headers: ANSWER_HEADERS });
}
