// The arguments of the attack, and its report.
import { readlinkSync } from "node:fs";
import type { Network } from "../../src/core/service.ts";

/** `root`: started by root, a user for each tenant. `rootless`: started by an ordinary user, who owns both. */
export type Kind = "root" | "rootless";

/** By their names in the attack. */
export interface Targets {
  readonly kind: Kind;
  readonly network: Network;
  readonly "host-name": string;
  /** The data directory, and the entries that the tenant may see of it and of what leads to its own. */
  readonly data: string;
  readonly "data-entries": string;
  readonly database: string;
  readonly other: string;
  readonly secret: string;
  readonly "secret-start": string;
  readonly "secret-end": string;
  /** A hidden directory, a file in it, and what the tenant may read of it. */
  readonly hidden: string;
  readonly "hidden-canary": string;
  readonly "read-directory": string;
  readonly "read-canary": string;
  /** Files with settings of all services, in directories that the tenant may read. */
  readonly configuration: string;
  readonly "env-file": string;
  /** A writable working directory, with a file and a hidden one, and a state path; left out at levels without them. */
  readonly work?: string;
  readonly "work-file"?: string;
  readonly "work-secret"?: string;
  readonly state?: string;
  /** Where both tenants keep what they have changed. */
  readonly "own-layer"?: string;
  readonly "other-layer"?: string;
  readonly "other-state"?: string;
  /** Data of others on the host: files that are closed to all but their owner, and files for everybody. */
  readonly "private-canary": string;
  readonly "etc-canary": string;
  readonly "srv-canary": string;
  readonly "mnt-canary": string;
  /** What everybody may write, on the host. */
  readonly "canary-directory": string;
  readonly canary: string;
  readonly "tmp-canary": string;
  readonly "var-tmp-canary": string;
  readonly "run-canary": string;
  readonly "shm-canary": string;
  /** The attack itself, owned by root and set-user-id. */
  readonly "setuid-copy": string;
  readonly "other-pid": number;
  readonly "server-pid": number;
  /** The tenant's own; left out where the tenant itself knows. */
  readonly port?: number;
  readonly "other-port": number;
  readonly "idle-port": number;
  readonly abstract: string;
  readonly "other-socket": string;
  readonly "own-socket"?: string;
  readonly "shm-key": number;
}

/** The arguments of the attack, also those by which it recognizes that it is inside. */
export function renderFacts(targets: Targets): readonly string[] {
  const namespaces = ["pid", "mnt", "ipc", "uts", "cgroup"].map(
    (name) => `host-${name}=${readlinkSync(`/proc/self/ns/${name}`)}`,
  );
  return [...Object.entries(targets).map(([name, value]) => `${name}=${value}`), ...namespaces];
}

export interface Report {
  /** The details of failed checks, by name. */
  readonly failed: Readonly<Record<string, string>>;
  readonly open: readonly string[];
  readonly held: readonly string[];
}

/** Reads lines "ok NAME", "FAIL NAME: detail", "open NAME: detail". */
export function readReport(output: string): Report {
  const lines = output
    .split("\n")
    .map((line) => /^(ok|FAIL|open) ([\w-]+)(?:: (.*))?$/.exec(line) ?? []);
  const named = (kind: string) => lines.filter((line) => line[1] === kind);
  return {
    failed: Object.fromEntries(named("FAIL").map((line) => [line[2], line[3]])),
    open: named("open").map((line) => line[2] ?? ""),
    held: named("ok").map((line) => line[2] ?? ""),
  };
}
