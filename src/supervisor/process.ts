// The process of one instance: launched or taken over, probed, remembered for the next server, buried.
import { type Endpoint, renderEndpoint } from "../core/endpoint.ts";
import { messageOf } from "../core/errors.ts";
import type { Event, ProbeAnswer } from "../core/instance.ts";
import type { InstanceRef } from "../core/ref.ts";
import { describeExit } from "../core/restart-policy.ts";
import type { Service } from "../core/service.ts";
import type { LogHub } from "../telemetry/log-hub.ts";
import type { InstanceJournal } from "./journal.ts";
import type { Launched, Launcher } from "./launcher.ts";
import type { Prober } from "./probe.ts";
import type { InstanceRecord } from "./record.ts";

export interface ProcessWorld {
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly logs: LogHub;
  /** The public host of an instance, as its health checks name it. */
  readonly hostOf: (ref: InstanceRef) => string;
  /** Something went wrong that no caller waits for. */
  readonly report: (error: unknown) => void;
}

interface Owner {
  readonly ref: InstanceRef;
  readonly service: Service;
  readonly journal: InstanceJournal;
  readonly record: InstanceRecord;
  readonly send: (event: Event) => void;
  /** Whether the instance comes to rest when its process is gone. */
  readonly restsNext: () => boolean;
}

export class InstanceProcess {
  readonly #parts: ProcessWorld & Owner;
  #launched: Launched | null = null;

  constructor(parts: ProcessWorld & Owner) {
    this.#parts = parts;
  }

  get launched(): Launched | null {
    return this.#launched;
  }

  launch(launch: number, storedEnv: Readonly<Record<string, string>>): void {
    const { launcher, ref, service, logs, send } = this.#parts;
    try {
      const launched = launcher.launch({ ref, service, slot: 0, storedEnv });
      this.follow(launched, launch);
      this.remember(null);
      send({ kind: "launched", launch, child: launched.child.ref });
    } catch (error) {
      logs.note(ref, `ten: ${messageOf(error)}`);
      send({ kind: "launchFailed", launch, reason: messageOf(error) });
    }
  }

  /** Tells the owner of the end of a process: its exit, and when nothing of it is left. */
  follow(launched: Launched, launch: number): void {
    const { journal, logs, ref, restsNext, send } = this.#parts;
    this.#launched = launched;
    const { child } = launched;
    void child.exited.then((exit) => {
      journal.exited(describeExit(exit));
      send({ kind: "exited", launch, exit });
      if (!restsNext() || exit.kind === "outOfMemory")
        logs.note(ref, `ten: the process ${describeExit(exit)}`);
    });
    void child.gone.then(() => this.#bury(launched, launch));
  }

  signal(signal: NodeJS.Signals): void {
    this.#launched?.child.signal(signal);
  }

  probe(launch: number, known: Endpoint | null): void {
    void this.#ask(known).then((answer) => this.#parts.send({ kind: "probed", launch, answer }));
  }

  /** Lets the next server find the process; `endpoint` is null until it is ready. */
  remember(endpoint: Endpoint | null): void {
    if (this.#launched === null) return;
    const { child, slot, port, socketPath, startedAt } = this.#launched;
    this.#parts.record.child({ child: child.ref, slot, port, socketPath, endpoint, startedAt });
  }

  async #ask(known: Endpoint | null): Promise<ProbeAnswer> {
    const { hostOf, prober, ref, service } = this.#parts;
    const launched = this.#launched;
    launched?.enclosure.exposeSocket();
    const endpoints = known === null ? this.#endpoints() : [known];
    const answer = await prober({ endpoints, health: service.health, host: hostOf(ref) });
    if (known !== null || launched === null || answer.kind === "unready") return answer;
    return (await isOwn(launched, answer.endpoint)) ? answer : strangersAnswer(answer.endpoint);
  }

  async #bury(launched: Launched, launch: number): Promise<void> {
    const { launcher, record, ref, report, restsNext, send, service } = this.#parts;
    launcher.retire(launched);
    if (!service.storagePersist && restsNext()) await launcher.wipe(ref).catch(report);
    this.#launched = null;
    record.child(null);
    send({ kind: "gone", launch });
  }

  /** Applications listen on the port, on IPv4 or IPv6, or on the socket: whichever accepts is used. */
  #endpoints(): Endpoint[] {
    if (this.#launched === null) return [];
    const { port, socketPath } = this.#launched;
    return [
      { kind: "tcp", host: "127.0.0.1", port },
      { kind: "unix", path: socketPath },
      { kind: "tcp", host: "::1", port },
    ];
  }
}

/** Whether the process itself listens there, and not a stranger who took its port before it did. */
export async function isOwn({ child }: Launched, endpoint: Endpoint): Promise<boolean> {
  return endpoint.kind === "unix" || (await child.listensOn(endpoint.port));
}

function strangersAnswer(endpoint: Endpoint): ProbeAnswer {
  return { kind: "unready", reason: `another program listens on ${renderEndpoint(endpoint)}` };
}
