// Handlers that move the traffic of a service: deploys, routes, rollouts.
import { unreachable } from "../../core/assert.ts";
import { renderEndpoint } from "../../core/endpoint.ts";
import type { TenError } from "../../core/errors.ts";
import { formatRef, type InstanceRef } from "../../core/ref.ts";
import type { RolloutOutcome, RolloutProgress } from "../../supervisor/rollout/rollout.ts";
import type { Call } from "../call.ts";
import type { EventSink } from "../event-stream.ts";
import type {
  DeployAnswer,
  DeployBody,
  RolloutBody,
  RolloutEvent,
  RouteAnswer,
  RouteBody,
} from "../wire/deploys.ts";
import { describeFailedStart, withLastLines } from "./failed-start.ts";

/** Of an instance that did not start. */
const LOG_LINES = 50;

export async function deploy(call: Call<unknown, DeployBody>): Promise<DeployAnswer> {
  const { process: service, version, weight, timeout } = call.body;
  const ref = { service, id: version };
  const view = await withLastLines(call.world, { ref, limit: LOG_LINES }, () =>
    call.transact(`${formatRef(ref)} ${weight}`, (record) =>
      call.world.deploys.deploy({ ref, weight, timeoutMs: timeout * 1000, record }),
    ),
  );
  return {
    instance: formatRef(ref),
    socket: view.endpoint === null ? null : renderEndpoint(view.endpoint),
    url: call.world.publicUrl(ref),
    weight: view.weight,
    status: view.health,
  };
}

export async function route(call: Call<unknown, RouteBody>): Promise<RouteAnswer> {
  const { process: service } = call.body;
  const from = { service, id: call.body.from };
  const to = { service, id: call.body.to };
  const routed = await withLastLines(call.world, { ref: to, limit: LOG_LINES }, () =>
    call.transact(`${formatRef(from)} ${formatRef(to)}`, (record) =>
      call.world.deploys.route({ from, to, record }),
    ),
  );
  return {
    from_instance: formatRef(from),
    to_instance: formatRef(to),
    from_weight: routed.from.weight,
    to_weight: routed.to.weight,
  };
}

/** Streams the progress of a rollout. The rollout goes on without its reader. */
export async function rollout(call: Call<unknown, RolloutBody>): Promise<Response> {
  const { world, caller, body } = call;
  world.streams.refuseSurplus(caller);
  const progress = new Progress();
  const finished = call.change(body.process, () => perform(call, progress));
  // Until it has begun, the rollout can still be refused.
  await Promise.race([progress.begun, finished]);
  finished.catch(() => undefined).finally(() => progress.end());
  return world.streams.answer(caller, (sink) => progress.sendTo(sink));
}

/** Rejects with the first failure, for the audit trail; the progress has all failures. */
async function perform(
  { world, body }: Call<unknown, RolloutBody>,
  progress: Progress,
): Promise<void> {
  const outcome = await world.deploys.rollout(body.process, {
    parallel: body.parallel,
    onProgress: (step) => {
      const event = describeProgress(step);
      if (event !== null) progress.add(event);
    },
  });
  for (const { ref, error } of outcome.failed) {
    const described = await describeFailedStart(world, { ref, limit: LOG_LINES }, error);
    progress.add(describeFailure(ref, described));
  }
  progress.add(describeOutcome(outcome));
  const [failure] = outcome.failed;
  if (failure !== undefined) throw failure.error;
}

/** Null: failures are sent at the end, with the log of the instance. */
function describeProgress(step: RolloutProgress): RolloutEvent | null {
  switch (step.kind) {
    case "begun":
      return step;
    case "replaced":
      return {
        kind: "replaced",
        instance: formatRef(step.ref),
        took_ms: Math.round(step.tookMs),
      };
    case "skipped":
      return { kind: "skipped", instance: formatRef(step.ref) };
    case "failed":
      return null;
    default:
      return unreachable(step);
  }
}

function describeFailure(ref: InstanceRef, { hint, log = [], message }: TenError): RolloutEvent {
  const hinted = hint === undefined ? {} : { hint };
  return { kind: "failed", instance: formatRef(ref), error: message, ...hinted, log: [...log] };
}

function describeOutcome({ replaced, skipped, failed, remaining }: RolloutOutcome): RolloutEvent {
  const names = (refs: readonly InstanceRef[]) => refs.map(formatRef);
  return {
    kind: "done",
    replaced: names(replaced),
    skipped: names(skipped),
    failed: names(failed.map(({ ref }) => ref)),
    remaining: names(remaining),
  };
}

/** The events of one rollout, two for each instance at most, kept until their reader connects. */
class Progress {
  readonly #events: RolloutEvent[] = [];
  readonly #begun = Promise.withResolvers<void>();
  #sink: EventSink | null = null;
  #isOver = false;

  /** Resolves with the first event. */
  get begun(): Promise<void> {
    return this.#begun.promise;
  }

  add(event: RolloutEvent): void {
    this.#events.push(event);
    this.#begun.resolve();
    if (this.#sink !== null) sendTo(this.#sink, event);
  }

  end(): void {
    this.#isOver = true;
    this.#sink?.end();
  }

  /** @returns stops to send */
  sendTo(sink: EventSink): () => void {
    for (const event of this.#events) sendTo(sink, event);
    this.#sink = sink;
    if (this.#isOver) queueMicrotask(() => sink.end());
    return () => {
      this.#sink = null;
    };
  }
}

/** A slow reader misses steps, but never the outcome. */
function sendTo(sink: EventSink, event: RolloutEvent): void {
  if (event.kind === "done") sink.sendOutcome(event);
  else sink.send(event);
}
