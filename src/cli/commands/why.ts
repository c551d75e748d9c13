// ten why: explains the present state of an instance.
import type { StoryAnswer } from "../../control/wire/instances.ts";
import { defineCommand } from "../command.ts";
import { renderDuration, renderMs, renderSafe } from "../output.ts";
import { REF, refParams } from "./operands.ts";

export const why = defineCommand({
  meta: {
    description:
      "Explains the state of an instance: the cause of its last start and the duration of each phase, its open requests, and the reason of its last exit.",
    examples: ["why notes:alice"],
  },
  args: { ref: REF },
  async run({ args: { ref }, data: context }) {
    const story = await context.client().call("getStory", { params: refParams(ref) });
    context.show(story, () => renderStory(story, Date.now()));
  },
});

/** @param now milliseconds since the epoch */
export function renderStory(story: StoryAnswer, now: number): string {
  const { instance, state, reason, uptime_secs: uptime } = story;
  const since = uptime === null ? "" : ` for ${renderDuration(uptime)}`;
  const because = reason === null ? "" : `: ${reason}`;
  const facts = [
    ["hint", story.hint ?? null],
    ["started", describeWake(story, now)],
    ["took", describePhases(story)],
    ["requests", describeRequests(story)],
    ["sleeps", describeSleep(story, now)],
    ["retries", story.retries_at && `in ${untilText(story.retries_at, now)}`],
    ["last exit", describeExit(story, now)],
    ...story.warnings.map((warning) => ["warning", warning] as const),
  ] as const;
  const lines = facts.flatMap(([title, text]) =>
    text === null ? [] : [`  ${title.padEnd(10)}${renderSafe(text)}\n`],
  );
  return `${instance} is ${state}${since}${renderSafe(because)}\n${lines.join("")}`;
}

function describeWake({ last_wake: wake }: StoryAnswer, now: number): string | null {
  return wake && `${agoText(wake.at, now)} ago by ${wake.by}`;
}

function describePhases({ last_wake: wake }: StoryAnswer): string | null {
  if (wake === null) return null;
  const phases = [
    ["waiting for its turn", wake.queued_ms],
    ["launching", wake.launch_ms],
    ["getting ready", wake.ready_ms],
  ] as const;
  return phases
    .map(([name, ms]) => `${name} ${ms === null ? "(not done)" : renderMs(ms)}`)
    .join(", ");
}

function describeRequests(story: StoryAnswer): string | null {
  if (story.uptime_secs === null) return null;
  const { open_requests: requests, open_tunnels: tunnels, idle_secs: idle } = story;
  if (requests + tunnels === 0) {
    return idle === null ? "none open" : `none open, the last ended ${renderDuration(idle)} ago`;
  }
  return tunnels === 0 ? `${requests} open` : `${requests} open, ${tunnels} WebSockets or tunnels`;
}

function describeSleep(
  { sleeps_at: at, uptime_secs: uptime }: StoryAnswer,
  now: number,
): string | null {
  if (at !== null) return `in ${untilText(at, now)} without requests`;
  return uptime === null ? null : "not in its present state";
}

function describeExit({ last_exit: exit }: StoryAnswer, now: number): string | null {
  return exit && `${agoText(exit.at, now)} ago: ${exit.reason}`;
}

function agoText(moment: string, now: number): string {
  return renderDuration((now - Date.parse(moment)) / 1000);
}

function untilText(moment: string, now: number): string {
  return renderDuration((Date.parse(moment) - now) / 1000);
}
