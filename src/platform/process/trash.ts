// The trash of the data directory: trees that are moved there at once, and deleted later, one after the other.
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import type { Clock } from "../clock.ts";
import { codeOf } from "../files.ts";
import { isRoot } from "../owner.ts";
import type { Trees } from "./trees.ts";

export interface TrashParts {
  readonly dataDir: string;
  readonly trees: Pick<Trees, "delete">;
  readonly clock: Clock;
  /** Reports trees that can't be deleted to the operator. */
  readonly report: (event: unknown) => void;
}

/** Trees that one process deletes: most hold a few files, and a process costs some milliseconds. */
const TOGETHER_MAX = 64;

/** Instances that end together have their files deleted together, and a start right after an end does not wait. */
const GATHER_MS = 250;

export class Trash implements AsyncDisposable {
  readonly #parts: TrashParts;
  readonly #directory: string;
  readonly #stop = new AbortController();
  /** Names in the directory that can't be deleted; the next server tries again. */
  readonly #left = new Set<string>();
  #work: Promise<void> | null = null;
  #endGathering: () => void = () => undefined;

  constructor(parts: TrashParts) {
    this.#parts = parts;
    // No service can have this name.
    this.#directory = `${parts.dataDir}/.trash`;
  }

  /** Moves a tree away at once, and has it deleted later. Throws EXDEV for one on another file system. */
  moveAway(path: string): void {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    // To move a directory, an ordinary user must be allowed to write it.
    if (!isRoot() && found.isDirectory()) chmodSync(path, 0o700);
    renameSync(path, join(this.#directory, crypto.randomUUID()));
    this.empty();
  }

  /** Moves a tree away, or deletes it where it is on another file system; resolves when its path is free. */
  async discard(path: string): Promise<void> {
    try {
      this.moveAway(path);
    } catch (error) {
      if (codeOf(error) !== "EXDEV") throw error;
      await this.#parts.trees.delete([path], this.#stop.signal);
    }
  }

  /** Has everything deleted that is there, also by an earlier server. */
  empty(): void {
    if (this.#work !== null || this.#names().length === 0) return;
    this.#work = this.#deleteAll().catch(this.#parts.report);
  }

  /** Resolves when nothing is deleted any more; the next server goes on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#endGathering();
    await this.#work;
  }

  async #deleteAll(): Promise<void> {
    try {
      await this.#gather();
      for (let names = this.#names(); names.length > 0; names = this.#names()) {
        await this.#delete(names.slice(0, TOGETHER_MAX));
      }
    } finally {
      this.#work = null;
    }
  }

  async #gather(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endGathering = resolve;
    const cancel = this.#parts.clock.after(GATHER_MS, resolve);
    await promise;
    cancel();
  }

  async #delete(names: readonly string[]): Promise<void> {
    const paths = names.map((name) => join(this.#directory, name));
    try {
      await this.#parts.trees.delete(paths, this.#stop.signal);
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const left = new Set(this.#names());
      for (const name of names) if (left.has(name)) this.#left.add(name);
      this.#parts.report(`Cannot delete files of ended instances: ${messageOf(error)}`);
    }
  }

  #names(): readonly string[] {
    if (this.#stop.signal.aborted || !existsSync(this.#directory)) return [];
    return readdirSync(this.#directory).filter((name) => !this.#left.has(name));
  }
}
