// The compiled server under test: starts it in a temporary directory, talks to it, and ends it with all it started.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { InstanceAnswer } from "../../src/control/wire/instances.ts";
import { removeFirewall } from "../../src/isolation/firewall/firewall.ts";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { executable, ROOT } from "./executable.ts";
import { openPlace, type Place, type PlaceOptions } from "./place.ts";
import { endTenants } from "./remains.ts";
import {
  fetchReply,
  openResponse,
  type Reply,
  type RequestOptions,
  SocketClient,
} from "./request.ts";
import { TerminalSession } from "./terminal-session.ts";
import { until } from "./until.ts";

export interface TenOptions extends PlaceOptions {
  /** A command that runs the program, such as `setpriv …`. */
  readonly prefix?: readonly string[];
  /** Further arguments of `ten serve`. */
  readonly args?: readonly string[];
  /** The working directory of `ten serve`, made in the server's directory; by default that directory. */
  readonly cwd?: string;
  /** Further environment of `ten serve`. */
  readonly env?: Readonly<Record<string, string>>;
  /** A listening socket that the server inherits, as from a service manager; it outlives the server. */
  readonly listener?: number;
  /** The server runs from a copy, `installed`, which the test may replace. */
  readonly isCopied?: true;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Starts a server at a port that the system chooses; resolves once it listens. */
export async function startTen(options: TenOptions = {}): Promise<Ten> {
  const place = openPlace(options);
  const binary = options.user === undefined ? await executable() : await copyExecutable(place);
  if (options.isCopied === true) copyFileSync(binary, installedIn(place));
  const ten = new Ten({ binary, place, options });
  try {
    await ten.start();
    return ten;
  } catch (error) {
    await ten[Symbol.asyncDispose]();
    throw error;
  }
}

/** Copies the executable to a place where every user can run it. */
async function copyExecutable({ root }: Place): Promise<string> {
  const copy = join(root, "ten");
  copyFileSync(await executable(), copy);
  chmodSync(copy, 0o755);
  return copy;
}

/** Runs `scenario` with its own server; when the scenario fails, prints the server's output. */
export async function withTen(
  options: TenOptions,
  scenario: (ten: Ten) => Promise<void>,
): Promise<void> {
  await using ten = await startTen(options);
  try {
    await scenario(ten);
  } catch (error) {
    console.error(`The server said:\n${ten.output}`);
    throw error;
  }
}

/** The end of a server's output that is kept for failure messages. */
const OUTPUT_CHARS_MAX = 64 * 1024;
/** Longer than any stop_timeout of a test. */
const STOP_PATIENCE_MS = 20_000;
const LISTENING = /\bhttp:\/\/\S+?:(\d+)/;

/** Runs a program with descriptor 3 as the listening socket, which the variables say is meant for its process. */
const ACTIVATED = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh"];

type Server = Subprocess<"ignore", "pipe", "pipe">;

export class Ten implements AsyncDisposable {
  readonly #program: readonly string[];
  readonly #serverProgram: readonly string[];
  readonly #place: Place;
  readonly #options: TenOptions;
  #server: Server | null = null;
  #port = 0;
  #output = "";

  constructor({ binary, place, options }: { binary: string; place: Place; options: TenOptions }) {
    const prefix = options.prefix ?? asUser(options.user);
    this.#program = [...prefix, binary];
    this.#serverProgram =
      options.isCopied === true ? [...prefix, installedIn(place)] : this.#program;
    this.#place = place;
    this.#options = options;
  }

  /** The port of the server that was started last. */
  get port(): number {
    return this.#port;
  }

  /** The pid of the process that serves: the one that was started, or one that replaced it. */
  get pid(): number {
    if (this.#server === null) throw new Error("No server is running");
    return Number(readFileSync(`${this.dataDir}/tenement.pid`, "utf8"));
  }

  /** The path of the compiled executable. */
  get binary(): string {
    return this.#program.at(-1) ?? "";
  }

  /** The path of the copy that the server was started from, with `isCopied`. */
  get installed(): string {
    return installedIn(this.#place);
  }

  get dataDir(): string {
    return this.#place.dataDir;
  }

  get configFile(): string {
    return this.#place.configFile;
  }

  /** The server's temporary directory. */
  get root(): string {
    return this.#place.root;
  }

  /** The end of the servers' standard output and standard error. */
  get output(): string {
    return this.#output;
  }

  /** Starts a server on the same data as the one before, by default at a port that the system chooses. */
  async start({ port = 0 }: { port?: number } = {}): Promise<void> {
    const { args = [], cwd = ".", env, listener } = this.#options;
    mkdirSync(join(this.root, cwd), { recursive: true });
    const activated = listener === undefined ? [] : ACTIVATED;
    const command = [...activated, ...this.#serverProgram, "serve", "--port", `${port}`, ...args];
    const server = Bun.spawn(command, {
      cwd: join(this.root, cwd),
      env: { ...this.#environment(), ...env },
      stdio: ["ignore", "pipe", "pipe", ...(listener === undefined ? [] : [listener])],
    }) as Server;
    this.#server = server;
    const listening = Promise.withResolvers<number>();
    void this.#read(server.stdout, listening.resolve);
    void this.#read(server.stderr, listening.resolve);
    void server.exited.then((code) => {
      listening.reject(
        new Error(`The server ended with ${code} before it listened:\n${this.#output}`),
      );
    });
    this.#port = await listening.promise;
  }

  /** Sends the server SIGTERM; resolves with its exit code. */
  async stop(): Promise<number> {
    return await this.#end("SIGTERM");
  }

  /** Kills the server; its tenants live on. */
  async kill9(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Changes the configuration that the next server reads. */
  reconfigure(change: (text: string) => string): void {
    writeFileSync(this.configFile, change(readFileSync(this.configFile, "utf8")));
  }

  async restart(): Promise<void> {
    if (this.#server !== null) await this.stop();
    await this.start();
  }

  /** Runs a command against this server. */
  async ten(...args: readonly string[]): Promise<CommandResult> {
    const child = Bun.spawn([...this.#program, ...args], {
      cwd: this.#place.root,
      env: this.#environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    return { stdout, stderr, exitCode };
  }

  /** Starts a command that runs until it is disposed of. */
  begin(...args: readonly string[]): Reader {
    const child = Bun.spawn([...this.#program, ...args], {
      cwd: this.#place.root,
      env: this.#environment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    return new Reader(child);
  }

  /** Starts a command whose streams are the test's. */
  attach(...args: readonly string[]): Subprocess<"pipe", "pipe", "pipe"> {
    return Bun.spawn([...this.#program, ...args], {
      cwd: this.#place.root,
      env: this.#environment(),
      stdio: ["pipe", "pipe", "pipe"],
    });
  }

  /** Starts a command on a terminal of its own. */
  onTerminal(size: { cols: number; rows: number }, ...args: readonly string[]): TerminalSession {
    const session = new TerminalSession(size);
    session.child = Bun.spawn([...this.#program, ...args], {
      cwd: this.#place.root,
      env: { ...this.#environment(), TERM: "xterm" },
      terminal: session.terminal,
    });
    return session;
  }

  /** Runs a command that must succeed; resolves with its standard output. */
  async must(...args: readonly string[]): Promise<string> {
    const { stdout, stderr, exitCode } = await this.ten(...args);
    if (exitCode === 0) return stdout;
    throw new Error(`ten ${args.join(" ")} ended with ${exitCode}:\n${stdout}${stderr}`);
  }

  /** An instance as `ten ps` lists it; null when it is not registered. */
  async instance(ref: string): Promise<InstanceAnswer | null> {
    const unix = join(this.dataDir, "tenement.sock");
    const answer = await fetch("http://ten/api/instances?all=true", { unix, keepalive: false });
    const all = (await answer.json()) as InstanceAnswer[];
    return all.find(({ id }) => id === ref) ?? null;
  }

  /** Resolves once an instance is in a state. */
  untilState(ref: string, state: InstanceAnswer["state"]): Promise<InstanceAnswer> {
    return until(`${ref} is ${state}`, async () => {
      const instance = await this.instance(ref);
      return instance?.state === state && instance;
    });
  }

  /** Sends a request with a Host header, and reads the whole response. */
  get(host: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    return fetchReply({ port: this.#port, host, path }, options);
  }

  /** Sends a request; resolves with the head of the response, whose body is still to be read. */
  open(host: string, path: string, options: RequestOptions = {}): ReturnType<typeof openResponse> {
    return openResponse({ port: this.#port, host, path }, options);
  }

  webSocket(host: string, path: string): SocketClient {
    return new SocketClient({ port: this.#port, host, path });
  }

  /** Ends the server and all its processes, and removes its directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGTERM");
    await removeRemains(this.dataDir);
    this.#place.remove();
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    const server = this.#server;
    if (server === null) return 0;
    const pids = new Set([this.#followerOf(server), server.pid]);
    this.#server = null;
    for (const pid of pids) kill(pid, signal);
    const impatience = setTimeout(() => {
      for (const pid of pids) kill(pid, "SIGKILL");
    }, STOP_PATIENCE_MS);
    const exitCode = await server.exited;
    await until("nobody serves", () => [...pids].every((pid) => startTimeOf(pid) === null));
    clearTimeout(impatience);
    return exitCode;
  }

  /** The pid of the process that has replaced it, or its own. */
  #followerOf({ pid }: Server): number {
    const file = `${this.dataDir}/tenement.pid`;
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const named = Number(text);
    return startTimeOf(named) === null || !isServer(named) ? pid : named;
  }

  async #read(stream: ReadableStream<Uint8Array>, onPort: (port: number) => void): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stream) {
      const piece = decoder.decode(chunk, { stream: true });
      this.#output = (this.#output + piece).slice(-OUTPUT_CHARS_MAX);
      text = (text + piece).slice(-OUTPUT_CHARS_MAX);
      const port = LISTENING.exec(text)?.[1];
      if (port !== undefined) onPort(Number(port));
    }
  }

  #environment(): Record<string, string> {
    const { PATH = "", HOME = "/", LANG = "C.UTF-8" } = process.env;
    return {
      PATH: `${join(ROOT, "node_modules/.bin")}:${PATH}`,
      HOME,
      LANG,
      NO_COLOR: "1",
      TENEMENT_CONFIG: this.#place.configFile,
      TENEMENT_DATA_DIR: this.#place.dataDir,
    };
  }
}

/** A running command whose lines of output are collected. */
export class Reader implements Disposable {
  readonly lines: string[] = [];
  readonly #child: Subprocess<"ignore", "pipe", "inherit">;

  constructor(child: Subprocess<"ignore", "pipe", "inherit">) {
    this.#child = child;
    void this.#read();
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }

  async #read(): Promise<void> {
    let text = "";
    for await (const piece of this.#child.stdout) {
      const lines = (text + Buffer.from(piece).toString()).split("\n");
      text = lines.pop() ?? "";
      this.lines.push(...lines);
    }
  }
}

/** The command that runs a program as another user. */
function asUser(user: number | undefined): readonly string[] {
  if (user === undefined) return [];
  return ["setpriv", "--reuid", String(user), "--regid", String(user), "--clear-groups"];
}

function installedIn({ root }: Place): string {
  return join(root, "ten");
}

/** False: another process has reused the pid. */
function isServer(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes("serve");
}

function kill(pid: number, signal: NodeJS.Signals): void {
  // It may have exited meanwhile.
  if (startTimeOf(pid) !== null) process.kill(pid, signal);
}

/** Kills the tenants of a killed server, and removes its control groups and its firewall. */
async function removeRemains(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  await endTenants(dataDir);
  removeFirewall(dataDir);
}
