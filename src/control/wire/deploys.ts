// Deploys, routes and rollouts on the wire.
import { z } from "zod";
import { health } from "./instances.ts";
import { events, json, type Operations } from "./operation.ts";
import { count, hint, label, range, refName, weight } from "./wire.ts";

const TIMEOUT_SECS_MAX = 3600;
/** The server starts as many processes at a time by default: more would only wait. */
const PARALLEL_MAX = 64;

export const DEPLOY_DEFAULTS = { weight: 100, timeout: 30, parallel: 1 } as const;

export const deployBody = z
  .strictObject({
    process: label,
    version: label.describe("Id of the instance"),
    weight: weight.default(DEPLOY_DEFAULTS.weight),
    timeout: range({ min: 1, max: TIMEOUT_SECS_MAX })
      .default(DEPLOY_DEFAULTS.timeout)
      .describe("Seconds in which it has to become healthy"),
  })
  .meta({ id: "Deploy" });
export type DeployBody = z.output<typeof deployBody>;
export type DeployFields = z.input<typeof deployBody>;

export const deployAnswer = z
  .strictObject({
    instance: refName,
    socket: z.string().nullable().describe("Where it listens"),
    url: z.string().describe("Its public address"),
    weight,
    status: health,
  })
  .meta({ id: "Deployed" });
export type DeployAnswer = z.output<typeof deployAnswer>;

export const routeBody = z
  .strictObject({
    process: label,
    from: label.describe("Id of the instance that has the traffic"),
    to: label.describe("Id of the instance that gets the traffic"),
  })
  .refine(({ from, to }) => from !== to, "from and to: expected two instances")
  .meta({ id: "Route" });
export type RouteBody = z.output<typeof routeBody>;

export const routeAnswer = z
  .strictObject({
    from_instance: refName,
    to_instance: refName,
    from_weight: weight,
    to_weight: weight,
  })
  .meta({ id: "Routed" });
export type RouteAnswer = z.output<typeof routeAnswer>;

export const rolloutBody = z
  .strictObject({
    process: label,
    parallel: range({ min: 1, max: PARALLEL_MAX })
      .default(DEPLOY_DEFAULTS.parallel)
      .describe("Instances at a time"),
  })
  .meta({ id: "Rollout" });
export type RolloutBody = z.output<typeof rolloutBody>;
export type RolloutFields = z.input<typeof rolloutBody>;

/** The data of an event in the stream of a rollout. The last is "done". */
export const rolloutEvent = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("begun"),
    total: count,
    health: z
      .string()
      .nullable()
      .describe("The health check of the service; null: any answer of GET / below 500 counts"),
  }),
  z.strictObject({ kind: z.literal("replaced"), instance: refName, took_ms: count }),
  z.strictObject({ kind: z.literal("skipped"), instance: refName }),
  z.strictObject({
    kind: z.literal("failed"),
    instance: refName,
    error: z.string(),
    hint,
    log: z.array(z.string()),
  }),
  z.strictObject({
    kind: z.literal("done"),
    replaced: z.array(refName),
    skipped: z.array(refName),
    failed: z.array(refName),
    remaining: z.array(refName),
  }),
]);
export type RolloutEvent = z.output<typeof rolloutEvent>;

export const DEPLOY_OPERATIONS = {
  deploy: {
    summary:
      "Start an instance at weight 0 and give it its weight when it is healthy, or change nothing",
    action: "deploy",
    body: deployBody,
    answer: json(deployAnswer),
    refusals: [404, 409],
  },
  route: {
    summary: "Move the traffic of one instance to another, then let the first sleep",
    action: "route",
    body: routeBody,
    answer: json(routeAnswer),
    refusals: [404, 409],
  },
  rollout: {
    summary: "Give every running instance of a service a new process, without a failed request",
    action: "rollout",
    body: rolloutBody,
    answer: events(rolloutEvent, "The progress; the last event is of the kind done"),
    refusals: [404, 409],
  },
} as const satisfies Operations;
