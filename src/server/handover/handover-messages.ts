// The protocol between the previous and the next server: messages in JSON, and the introduction that begins it.
import type { Channel } from "./channel.ts";

/** The environment variable that introduces the previous server. */
export const INTRODUCTION_VARIABLE = "TENEMENT_PREVIOUS_SERVER";
/** After the three that every program has: the channel, and then the listening sockets. */
export const CHANNEL_DESCRIPTOR = 3;
export const FIRST_SOCKET_DESCRIPTOR = 4;

// The two servers may be of different versions: a field that one does not know must be harmless.

/** From the previous server, in the environment of the next. */
export interface Introduction {
  readonly pid: number;
  /** Number of the listening sockets. */
  readonly descriptors: number;
  readonly dataDir: string;
  /** Where relative paths of the arguments begin; versions up to 0.1.0 have none. */
  readonly cwd?: string;
}

export type MessageFromNext =
  | { readonly kind: "started"; readonly pid: number }
  /** Its configuration is valid, and no known obstacle keeps it from serving. */
  | { readonly kind: "ready" }
  | { readonly kind: "serves"; readonly version: string }
  | { readonly kind: "failed"; readonly message: string; readonly hint?: string };

export interface MessageFromPrevious {
  readonly kind: "handover";
  readonly handoverState: unknown;
}

export type ChannelToPrevious = Channel<MessageFromPrevious, MessageFromNext>;
export type ChannelToNext = Channel<MessageFromNext, MessageFromPrevious>;
