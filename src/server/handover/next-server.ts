// The next server, as the previous one knows it: started with the listening sockets, given the handover, or ended.
import { closeSync } from "node:fs";
import type { ServerIdentity } from "../../control/control-world.ts";
import type { TenError } from "../../core/errors.ts";
import { signalProcess } from "../../platform/process/signal.ts";
import { Channel, openSocketPair } from "./channel.ts";
import {
  type ChannelToNext,
  INTRODUCTION_VARIABLE,
  type Introduction,
  type MessageFromNext,
  type MessageFromPrevious,
} from "./handover-messages.ts";
import { cannotStart, spawnOwnProgram } from "./own-program.ts";

/** From its start until it has read its configuration: longer than the slowest disk takes. */
const READY_MS_MAX = 30_000;
/** Until it has taken over and serves. Requests wait meanwhile; a database migration takes seconds. */
const SERVES_MS_MAX = 60_000;

export interface NextServer {
  readonly pid: number;
  /**
   * Hands over; the data directory must be free. Resolves when the next server serves; rejects, once its process has
   * ended, with the reason why it does not.
   */
  takeOver(handoverState: unknown): Promise<ServerIdentity>;
  /** Kills it; resolves when its process has ended. */
  end(): Promise<void>;
}

export interface NextServerOptions {
  /** Of the listening sockets. */
  readonly descriptors: readonly number[];
  readonly dataDir: string;
  /** Where relative paths of the arguments begin. */
  readonly cwd: string;
}

/**
 * Starts this program again, in the version that is now installed, with the same arguments. Resolves when the next
 * server can take over; rejects, once its process has ended, with a TenError that says why it can't.
 */
export async function startNextServer(options: NextServerOptions): Promise<NextServer> {
  const dialogue = await Dialogue.begin(options);
  const { pid } = await dialogue.expect("started", READY_MS_MAX);
  await dialogue.expect("ready", READY_MS_MAX);
  return {
    pid,
    async takeOver(handoverState) {
      dialogue.send({ kind: "handover", handoverState });
      const { version } = await dialogue.expect("serves", SERVES_MS_MAX);
      return { version, pid };
    },
    end: () => dialogue.end(),
  };
}

class Dialogue {
  readonly #channel: ChannelToNext;
  /** Starts the next server and exits, so that a service manager becomes the parent of its new main process. */
  readonly #starter: Bun.Subprocess;
  readonly #received: MessageFromNext[] = [];
  #pid: number | null = null;
  #state: "open" | "ended" = "open";
  #wake: () => void = () => undefined;

  private constructor(channel: ChannelToNext, starter: Bun.Subprocess) {
    this.#channel = channel;
    this.#starter = starter;
    channel.ended.then(
      () => this.#onEnd(),
      () => this.#onEnd(),
    );
  }

  static async begin({ cwd, descriptors, dataDir }: NextServerOptions): Promise<Dialogue> {
    const introduction: Introduction = {
      pid: process.pid,
      descriptors: descriptors.length,
      dataDir,
      cwd,
    };
    const env = { ...process.env, [INTRODUCTION_VARIABLE]: JSON.stringify(introduction) };
    const { own, other } = openSocketPair();
    try {
      return await Dialogue.#over(own, () =>
        spawnOwnProgram({ env, cwd, descriptors: [other, ...descriptors] }),
      );
    } finally {
      closeSync(other);
    }
  }

  static async #over(own: number, spawn: () => Bun.Subprocess): Promise<Dialogue> {
    const channel: ChannelToNext = await Channel.open(own, (message) =>
      dialogue.#onMessage(message),
    );
    let dialogue: Dialogue;
    try {
      dialogue = new Dialogue(channel, spawn());
      return dialogue;
    } catch (error) {
      channel.close();
      throw error;
    }
  }

  send(message: MessageFromPrevious): void {
    this.#channel.send(message).catch(() => this.#onEnd());
  }

  async expect<Kind extends "started" | "ready" | "serves">(
    kind: Kind,
    timeoutMs: number,
  ): Promise<Extract<MessageFromNext, { kind: Kind }>> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    if (this.#received.length > 0 || this.#state === "ended") resolve();
    const timeout = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timeout);
    const message = this.#received.shift();
    if (message?.kind === kind) return message as Extract<MessageFromNext, { kind: Kind }>;
    const isLate = this.#state === "open";
    await this.end();
    throw this.#failureOf(message, isLate);
  }

  async end(): Promise<void> {
    this.#starter.kill("SIGKILL");
    // One that has not named its process holds nothing, and gives up once the channel has ended.
    if (this.#pid === null) this.#channel.abort();
    else if (this.#state === "open") signalProcess(this.#pid, "SIGKILL");
    await Promise.all([this.#starter.exited, this.#channel.ended]);
  }

  #onMessage(message: MessageFromNext): void {
    if (message.kind === "started") this.#pid = message.pid;
    this.#received.push(message);
    this.#wake();
  }

  #onEnd(): void {
    this.#state = "ended";
    this.#wake();
  }

  #failureOf(message: MessageFromNext | undefined, isLate: boolean): TenError {
    if (message?.kind === "failed") return cannotStart(message.message, message.hint);
    if (isLate) return cannotStart("it did not report in time that it can serve");
    const { exitCode, signalCode } = this.#starter;
    const how = exitCode === 0 ? "before it served" : `with ${signalCode ?? exitCode}`;
    return cannotStart(`it ended ${how}`, "See what the server has printed");
  }
}
