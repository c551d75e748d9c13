// ten rollout: gives the running instances of a service new processes, and shows its progress.
import type { RolloutEvent } from "../../control/wire/deploys.ts";
import { unreachable } from "../../core/assert.ts";
import { TenError } from "../../core/errors.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { parseInteger } from "../parse.ts";
import { SERVICE } from "./operands.ts";

export const rollout = defineCommand({
  meta: {
    description:
      'Gives every running instance of a service a new process, one after another, with no failed request: each new process starts beside the old one and takes over when it is ready. With rollout = "replace" in the service the old one ends first, and requests wait. Instances at rest get a new process at their next start anyway.\nThe first failure stops the rollout; that instance keeps its old process. The server finishes what it has begun even if this command is interrupted.',
    examples: ["rollout notes", "rollout notes --parallel 4"],
  },
  args: {
    service: SERVICE,
    parallel: {
      type: "string",
      valueHint: "N",
      default: "1",
      description: "Instances at a time",
    },
  },
  async run({ args: { service, parallel: text }, data: context }) {
    const parallel = parseInteger(text, { name: "a number of instances", min: 1, max: 64 });
    const failures: TenError[] = [];
    for await (const event of context.client().rollout({ process: service, parallel })) {
      if (event.kind === "failed") failures.push(toError(event));
      else if (event.kind === "done") conclude(event, { service, failures, context });
      else showProgress(event, context);
    }
  },
});

/** An application may answer with a page of errors, or load the rest later. */
const NO_HEALTH =
  "The service has no health: a new process is ready when GET / answers below 500, and has replaced the old one after two seconds";

type EventOf<Kind extends RolloutEvent["kind"]> = Extract<RolloutEvent, { kind: Kind }>;

function showProgress(event: EventOf<"begun" | "replaced" | "skipped">, context: Context): void {
  switch (event.kind) {
    case "begun":
      if (event.total === 0)
        context.say("No instance is running; each gets a new process at its next start");
      else if (event.health === null) context.say(NO_HEALTH);
      break;
    case "replaced":
      context.say(`${event.instance} has a new process (${(event.took_ms / 1000).toFixed(1)} s)`);
      break;
    case "skipped":
      context.say(
        `${event.instance} is not running any more; it gets a new process at its next start`,
      );
      break;
    default:
      unreachable(event);
  }
}

/** Throws the failures, and the list of instances that have no new process. */
function conclude(
  event: EventOf<"done">,
  {
    service,
    failures,
    context,
  }: { service: string; failures: readonly TenError[]; context: Context },
): void {
  if (context.json) context.show(event, () => "");
  if (failures.length === 0) return;
  const left = [...event.failed, ...event.remaining];
  const remaining = new TenError(
    "START_FAILED",
    `Cannot roll out "${service}": ${left.length} of its instances have no new process: ${left.join(", ")}`,
    { hint: `Correct the cause, then run ten rollout ${service} again` },
  );
  throw new AggregateError([...failures, remaining]);
}

function toError({ error, hint, log }: EventOf<"failed">): TenError {
  return new TenError("START_FAILED", error, { log, ...(hint !== undefined && { hint }) });
}
