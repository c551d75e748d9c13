// What a level of isolation is to the rest: something that encloses a launch, and knows its processes again.
import type { Endpoint } from "../core/endpoint.ts";
import { FailureError, type Gap, hintOf } from "../core/failure.ts";
import type { LaunchPlan } from "../core/launch-plan.ts";
import type { ChildRef } from "../core/life/instance.ts";
import type { InstanceRef, Slot } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import type { Child } from "../platform/process/spawner.ts";

/** Of which instance a launch is, and the port it has. */
export interface Placement {
  readonly service: Service;
  readonly ref: InstanceRef;
  /** Of the instance's two: what belongs to this launch alone is named by it. */
  readonly slot: Slot;
  readonly port: number;
}

/** What is around one launch. */
export interface Enclosure {
  /** Where the server reaches the application's socket. */
  readonly socketPath: string;
  /** Where the application may listen, as the server reaches it; whichever accepts first is used. */
  readonly endpoints: readonly Endpoint[];
  /** The user that the application runs as; null: the server's. */
  readonly owner: number | null;
  /** The control group that the command is started in; null: the server's own. */
  readonly cgroup: string | null;
  /** The command that runs `argv` inside. */
  wrap(argv: readonly string[]): readonly string[];
  /** Follows what that command has started. */
  follow(child: Child): Child;
  /** Brings `socketPath` up to date with the socket that the application listens on, if it does. */
  exposeSocket(): void;
  /** Nothing of the launch is left. */
  clear(): void;
}

export interface Level {
  /**
   * Makes what a launch needs on disk; the plan's program is resolved. Throws LEVEL_MISSING when it would not be seen
   * inside.
   */
  enclose(placement: Placement, plan: LaunchPlan): Enclosure;
  /** What is around a process of an earlier server; null when that was not started at this level. */
  recover(placement: Placement, child: ChildRef): Enclosure | null;
}

/** Refuses to start an instance at a level that this host can't provide; `otherwise` is one more way out. */
export function levelMissing(
  { isolation }: Service,
  gap: Gap,
  ...otherwise: readonly string[]
): FailureError {
  const reason = `isolation = "${isolation}" is not available: ${gap.reason}`;
  return new FailureError({ code: "LEVEL_MISSING", reason, hint: hintOf(gap, ...otherwise) });
}

/** On the host's network applications listen on the port, on IPv4 or IPv6, or on the socket. */
export function hostEndpoints(port: number, socketPath: string): readonly Endpoint[] {
  return [
    { kind: "tcp", host: "127.0.0.1", port },
    { kind: "unix", path: socketPath },
    { kind: "tcp", host: "::1", port },
  ];
}
