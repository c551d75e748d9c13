// Commands inside instances that tests feed and end by hand.

import type { Exit } from "../../src/core/life/instance.ts";
import type { ExecOrder, LaunchedExec } from "../../src/supervisor/launch/exec-launches.ts";

export class FakeExec implements LaunchedExec {
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr = new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
  readonly signals: (string | number)[] = [];
  /** Everything written, as text. */
  input = "";
  isInputOpen = true;
  isRetired = false;
  /** False: only SIGKILL ends it. */
  obedient = true;
  readonly order: ExecOrder;
  readonly child: LaunchedExec["child"];
  readonly #exited = Promise.withResolvers<Exit>();
  #output: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(order: ExecOrder) {
    this.order = order;
    this.stdout = new ReadableStream({
      start: (controller) => {
        this.#output = controller;
      },
    });
    const exited = this.#exited.promise;
    this.child = {
      ref: { pid: 1, startTime: 1 },
      app: 1,
      exited,
      gone: exited.then(() => undefined),
      isRunning: () => true,
      listensOn: async () => false,
      includes: () => false,
      memoryBytes: async () => 0,
      signal: (signal) => this.#signal(signal),
    };
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.input += new TextDecoder().decode(bytes);
  }

  endInput(): void {
    this.isInputOpen = false;
  }

  retire(): void {
    this.isRetired = true;
  }

  print(text: string): void {
    this.#output?.enqueue(Buffer.from(text));
  }

  exit(exit: Exit = { kind: "code", code: 0 }): void {
    this.#output?.close();
    this.#output = null;
    this.#exited.resolve(exit);
  }

  #signal(signal: string | number): void {
    this.signals.push(signal);
    if (this.obedient || signal === "SIGKILL")
      this.exit({ kind: "signal", signal: String(signal) });
  }
}

export class FakeExecLaunches {
  readonly launched: FakeExec[] = [];
  failure: Error | null = null;

  launch(order: ExecOrder): FakeExec {
    if (this.failure !== null) throw this.failure;
    const exec = new FakeExec(order);
    this.launched.push(exec);
    return exec;
  }
}
