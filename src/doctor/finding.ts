// A finding about the host, and the needs of services that it leaves unmet.
import type { IsolationLevel, Service } from "../core/service.ts";

/** The sections of a report, in its order. */
export const FINDING_GROUPS = [
  "host",
  "namespace",
  "sandbox",
  "virtual machines",
  "limits",
  "storage",
  "network",
  "resources",
  "server",
] as const;
export type FindingGroup = (typeof FINDING_GROUPS)[number];

/** "warning": it works, with a restriction. "missing": the needs in `blocks`, if any, can't be met. */
export type FindingState = "ok" | "warning" | "missing";

/** A requirement of a service: a level of isolation, or a key of its configuration. */
export type Need =
  | `isolation=${IsolationLevel}`
  | "memory_limit_mb"
  | "cpu_shares"
  | "cpu_limit"
  | "io_weight"
  | "pids_limit"
  | "storage_enforce=hard"
  | "network=private"
  | "qemu_accel=kvm"
  /** That of the service with this name. */
  | `command:${string}`;

export interface Finding {
  /** For programs, unique in a report: "kernel", "sandbox.runsc". */
  readonly id: string;
  readonly group: FindingGroup;
  /** For people, in a few words: "Landlock". */
  readonly title: string;
  readonly state: FindingState;
  /** The present state: "ABI 7", "not installed". */
  readonly found: string;
  /** The consequence for the operator; null when the state is "ok". */
  readonly meaning: string | null;
  /** A command or an instruction; several lines are alternatives. Null: there is nothing to do. */
  readonly remedy: string | null;
  /** The needs that can't be met while the state is "missing". */
  readonly blocks: readonly Need[];
}

/** A need of a service that the host does not meet. */
export interface UnmetNeed {
  readonly service: string;
  readonly need: Need;
  readonly finding: Finding;
}

/** A finding without a restriction. */
export function fine(finding: Pick<Finding, "id" | "group" | "title" | "found">): Finding {
  return { ...finding, state: "ok", meaning: null, remedy: null, blocks: [] };
}

/** The needs of a service, by its configuration. */
export function needsOf(service: Service): readonly Need[] {
  const { machine, isolation, pidsLimit } = service;
  const needs: readonly (readonly [Need, boolean])[] = [
    [`isolation=${isolation}`, true],
    ["memory_limit_mb", service.memoryLimitBytes !== null],
    ["cpu_shares", service.cpuShares !== null],
    ["cpu_limit", service.cpuLimit !== null],
    ["io_weight", service.ioWeight !== null],
    ["pids_limit", pidsLimit !== null && pidsLimit > 0],
    ["storage_enforce=hard", service.storageEnforce === "hard"],
    ["network=private", service.network === "private"],
    ["qemu_accel=kvm", isolation === "qemu" && machine.accel === "kvm"],
  ];
  return needs.filter(([, isWanted]) => isWanted).map(([need]) => need);
}

/** That a tenant sees the programs of its command. */
export function commandOf({ name }: Pick<Service, "name">): Need {
  return `command:${name}`;
}

/** The needs of the services that the findings rule out, in the order of the services. */
export function findUnmetNeeds(
  services: Iterable<Service>,
  findings: readonly Finding[],
): UnmetNeed[] {
  const missing = findings.filter(({ state }) => state === "missing");
  return [...services].flatMap((service) =>
    [...needsOf(service), commandOf(service)].flatMap((need) =>
      missing
        .filter(({ blocks }) => blocks.includes(need))
        .map((finding) => ({ service: service.name, need, finding })),
    ),
  );
}

/** `isolation = "sandbox"`, or the key alone. */
export function renderNeed(need: Need): string {
  const [key = "", value] = need.replace(/:.*/, "").split("=");
  return value === undefined ? key : `${key} = "${value}"`;
}
