// The control groups of all launches: `ten/SERVER/SERVICE:ID` in each hierarchy, made with limits before a launch.
// They lie outside the server's own group, so that tenants and their limits outlive the server.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { FailureError, type Gap, hintOf } from "../../core/failure.ts";
import { type PlaceRef, type SlotRef, slotName } from "../../core/ref.ts";
import type { Service } from "../../core/service.ts";
import { codeOf } from "../../platform/files.ts";
import type { Placement } from "../level.ts";
import { type Controller, type Limit, planBackgroundLimits, planLimits } from "./cgroup-limits.ts";
import { applyLimit, ControlGroup, makeGroup, read, removeDirectory, write } from "./group.ts";
import { findHierarchies, type Hierarchies, type Hierarchy } from "./hierarchies.ts";

/** More than servers of one host that stop within a millisecond. */
const MAKE_ATTEMPTS_MAX = 10;

/** Why a limit was not applied; null: it was. */
type Outcomes = Map<Limit["key"], string | null>;

/** Configured limits that this host can't apply. */
interface LimitGap extends Gap {
  readonly keys: readonly Limit["key"][];
}

/** Of the server's own work; without a colon, so no launch has it. */
const BACKGROUND = "background";

export class ControlGroups {
  readonly #dataDir: string;
  readonly #find: () => Hierarchies;
  /** The latest of each slot. An abandoned start leaves its groups until the next start, or the end of the server. */
  readonly #opened = new Map<string, ControlGroup>();
  #hierarchies: Hierarchies | null = null;
  #server: string | null = null;

  constructor({ dataDir, find = findHierarchies }: { dataDir: string; find?: () => Hierarchies }) {
    this.#dataDir = dataDir;
    this.#find = find;
  }

  /**
   * Makes the groups of a launch, with the limits of its service. Throws LEVEL_MISSING when a configured limit
   * can't be applied; the default one is applied where it can be.
   * @param helpers processes of the launcher that will be in the groups
   */
  open(launch: Placement, helpers: number): ControlGroup {
    const made = this.attempt(launch, helpers);
    if (made instanceof ControlGroup) return made;
    throw refusal(launch.service, made);
  }

  /** Makes the groups as `open` does, but returns the limits that can't be applied. */
  attempt(launch: Placement, helpers: number): ControlGroup | LimitGap {
    const { service } = launch;
    const outcomes: Outcomes = new Map();
    const directories = this.#known.found.flatMap((hierarchy) => {
      const limits = planLimits(service, { ...hierarchy, helpers })
        .filter(({ controller }) => hierarchy.controllers.includes(controller))
        // Joining a group of version 1 costs every start some 10 ms, too much for a default.
        .filter(({ isConfigured }) => isConfigured || hierarchy.version === 2);
      // A group of version 2 always has a use: all of its processes can be killed at once.
      if (limits.length === 0 && hierarchy.version === 1) return [];
      return this.#make({ hierarchy, name: nameOf(launch), limits }, outcomes) ?? [];
    });
    const group = new ControlGroup(directories);
    this.#opened.set(nameOf(launch), group);
    const keys = configuredLimits(service).filter((key) => outcomes.get(key) !== null);
    if (keys.length === 0) return group;
    group.remove();
    const { lacks } = this.#known;
    const [reason = lacks.reason] = keys.flatMap((key) => outcomes.get(key) ?? []);
    return { ...lacks, reason, keys };
  }

  /** The groups of the server's own work on files of tenants; none where the host has none. */
  background(): ControlGroup {
    const known = this.#opened.get(BACKGROUND);
    if (known !== undefined) return known;
    const directories = this.#known.found.flatMap((hierarchy) => {
      const limits = planBackgroundLimits(hierarchy.version).filter(({ controller }) =>
        hierarchy.controllers.includes(controller),
      );
      if (limits.length === 0) return [];
      return this.#make({ hierarchy, name: BACKGROUND, limits }, new Map()) ?? [];
    });
    const group = new ControlGroup(directories);
    this.#opened.set(BACKGROUND, group);
    return group;
  }

  /** Whether a limit that a service does not set is applied, too. */
  canLimitByDefault(controller: Controller): boolean {
    return this.#known.found.some(
      ({ controllers, version }) => version === 2 && controllers.includes(controller),
    );
  }

  /** The groups of a launch by an earlier server. */
  find(launch: PlaceRef): ControlGroup {
    const directories = this.#known.found.map((hierarchy) =>
      this.#directory(hierarchy, nameOf(launch)),
    );
    return new ControlGroup(directories.filter((directory) => existsSync(directory)));
  }

  /** Kills and removes all groups of this server but those of the launches that are kept. */
  async sweep(kept: readonly SlotRef[]): Promise<readonly PromiseSettledResult<void>[]> {
    const names = new Set(kept.map(nameOf));
    const bases = this.#known.found.map((hierarchy) => this.#base(hierarchy));
    const strays = bases.flatMap((base) =>
      groupsIn(base)
        .filter((name) => !names.has(name))
        .map((name) => new ControlGroup([join(base, name)])),
    );
    return await Promise.allSettled(strays.map((group) => group.dissolve()));
  }

  /** Removes the groups above those of launches, and groups in which nothing was started. */
  close(): void {
    for (const group of this.#opened.values()) group.remove();
    for (const hierarchy of this.#known.found) {
      removeDirectory(this.#base(hierarchy));
      removeDirectory(topOf(hierarchy));
    }
  }

  /** Makes the group of a launch in one hierarchy; null where it can't be made. */
  #make(
    part: { hierarchy: Hierarchy; name: string; limits: readonly Limit[] },
    outcomes: Outcomes,
  ): string | null {
    const { hierarchy, name, limits } = part;
    const directory = this.#directory(hierarchy, name);
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
    this.#server ??= serverGroup(this.#dataDir);
    return join(topOf(hierarchy), this.#server);
  }

  #directory(hierarchy: Hierarchy, name: string): string {
    return join(this.#base(hierarchy), name);
  }
}

/** Throws LEVEL_MISSING when a service has a limit, on a host that can't apply any. */
export function refuseLimits(service: Service, gap: Gap): void {
  const keys = configuredLimits(service);
  if (keys.length > 0) throw refusal(service, { ...gap, keys });
}

function configuredLimits(service: Service): Limit["key"][] {
  const limits = planLimits(service, { version: 2, helpers: 0 });
  return limits.filter(({ isConfigured }) => isConfigured).map(({ key }) => key);
}

function refusal({ name }: Service, gap: LimitGap): FailureError {
  const keys = gap.keys.join(", ");
  return new FailureError({
    code: "LEVEL_MISSING",
    reason: `${keys} can't be applied: ${gap.reason}`,
    hint: `Remove ${keys} from [service.${name}], or ${hintOf(gap)}`,
  });
}

function topOf({ parent }: Hierarchy): string {
  return join(parent, "ten");
}

/** The name of a launch's group. Its colon keeps it apart from the files of a control group, such as memory.max. */
function nameOf(launch: PlaceRef): string {
  return `${launch.ref.service}:${slotName(launch)}`;
}

/** A name for this server, also where two containers of one host both have their data in /data. */
export function serverGroup(dataDir: string): string {
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
      if (codeOf(error) !== "ENOENT" || attempt === MAKE_ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * Makes the groups above those of launches. In version 2 a controller is enabled from group to group, one by one:
 * with several in one write, an absent one makes all fail. Another program may have disabled them meanwhile.
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
