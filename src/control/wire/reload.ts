// A reload of the configuration on the wire.
import { z } from "zod";
import { json, type Operations } from "./operation.ts";
import { hint, label, log, queryBoolean, refName } from "./wire.ts";

export const reloadQuery = z.strictObject({
  dry_run: queryBoolean
    .optional()
    .meta({ description: "Only reports the changes that a reload would make" }),
});
export type ReloadQuery = z.output<typeof reloadQuery>;

const keys = z.array(z.string());

export const reloadAnswer = z
  .strictObject({
    dry_run: z.boolean(),
    added: z.array(label).describe("Services"),
    changed: z
      .array(
        z.strictObject({
          service: label,
          now: keys.describe("Keys that take effect at once"),
          launch: keys.describe("Keys that take effect with a new process of each instance"),
          start: keys.describe("Keys that take effect at the next start of an instance at rest"),
        }),
      )
      .describe("Services"),
    removed: z.array(label).describe("Services; their instances are stopped, their data stay"),
    started: z.array(refName).describe("Newly listed in [instances]"),
    settings: keys.describe("Keys of [settings] that take effect at once"),
    routing: keys.describe("Keys of [routing]"),
    needs_restart: keys.describe("Keys of [settings] that take effect with a new server"),
    replaced: z.array(refName).describe("Instances that have a new process"),
    failed: z
      .array(z.strictObject({ subject: z.string(), reason: z.string(), hint, log }))
      .describe("Changes that failed; the configuration is in effect nevertheless"),
  })
  .meta({ id: "Reload" });
export type ReloadAnswer = z.output<typeof reloadAnswer>;

export const RELOAD_OPERATIONS = {
  reload: {
    summary: "Read the configuration again and apply its changes; the rest is left alone",
    action: "reload",
    query: reloadQuery,
    answer: json(reloadAnswer),
  },
} as const satisfies Operations;
