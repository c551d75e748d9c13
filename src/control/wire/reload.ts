// A reload of the configuration on the wire.
import { z } from "zod";
import { hint, label, refName, truth } from "./wire.ts";

export const reloadQuery = z.strictObject({
  dry_run: truth.optional().meta({ description: "Only tells what a reload would do now" }),
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
          start: keys.describe("Keys that take effect when an instance starts that did not run"),
        }),
      )
      .describe("Services"),
    removed: z.array(label).describe("Services; their instances are stopped, their data stay"),
    started: z.array(refName).describe("Newly listed in [instances]"),
    settings: keys.describe("Keys of [settings] that take effect at once"),
    routing: keys.describe("Keys of [routing]"),
    needs_restart: keys.describe("Keys of [settings] that only a new server takes"),
    replaced: z.array(refName).describe("Instances that have a new process now"),
    failed: z
      .array(z.strictObject({ subject: z.string(), reason: z.string(), hint }))
      .describe("What could not be done; the configuration is in effect all the same"),
  })
  .meta({ id: "Reload" });
export type ReloadAnswer = z.output<typeof reloadAnswer>;
