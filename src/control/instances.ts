// Handlers about instances: listed, told of, spawned, moved from state to state, removed.
import { maySee } from "../core/access.ts";
import { renderEndpoint } from "../core/endpoint.ts";
import { TenError } from "../core/errors.ts";
import { formatRef, type InstanceRef } from "../core/ref.ts";
import type { ReportedState } from "../core/report.ts";
import { maskValue } from "../core/secrets.ts";
import type { InstanceStory, InstanceView } from "../supervisor/administration.ts";
import { answerError, answerJson, answerNothing } from "./answer.ts";
import type { Call } from "./call.ts";
import {
  type EnvAnswer,
  envBody,
  envPatchBody,
  type HealthAnswer,
  type InstanceAnswer,
  listQuery,
  noQuery,
  removeQuery,
  type SpawnAnswer,
  type StorageAnswer,
  type StoryAnswer,
  spawnBody,
  type WeightAnswer,
  weightBody,
} from "./wire.ts";

/** What a list leaves out unless it is asked for all. */
const AT_REST: readonly ReportedState[] = ["asleep", "stopped", "disabled"];

/** Lines that say why a start failed. */
const LOG_LINES = 20;

export async function listInstances(call: Call): Promise<Response> {
  const { all = false } = call.query(listQuery);
  const views = call.world.administration
    .list()
    .filter(({ ref, state }) => maySee(call.caller, ref) && (all || !AT_REST.includes(state)));
  return answerJson(await describeAll(call, views));
}

export async function spawnInstance(call: Call): Promise<Response> {
  call.query(noQuery);
  const { process: service, id, env, weight, start = true } = await call.body(spawnBody);
  const ref = { service, id };
  const { administration } = call.world;
  const registration = {
    ...(env === undefined ? {} : { env }),
    ...(weight === undefined ? {} : { weight }),
  };
  return answerStart(call, ref, async () => {
    const view = await call.change(formatRef(ref), () => {
      administration.register(ref, registration);
      return start ? administration.start(ref) : administration.view(ref);
    });
    const answer: SpawnAnswer = {
      instance: formatRef(ref),
      socket: view.endpoint === null ? null : renderEndpoint(view.endpoint),
      port: view.port,
      url: call.world.publicUrl(ref),
      state: view.state,
    };
    return answerJson(answer);
  });
}

/** Handles an order that takes no arguments and answers with the instance. */
export function orderInstance(
  verb: "start" | "stop" | "sleep" | "restart" | "disable" | "enable",
): (call: Call) => Promise<Response> {
  return (call) => {
    call.query(noQuery);
    const { ref } = call;
    return answerStart(call, ref, async () => {
      const view = await call.change(formatRef(ref), () => call.world.administration[verb](ref));
      const [answer] = await describeAll(call, [view]);
      return answerJson(answer);
    });
  };
}

export function isRemoval(query: URLSearchParams): boolean {
  return query.get("unregister") === "true" || query.get("purge") === "true";
}

/** Stops an instance; on demand also forgets it, with or without its files. */
export async function deleteInstance(call: Call): Promise<Response> {
  const { unregister = false, purge = false } = call.query(removeQuery);
  const { administration } = call.world;
  await call.change(formatRef(call.ref), async () => {
    if (unregister || purge) await administration.remove(call.ref, { purge });
    else await administration.stop(call.ref);
  });
  return answerNothing();
}

export async function weighInstance(call: Call): Promise<Response> {
  call.query(noQuery);
  const { weight } = await call.body(weightBody);
  const instance = formatRef(call.ref);
  const view = await call.change(instance, () =>
    call.world.administration.setWeight(call.ref, weight),
  );
  const answer: WeightAnswer = { instance, weight: view.weight };
  return answerJson(answer);
}

export function healthOfInstance(call: Call): Response {
  call.query(noQuery);
  const { health } = call.world.administration.view(call.ref);
  const answer: HealthAnswer = { instance: formatRef(call.ref), health };
  return answerJson(answer);
}

export async function storageOfInstance(call: Call): Promise<Response> {
  call.query(noQuery);
  const { administration, storage } = call.world;
  const { storageQuotaBytes: quota } = administration.view(call.ref);
  const path = administration.dataDirectory(call.ref);
  const used = await storage.measure({ key: formatRef(call.ref), path });
  const answer: StorageAnswer = {
    used_bytes: used,
    quota_bytes: quota,
    usage_percent: quota === null ? null : Math.round((used / quota) * 1000) / 10,
    path,
  };
  return answerJson(answer);
}

export function storyOfInstance(call: Call): Response {
  call.query(noQuery);
  return answerJson(describeStory(call.world.administration.story(call.ref)));
}

export function envOfInstance(call: Call): Response {
  call.query(noQuery);
  return answerEnv(call);
}

/** Sets the names given and unsets those given as null; others stay. */
export async function patchEnv(call: Call): Promise<Response> {
  call.query(noQuery);
  const changes = await call.body(envPatchBody);
  return changeEnv(call, () => changes);
}

/** The environment given takes the place of the stored one. */
export async function replaceEnv(call: Call): Promise<Response> {
  call.query(noQuery);
  const wanted = await call.body(envBody);
  return changeEnv(call, () => {
    const present = Object.keys(call.world.administration.environment(call.ref));
    return { ...Object.fromEntries(present.map((name) => [name, null])), ...wanted };
  });
}

async function changeEnv(
  call: Call,
  planChanges: () => Readonly<Record<string, string | null>>,
): Promise<Response> {
  await call.change(formatRef(call.ref), () =>
    call.world.administration.setEnvironment(call.ref, planChanges()),
  );
  return answerEnv(call);
}

function answerEnv(call: Call): Response {
  const stored = Object.entries(call.world.administration.environment(call.ref));
  const answer: EnvAnswer = {
    instance: formatRef(call.ref),
    env: Object.fromEntries(stored.map(([name, value]) => [name, maskValue(name, value)])),
  };
  return answerJson(answer);
}

/** The answer to a start; when it fails, with the last lines that the instance wrote. */
async function answerStart(
  call: Call,
  { service, id }: InstanceRef,
  start: () => Promise<Response>,
): Promise<Response> {
  try {
    return await start();
  } catch (thrown) {
    if (!(thrown instanceof TenError) || thrown.code !== "START_FAILED") throw thrown;
    const lines = await call.world.logs.query({ service, id }, LOG_LINES).catch(() => []);
    return answerError(
      thrown,
      lines.map(({ text }) => text),
    );
  }
}

async function describeAll(
  { world }: Call,
  views: readonly InstanceView[],
): Promise<readonly InstanceAnswer[]> {
  const { administration, storage } = world;
  const withProcess = views.filter(({ pid }) => pid !== null).map(({ ref }) => ref);
  const [memory, stored] = await Promise.all([
    administration.memory(withProcess),
    storage.estimate(
      views.map(({ ref }) => ({ key: formatRef(ref), path: administration.dataDirectory(ref) })),
    ),
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
    reason: view.reason,
    socket: view.endpoint === null ? null : renderEndpoint(view.endpoint),
    pid: view.pid,
    port: view.port,
    uptime_secs: toSeconds(view.uptimeMs),
    idle_secs: toSeconds(view.idleMs),
    restarts: view.restarts,
    health: view.health,
    weight: view.weight,
    storage_quota_bytes: view.storageQuotaBytes,
  };
}

function describeStory({ view, lastWake, lastExit, ...story }: InstanceStory): StoryAnswer {
  return {
    instance: formatRef(view.ref),
    state: view.state,
    reason: view.reason,
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
