// Runs a helper program of the host to its end, within a deadline; no failure is thrown.
import { messageOf } from "../../core/errors.ts";

export interface HelperOrder {
  readonly argv: readonly string[];
  /** Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: nothing. */
  readonly input?: string;
  readonly timeoutMs: number;
}

export type HelperEnd =
  | {
      readonly kind: "ended";
      readonly exitCode: number;
      readonly output: string;
      readonly errors: string;
    }
  /** It could not be started, was killed, or did not end in time. */
  | { readonly kind: "failed"; readonly reason: string; readonly cause: unknown };

/** Once it is killed it counts as ended: one that hangs in the kernel would never be. */
export async function runHelper({
  argv,
  env = {},
  input,
  timeoutMs,
}: HelperOrder): Promise<HelperEnd> {
  const late = Promise.withResolvers<HelperEnd>();
  let timer: Timer | undefined;
  try {
    const child = Bun.spawn([...argv], {
      env,
      stdio: [input === undefined ? "ignore" : Buffer.from(input), "pipe", "pipe"],
    });
    timer = setTimeout(() => {
      child.kill("SIGKILL");
      late.resolve(lateEnd(argv, timeoutMs));
    }, timeoutMs);
    const said = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    const ended = said.then(([output, errors]) => {
      const { exitCode, signalCode } = child;
      return endOf(argv, { exitCode, signalCode, output, errors });
    });
    return await Promise.race([ended, late.promise]);
  } catch (cause) {
    return { kind: "failed", reason: messageOf(cause), cause };
  } finally {
    clearTimeout(timer);
  }
}

/** For the short programs that a synchronous start waits for: everything else waits as well. */
export function runHelperSync({ argv, env = {}, input, timeoutMs }: HelperOrder): HelperEnd {
  try {
    const child = Bun.spawnSync([...argv], {
      env,
      stdin: input === undefined ? "ignore" : Buffer.from(input),
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    if (child.exitedDueToTimeout === true) return lateEnd(argv, timeoutMs);
    return endOf(argv, {
      exitCode: child.exitCode,
      signalCode: child.signalCode,
      output: child.stdout.toString(),
      errors: child.stderr.toString(),
    });
  } catch (cause) {
    return { kind: "failed", reason: messageOf(cause), cause };
  }
}

interface Exited {
  readonly exitCode: number | null;
  readonly signalCode?: string | number | null | undefined;
  readonly output: string;
  readonly errors: string;
}

function endOf([program]: readonly string[], { exitCode, signalCode, ...said }: Exited): HelperEnd {
  if (exitCode !== null) return { kind: "ended", exitCode, ...said };
  return { kind: "failed", reason: `${program} was ended by ${signalCode}`, cause: null };
}

function lateEnd([program]: readonly string[], timeoutMs: number): HelperEnd {
  const reason = `${program} did not end within ${timeoutMs / 1000} s`;
  return { kind: "failed", reason, cause: null };
}
