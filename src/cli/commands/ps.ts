// ten ps: lists instances in a table.
import { setTimeout as pause } from "node:timers/promises";
import type { InstanceAnswer } from "../../control/wire/instances.ts";
import { isQuiet, QUIET_STATES, type ReportedState } from "../../core/life/report.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import {
  type Colour,
  type Column,
  orDash,
  renderBytes,
  renderDuration,
  renderSafe,
  renderTable,
} from "../output.ts";

/** The interval of `--watch`. */
const WATCH_MS = 1000;

export const ps = defineCommand({
  meta: {
    description:
      "Lists the instances that run, start, stop or have failed, and counts the others.\nIDLE is the time since the last request ended.",
    examples: ["ps", "ps -a --json", "ps --watch"],
  },
  args: {
    all: { type: "boolean", alias: "a", description: "Also those asleep, stopped or disabled" },
    watch: { type: "boolean", alias: "w", description: "Refresh every second, until Ctrl-C" },
  },
  async run({ args: { all = false, watch }, data: context }) {
    if (!watch) {
      context.shell.print(await renderPs(context, all));
      return;
    }
    const stopped = context.interruption();
    while (!stopped.aborted) {
      const text = await renderPs(context, all);
      // Moves home and clears below: the screen does not flicker, and the scrollback stays.
      context.shell.print(context.shell.isTerminal ? `\x1b[H\x1b[J${text}` : `${text}\n`);
      await pause(WATCH_MS, undefined, { signal: stopped }).catch(() => undefined);
    }
  },
});

async function renderPs(context: Context, all: boolean): Promise<string> {
  const instances = await context.client().call("listInstances", { query: { all: "true" } });
  const shown = all ? instances : instances.filter((instance) => !isQuiet(instance));
  if (context.json) return `${JSON.stringify(shown, null, 2)}\n`;
  const table = renderTable(columnsOf(context), shown);
  if (context.globals.quiet) return table;
  const rest = all ? "" : renderRest(instances);
  return [table, rest, renderHints(shown), renderGaps(instances)].join("");
}

/** `walls missing around 2 instances: they … (ten doctor)`, a line for each gap. */
function renderGaps(instances: readonly InstanceAnswer[]): string {
  const gaps = new Map<string, number>();
  for (const gap of instances.flatMap((instance) => instance.gaps)) {
    gaps.set(gap, (gaps.get(gap) ?? 0) + 1);
  }
  return [...gaps]
    .map(([gap, count]) => {
      const whom = count === 1 ? "1 instance" : `${count} instances`;
      return `walls missing around ${whom}: ${gap} (ten doctor)\n`;
    })
    .join("");
}

/** `hint for notes:alice, notes:bob: …`, a line for each hint. */
function renderHints(instances: readonly InstanceAnswer[]): string {
  const hinted = instances.filter(({ hint }) => hint !== undefined);
  return [...Map.groupBy(hinted, ({ hint = "" }) => hint)]
    .map(([hint, all]) => `hint for ${namesOf(all)}: ${renderSafe(hint)}\n`)
    .join("");
}

/** Of more instances a hint shows the number instead of the names. */
const NAMES_MAX = 3;

function namesOf(instances: readonly InstanceAnswer[]): string {
  const names = instances.map(({ id }) => id);
  return names.length > NAMES_MAX ? `${names.length} instances` : names.join(", ");
}

/** `and 12 asleep, 1 stopped (ten ps -a)`, or nothing. */
function renderRest(instances: readonly InstanceAnswer[]): string {
  const counts = QUIET_STATES.flatMap((state) => {
    const count = instances.filter((one) => one.state === state && isQuiet(one)).length;
    return count === 0 ? [] : [`${count} ${state}`];
  });
  return counts.length === 0 ? "" : `and ${counts.join(", ")} (ten ps -a)\n`;
}

function columnsOf(context: Context): readonly Column<InstanceAnswer>[] {
  return [
    { title: "INSTANCE", cell: ({ id }) => id },
    { title: "LISTEN", cell: ({ socket }) => orDash(socket, renderSafe) },
    { title: "STATE", cell: (instance) => renderState(instance, context) },
    { title: "UPTIME", align: "right", cell: (row) => orDash(row.uptime_secs, renderDuration) },
    { title: "IDLE", align: "right", cell: ({ idle_secs }) => orDash(idle_secs, renderDuration) },
    { title: "HEALTH", cell: ({ health }) => health },
    { title: "WEIGHT", align: "right", cell: (row) => String(row.weight) },
    {
      title: "MEMORY",
      align: "right",
      cell: ({ memory_bytes: memory }) => orDash(memory, renderBytes),
    },
    { title: "RESTARTS", align: "right", cell: ({ restarts }) => String(restarts) },
    { title: "", cell: (row) => renderSafe(cut(remarkOf(row))) },
  ];
}

/** The longest reason in the table; ten why shows all of it. */
const REASON_CHARS_MAX = 60;

function renderState({ state }: InstanceAnswer, context: Context): string {
  const colour = colourOf(state);
  return colour === null ? state : context.paint(state, colour);
}

/** The reason why it does not run, or its warnings. */
function remarkOf({ reason, warnings }: InstanceAnswer): string {
  return reason ?? warnings.join("; ");
}

function cut(text: string): string {
  return text.length <= REASON_CHARS_MAX ? text : `${text.slice(0, REASON_CHARS_MAX - 1)}…`;
}

function colourOf(state: ReportedState): Colour | null {
  if (state === "running") return "green";
  if (state === "failed") return "red";
  return isQuiet({ state, reason: null }) ? null : "yellow";
}
