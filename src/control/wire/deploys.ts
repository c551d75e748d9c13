// Deploys, routes and rollouts on the wire.
import { z } from "zod";
import { health } from "./instances.ts";
import { count, hint, label, range, refName, weight } from "./wire.ts";

const TIMEOUT_SECS_MAX = 3600;
/** As many processes as are started at once by default: more would only wait for each other. */
const PARALLEL_MAX = 64;

export const DEPLOY_DEFAULTS = { weight: 100, timeout: 30, parallel: 1 } as const;

export const deployBody = z
  .strictObject({
    process: label,
    version: label.describe("Id of the instance"),
    weight: weight.default(DEPLOY_DEFAULTS.weight),
    timeout: range({ min: 1, max: TIMEOUT_SECS_MAX })
      .default(DEPLOY_DEFAULTS.timeout)
      .describe("Seconds in which it has to be healthy"),
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
    to: label.describe("Id of the instance that is to have it"),
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

/** What the data of an event in the stream of a rollout is. The last is "done". */
export const rolloutEvent = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("begun"), total: count }),
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
