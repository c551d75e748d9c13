// The processes of an instance, one or two: launched or adopted, probed, followed to their end, recorded for the next
// server.
import type { Endpoint } from "../../core/endpoint.ts";
import { messageOf } from "../../core/errors.ts";
import { failureOf, InstanceError } from "../../core/failure.ts";
import type { Event, Exit, Instance, ProbeAnswer } from "../../core/life/instance.ts";
import { describeExit } from "../../core/life/restart-policy.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import type { ChildRecord } from "../../database/instances.ts";
import type { LogHub } from "../../logs/hub.ts";
import type { Clock } from "../../platform/clock.ts";
import { isOutOfDescriptors } from "../../platform/kernel/descriptors.ts";
import type { UnixPeer } from "../../platform/kernel/unix-peer.ts";
import type { InstanceHome } from "../launch/home.ts";
import type { Launched } from "../launch/launched.ts";
import type { Launches } from "../launch/launches.ts";
import { fileOf, isOwn, isOwnPeer } from "./own-endpoint.ts";
import { ANY_ANSWER, type HealthCheck, type Prober, takenByAnother } from "./probe.ts";
import type { InstanceRecord } from "./record.ts";
import { shapeOf } from "./shape.ts";
import type { StoryRecorder } from "./story.ts";

/** An exit is known within it, also one that the server has to poll for. */
const EXIT_NOTICE_MS_MAX = 1000;

export interface ProcessWorld {
  readonly clock: Clock;
  readonly launches: Launches;
  readonly home: InstanceHome;
  readonly prober: Prober;
  readonly logs: LogHub;
  /** The public hostname of an instance, as its health checks name it. */
  readonly hostnameOf: (ref: InstanceRef) => string;
  /** Reports an error that no caller waits for. */
  readonly report: (error: unknown) => void;
}

interface Owner {
  readonly ref: InstanceRef;
  /** As it is configured now. */
  readonly service: () => Service;
  readonly story: StoryRecorder;
  readonly record: InstanceRecord;
  readonly send: (event: Event) => void;
  readonly instance: () => Instance;
}

interface Process {
  readonly launched: Launched;
  /** Null: launched by an earlier version, which did not record it. */
  readonly shape: string | null;
  /** Null until it is ready. */
  endpoint: Endpoint | null;
  /** The socket's file when its peer was last checked; null: not yet, or it is no socket's. */
  file: string | null;
}

/** `known`: where it serves, null where that is to be found. Without a check an accepted connection is enough. */
interface Question {
  readonly known: Endpoint | null;
  readonly check: HealthCheck | null;
}

export class InstanceProcesses {
  readonly #parts: ProcessWorld & Owner;
  /** By launch. */
  readonly #processes = new Map<number, Process>();
  /** Launches that have no process yet. */
  readonly #pending = new Set<number>();

  constructor(parts: ProcessWorld & Owner) {
    this.#parts = parts;
  }

  of(launch: number): Launched | null {
    return this.#processes.get(launch)?.launched ?? null;
  }

  get all(): readonly Launched[] {
    return [...this.#processes.values()].map(({ launched }) => launched);
  }

  /** Whether the main process of a launch runs. Its exit has been acted upon when this resolves with false. */
  async isRunning(launch: number): Promise<boolean> {
    const child = this.of(launch)?.child;
    if (child === undefined || child.isRunning()) return child !== undefined;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#parts.clock.after(EXIT_NOTICE_MS_MAX, () => resolve(true));
    child.exited.then(
      () => resolve(false),
      () => resolve(false),
    );
    return promise.finally(cancel);
  }

  /** Whether the configuration that shapes a process has changed since its launch. */
  isOutdated(launch: number): boolean {
    const { shape = null } = this.#processes.get(launch) ?? {};
    return shape !== null && shape !== shapeOf(this.#parts.service());
  }

  /** Synchronous where it can be, because a waiting request pays for every turn. */
  launch(launch: number, storedEnv: Readonly<Record<string, string>>): void {
    const { home, ref, service, story } = this.#parts;
    story.launching();
    this.#pending.add(launch);
    const prepared = home.prepare({ ref, service: service(), isAlone: this.#processes.size === 0 });
    if (prepared === null) this.#start(launch, storedEnv);
    else {
      prepared.then(
        () => this.#start(launch, storedEnv),
        (error) => this.#fail(launch, error),
      );
    }
  }

  /** No process starts for the launch, whenever its preparation ends. */
  cancel(launch: number): void {
    this.#pending.delete(launch);
  }

  #start(launch: number, storedEnv: Readonly<Record<string, string>>): void {
    if (!this.#pending.delete(launch)) return;
    const { launches, ref, service, send, story } = this.#parts;
    try {
      const slot = this.all.some((other) => other.slot === 0) ? 1 : 0;
      const launched = launches.launch({ ref, service: service(), slot, storedEnv });
      story.launched({ slot, port: launched.port });
      this.follow(launched, { launch, endpoint: null, shape: shapeOf(service()) });
      this.#record();
      send({ kind: "launched", launch, child: launched.child.ref });
    } catch (error) {
      this.#fail(launch, error);
    }
  }

  #fail(launch: number, error: unknown): void {
    this.#pending.delete(launch);
    const { logs, ref, send } = this.#parts;
    const failure = failureOf(error);
    logs.note(ref, new InstanceError(ref, { verb: "start", failure }).message);
    send({ kind: "launchFailed", launch, failure });
  }

  /** Reports the exit of a process, and when no process of its launch is left. */
  follow(
    launched: Launched,
    { launch, ...process }: { launch: number } & Omit<Process, "launched" | "file">,
  ): void {
    const { report } = this.#parts;
    this.#processes.set(launch, { launched, ...process, file: null });
    const { child } = launched;
    const unknown = (error: unknown): Exit => {
      report(error);
      return { kind: "unknown" };
    };
    child.exited
      .catch(unknown)
      .then((exit) => this.#exited(launched, { launch, exit }))
      .catch(report);
    // Processes that can't be ended are reported. To wait for them would leave the instance unusable.
    child.gone
      .catch(report)
      .then(() => this.#cleanUp(launched, launch))
      .catch(report);
  }

  /** Leaves the processes to another server. */
  abandon(): void {
    this.#pending.clear();
    this.#processes.clear();
  }

  signal(launch: number, signal: NodeJS.Signals): void {
    try {
      this.of(launch)?.child.signal(signal);
    } catch (error) {
      // A deadline follows that sends the next one.
      this.#parts.report(error);
    }
  }

  probe(launch: number, known: Endpoint | null): void {
    const { report, send } = this.#parts;
    this.#question(launch, { known, check: this.#checkOf(launch) })
      .then((answer) => send({ kind: "probed", launch, answer }))
      .catch(report);
  }

  /** Records that a process serves at an endpoint. */
  serves(launch: number, endpoint: Endpoint): void {
    const process = this.#processes.get(launch);
    if (process !== undefined) process.endpoint = endpoint;
    this.#record();
  }

  /** Records the processes, and which of them serves, for the next server. */
  #record(): void {
    const { instance, record } = this.#parts;
    const { launch } = instance();
    const recordOf = (found: Process | undefined) => (found === undefined ? null : toRecord(found));
    const [, second] = [...this.#processes].find(([each]) => each !== launch) ?? [];
    record.children({ child: recordOf(this.#processes.get(launch)), second: recordOf(second) });
  }

  /** Asks the process that serves. Never rejects. */
  askServing(check: HealthCheck): Promise<ProbeAnswer> {
    const { launch, state } = this.#parts.instance();
    const known = state.kind === "running" ? state.endpoint : null;
    return this.#question(launch, { known, check });
  }

  #question(launch: number, question: Question): Promise<ProbeAnswer> {
    const asked = this.#ask(launch, question);
    return asked.catch((error) => ({ kind: "unready", reason: messageOf(error) }));
  }

  async #ask(launch: number, { known, check }: Question): Promise<ProbeAnswer> {
    const { hostnameOf, prober, ref } = this.#parts;
    const process = this.#processes.get(launch);
    if (process === undefined) return { kind: "unasked" };
    const { launched } = process;
    launched.enclosure.exposeSocket();
    const endpoints = known === null ? launched.enclosure.endpoints : [known];
    const hasServed = known !== null && isSame(process, known);
    const isOwnSocket = (peer: UnixPeer | null) => isOwnPeer(launched, peer);
    const question = { endpoints, check, host: hostnameOf(ref), hasServed };
    const answer = await prober({ ...question, isOwn: isOwnSocket });
    if (answer.kind !== "ready") return answer;
    process.file = fileOf(launched, answer.endpoint);
    if (known !== null || (await isOwn(launched, answer.endpoint))) return answer;
    return isOutOfDescriptors() ? { kind: "unasked" } : takenByAnother(answer.endpoint);
  }

  /** Without a health check, a start is ready when it accepts a connection, and a replacement when it answers. */
  #checkOf(launch: number): HealthCheck | null {
    const { instance, service } = this.#parts;
    const { health } = service();
    if (health !== null) return { path: health, accepts: "success" };
    return instance().second?.launch === launch ? ANY_ANSWER : null;
  }

  #exited(launched: Launched, { exit, launch }: { exit: Exit; launch: number }): void {
    const { instance, story, logs, ref, send } = this.#parts;
    if (this.of(launch) !== launched) return;
    const isReplaced = wasReplaced(instance(), launch);
    story.exited(describeExit(exit));
    const isFailure = !(exit.kind === "code" && exit.code === 0);
    const hint = isFailure ? this.#explain(launched) : null;
    send({ kind: "exited", launch, exit, hint });
    const isExpected = isReplaced || restsNext(instance());
    if (!isExpected || exit.kind === "outOfMemory") {
      logs.note(ref, `the process ${describeExit(exit)}`);
    }
  }

  /** An exit has to be acted upon, also where it can't be explained. */
  #explain({ enclosure }: Launched): string | null {
    try {
      return enclosure.explainFailedStart();
    } catch (error) {
      this.#parts.report(error);
      return null;
    }
  }

  /** Whatever fails here, the launch is over. */
  async #cleanUp(launched: Launched, launch: number): Promise<void> {
    if (this.of(launch) !== launched) return;
    const { home, instance, launches, ref, report, send, service } = this.#parts;
    launches.retire(launched);
    this.#processes.delete(launch);
    const wipes = !service().storagePersist && this.#processes.size === 0 && restsNext(instance());
    if (wipes) await home.wipe(ref).catch(report);
    this.#record();
    send({ kind: "gone", launch });
  }
}

/** Whether no start follows the end of the process. */
function restsNext({ state }: Instance): boolean {
  if (state.kind !== "stopping") return false;
  return state.after.kind !== "start" && state.after.kind !== "crashed";
}

/** Whether a process ends because its replacement serves. */
function wasReplaced({ second }: Instance, launch: number): boolean {
  return second?.launch === launch && second.kind !== "starting";
}

function toRecord({ launched, endpoint, shape }: Process): ChildRecord {
  const { child, slot, port, extraPorts, socketPath, startedAt } = launched;
  return { child: child.ref, slot, port, extraPorts, socketPath, endpoint, startedAt, shape };
}

/** Whether the socket has not been replaced since its peer was checked. */
function isSame({ file, launched }: Process, endpoint: Endpoint): boolean {
  return file === null || file === fileOf(launched, endpoint);
}
