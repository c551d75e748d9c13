// A command on a terminal of its own, with all that it has printed.
import type { Subprocess } from "bun";
import { until } from "./until.ts";

export class TerminalSession {
  readonly terminal: Bun.Terminal;
  child: Subprocess | null = null;
  output = "";

  constructor(size: { cols: number; rows: number }) {
    this.terminal = new Bun.Terminal({
      ...size,
      data: (_, bytes) => {
        this.output += new TextDecoder().decode(bytes);
      },
    });
  }

  /** The terminal does not control the command, so the kernel reports no new size to it. */
  resize({ cols, rows }: { cols: number; rows: number }): void {
    this.terminal.resize(cols, rows);
    this.child?.kill("SIGWINCH");
  }

  async untilPrinted(pattern: RegExp): Promise<void> {
    await until(`the terminal shows ${pattern}`, () => pattern.test(this.output));
  }
}
