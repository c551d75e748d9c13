// The context of a command: global flags, environment, server, and output.
import { readFileSync } from "node:fs";
import { type ParsedArgs, parseArgs } from "citty";
import { locateDataDir } from "../config/locate.ts";
import { Client } from "../control/client/client.ts";
import type { ServerAddress } from "../control/client/transport.ts";
import { TenError } from "../core/errors.ts";
import type { AttachedStreams } from "../platform/attached-streams.ts";
import { codeOf } from "../platform/files.ts";
import { GLOBAL_ARGS } from "./args.ts";
import { type Colour, paint } from "./output.ts";
import { usage } from "./parse.ts";

/** The environment that the program runs in. */
export interface Shell {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  readonly isTerminal: boolean;
  /** All of standard input; rejects with USAGE_INVALID when that is more than an environment can be. */
  input(): Promise<string>;
  /** Standard output. */
  print(text: string): void;
  /** The streams and the terminal, for a command that runs elsewhere. */
  attach(): AttachedStreams;
  /** Bytes to standard output or error; resolves once they are written. */
  hand(stream: "output" | "error", bytes: Uint8Array): Promise<void>;
  /** Standard error. */
  complain(text: string): void;
  /** Resolves when everything printed so far is written; rejects when it can't be. */
  printed(): Promise<void>;
  /** Calls back when the reader of standard output has gone, as `head` has after its last line. */
  onOutputClosed(callback: () => void): void;
  /** Calls back for each SIGINT or SIGTERM, in place of ending the program. */
  onSignal(callback: () => void): void;
  /** Calls back for each SIGHUP, but for that of a closing terminal, which counts as SIGTERM. */
  onHangup(callback: () => void): void;
}

export class Context {
  readonly globals: ParsedArgs<typeof GLOBAL_ARGS>;
  readonly shell: Shell;
  /** Of the program, where the command has no error. */
  exitCode = 0;
  readonly #rawArgs: string[];

  /** @param rawArgs as `readLine` returns them; flags that are not global are ignored */
  constructor(rawArgs: string[], shell: Shell) {
    this.globals = parseArgs(rawArgs, GLOBAL_ARGS);
    this.shell = shell;
    this.#rawArgs = rawArgs;
  }

  /** The same command in another working directory, which need not exist. */
  in(cwd: string): Context {
    return new Context(this.#rawArgs, { ...this.shell, cwd });
  }

  get json(): boolean {
    return this.globals.json ?? false;
  }

  /** Prints data: as JSON on demand, otherwise rendered for people. */
  show(data: unknown, render: () => string): void {
    this.shell.print(this.json ? `${JSON.stringify(data, null, 2)}\n` : render());
  }

  /** Prints a confirmation; not under `--quiet` or `--json`. */
  say(text: string): void {
    if (!this.globals.quiet && !this.json) this.shell.print(`${text}\n`);
  }

  /** Prints the result of a change: as JSON on demand, otherwise a confirmation. */
  showResult(data: unknown, confirmation: string): void {
    if (this.json) this.show(data, () => "");
    else this.say(confirmation);
  }

  /** Prints a remark to standard error; not under `--quiet`. */
  note(text: string): void {
    if (!this.globals.quiet) this.shell.complain(`${text}\n`);
  }

  /** In colour on a terminal, unless NO_COLOR is set. */
  paint(text: string, colour: Colour): string {
    const wanted = this.shell.isTerminal && (this.shell.env["NO_COLOR"] ?? "") === "";
    return wanted ? paint(text, colour) : text;
  }

  /** Absolute. Throws CONFIG_INVALID. */
  get dataDir(): string {
    const { env, cwd } = this.shell;
    const { "data-dir": flag, config: configFlag } = this.globals;
    return locateDataDir({ flag, env, cwd, configFlag });
  }

  /** The server's address; throws USAGE_INVALID for a malformed one. */
  get target(): ServerAddress {
    const { server: flag, "data-dir": dataDirFlag } = this.globals;
    // A data directory that is named by a flag names its server as well: flags take precedence over the environment.
    const variable = dataDirFlag === undefined ? this.shell.env["TENEMENT_SERVER"] : undefined;
    const server = flag ?? nonEmpty(variable);
    if (server === undefined) return { kind: "unix", path: `${this.dataDir}/tenement.sock` };
    return this.#parseServer(server);
  }

  client(): Client {
    return new Client(this.target);
  }

  /** Aborted by the first Ctrl-C, or when nobody reads the output any more. */
  interruption(): AbortSignal {
    const controller = new AbortController();
    this.shell.onSignal(() => controller.abort());
    this.shell.onOutputClosed(() => controller.abort());
    return controller.signal;
  }

  #parseServer(server: string): ServerAddress {
    const path = /^unix:\/\/(\/.+)$/.exec(server)?.[1];
    if (path !== undefined) return { kind: "unix", path };
    const url = URL.canParse(server) ? new URL(server) : null;
    const isPlain =
      url !== null && url.pathname === "/" && url.search === "" && url.username === "";
    if (isPlain && (url.protocol === "http:" || url.protocol === "https:")) {
      return { kind: "http", origin: url.origin, token: this.#token() };
    }
    throw usage(
      `Cannot use "${server}" as a server: expected its address`,
      "Write https://example.com, http://localhost:8080 or unix:///path/to/tenement.sock",
    );
  }

  #token(): string | null {
    const given = this.globals.token ?? nonEmpty(this.shell.env["TENEMENT_TOKEN"]);
    return given ?? readToken(`${this.dataDir}/api_token`);
  }
}

function readToken(file: string): string | null {
  try {
    return nonEmpty(readFileSync(file, "utf8").trim()) ?? null;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    throw new TenError("FORBIDDEN", `Cannot read the token in "${file}"`, { cause });
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
