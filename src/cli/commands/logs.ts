// ten logs: prints or follows the output of instances.
import type { LogAnswer, LogQueryFields } from "../../control/wire/logs.ts";
import { TenError } from "../../core/errors.ts";
import { formatRef, isLabel, parseRef } from "../../core/ref.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { renderSafe } from "../output.ts";
import { parseInteger } from "../parse.ts";
import { REF } from "./operands.ts";

const LIMIT_MAX = 10_000;

export const logs = defineCommand({
  meta: {
    description:
      "Prints the standard output and error of instances, newest last: of one instance, of a service, or of all.",
    examples: ["logs notes:alice -f", 'logs --search "connection refused" --since 10m'],
  },
  args: {
    ref: { ...REF, required: false },
    follow: { type: "boolean", alias: "f", description: "Continue with new lines, until Ctrl-C" },
    level: {
      type: "enum",
      valueHint: "STREAM",
      options: ["stdout", "stderr", "server"],
      description: "Only lines of this stream; server has the server's own",
    },
    search: {
      type: "string",
      valueHint: "WORDS",
      description: "Only lines with all of these words",
    },
    since: {
      type: "string",
      valueHint: "TIME",
      description: "Only newer lines: 90s, 10m, 2h, 7d, or a moment",
    },
    limit: {
      type: "string",
      alias: "n",
      valueHint: "N",
      default: "100",
      description: "At most this many",
    },
  },
  async run({ args, data: context }) {
    const { level, search, since, limit } = args;
    parseInteger(limit, { name: "a limit", min: 1, max: LIMIT_MAX });
    const query = { ...parseSubject(args.ref), level, search, since, limit };
    if (args.follow) await follow(query, context);
    else await print(query, context);
  },
});

function parseSubject(name: string | undefined): LogQueryFields {
  if (name === undefined) return {};
  if (isLabel(name)) return { process: name };
  const { service, id } = parseRef(name);
  return { process: service, id };
}

async function print(query: LogQueryFields, context: Context): Promise<void> {
  const lines = await context.client().searchLogs(query);
  if (lines.length === 0) await checkSubject(query, context);
  context.shell.print(lines.map((line) => renderLine(line, context)).join(""));
}

async function follow(query: LogQueryFields, context: Context): Promise<void> {
  await checkSubject(query, context);
  const stopped = context.interruption();
  try {
    for await (const event of context.client().followLogs(query, stopped)) {
      if (event.kind === "line") context.shell.print(renderLine(event.line, context));
      else context.note(`${event.count} lines were too many for this connection`);
      // A slow reader holds the stream back, and lines do not pile up here.
      await context.shell.printed();
    }
  } catch (thrown) {
    if (!stopped.aborted) throw thrown;
  }
}

/** An instance may have no lines, but it must exist. */
async function checkSubject(
  { process: service, id }: LogQueryFields,
  context: Context,
): Promise<void> {
  if (service === undefined || id === undefined) return;
  await context.client().call("getHealth", { params: { ref: formatRef({ service, id }) } });
}

function renderLine(line: LogAnswer, context: Context): string {
  if (context.json) return `${JSON.stringify(line)}\n`;
  const { timestamp, process: service, instance_id: id, level, message } = line;
  // Before the text, where no tenant can write.
  const author = level === "server" ? " server" : "";
  const head = `${renderTime(timestamp)}${author} ${service}:${id}`;
  const text = context.shell.isTerminal ? renderSafe(message) : message;
  const shown = level === "stderr" ? context.paint(text, "red") : text;
  return `${context.paint(head, "gray")} ${shown}\n`;
}

/** `2026-01-31 12:00:00.123`, in the reader's own time zone. */
function renderTime(timestamp: string): string {
  const at = new Date(timestamp);
  if (Number.isNaN(at.getTime())) {
    throw new TenError("FAILED", `Cannot read the time "${timestamp}" that the server sent`);
  }
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 23).replace("T", " ");
}
