// How a server and the one that follows it talk: the later one is started by the earlier with its listening sockets and
// a
// channel, over which each says where it stands, in JSON, since they may be of different versions.
import { closeSync } from "node:fs";
import type { ServerIdentity } from "../../control/control-world.ts";
import { type ErrorDetails, messageOf, TenError } from "../../core/errors.ts";
import { Channel, openSocketPair } from "./channel.ts";

/**
 * Once the file has been replaced, the system says of the old one that it is gone; it is the new one that is wanted.
 */
const EXECUTABLE = process.execPath.replace(/ \(deleted\)$/, "");
/** In the environment of the one that follows. */
const VARIABLE = "TENEMENT_PREVIOUS_SERVER";
/** After the three that every program has: the channel, and then the listening sockets. */
const CHANNEL_DESCRIPTOR = 3;
const FIRST_DESCRIPTOR = 4;
/** From its start until it has read its configuration: longer than any disk is slow. */
const READY_MS_MAX = 30_000;
/**
 * Until it has taken over and serves. Requests wait meanwhile; a store that must be brought up to date takes seconds.
 */
const SERVES_MS_MAX = 60_000;

interface Introduction {
  /** Of the server that introduces itself. */
  readonly pid: number;
  readonly descriptors: number;
  readonly dataDir: string;
}

type FromNext =
  | { readonly kind: "started"; readonly pid: number }
  /** Its configuration is good, and nothing that it can foresee keeps it from serving. */
  | { readonly kind: "ready" }
  | { readonly kind: "serves"; readonly version: string }
  | { readonly kind: "failed"; readonly message: string; readonly hint?: string };

interface FromPrevious {
  readonly kind: "handover";
  readonly handoverState: unknown;
}

type ToPrevious = Channel<FromPrevious, FromNext>;
type ToNext = Channel<FromNext, FromPrevious>;

/** The server before this one, as the one that follows knows it. */
export interface PreviousServer {
  readonly descriptors: readonly number[];
  readonly dataDir: string;
  /**
   * Says that this one could take over; resolves with what is handed over once the data directory is free. Rejects
   * with FAILED when it goes without.
   */
  takeTurn(): Promise<unknown>;
  serves(version: string): void;
  /** Says why this one can't follow. */
  fails(thrown: unknown): Promise<void>;
}

/** Null: there is none. Does not return in the process that only starts this one. */
export async function findPreviousServer(
  env: Readonly<Record<string, string | undefined>>,
): Promise<PreviousServer | null> {
  const text = env[VARIABLE];
  if (text === undefined) return null;
  const { pid, descriptors: count, dataDir } = JSON.parse(text) as Introduction;
  const descriptors = Array.from({ length: count }, (_, index) => FIRST_DESCRIPTOR + index);
  if (process.ppid === pid) {
    spawn({ ...env }, [CHANNEL_DESCRIPTOR, ...descriptors]);
    process.exit(0);
  }
  const handoverState = Promise.withResolvers<unknown>();
  const channel: ToPrevious = await Channel.open(CHANNEL_DESCRIPTOR, (message) =>
    handoverState.resolve(message.handoverState),
  );
  void channel.send({ kind: "started", pid: process.pid });
  const gone = new TenError("FAILED", "Cannot take over: the server before this one is gone");
  return {
    descriptors,
    dataDir,
    takeTurn() {
      void channel.send({ kind: "ready" });
      void channel.ended.then(() => handoverState.reject(gone));
      return handoverState.promise;
    },
    serves: (version) => void channel.send({ kind: "serves", version }),
    fails: (thrown) =>
      channel.send({ kind: "failed", message: messageOf(thrown), ...hintOf(thrown) }),
  };
}

function hintOf(thrown: unknown): Pick<ErrorDetails, "hint"> {
  return thrown instanceof TenError && thrown.hint !== undefined ? { hint: thrown.hint } : {};
}

/** The server after this one, as this one knows it. */
export interface NextServer {
  readonly pid: number;
  /**
   * Hands over; the data directory must be free. Resolves when it serves; rejects, once it is gone, with why it does
   * not.
   */
  takeOver(handoverState: unknown): Promise<ServerIdentity>;
  /** It is not wanted any more; resolves when it is gone. */
  end(): Promise<void>;
}

/**
 * Starts this program anew, in whatever version it is there now, with the same arguments. Resolves when it could take
 * over;
 * rejects, once it is gone, with a TenError that says why it can't.
 */
export async function startNextServer({
  descriptors,
  dataDir,
}: {
  descriptors: readonly number[];
  dataDir: string;
}): Promise<NextServer> {
  const dialogue = await Dialogue.begin({ descriptors, dataDir });
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
  readonly #channel: ToNext;
  /** It starts the successor, and is gone then: a service manager takes nobody's child for its main process. */
  readonly #starter: Bun.Subprocess;
  readonly #heard: FromNext[] = [];
  #pid: number | null = null;
  #state: "open" | "ended" = "open";
  #listen: () => void = () => undefined;

  private constructor(channel: ToNext, starter: Bun.Subprocess) {
    this.#channel = channel;
    this.#starter = starter;
    void channel.ended.then(() => this.#end());
  }

  static async begin({
    descriptors,
    dataDir,
  }: {
    descriptors: readonly number[];
    dataDir: string;
  }): Promise<Dialogue> {
    const introduction = { pid: process.pid, descriptors: descriptors.length, dataDir };
    const env = { ...process.env, [VARIABLE]: JSON.stringify(introduction satisfies Introduction) };
    const { own, other } = openSocketPair();
    const channel: ToNext = await Channel.open(own, (message) => dialogue.#hear(message));
    let dialogue: Dialogue;
    try {
      dialogue = new Dialogue(channel, spawn(env, [other, ...descriptors]));
      return dialogue;
    } catch (error) {
      channel.close();
      throw error;
    } finally {
      closeSync(other);
    }
  }

  send(message: FromPrevious): void {
    void this.#channel.send(message);
  }

  async expect<Kind extends "started" | "ready" | "serves">(
    kind: Kind,
    patienceMs: number,
  ): Promise<Extract<FromNext, { kind: Kind }>> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listen = resolve;
    if (this.#heard.length > 0 || this.#state === "ended") resolve();
    const impatience = setTimeout(resolve, patienceMs);
    await promise;
    clearTimeout(impatience);
    const message = this.#heard.shift();
    if (message?.kind === kind) return message as Extract<FromNext, { kind: Kind }>;
    const isLate = this.#state === "open";
    await this.end();
    throw this.#refusal(message, isLate);
  }

  async end(): Promise<void> {
    this.#starter.kill("SIGKILL");
    if (this.#pid !== null && this.#state === "open") process.kill(this.#pid, "SIGKILL");
    await Promise.all([this.#starter.exited, this.#channel.ended]);
  }

  #hear(message: FromNext): void {
    if (message.kind === "started") this.#pid = message.pid;
    this.#heard.push(message);
    this.#listen();
  }

  #end(): void {
    this.#state = "ended";
    this.#listen();
  }

  #refusal(message: FromNext | undefined, isLate: boolean): TenError {
    if (message?.kind === "failed") return refused(message.message, message.hint);
    if (isLate) return refused("it did not say in time that it can serve");
    const { exitCode, signalCode } = this.#starter;
    const how = exitCode === 0 ? "before it served" : `with ${signalCode ?? exitCode}`;
    return refused(`it ended ${how}`, "See what the server has printed");
  }
}

function refused(reason: string, hint?: string): TenError {
  return new TenError("FAILED", `Cannot start the new server: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

function spawn(
  env: Record<string, string | undefined>,
  descriptors: readonly number[],
): Bun.Subprocess {
  const argv = ownCommand();
  try {
    return Bun.spawn(argv, { env, stdio: ["ignore", "inherit", "inherit", ...descriptors] });
  } catch (error) {
    throw refused(messageOf(error), `Look whether ${argv[0]} is there and can be executed`);
  }
}

/** What this process was started with. A compiled program is its own interpreter. */
function ownCommand(): string[] {
  const [, script = "", ...args] = process.argv;
  return script.startsWith("/$bunfs/") ? [EXECUTABLE, ...args] : [EXECUTABLE, script, ...args];
}
