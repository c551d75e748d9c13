// ten logs: what instances wrote, and what they write.
import type { LogAnswer, LogQueryFields } from "../control/wire.ts";
import { TenError } from "../core/errors.ts";
import { isLabel, parseRef } from "../core/ref.ts";
import { defineCommand } from "./command.ts";
import type { Context } from "./context.ts";
import { renderSafe } from "./output.ts";
import { parseInteger } from "./parse.ts";

const LIMIT_DEFAULT = "100";
const LIMIT_MAX = 10_000;

export const logs = defineCommand({
  about:
    "Prints what instances wrote to standard output and error, newest last; of one instance, of a service, or of all.",
  operands: [{ name: "REF", kind: "ref", optional: true }],
  flags: {
    follow: { kind: "switch", short: "f", about: "Go on with new lines, until Ctrl-C" },
    level: {
      kind: "text",
      value: "STREAM",
      choices: ["stdout", "stderr"],
      about: "Only what was written there",
    },
    search: { kind: "text", value: "WORDS", about: "Only lines with all of these words" },
    since: { kind: "text", value: "TIME", about: "Only newer ones: 90s, 10m, 2h, 7d, or a moment" },
    limit: { kind: "text", short: "n", value: "N", about: `At most so many (${LIMIT_DEFAULT})` },
  },
  examples: ["logs notes:alice -f", 'logs --search "connection refused" --since 10m'],
  async run({ operands: [name], flags, context }) {
    const limit = flags.limit ?? LIMIT_DEFAULT;
    parseInteger(limit, { name: "a limit", min: 1, max: LIMIT_MAX });
    const { level, search, since } = flags;
    const query = { ...parseSubject(name), level, search, since, limit };
    if (flags.follow) await follow(query, context);
    else await print(query, context);
  },
});

type Query = Partial<LogQueryFields>;

function parseSubject(name: string | undefined): Query {
  if (name === undefined) return {};
  if (isLabel(name)) return { process: name };
  const { service, id } = parseRef(name);
  return { process: service, id };
}

async function print(query: Query, context: Context): Promise<void> {
  const lines = await context.client().logs(query);
  if (lines.length === 0) await checkSubject(query, context);
  context.shell.print(lines.map((line) => renderLine(line, context)).join(""));
}

async function follow(query: Query, context: Context): Promise<void> {
  await checkSubject(query, context);
  const stopped = context.interruption();
  try {
    for await (const event of context.client().followLogs(query, stopped)) {
      if (event.kind === "line") context.shell.print(renderLine(event.line, context));
      else context.note(`${event.count} lines were too many for this connection`);
    }
  } catch (thrown) {
    if (!stopped.aborted) throw thrown;
  }
}

/** Nothing to read is fine; a name that there isn't is not. */
async function checkSubject({ process: service, id }: Query, context: Context): Promise<void> {
  if (service === undefined || id === undefined) return;
  await context.client().health({ service, id });
}

function renderLine(line: LogAnswer, context: Context): string {
  if (context.json) return `${JSON.stringify(line)}\n`;
  const { timestamp, process: service, instance_id: id, level, message } = line;
  const head = `${renderTime(timestamp)} ${service}:${id}`;
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
