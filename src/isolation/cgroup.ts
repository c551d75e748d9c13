// Where control groups of launches are: `ten/SERVER/SERVICE:ID` in each hierarchy, outside the server's own group, so that
// tenants and their limits outlive the server. Made with their limits before anything runs in them.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf, TenError } from "../core/errors.ts";
import { type Limit, planLimits } from "../core/limits.ts";
import { type SlotRef, slotName } from "../core/ref.ts";
import type { Service } from "../core/service.ts";
import {
  applyLimit,
  ControlGroup,
  makeGroup,
  read,
  removeDirectory,
  write,
} from "./control-group.ts";
import { findHierarchies, type Hierarchies, type Hierarchy } from "./hierarchies.ts";
import type { Placement } from "./level.ts";

/** More than servers of one host that stop within a millisecond. */
const MAKE_ATTEMPTS_MAX = 10;

/** Why a limit was not applied; null: it was. */
type Outcomes = Map<Limit["key"], string | null>;

export class ControlGroups {
  readonly #dataDir: string;
  readonly #find: () => Hierarchies;
  /** The latest of each slot. A start that is given up leaves its groups, until another begins or the server ends. */
  readonly #opened = new Map<string, ControlGroup>();
  #hierarchies: Hierarchies | null = null;
  #server: string | null = null;

  constructor({ dataDir, find = findHierarchies }: { dataDir: string; find?: () => Hierarchies }) {
    this.#dataDir = dataDir;
    this.#find = find;
  }

  /**
   * Makes the groups of a launch, with the limits of its service. `helpers`: how many processes of the launcher will be in them.
   * Throws LEVEL_MISSING when a configured limit can't be applied; the default one is applied where it can be.
   */
  open(launch: Placement, helpers: number): ControlGroup {
    const { service } = launch;
    const outcomes: Outcomes = new Map();
    const directories = this.#known.found.flatMap((hierarchy) => {
      const limits = planLimits(service, { ...hierarchy, helpers })
        .filter(({ controller }) => hierarchy.controllers.includes(controller))
        // To join a group of version 1 costs every start some 10 ms, which nobody has asked for.
        .filter(({ isConfigured }) => isConfigured || hierarchy.version === 2);
      // Version 2 is always joined: it can kill everything in a group.
      if (limits.length === 0 && hierarchy.version === 1) return [];
      return this.#make({ hierarchy, launch, limits }, outcomes) ?? [];
    });
    const group = new ControlGroup(directories);
    this.#opened.set(nameOf(launch), group);
    const missing = configuredLimits(service).filter((key) => outcomes.get(key) !== null);
    if (missing.length === 0) return group;
    group.remove();
    const { lacks } = this.#known;
    const [reason = lacks.reason] = missing.flatMap((key) => outcomes.get(key) ?? []);
    throw refusal(service, missing, { ...lacks, reason });
  }

  /** The groups of a launch by an earlier server. */
  find(launch: SlotRef): ControlGroup {
    const directories = this.#known.found.map((hierarchy) => this.#directory(hierarchy, launch));
    return new ControlGroup(directories.filter((directory) => existsSync(directory)));
  }

  /** Kills and removes all groups of this server but those of the launches that it goes on with. */
  async sweep(kept: readonly SlotRef[]): Promise<void> {
    const names = new Set(kept.map(nameOf));
    const bases = this.#known.found.map((hierarchy) => this.#base(hierarchy));
    const strays = bases.flatMap((base) =>
      groupsIn(base)
        .filter((name) => !names.has(name))
        .map((name) => new ControlGroup([join(base, name)])),
    );
    await Promise.all(strays.map((group) => group.dissolve()));
  }

  /** Removes what the server itself needed, and groups that nothing was started in. */
  close(): void {
    for (const group of this.#opened.values()) group.remove();
    for (const hierarchy of this.#known.found) {
      removeDirectory(this.#base(hierarchy));
      removeDirectory(topOf(hierarchy));
    }
  }

  /** The directory of the group in one hierarchy; null where none can be made. */
  #make(
    part: { hierarchy: Hierarchy; launch: SlotRef; limits: readonly Limit[] },
    outcomes: Outcomes,
  ): string | null {
    const { hierarchy, launch, limits } = part;
    const directory = this.#directory(hierarchy, launch);
    try {
      prepare(hierarchy, this.#base(hierarchy));
      makeGroup(directory);
    } catch (error) {
      for (const { key } of limits) outcomes.set(key, messageOf(error));
      return null;
    }
    for (const limit of limits) outcomes.set(limit.key, applyLimit(directory, limit));
    return directory;
  }

  get #known(): Hierarchies {
    this.#hierarchies ??= this.#find();
    return this.#hierarchies;
  }

  #base(hierarchy: Hierarchy): string {
    this.#server ??= identify(this.#dataDir);
    return join(topOf(hierarchy), this.#server);
  }

  #directory(hierarchy: Hierarchy, launch: SlotRef): string {
    return join(this.#base(hierarchy), nameOf(launch));
  }
}

/** Throws LEVEL_MISSING when a service has a limit, where nothing can limit. */
export function refuseLimits(
  service: Service,
  lacks: { readonly reason: string; readonly remedy: string },
): void {
  const missing = configuredLimits(service);
  if (missing.length > 0) throw refusal(service, missing, lacks);
}

function configuredLimits(service: Service): Limit["key"][] {
  const limits = planLimits(service, { version: 2, helpers: 0 });
  return limits.filter(({ isConfigured }) => isConfigured).map(({ key }) => key);
}

function refusal(
  { name }: Service,
  missing: readonly Limit["key"][],
  { reason, remedy }: Hierarchies["lacks"],
): TenError {
  const keys = missing.join(", ");
  return new TenError("LEVEL_MISSING", `Cannot apply ${keys} to "${name}": ${reason}`, {
    hint: `Remove ${keys} from [service.${name}], or ${remedy}`,
  });
}

function topOf({ parent }: Hierarchy): string {
  return join(parent, "ten");
}

/** No file of a control group has a colon in its name, as "memory.max" could be that of an instance. */
function nameOf(launch: SlotRef): string {
  return `${launch.ref.service}:${slotName(launch)}`;
}

/** Two servers on one host must not meet, not even when each believes its directory to be /data. */
function identify(dataDir: string): string {
  const { dev, ino } = statSync(dataDir);
  const identity = `${realpathSync(dataDir)}\n${dev}:${ino}`;
  return createHash("sha256").update(identity).digest("hex").slice(0, 12);
}

function groupsIn(base: string): string[] {
  if (!existsSync(base)) return [];
  const entries = readdirSync(base, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Other servers remove the group above when they stop, unless a group is in it: perhaps between two steps of this. */
function makeBase(base: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      mkdirSync(base, { recursive: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt === MAKE_ATTEMPTS_MAX)
        throw error;
    }
  }
}

/**
 * Makes the groups above those of launches. In version 2 a controller has to be handed down from group to group, one by one:
 * of several in one go, one that is not there spoils all. Another program may have taken them back meanwhile.
 */
function prepare(hierarchy: Hierarchy, base: string): void {
  makeBase(base);
  if (hierarchy.version === 1) return;
  const enabled = read(join(base, "cgroup.subtree_control")).split(" ");
  const absent = hierarchy.controllers.filter((controller) => !enabled.includes(controller));
  for (const controller of absent) {
    for (const group of [hierarchy.parent, topOf(hierarchy), base])
      write(join(group, "cgroup.subtree_control"), `+${controller}`);
  }
}
