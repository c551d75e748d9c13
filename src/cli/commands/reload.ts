// ten reload: applies a changed configuration to the running server.
import type { ReloadAnswer } from "../../control/wire/reload.ts";
import { TenError } from "../../core/errors.ts";
import { defineCommand } from "../command.ts";
import { renderSafe } from "../output.ts";

export const reload = defineCommand({
  meta: {
    description:
      "Makes the server read its configuration again, prints the changes and applies them. Unchanged services are left alone; running instances get a new process only where a changed key affects it, without failing a request. A configuration with a mistake changes nothing. SIGHUP does the same.",
    examples: ["reload", "reload --dry-run"],
  },
  args: {
    "dry-run": { type: "boolean", description: "Only print the changes" },
  },
  async run({ args, data: context }) {
    const dryRun = args["dry-run"] ?? false;
    const answer = await context
      .client()
      .call("reload", { query: { dry_run: dryRun ? "true" : "false" } });
    context.show(answer, () => renderReload(answer));
    const { failed } = answer;
    if (failed.length === 0) return;
    throw new TenError("FAILED", `Cannot apply all changes: ${failed.length} failed`, {
      hint: "Correct the configuration and reload again, or see ten logs and ten why",
    });
  },
});

/** A handover can't change it: both servers use the same data directory. */
const DATA_DIR = "data_dir";

/** A line for each thing that changes. */
export function renderReload(answer: ReloadAnswer): string {
  const lines = [...serviceLines(answer), ...settingLines(answer), ...failureLines(answer)];
  if (lines.length === 0) return "Nothing has changed\n";
  return lines.map((line) => `${renderSafe(line)}\n`).join("");
}

function serviceLines({
  added,
  changed,
  removed,
  started,
  replaced,
  dry_run,
}: ReloadAnswer): string[] {
  const changes = changed.flatMap(({ service, now, launch, start }) =>
    Object.entries({ "at once": now, "with new processes": launch, "at the next start": start })
      .filter(([, keys]) => keys.length > 0)
      .map(([when, keys]) => `service ${service} changed, ${when}: ${keys.join(", ")}`),
  );
  return [
    ...added.map((service) => `service ${service} added`),
    ...changes,
    ...removed.map(
      (service) => `service ${service} removed; its instances are stopped, their data stay`,
    ),
    ...started.map((ref) => `instance ${ref} ${dry_run ? "to be started" : "is started"}`),
    ...replaced.map((ref) => `instance ${ref} has a new process`),
  ];
}

function settingLines({ settings, routing, needs_restart: server }: ReloadAnswer): string[] {
  const others = server.filter((key) => key !== DATA_DIR);
  return [
    ...(settings.length === 0 ? [] : [`settings changed: ${settings.join(", ")}`]),
    ...(routing.length === 0 ? [] : [`routing changed: ${routing.join(", ")}`]),
    ...(others.length === 0 ? [] : [`${others.join(", ")} needs: ten restart-server`]),
    ...(server.includes(DATA_DIR) ? [`${DATA_DIR} needs: stop the server and start it`] : []),
  ];
}

function failureLines({ failed }: ReloadAnswer): string[] {
  return failed.flatMap(({ subject, reason, hint, log = [] }) => [
    `failed ${subject}: ${reason}`,
    ...log.map((line) => `  ${line}`),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ]);
}
