// The handler that reloads the configuration.
import { formatRef } from "../../core/ref.ts";
import type { ReloadPlan } from "../../core/reload-plan.ts";
import type { ReloadFailure, ReloadOutcome } from "../../supervisor/rollout/reloader.ts";
import type { Call } from "../call.ts";
import type { ControlWorld } from "../control-world.ts";
import type { ReloadAnswer, ReloadQuery } from "../wire/reload.ts";
import { describeFailedStart } from "./failed-start.ts";

/** Of a process that did not start. */
const LOG_LINES = 20;

export async function reload(call: Call<ReloadQuery>): Promise<ReloadAnswer> {
  const { reloader } = call.world;
  if (call.query.dry_run === true) {
    return { dry_run: true, ...describePlan(await reloader.plan()), replaced: [], failed: [] };
  }
  const outcome = await call.change("configuration", () => reloader.reload());
  return await describeOutcome(call.world, outcome);
}

async function describeOutcome(
  world: ControlWorld,
  { plan, replaced, failed }: ReloadOutcome,
): Promise<ReloadAnswer> {
  return {
    dry_run: false,
    ...describePlan(plan),
    replaced: replaced.map(formatRef),
    failed: await Promise.all(failed.map((each) => describeFailure(world, each))),
  };
}

async function describeFailure(
  world: ControlWorld,
  { start, ...failure }: ReloadFailure,
): Promise<ReloadAnswer["failed"][number]> {
  if (start?.error.code !== "START_FAILED") return failure;
  const excerpt = { ref: start.ref, limit: LOG_LINES };
  const { hint, log = [], message } = await describeFailedStart(world, excerpt, start.error);
  const told = message.slice(start.error.message.length);
  return {
    ...failure,
    reason: `${failure.reason}${told}`,
    ...(hint !== undefined && { hint }),
    log: [...log],
  };
}

function describePlan(plan: ReloadPlan): Omit<ReloadAnswer, "dry_run" | "replaced" | "failed"> {
  return {
    added: [...plan.added],
    changed: plan.changed.map(({ service, now, launch, start }) => ({
      service,
      now: [...now],
      launch: [...launch],
      start: [...start],
    })),
    removed: [...plan.removed],
    started: plan.instances.map(formatRef),
    settings: [...plan.settings],
    routing: [...plan.routing],
    needs_restart: [...plan.server],
  };
}
