// A host with given files and programs.
import type { Gap } from "../../../src/core/failure.ts";
import type { Host } from "../../../src/platform/host.ts";

interface Traits {
  readonly platform?: NodeJS.Platform;
  readonly isRoot?: boolean;
  readonly landlock?: number | null;
  readonly dataDir?: string;
  readonly kvmObstacle?: Gap | null;
  readonly guestKernel?: string | null;
  /** Installed, by name. */
  readonly programs?: readonly string[];
}

export class FakeHost implements Host {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  readonly landlock: number | null;
  readonly dataDir: string;
  readonly #files: Readonly<Record<string, string>>;
  readonly #programs: readonly string[];
  readonly #traits: Traits;

  /** @param files their texts by path */
  constructor(files: Readonly<Record<string, string>>, traits: Traits = {}) {
    this.#files = files;
    this.#traits = traits;
    this.#programs = traits.programs ?? [];
    this.platform = traits.platform ?? "linux";
    this.isRoot = traits.isRoot ?? true;
    this.landlock = traits.landlock ?? null;
    this.dataDir = traits.dataDir ?? "/srv/data";
  }

  read(path: string): string | null {
    return this.#files[path] ?? null;
  }

  exists(path: string): boolean {
    return Object.hasOwn(this.#files, path);
  }

  findKvmObstacle(): Gap | null {
    return this.#traits.kvmObstacle ?? null;
  }

  findGuestKernel(): string | null {
    return this.#traits.guestKernel ?? null;
  }

  which(program: string): string | null {
    return this.#programs.includes(program) ? `/usr/bin/${program}` : null;
  }
}
