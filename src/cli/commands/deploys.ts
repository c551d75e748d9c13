// ten deploy, ten route and ten rollout: new versions without a failed request.
import type { RolloutEvent } from "../../control/wire/deploys.ts";
import { unreachable } from "../../core/assert.ts";
import { TenError } from "../../core/errors.ts";
import { parseRef } from "../../core/ref.ts";
import { OPERAND } from "../args.ts";
import { defineCommand } from "../command.ts";
import type { Context } from "../command-context.ts";
import { parseInteger, usage } from "../parse.ts";
import { REF } from "./each-ref.ts";
import { parseWeight } from "./spawn.ts";

const SERVICE = { ...OPERAND, valueHint: "SERVICE" } as const;

export const deploy = defineCommand({
  meta: {
    description:
      "Starts an instance, registering it if need be, and gives it its share of its service's traffic once it is healthy; until then it gets none.\nWhen that fails, all is as it was before: what was not registered is not, what was keeps its weight and rests again. Then the last lines that it wrote are shown.",
    examples: ["deploy notes:v2 --weight 10", "deploy notes:v2 --weight 0 --timeout 120"],
  },
  args: {
    ref: REF,
    weight: {
      type: "string",
      valueHint: "N",
      default: "100",
      description: "Share of the service's traffic, 0 to 100",
    },
    timeout: {
      type: "string",
      valueHint: "SECONDS",
      default: "30",
      description: "How long it may take until it is healthy",
    },
  },
  async run({ args, data: context }) {
    const { service, id } = parseRef(args.ref);
    const timeout = parseInteger(args.timeout, { name: "a timeout", min: 1, max: 3600 });
    const weight = parseWeight(args.weight);
    const answer = await context
      .client()
      .deploy({ process: service, version: id, weight, timeout });
    if (context.json) context.show(answer, () => "");
    else {
      context.say(
        `${answer.instance} is ${answer.status} at ${answer.url} and has weight ${answer.weight}`,
      );
    }
  },
});

export const route = defineCommand({
  meta: {
    description:
      "Moves the traffic of one instance to another in one step, and adds its weight to the other's, up to 100. The other is started first if need be; when it does not get ready, nothing moves.\nThe first one then finishes its requests and goes to sleep: its own address still wakes it, and the same command the other way round brings its traffic back.",
    examples: ["route notes --from v1 --to v2"],
  },
  args: {
    service: SERVICE,
    from: { type: "string", valueHint: "ID", description: "Instance that has the traffic" },
    to: { type: "string", valueHint: "ID", description: "Instance that is to have it" },
  },
  async run({ args, data: context }) {
    const [from, to] = [needed(args.from, "--from"), needed(args.to, "--to")];
    for (const id of [from, to]) parseRef(`${args.service}:${id}`);
    const answer = await context.client().route({ process: args.service, from, to });
    if (context.json) context.show(answer, () => "");
    else {
      context.say(`${answer.to_instance} has weight ${answer.to_weight}`);
      context.say(`${answer.from_instance} has weight ${answer.from_weight} and has drained`);
    }
  },
});

export const rollout = defineCommand({
  meta: {
    description:
      'Gives every running instance of a service a new process, one after another, with no failed request: each new process starts beside the old one and takes over when it is ready. With rollout = "replace" in the service the old one ends first, and requests wait. Instances at rest start new by themselves.\nThe first that fails stops the rollout and keeps its old process. The server goes on with what is begun even if this command is interrupted.',
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
      else tell(event, context);
    }
  },
});

type EventOf<Kind extends RolloutEvent["kind"]> = Extract<RolloutEvent, { kind: Kind }>;

function tell(event: EventOf<"begun" | "replaced" | "skipped">, context: Context): void {
  switch (event.kind) {
    case "begun":
      if (event.total === 0) context.say("No instance is running; each starts new by itself");
      break;
    case "replaced":
      context.say(`${event.instance} has a new process (${(event.took_ms / 1000).toFixed(1)} s)`);
      break;
    case "skipped":
      context.say(`${event.instance} does not run any more; it starts new by itself`);
      break;
    default:
      unreachable(event);
  }
}

/** Throws what failed. */
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
    { hint: `Mend what failed, then run ten rollout ${service} again` },
  );
  throw new AggregateError([...failures, remaining]);
}

function toError({ error, hint, log }: EventOf<"failed">): TenError {
  return new TenError("START_FAILED", error, { log, ...(hint !== undefined && { hint }) });
}

function needed(value: string | undefined, flag: string): string {
  if (value !== undefined) return value;
  throw usage(`Cannot run "route": ${flag} is missing`, "See ten route --help");
}
