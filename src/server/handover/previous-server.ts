// The previous server, as the next one knows it: found in the environment, asked for the handover, told the outcome.
import { type ErrorDetails, messageOf, TenError } from "../../core/errors.ts";
import { Channel } from "./channel.ts";
import {
  CHANNEL_DESCRIPTOR,
  type ChannelToPrevious,
  FIRST_SOCKET_DESCRIPTOR,
  INTRODUCTION_VARIABLE,
  type Introduction,
} from "./handover-messages.ts";
import { spawnOwnProgram } from "./own-program.ts";

export interface PreviousServer {
  /** Of the listening sockets. */
  readonly descriptors: readonly number[];
  readonly dataDir: string;
  /** Where relative paths of the arguments begin; undefined: a version that does not say. */
  readonly cwd: string | undefined;
  /**
   * Announces that this server can take over; resolves with the handover state once the data directory is free.
   * Rejects with FAILED when the previous server ends before that.
   */
  requestHandover(): Promise<unknown>;
  reportServing(version: string): void;
  /** Reports why this server can't take over. */
  reportFailure(thrown: unknown): Promise<void>;
}

/** Null: there is none. Does not return in the process that only starts the next server. */
export async function findPreviousServer(
  env: Readonly<Record<string, string | undefined>>,
): Promise<PreviousServer | null> {
  const text = env[INTRODUCTION_VARIABLE];
  if (text === undefined) return null;
  const { cwd, pid, descriptors: count, dataDir } = JSON.parse(text) as Introduction;
  const descriptors = Array.from({ length: count }, (_, index) => FIRST_SOCKET_DESCRIPTOR + index);
  if (process.ppid === pid) {
    spawnOwnProgram({ env, cwd, descriptors: [CHANNEL_DESCRIPTOR, ...descriptors] });
    process.exit(0);
  }
  const handoverState = Promise.withResolvers<unknown>();
  const channel: ChannelToPrevious = await Channel.open(CHANNEL_DESCRIPTOR, (message) =>
    handoverState.resolve(message.handoverState),
  );
  const abandon = () => handoverState.reject(previousServerEnded());
  // Whoever asks for the state gets the error as well.
  handoverState.promise.catch(() => undefined);
  channel.send({ kind: "started", pid: process.pid }).catch(abandon);
  return {
    descriptors,
    dataDir,
    cwd,
    requestHandover() {
      channel.send({ kind: "ready" }).catch(abandon);
      channel.ended.then(abandon, abandon);
      return handoverState.promise;
    },
    reportServing(version) {
      // Without the previous server nobody needs to hear it.
      channel.send({ kind: "serves", version }).catch(() => undefined);
    },
    reportFailure: (thrown) =>
      channel.send({ kind: "failed", message: messageOf(thrown), ...hintOf(thrown) }),
  };
}

function previousServerEnded(): TenError {
  return new TenError("FAILED", "Cannot take over: the server before this one is gone");
}

function hintOf(thrown: unknown): Pick<ErrorDetails, "hint"> {
  return thrown instanceof TenError && thrown.hint !== undefined ? { hint: thrown.hint } : {};
}
