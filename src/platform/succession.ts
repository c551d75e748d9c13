// How a server and the one that follows it talk: the later one is started by the earlier with its listening sockets and a
// channel, over which each says where it stands, in JSON, since they may be of different versions.
import { type ErrorDetails, messageOf, TenError } from "../core/errors.ts";

/** Once the file has been replaced, the system says of the old one that it is gone; it is the new one that is wanted. */
const EXECUTABLE = process.execPath.replace(/ \(deleted\)$/, "");
/** In the environment of the one that follows. */
const VARIABLE = "TENEMENT_PREDECESSOR";
/** After the three that every program has. */
const FIRST_DESCRIPTOR = 3;
/** From its start until it has read its configuration: longer than any disk is slow. */
const READY_MS_MAX = 30_000;
/** Until it has taken over and serves. Requests wait meanwhile; a store that must be brought up to date takes seconds. */
const SERVES_MS_MAX = 60_000;

export interface ServerIdentity {
  readonly version: string;
  readonly pid: number;
}

interface Introduction {
  readonly descriptors: number;
  readonly dataDir: string;
}

type FromSuccessor =
  /** Its configuration is good, and nothing that it can foresee keeps it from serving. */
  | { readonly kind: "ready" }
  | { readonly kind: "serves"; readonly version: string }
  | { readonly kind: "failed"; readonly message: string; readonly hint?: string };

interface FromPredecessor {
  readonly kind: "estate";
  readonly estate: unknown;
}

/** The server before this one, as the one that follows knows it. */
export interface Predecessor {
  readonly descriptors: readonly number[];
  readonly dataDir: string;
  /** Says that this one could take over; resolves with what is handed over once the data directory is free. Rejects with FAILED when it goes without. */
  takeTurn(): Promise<unknown>;
  serves(version: string): void;
  /** Says why this one can't follow. */
  fails(thrown: unknown): Promise<void>;
}

/** Null: there is none. */
export function findPredecessor(
  env: Readonly<Record<string, string | undefined>>,
): Predecessor | null {
  const text = env[VARIABLE];
  if (text === undefined || process.send === undefined) return null;
  const { descriptors, dataDir } = JSON.parse(text) as Introduction;
  return {
    descriptors: Array.from({ length: descriptors }, (_, index) => FIRST_DESCRIPTOR + index),
    dataDir,
    takeTurn: awaitEstate,
    serves: (version) => void tell({ kind: "serves", version }),
    fails: (thrown) => tell({ kind: "failed", message: messageOf(thrown), ...hintOf(thrown) }),
  };
}

function awaitEstate(): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  process.once("message", ({ estate }: FromPredecessor) => resolve(estate));
  process.once("disconnect", () =>
    reject(new TenError("FAILED", "Cannot take over: the server before this one is gone")),
  );
  void tell({ kind: "ready" });
  return promise;
}

function tell(message: FromSuccessor): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // Whoever is not there any more need not know.
  if (process.connected && process.send !== undefined) process.send(message, () => resolve());
  else resolve();
  return promise;
}

function hintOf(thrown: unknown): Pick<ErrorDetails, "hint"> {
  return thrown instanceof TenError && thrown.hint !== undefined ? { hint: thrown.hint } : {};
}

/** The server after this one, as this one knows it. */
export interface Successor {
  readonly pid: number;
  /** Hands over; the data directory must be free. Resolves when it serves; rejects, once it is gone, with why it does not. */
  takeOver(estate: unknown): Promise<ServerIdentity>;
  /** It is not wanted any more; resolves when it is gone. */
  end(): Promise<void>;
}

/**
 * Starts this program anew, in whatever version it is there now, with the same arguments. Resolves when it could take over;
 * rejects, once it is gone, with a TenError that says why it can't.
 */
export async function startSuccessor({
  descriptors,
  dataDir,
}: {
  descriptors: readonly number[];
  dataDir: string;
}): Promise<Successor> {
  const dialogue = new Dialogue({ descriptors, dataDir });
  await dialogue.expect("ready", READY_MS_MAX);
  return {
    pid: dialogue.pid,
    async takeOver(estate) {
      dialogue.send({ kind: "estate", estate });
      const { version } = await dialogue.expect("serves", SERVES_MS_MAX);
      return { version, pid: dialogue.pid };
    },
    end: () => dialogue.end(),
  };
}

class Dialogue {
  readonly #child: Bun.Subprocess;
  readonly #heard: FromSuccessor[] = [];
  #listen: () => void = () => undefined;

  constructor({ descriptors, dataDir }: { descriptors: readonly number[]; dataDir: string }) {
    const introduction: Introduction = { descriptors: descriptors.length, dataDir };
    const env = { ...process.env, [VARIABLE]: JSON.stringify(introduction) };
    this.#child = spawn(env, {
      descriptors,
      onMessage: (message) => {
        this.#heard.push(message);
        this.#listen();
      },
    });
    void this.#child.exited.then(() => this.#listen());
  }

  get pid(): number {
    return this.#child.pid;
  }

  send(message: FromPredecessor): void {
    this.#child.send(message);
  }

  async expect<Kind extends "ready" | "serves">(
    kind: Kind,
    patienceMs: number,
  ): Promise<Extract<FromSuccessor, { kind: Kind }>> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listen = resolve;
    if (this.#heard.length > 0) resolve();
    const impatience = setTimeout(resolve, patienceMs);
    await promise;
    clearTimeout(impatience);
    const message = this.#heard.shift();
    if (message?.kind === kind) return message as Extract<FromSuccessor, { kind: Kind }>;
    const isLate = this.#child.exitCode === null && this.#child.signalCode === null;
    await this.end();
    throw this.#refusal(message, isLate);
  }

  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  #refusal(message: FromSuccessor | undefined, isLate: boolean): TenError {
    if (message?.kind === "failed") return refused(message.message, message.hint);
    if (isLate) return refused("it did not say in time that it can serve");
    const { exitCode, signalCode } = this.#child;
    return refused(`it ended with ${signalCode ?? exitCode}`, "See what the server has printed");
  }
}

function refused(reason: string, hint?: string): TenError {
  return new TenError("FAILED", `Cannot start the new server: ${reason}`, {
    ...(hint === undefined ? {} : { hint }),
  });
}

function spawn(
  env: Record<string, string | undefined>,
  {
    descriptors,
    onMessage,
  }: {
    descriptors: readonly number[];
    onMessage: (message: FromSuccessor) => void;
  },
): Bun.Subprocess {
  const argv = ownCommand();
  try {
    return Bun.spawn(argv, {
      env,
      stdio: ["ignore", "inherit", "inherit", ...descriptors],
      serialization: "json",
      ipc: onMessage,
    });
  } catch (error) {
    throw refused(messageOf(error), `Look whether ${argv[0]} is there and can be executed`);
  }
}

/** What this process was started with. A compiled program is its own interpreter. */
function ownCommand(): string[] {
  const [, script = "", ...args] = process.argv;
  return script.startsWith("/$bunfs/") ? [EXECUTABLE, ...args] : [EXECUTABLE, script, ...args];
}
