// The levels of isolation: what a host can provide, and how an instance is enclosed.
import { lchownSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { unreachable } from "../core/assert.ts";
import { TenError } from "../core/errors.ts";
import { socketPathOf } from "../core/launch-plan.ts";
import type { InstanceRef } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import { USER_ID_MAX, USER_ID_MIN } from "../core/walls.ts";
import type { Enclosure, Level } from "./level.ts";
import { NamespaceLevel, type NamespaceParts } from "./namespace.ts";
import { isRoot } from "./owner.ts";

export class Isolation {
  readonly #namespace: NamespaceLevel;
  readonly #process: Level;

  constructor(parts: NamespaceParts) {
    this.#namespace = new NamespaceLevel(parts);
    this.#process = processLevel(parts.dataDir, this.#namespace);
  }

  /** Throws LEVEL_MISSING for a level or a limit that can't be provided: nothing falls back to a weaker one. */
  choose(service: Service): Level {
    const level = this.level(service);
    if (level === null) {
      throw new TenError(
        "LEVEL_MISSING",
        `Cannot isolate "${service.name}": this version does not provide the level "${service.isolation}"`,
        { hint: 'Set isolation = "namespace" or "process"' },
      );
    }
    const limit = configuredLimit(service);
    if (limit === null) return level;
    throw new TenError(
      "LEVEL_MISSING",
      `Cannot limit "${service.name}": this version does not apply ${limit}`,
      { hint: `Remove ${limit} from [service.${service.name}]` },
    );
  }

  /** The level of a service, whatever this host has; null: this version lacks it. */
  level({ isolation }: Service): Level | null {
    switch (isolation) {
      case "process":
        return this.#process;
      case "namespace":
        return this.#namespace;
      case "sandbox":
      case "qemu":
      case "firecracker":
        return null;
      default:
        return unreachable(isolation);
    }
  }

  /** Removes what an earlier launch of an instance has left around it. */
  forget(ref: InstanceRef): void {
    this.#namespace.forget(ref);
  }
}

function configuredLimit(service: Service): string | null {
  if (service.memoryLimitBytes !== null) return "memory_limit_mb";
  return service.cpuShares === null ? null : "cpu_shares";
}

/** Nothing is hidden; the process group is the only wall. */
function processLevel(dataDir: string, walled: NamespaceLevel): Level {
  return {
    enclose(_, { instanceDir, socketPath }) {
      takeBack(instanceDir);
      mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
      // Left by an earlier launch, it would keep the application from listening.
      rmSync(socketPath, { force: true });
      return openly(socketPath);
    },
    recover(placement, child) {
      if (walled.recover(placement, child) !== null) return null;
      return openly(socketPathOf({ ...placement, dataDir }));
    },
  };
}

function openly(socketPath: string): Enclosure {
  return {
    socketPath,
    owner: null,
    wrap: (argv) => argv,
    follow: (child) => child,
    exposeSocket: () => undefined,
    clear: () => rmSync(socketPath, { force: true }),
  };
}

/** A directory of a walled user: later files in it will be the server's, which a change back to walls has to notice. */
function takeBack(instanceDir: string): void {
  const { uid } = lstatSync(instanceDir);
  if (isRoot() && uid >= USER_ID_MIN && uid <= USER_ID_MAX) lchownSync(instanceDir, 0, 0);
}
