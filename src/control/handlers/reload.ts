// The handler that reloads the configuration.
import { formatRef } from "../../core/ref.ts";
import type { ReloadPlan } from "../../core/reload-plan.ts";
import type { ReloadOutcome } from "../../supervisor/rollout/reloader.ts";
import type { Call } from "../call.ts";
import type { ReloadAnswer, ReloadQuery } from "../wire/reload.ts";

export async function reload(call: Call<ReloadQuery>): Promise<ReloadAnswer> {
  const { reloader } = call.world;
  if (call.query.dry_run === true) {
    return { dry_run: true, ...describePlan(await reloader.plan()), replaced: [], failed: [] };
  }
  return describeOutcome(await call.change("configuration", () => reloader.reload()));
}

function describeOutcome({ plan, replaced, failed }: ReloadOutcome): ReloadAnswer {
  return {
    dry_run: false,
    ...describePlan(plan),
    replaced: replaced.map(formatRef),
    failed: [...failed],
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
