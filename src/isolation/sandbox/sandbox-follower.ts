// Follows an application in a sandbox through its launcher; sends signals by `runsc`, which a signal would end.
import type { Exit } from "../../core/life/instance.ts";
import { readText } from "../../platform/files.ts";
import { runHelper } from "../../platform/process/helper.ts";
import { listens } from "../../platform/process/open-sockets.ts";
import { childrenOf, readProcess } from "../../platform/process/processes.ts";
import type { Child } from "../../platform/process/spawner.ts";
import { readRunscFailure } from "./bundle.ts";

/** The exit code of `runsc run` when there was no sandbox. */
const CODE_OF_FAILURE = 128;
/** The name of the sandbox's process. */
const SANDBOX = "runsc-sandbox";

/** Some 40 ms on an idle machine. An end of the launch waits for it, also where gVisor no longer answers. */
const DELIVERY_MS_MAX = 10_000;

export interface SandboxLaunch {
  readonly logFile: string;
  /** The command that sends a signal inside; null: `runsc` is no longer installed. */
  readonly renderSignal: (signal: string) => readonly string[] | null;
  /** The time that the command has. */
  readonly deliveryMs?: number;
}

/** @param child follows the launcher: its application is `runsc` */
export function followSandbox(
  child: Child,
  { deliveryMs = DELIVERY_MS_MAX, logFile, renderSignal }: SandboxLaunch,
): Child {
  let hasEnded = false;
  const exited = child.exited.then((exit) => {
    hasEnded = true;
    return explain(exit, logFile);
  });
  let deliveries: Promise<unknown> = Promise.resolve();
  let sandbox: number | null = null;
  const findSandbox = () => {
    const runsc = sandbox === null ? readProcess(child.app) : null;
    if (runsc !== null) sandbox = childrenOf(runsc).find((pid) => nameOf(pid) === SANDBOX) ?? null;
    return sandbox;
  };
  return {
    ref: child.ref,
    isRunning: () => child.isRunning(),
    exited,
    // When this resolves, the log has been read, no signal is on its way, and all files may be removed.
    gone: exited.then(() => child.gone).then(() => deliveries.then(() => undefined)),
    get app() {
      return findSandbox() ?? child.app;
    },
    async listensOn(port) {
      const found = findSandbox();
      return found !== null && listens(found, port);
    },
    includes: (pid) => child.includes(pid),
    memoryBytes: () => child.memoryBytes(),
    signal(signal) {
      if (signal === "SIGKILL" || hasEnded || typeof signal === "number") {
        child.signal(signal);
        return;
      }
      const command = renderSignal(signal);
      const delivery = command === null ? Promise.reject() : deliver(command, deliveryMs);
      const settled = delivery.catch(() => child.signal("SIGKILL"));
      deliveries = Promise.all([deliveries, settled]);
    },
  };
}

/** Rejects where the sandbox does not run, not yet or no longer, or does not answer. */
async function deliver(argv: readonly string[], timeoutMs: number): Promise<void> {
  const end = await runHelper({ argv, timeoutMs });
  if (end.kind === "failed" || end.exitCode !== 0) throw new Error("not delivered");
}

function explain(exit: Exit, logFile: string): Exit {
  if (exit.kind !== "code" || exit.code !== CODE_OF_FAILURE) return exit;
  const reason = readRunscFailure(readText(logFile) ?? "");
  return reason === null ? exit : { kind: "unstarted", reason: `gVisor: ${reason}` };
}

/** The first word of a process's command line. */
function nameOf(pid: number): string {
  return readText(`/proc/${pid}/cmdline`)?.split("\0")[0] ?? "";
}
