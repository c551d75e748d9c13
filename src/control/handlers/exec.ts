// The handler that runs commands inside instances.
import { basename } from "node:path";
import { formatRef } from "../../core/ref.ts";
import { outcomeOf } from "../../database/audit.ts";
import type { Exec } from "../../supervisor/administration.ts";
import type { Call } from "../call.ts";
import { ExecSession } from "../exec-session.ts";
import type { ExecStart } from "../wire/exec.ts";
import type { SocketSession } from "../wire/operation.ts";

export function execInstance(call: Call): SocketSession {
  const { ref, world } = call;
  // Throws for an unknown instance, while an answer can still say so.
  world.administration.view(ref);
  const start = async ({ command, terminal }: ExecStart): Promise<Exec> => {
    const subject = describe(formatRef(ref), command);
    const exec = await begin(call, { subject, command, terminal });
    exec.ended
      .then(({ code }) => call.record(subject, `exit ${code}`))
      .catch((error: unknown) => world.report(error));
    return exec;
  };
  return new ExecSession({ start, report: world.report });
}

async function begin(
  call: Call,
  { command, subject, terminal }: { subject: string } & Pick<ExecStart, "command" | "terminal">,
): Promise<Exec> {
  const request = {
    command,
    terminal: terminal && { name: terminal.name, size: terminal },
  };
  try {
    const exec = await call.world.administration.exec(call.ref, request);
    call.record(subject, "started");
    return exec;
  } catch (thrown) {
    call.record(subject, outcomeOf(thrown));
    throw thrown;
  }
}

/** Without the arguments, which may hold secrets. */
function describe(name: string, [program]: readonly string[]): string {
  return `${name} ${program === undefined ? "shell" : basename(program)}`;
}
