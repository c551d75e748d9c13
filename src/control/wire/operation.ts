// The form of an operation's declaration: summary, permission, query, body, answer, refusals.
import type { z } from "zod";
import type { Action } from "../../core/access.ts";
import type { OperationName } from "./endpoints.ts";

export interface Operation {
  /** One line for readers of the API's document. */
  readonly summary: string;
  /** The action that a caller must be allowed to take; null: public. */
  readonly action: Action | null | ((query: URLSearchParams) => Action);
  /** Left out: takes no query. */
  readonly query?: z.ZodType;
  /** JSON; left out: takes none. */
  readonly body?: z.ZodType;
  readonly answer: Answer;
  /** Statuses of refusals beyond those that follow from the operation's inputs. */
  readonly refusals?: readonly number[];
}

/** The declarations of one subject. */
export type Operations = { readonly [Name in OperationName]?: Operation };

export type Answer = JsonAnswer | EmptyAnswer | TextAnswer | SocketAnswer;

/** `Result`: returned by the handler. */
export interface JsonAnswer<Result = unknown> {
  readonly kind: "json";
  readonly status: 200 | 201;
  readonly schema: z.ZodType<unknown, Result>;
}

/** 204. */
export interface EmptyAnswer {
  readonly kind: "empty";
}

/** The handler makes the response itself. */
export interface TextAnswer {
  readonly kind: "text";
  readonly type: string;
  readonly about: string;
  /** Of the data of each event, in a stream of events. */
  readonly events?: z.ZodType;
}

/** The server's side of a WebSocket, as a handler makes it. */
export interface SocketSession {
  open(peer: SocketPeer): void;
  message(message: string | Uint8Array): void;
  /** The connection has ended; also called after `close`. */
  closed(): void;
}

export interface SocketPeer {
  send(message: string | Uint8Array): void;
  close(): void;
}

/** 101: the connection becomes a WebSocket. The handler returns its `SocketSession`. */
export interface SocketAnswer {
  readonly kind: "socket";
  readonly about: string;
  /** The JSON in messages of text, as clients send and receive them. */
  readonly messages: { readonly sent: z.ZodType; readonly received: z.ZodType };
}

/** The result of an operation's handler. */
export type ResultOf<Declared extends Operation> =
  Declared["answer"] extends JsonAnswer<infer Result>
    ? Result
    : Declared["answer"] extends EmptyAnswer
      ? // biome-ignore lint/suspicious/noConfusingVoidType: the return type of a handler
        void
      : Declared["answer"] extends SocketAnswer
        ? SocketSession
        : Response;

export function json<Result>(
  schema: z.ZodType<unknown, Result>,
  status: 200 | 201 = 200,
): JsonAnswer<Result> {
  return { kind: "json", status, schema };
}

export const EMPTY: EmptyAnswer = { kind: "empty" };

/** @param type without parameters: `text/plain` */
export function text(type: string, about: string): TextAnswer {
  return { kind: "text", type, about };
}

export function socket(messages: SocketAnswer["messages"], about: string): SocketAnswer {
  return { kind: "socket", about, messages };
}

/** Server-sent events. */
export function events(schema: z.ZodType, about: string): TextAnswer {
  return { kind: "text", type: "text/event-stream", about, events: schema };
}
