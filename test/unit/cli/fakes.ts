// A shell that records its output, for tests.
import type { Shell } from "../../../src/cli/command-context.ts";
import { runProgram } from "../../../src/cli/program.ts";
import type { AttachedStreams } from "../../../src/platform/attached-streams.ts";

export class FakeShell implements Shell {
  readonly env: Record<string, string | undefined>;
  readonly cwd: string;
  readonly isTerminal: boolean;
  /** Standard input. */
  typed = "";
  out = "";
  err = "";
  /** The reason why the output can't be written. */
  outputError: Error | null = null;
  /** As a reader that goes does. */
  closeOutput: () => void = () => undefined;
  /** The receivers of signals that are handed on. */
  readonly handed: Parameters<AttachedStreams["onSignal"]>[0][] = [];
  readonly #onSignal: (() => void)[] = [];
  readonly #awaited: { readonly text: string; readonly resolve: () => void }[] = [];

  constructor({
    cwd = "/",
    env = {},
    isTerminal = false,
  }: { cwd?: string; env?: Record<string, string | undefined>; isTerminal?: boolean } = {}) {
    this.cwd = cwd;
    this.env = env;
    this.isTerminal = isTerminal;
  }

  async input(): Promise<string> {
    return this.typed;
  }

  print(text: string): void {
    this.out += text;
    for (const { text: wanted, resolve } of this.#awaited) if (this.out.includes(wanted)) resolve();
  }

  attach(): AttachedStreams {
    return {
      input: this.#typedBytes(),
      terminal: null,
      onSignal: (callback) => void this.handed.push(callback),
    };
  }

  async hand(stream: "output" | "error", bytes: Uint8Array): Promise<void> {
    const text = new TextDecoder().decode(bytes);
    if (stream === "output") this.print(text);
    else this.complain(text);
  }

  async *#typedBytes(): AsyncGenerator<Uint8Array> {
    if (this.typed !== "") yield Buffer.from(this.typed);
  }

  complain(text: string): void {
    this.err += text;
  }

  async printed(): Promise<void> {
    if (this.outputError !== null) throw this.outputError;
  }

  onOutputClosed(callback: () => void): void {
    this.closeOutput = callback;
  }

  onSignal(callback: () => void): void {
    this.#onSignal.push(callback);
  }

  onHangup(): void {
    // No test sends SIGHUP.
  }

  /** As Ctrl-C does. */
  interrupt(): void {
    for (const callback of this.#onSignal) callback();
  }

  /** Resolves once the text has been printed. */
  untilPrinted(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (this.out.includes(text)) resolve();
    else this.#awaited.push({ text, resolve });
    return promise;
  }
}

export interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line to its end. */
export async function runWith(shell: FakeShell, ...argv: readonly string[]): Promise<Outcome> {
  const exit = await runProgram(argv, shell);
  return { exit, out: shell.out, err: shell.err };
}
