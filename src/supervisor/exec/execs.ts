// The commands that operators run inside instances: how many, beside which process, and until when.
import { TenError } from "../../core/errors.ts";
import { FailureError, failureOf, InstanceError } from "../../core/failure.ts";
import { type Instance, isAtRest } from "../../core/life/instance.ts";
import {
  EXECS_PER_INSTANCE_MAX,
  formatRef,
  type InstanceRef,
  isSlot,
  PLACES,
} from "../../core/ref.ts";
import type { Exec, ExecRequest } from "../administration.ts";
import type { InstanceActor } from "../instance/actor.ts";
import type { InstanceWorld } from "../instance/instance-world.ts";
import type { Launched } from "../launch/launched.ts";
import { RunningExec } from "./running-exec.ts";

/** Each holds buffers of about a megabyte on its way to the client, and a launch. */
const EXECS_MAX = 32;

interface Entry {
  readonly ref: InstanceRef;
  readonly place: number;
  /** Null while it is being started. */
  exec: RunningExec | null;
  /** Why it is to end before it has started. */
  reason: string | null;
  readonly gone: PromiseWithResolvers<void>;
}

type State =
  | { readonly kind: "open" }
  /** "abandoned": volumes are the next server's. */
  | { readonly kind: "closed" | "abandoned"; readonly reason: string };

type ExecWorld = Pick<InstanceWorld, "clock" | "execLaunches" | "home" | "report">;

export class Execs {
  readonly #world: ExecWorld;
  readonly #entries = new Set<Entry>();
  #state: State = { kind: "open" };

  constructor(world: ExecWorld) {
    this.#world = world;
  }

  /** See `Administration.exec`. */
  async run(actor: InstanceActor, request: ExecRequest): Promise<Exec> {
    const { ref } = actor;
    if (this.#state.kind !== "open") throw unavailable(actor, this.#state.reason);
    const place = this.#takePlace(ref);
    const entry: Entry = { ref, place, exec: null, reason: null, gone: Promise.withResolvers() };
    this.#entries.add(entry);
    const release = actor.admission.stayAwake();
    const onGone = () => {
      this.#entries.delete(entry);
      release();
      entry.gone.resolve();
    };
    try {
      return await this.#start(actor, { entry, request, onGone });
    } catch (error) {
      onGone();
      if (!(error instanceof FailureError)) throw error;
      throw new InstanceError(ref, { verb: "run a command in", failure: failureOf(error) });
    }
  }

  /** Ends the commands in one instance; resolves when nothing of them is left. */
  endOf(ref: InstanceRef, reason: string): Promise<void> {
    const key = formatRef(ref);
    return this.#end(
      [...this.#entries].filter((entry) => formatRef(entry.ref) === key),
      reason,
    );
  }

  /** Ends all commands, and takes no more; resolves when nothing of them is left. */
  close(reason: string): Promise<void> {
    this.#state = { kind: "closed", reason };
    return this.#end([...this.#entries], reason);
  }

  /** Ends all commands; what is left of them the next server removes. */
  abandon(): void {
    this.close("the server is being replaced").catch(this.#world.report);
    this.#state = { kind: "abandoned", reason: "the server is being replaced" };
  }

  async #end(entries: readonly Entry[], reason: string): Promise<void> {
    for (const entry of entries) {
      entry.reason = reason;
      entry.exec?.kill(reason);
    }
    await Promise.all(entries.map(({ gone }) => gone.promise));
  }

  /** Throws RATE_LIMITED. */
  #takePlace(ref: InstanceRef): number {
    const name = formatRef(ref);
    const refuse = (state: string): never => {
      throw new TenError("RATE_LIMITED", `Cannot run a command in "${name}": ${state}`, {
        hint: "End one of them first",
      });
    };
    if (this.#entries.size >= EXECS_MAX) refuse(`${EXECS_MAX} commands run in instances`);
    const taken = [...this.#entries].filter((entry) => formatRef(entry.ref) === name);
    const isFree = (place: number) => !taken.some((entry) => entry.place === place);
    const place = PLACES.find((slot) => !isSlot({ ref, slot }) && isFree(slot));
    return place ?? refuse(`${EXECS_PER_INSTANCE_MAX} commands run in it`);
  }

  async #start(
    actor: InstanceActor,
    { entry, onGone, request }: { entry: Entry; request: ExecRequest; onGone: () => void },
  ): Promise<Exec> {
    const { home } = this.#world;
    const { ref, service } = actor;
    refuseStopping(actor);
    const isAlone = actor.processes.length === 0;
    const prepared = home.prepare({ ref, service, isAlone });
    const isOver = () => this.#state.kind !== "abandoned" && isAtRest(actor.instance.state);
    const release = home.hold(ref, isOver);
    try {
      await prepared;
      if (entry.reason !== null) throw unavailable(actor, entry.reason);
      const onEnd = () => {
        release();
        onGone();
      };
      return this.#launch(actor, { entry, request, onGone: onEnd });
    } catch (error) {
      release();
      throw error;
    }
  }

  #launch(
    actor: InstanceActor,
    { entry, onGone, request }: { entry: Entry; request: ExecRequest; onGone: () => void },
  ): Exec {
    const { clock, execLaunches, report } = this.#world;
    refuseStopping(actor);
    const beside = besideOf(actor);
    const { env: storedEnv, ref, service } = actor;
    const { place } = entry;
    const launched = execLaunches.launch({ ...request, ref, service, storedEnv, place, beside });
    const exec = new RunningExec({
      launched,
      clock,
      report,
      onGone,
      hasTerminal: request.terminal !== null,
    });
    entry.exec = exec;
    if (beside !== null) endWith(actor, exec);
    return exec;
  }
}

/** The running application; null: a command gets walls of its own. */
function besideOf({ instance, launched }: InstanceActor): Launched | null {
  return isAtRest(instance.state) ? null : launched;
}

/** Throws INSTANCE_UNAVAILABLE. */
function refuseStopping(actor: InstanceActor): void {
  const { kind } = actor.instance.state;
  if (kind === "draining" || kind === "stopping")
    throw unavailable(actor, "the instance is stopping");
}

function unavailable({ ref }: InstanceActor, state: string): TenError {
  const message = `Cannot run a command in "${formatRef(ref)}": ${state}`;
  return new TenError("INSTANCE_UNAVAILABLE", message, { hint: "Try again in a moment" });
}

/** Ends a command with the process beside which it runs, once that has drained. */
function endWith(actor: InstanceActor, exec: RunningExec): void {
  const { launch } = actor.instance;
  const isOver = (instance: Instance) => exec.isGone || !isServing(instance, launch);
  actor
    .until(isOver)
    .then(() => exec.hangUp("the application beside it was stopped"))
    .catch(() => undefined);
}

function isServing({ launch: first, second, state }: Instance, launch: number): boolean {
  if (first === launch)
    return !isAtRest(state) && state.kind !== "stopping" && state.kind !== "queued";
  return second?.launch === launch && second.kind !== "stopping";
}
