// A launcher's process as that of the application in a sandbox: signals go through `runsc`, which they would end
// otherwise.
import { readdirSync } from "node:fs";
import type { Exit } from "../../core/life/instance.ts";
import { readText } from "../../platform/files.ts";
import { hasSocket, listeningSockets } from "../../platform/kernel/sock-diag.ts";
import type { Child } from "../../platform/process/spawner.ts";
import { readRunscFailure } from "./bundle.ts";

/** What `runsc run` ends with when there was no sandbox. */
const CODE_OF_FAILURE = 128;
/** How the process that is the sandbox calls itself. */
const SANDBOX = "runsc-sandbox";

export interface SandboxLaunch {
  readonly logFile: string;
  /** The command that sends a signal inside; null: there is no `runsc` any more. */
  readonly renderSignal: (signal: string) => readonly string[] | null;
}

/** @param child that follows the launcher: its application is `runsc` */
export function followSandbox(child: Child, { logFile, renderSignal }: SandboxLaunch): Child {
  let hasEnded = false;
  const exited = child.exited.then((exit) => {
    hasEnded = true;
    return explain(exit, logFile);
  });
  let deliveries: Promise<unknown> = Promise.resolve();
  let sandbox: number | null = null;
  const findSandbox = () => {
    sandbox ??= childrenOf(child.app).find((pid) => nameOf(pid) === SANDBOX) ?? null;
    return sandbox;
  };
  return {
    ref: child.ref,
    exited,
    // What explains the end has been read when this resolves, nothing is on its way inside any more, and all of it may
    // go.
    gone: exited.then(() => child.gone).then(() => deliveries.then(() => undefined)),
    get app() {
      return findSandbox() ?? child.app;
    },
    async listensOn(port) {
      const sockets = listeningSockets(port);
      const found = findSandbox();
      return sockets === null || (found !== null && hasSocket(found, sockets));
    },
    signal(signal) {
      if (signal === "SIGKILL" || hasEnded) {
        child.signal(signal);
        return;
      }
      const command = renderSignal(signal);
      const delivery = command === null ? Promise.reject() : deliver(command);
      const settled = delivery.catch(() => child.signal("SIGKILL"));
      deliveries = Promise.all([deliveries, settled]);
    },
  };
}

/** Rejects where nobody is inside who could be told: not yet, or no longer. */
async function deliver(command: readonly string[]): Promise<void> {
  const stdio = ["ignore", "ignore", "ignore"] as const;
  const { exited } = Bun.spawn([...command], { env: {}, stdio: [...stdio] });
  if ((await exited) !== 0) throw new Error("not delivered");
}

function explain(exit: Exit, logFile: string): Exit {
  if (exit.kind !== "code" || exit.code !== CODE_OF_FAILURE) return exit;
  const reason = readRunscFailure(readText(logFile) ?? "");
  return reason === null ? exit : { kind: "unstarted", reason: `gVisor: ${reason}` };
}

function childrenOf(pid: number): readonly number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.flatMap((thread) =>
      (readText(`/proc/${pid}/task/${thread}/children`) ?? "")
        .split(" ")
        .filter(Boolean)
        .map(Number),
    );
  } catch {
    // It has gone.
    return [];
  }
}

/** What a process calls itself. */
function nameOf(pid: number): string {
  return readText(`/proc/${pid}/cmdline`)?.split("\0")[0] ?? "";
}
