// Instances on the wire: their state, orders, environment, health and storage.
import { z } from "zod";
import type { Action } from "../../core/access.ts";
import { HEALTHS, REPORTED_STATES } from "../../core/life/report.ts";
import { EMPTY, json, type Operations } from "./operation.ts";
import {
  amount,
  count,
  envName,
  envValue,
  hint,
  label,
  moment,
  queryBoolean,
  refName,
  weight,
} from "./wire.ts";

// Null: there is none at present.

export const state = z.enum(REPORTED_STATES).meta({ id: "State" });
export const health = z.enum(HEALTHS).meta({ id: "Health" });

const warnings = z
  .array(z.string())
  .readonly()
  .describe(
    "Problems that do not stop it: its storage fills up, its configuration has changed since its start, other machines can connect to it",
  );

export const instanceAnswer = z
  .strictObject({
    id: refName,
    service: label,
    instance: label,
    state,
    reason: z.string().nullable().describe("Why it is not running, where that is known"),
    hint,
    warnings,
    url: z.string().describe("Its public address"),
    socket: z.string().nullable().describe("Where it listens"),
    pid: count.nullable(),
    port: count.nullable(),
    uptime_secs: count.nullable(),
    idle_secs: count.nullable().describe("Since the last request ended; 0 while one is open"),
    restarts: count,
    health,
    weight,
    memory_bytes: count.nullable(),
    storage_used_bytes: count
      .nullable()
      .describe(
        "Measured at most a minute or so ago, or since it came to rest; null before the first",
      ),
    storage_quota_bytes: count.nullable(),
    gaps: z
      .array(z.string())
      .describe("Walls that its level of isolation has and this host can't build, a sentence each"),
  })
  .meta({ id: "Instance" });
export type InstanceAnswer = z.output<typeof instanceAnswer>;

export const spawnBody = z
  .strictObject({
    process: label,
    id: label,
    env: z
      .record(envName, envValue, "expected an object of texts")
      .optional()
      .describe("Stored environment variables, applied at each start"),
    weight: weight.optional(),
    start: z.boolean("expected true or false").optional().describe("False: only registers"),
  })
  .meta({ id: "Spawn" });
export type SpawnBody = z.input<typeof spawnBody>;

export const spawnAnswer = z
  .strictObject({
    instance: refName,
    socket: z.string().nullable().describe("Where it listens"),
    port: count.nullable(),
    url: z.string().describe("Its public address"),
    state,
  })
  .meta({ id: "Spawned" });
export type SpawnAnswer = z.output<typeof spawnAnswer>;

export const listQuery = z.strictObject({
  all: queryBoolean.optional().meta({ description: "Also those asleep, stopped or disabled" }),
});
export type ListQuery = z.output<typeof listQuery>;

export const removeQuery = z.strictObject({
  unregister: queryBoolean
    .optional()
    .meta({ description: "Also forgets the instance; its files and logs stay" }),
  purge: queryBoolean
    .optional()
    .meta({ description: "Also forgets the instance and deletes its files and logs" }),
});
export type RemoveQuery = z.output<typeof removeQuery>;

export const weightBody = z.strictObject({ weight });
export type WeightBody = z.output<typeof weightBody>;

export const weightAnswer = z.strictObject({ instance: refName, weight });
export type WeightAnswer = z.output<typeof weightAnswer>;

export const healthAnswer = z.strictObject({ instance: refName, health });
export type HealthAnswer = z.output<typeof healthAnswer>;

export const storageAnswer = z.strictObject({
  used_bytes: count,
  at_least: z
    .boolean()
    .describe("It uses that much or more: not everything could be seen, or in a minute"),
  quota_bytes: count.nullable(),
  usage_percent: amount.nullable(),
  path: z.string().describe("Its data directory"),
});
export type StorageAnswer = z.output<typeof storageAnswer>;

export const storyAnswer = z
  .strictObject({
    instance: refName,
    state,
    reason: z.string().nullable(),
    hint,
    warnings,
    uptime_secs: count.nullable(),
    idle_secs: count.nullable(),
    open_requests: count,
    open_tunnels: count.describe("WebSockets, and whatever else was upgraded"),
    sleeps_at: moment.nullable().describe("If no request arrives"),
    retries_at: moment.nullable(),
    last_wake: z
      .strictObject({
        at: moment,
        by: z.string(),
        queued_ms: amount.nullable(),
        launch_ms: amount.nullable(),
        ready_ms: amount.nullable(),
      })
      .nullable()
      .describe("How the latest start went; a phase that has not ended is null"),
    last_exit: z.strictObject({ at: moment, reason: z.string() }).nullable(),
  })
  .meta({ id: "Story" });
export type StoryAnswer = z.output<typeof storyAnswer>;

/** The environment given takes the place of the stored one. */
export const envBody = z.record(envName, envValue, "expected an object of texts");
export type EnvBody = z.output<typeof envBody>;

/** Null unsets a name; others stay. */
export const envPatchBody = z.record(envName, envValue.nullable(), "expected an object of texts");
export type EnvPatchBody = z.output<typeof envPatchBody>;

export const envQuery = z.strictObject({
  reveal: queryBoolean.optional().meta({ description: "Show values that may be secret, too" }),
});
export type EnvQuery = z.output<typeof envQuery>;

export const envAnswer = z
  .strictObject({
    instance: refName,
    env: z
      .record(z.string(), z.string())
      .describe(
        "The stored variables; values that may be secret are masked, unless they are to be shown",
      ),
  })
  .meta({ id: "Environment" });
export type EnvAnswer = z.output<typeof envAnswer>;

export const INSTANCE_OPERATIONS = {
  listInstances: {
    summary: "List instances",
    action: "list",
    query: listQuery,
    answer: json(z.array(instanceAnswer)),
  },
  spawnInstance: {
    summary: "Register an instance and start it",
    action: "spawn",
    body: spawnBody,
    answer: json(spawnAnswer),
    refusals: [404, 409],
  },
  deleteInstance: {
    summary: "Stop an instance; on demand also forget it, with or without its files",
    action: (query) => (isRemoval(query) ? "remove" : "stop"),
    query: removeQuery,
    answer: EMPTY,
  },
  startInstance: order(
    "start",
    "Start an instance, also one that was stopped or has failed, and wait until it is ready",
  ),
  stopInstance: order("stop", "Stop an instance: it stays stopped until it is started"),
  restartInstance: order("restart", "Stop an instance and start it again"),
  sleepInstance: order("sleep", "Put an instance to sleep: the next request wakes it"),
  disableInstance: order("disable", "Stop an instance and refuse its traffic"),
  enableInstance: order("enable", "Take an instance back into traffic"),
  setWeight: {
    summary: "Set an instance's share of its service's traffic",
    action: "weight",
    body: weightBody,
    answer: json(weightAnswer),
  },
  getHealth: {
    summary: "Get the health of an instance",
    action: "health",
    answer: json(healthAnswer),
  },
  getStorage: {
    summary: "Measure the storage that an instance uses",
    action: "storage",
    answer: json(storageAnswer),
  },
  getStory: {
    summary: "Explain the present state of an instance",
    action: "why",
    answer: json(storyAnswer),
  },
  getEnv: {
    summary: "List the environment variables that are stored for an instance",
    action: (query) => (query.get("reveal") === "true" ? "reveal-env" : "env"),
    query: envQuery,
    answer: json(envAnswer),
  },
  patchEnv: {
    summary: "Store environment variables for the next start; null unsets one, others stay",
    action: "set-env",
    body: envPatchBody,
    answer: json(envAnswer),
  },
  replaceEnv: {
    summary: "Replace the stored environment variables for the next start",
    action: "set-env",
    body: envBody,
    answer: json(envAnswer),
  },
} as const satisfies Operations;

/** An order takes no arguments and answers with the instance. */
function order<Verb extends Action>(action: Verb, summary: string) {
  return { summary, action, answer: json(instanceAnswer), refusals: [409] } as const;
}

function isRemoval(query: URLSearchParams): boolean {
  return query.get("unregister") === "true" || query.get("purge") === "true";
}
