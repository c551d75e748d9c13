// Handlers for instances: list, inspect, spawn, order, configure, remove.
import { maySee } from "../../core/access.ts";
import { assert } from "../../core/assert.ts";
import { renderEndpoint } from "../../core/endpoint.ts";
import { InstanceError } from "../../core/failure.ts";
import { isQuiet } from "../../core/life/report.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import { maskValue } from "../../core/secrets.ts";
import type { InstanceStory, InstanceView } from "../../supervisor/administration.ts";
import type { Call } from "../call.ts";
import type {
  EnvAnswer,
  EnvBody,
  EnvPatchBody,
  EnvQuery,
  HealthAnswer,
  InstanceAnswer,
  ListQuery,
  RemoveQuery,
  SpawnAnswer,
  SpawnBody,
  StorageAnswer,
  StoryAnswer,
  WeightAnswer,
  WeightBody,
} from "../wire/instances.ts";
import { describeFailedStart, withLastLines } from "./failed-start.ts";

/** Of an instance that did not start. */
const LOG_LINES = 20;

export async function listInstances(call: Call<ListQuery>): Promise<InstanceAnswer[]> {
  const { all = false } = call.query;
  const views = call.world.administration
    .list()
    .filter(
      (view) =>
        maySee(call.caller, view.ref) &&
        (all || !isQuiet({ state: view.state, reason: view.failure?.reason ?? null })),
    );
  return await describeAll(call, views);
}

export async function spawnInstance(call: Call<unknown, SpawnBody>): Promise<SpawnAnswer> {
  const { process: service, id, env, weight, start = true } = call.body;
  const ref = { service, id };
  const { administration } = call.world;
  const registration = {
    ...(env === undefined ? {} : { env }),
    ...(weight === undefined ? {} : { weight }),
  };
  const view = await changeWithLog(call, ref, () => {
    administration.register(ref, registration);
    return start ? administration.start(ref) : administration.view(ref);
  });
  return {
    instance: formatRef(ref),
    socket: view.endpoint === null ? null : renderEndpoint(view.endpoint),
    port: view.port,
    url: call.world.publicUrl(ref),
    state: view.state,
  };
}

/** The handler of an order, which takes no arguments and answers with the instance. */
export function orderInstance(
  verb: "start" | "stop" | "sleep" | "restart" | "disable" | "enable",
): (call: Call) => Promise<InstanceAnswer> {
  return async (call) => {
    const { ref } = call;
    const view = await changeWithLog(call, ref, () => call.world.administration[verb](ref));
    const [answer] = await describeAll(call, [view]);
    assert(answer !== undefined, "each view is described");
    return answer;
  };
}

/** Stops an instance; on demand also forgets it and deletes its files. */
export async function deleteInstance(call: Call<RemoveQuery>): Promise<void> {
  const { unregister = false, purge = false } = call.query;
  const { administration } = call.world;
  await call.change(formatRef(call.ref), async () => {
    if (unregister || purge) await administration.remove(call.ref, { purge });
    else await administration.stop(call.ref);
  });
}

export async function setWeight(call: Call<unknown, WeightBody>): Promise<WeightAnswer> {
  const { weight } = call.body;
  const instance = formatRef(call.ref);
  const view = await call.change(instance, () =>
    call.world.administration.setWeight(call.ref, weight),
  );
  return { instance, weight: view.weight };
}

export function getHealth({ world, ref }: Call): HealthAnswer {
  const { health } = world.administration.view(ref);
  return { instance: formatRef(ref), health };
}

export async function getStorage(call: Call): Promise<StorageAnswer> {
  const { administration } = call.world;
  const { storageQuotaBytes: quota } = administration.view(call.ref);
  const path = administration.dataDirectory(call.ref);
  const { bytes, isWhole } = await administration.measureStorage(call.ref);
  return {
    used_bytes: bytes,
    at_least: !isWhole,
    quota_bytes: quota,
    usage_percent: quota === null ? null : Math.round((bytes / quota) * 1000) / 10,
    path,
  };
}

export async function getStory({ world, ref }: Call): Promise<StoryAnswer> {
  const story = world.administration.story(ref);
  const { failure } = story.view;
  if (failure?.code !== "START_FAILED" || failure.hint !== null) return describeStory(story);
  const error = new InstanceError(ref, { verb: "start", failure });
  const { hint = null } = await describeFailedStart(world, { ref, limit: LOG_LINES }, error);
  return describeStory({ ...story, view: { ...story.view, failure: { ...failure, hint } } });
}

/** Null unsets a name; other names stay. */
export function patchEnv(call: Call<unknown, EnvPatchBody>): Promise<EnvAnswer> {
  return changeEnv(call, () => call.body);
}

/** Unsets the names that the request lacks. */
export function replaceEnv(call: Call<unknown, EnvBody>): Promise<EnvAnswer> {
  return changeEnv(call, () => {
    const present = Object.keys(call.world.administration.environment(call.ref));
    return { ...Object.fromEntries(present.map((name) => [name, null])), ...call.body };
  });
}

async function changeEnv(
  call: Call,
  planChanges: () => Readonly<Record<string, string | null>>,
): Promise<EnvAnswer> {
  await call.change(formatRef(call.ref), () =>
    call.world.administration.setEnvironment(call.ref, planChanges()),
  );
  return maskedEnv(call);
}

export async function getEnv(call: Call<EnvQuery>): Promise<EnvAnswer> {
  const { query, ref, world } = call;
  if (query.reveal !== true) return maskedEnv(call);
  const read = () => world.administration.environment(ref);
  return { instance: formatRef(ref), env: { ...(await call.change(formatRef(ref), read)) } };
}

function maskedEnv({ world, ref }: Call): EnvAnswer {
  const stored = Object.entries(world.administration.environment(ref));
  return {
    instance: formatRef(ref),
    env: Object.fromEntries(stored.map(([name, value]) => [name, maskValue(name, value)])),
  };
}

/** Performs a change that may start the instance; the error of a failed start holds its last lines. */
function changeWithLog<T>(call: Call, ref: InstanceRef, perform: () => T | Promise<T>): Promise<T> {
  return withLastLines(call.world, { ref, limit: LOG_LINES }, () =>
    call.change(formatRef(ref), perform),
  );
}

async function describeAll(
  { world }: Call,
  views: readonly InstanceView[],
): Promise<InstanceAnswer[]> {
  const { administration } = world;
  const withProcess = views.filter(({ pid }) => pid !== null).map(({ ref }) => ref);
  const [memory, stored] = await Promise.all([
    administration.memory(withProcess),
    administration.storage(views.map(({ ref }) => ref)),
  ]);
  return views.map((view) => ({
    ...describe(view),
    url: world.publicUrl(view.ref),
    memory_bytes: memory.get(formatRef(view.ref)) ?? null,
    storage_used_bytes: stored.get(formatRef(view.ref)) ?? null,
  }));
}

function describe(
  view: InstanceView,
): Omit<InstanceAnswer, "url" | "memory_bytes" | "storage_used_bytes"> {
  return {
    id: formatRef(view.ref),
    service: view.ref.service,
    instance: view.ref.id,
    state: view.state,
    ...describeFailure(view),
    warnings: view.warnings,
    socket: view.endpoint === null ? null : renderEndpoint(view.endpoint),
    pid: view.pid,
    port: view.port,
    uptime_secs: toSeconds(view.uptimeMs),
    idle_secs: toSeconds(view.idleMs),
    restarts: view.restarts,
    health: view.health,
    weight: view.weight,
    storage_quota_bytes: view.storageQuotaBytes,
    gaps: [...view.gaps],
  };
}

function describeFailure({ failure }: InstanceView): Pick<InstanceAnswer, "reason" | "hint"> {
  if (failure === null) return { reason: null };
  const { hint, reason } = failure;
  return hint === null ? { reason } : { reason, hint };
}

function describeStory({ view, lastWake, lastExit, ...story }: InstanceStory): StoryAnswer {
  return {
    instance: formatRef(view.ref),
    state: view.state,
    ...describeFailure(view),
    warnings: view.warnings,
    uptime_secs: toSeconds(view.uptimeMs),
    idle_secs: toSeconds(view.idleMs),
    open_requests: story.openRequests,
    open_tunnels: story.openTunnels,
    sleeps_at: toMoment(story.sleepsAt),
    retries_at: toMoment(story.retriesAt),
    last_wake: lastWake && {
      at: new Date(lastWake.at).toISOString(),
      by: lastWake.by,
      queued_ms: lastWake.queuedMs,
      launch_ms: lastWake.launchMs,
      ready_ms: lastWake.readyMs,
    },
    last_exit: lastExit && { at: new Date(lastExit.at).toISOString(), reason: lastExit.reason },
  };
}

function toSeconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000);
}

function toMoment(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
