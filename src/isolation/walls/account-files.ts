// The files of a tenant's account: /etc/passwd and /etc/group of the host with one more line, kept for each instance.
import { lstatSync, mkdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { ACCOUNT_FILES, type Account, type AccountFile, addAccount } from "../../core/account.ts";
import type { InstanceRef } from "../../core/ref.ts";
import type { Mount } from "../../core/walls.ts";
import { replaceFile } from "../../platform/files.ts";

/** Readable for the tenant, whose user owns neither. */
const MODE = 0o644;

export class AccountFiles {
  readonly #directory: string;
  /** What each file was made from, by its path: no more than the instances that have run since the server's start. */
  readonly #origins = new Map<string, string>();

  constructor(dataDir: string) {
    // No service can have this name.
    this.#directory = `${dataDir}/.accounts`;
  }

  /** At their places inside. A file is written only when the host's file or the account has changed. */
  mounts(ref: InstanceRef, account: Account): readonly Mount[] {
    return ACCOUNT_FILES.flatMap((file) => {
      const host = lstatSync(`/etc/${file}`, { throwIfNoEntry: false });
      // Where the host keeps its accounts elsewhere there is no place for the file.
      if (!host?.isFile()) return [];
      const origin = JSON.stringify([host.ino, host.size, host.mtimeMs, host.ctimeMs, account]);
      const outside = realpathSync(this.#keep(ref, { file, origin, account }));
      return [{ outside, inside: `/etc/${file}`, access: "read" }];
    });
  }

  forget(ref: InstanceRef): void {
    const directory = this.#directoryOf(ref);
    for (const file of ACCOUNT_FILES) this.#origins.delete(`${directory}/${file}`);
    rmSync(directory, { recursive: true, force: true });
  }

  #directoryOf({ service, id }: InstanceRef): string {
    return `${this.#directory}/${service}/${id}`;
  }

  #keep(
    ref: InstanceRef,
    { account, file, origin }: { account: Account; file: AccountFile; origin: string },
  ): string {
    const directory = this.#directoryOf(ref);
    const path = `${directory}/${file}`;
    if (this.#origins.get(path) !== origin) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      replaceFile(path, addAccount(file, readFileSync(`/etc/${file}`, "utf8"), account), MODE);
      this.#origins.set(path, origin);
    }
    return path;
  }
}

/** @param owner the instance's own user; null: the server's */
export function accountOf(owner: number | null, home: string): Account {
  const user = owner ?? process.geteuid?.() ?? 0;
  return { user, group: owner ?? process.getegid?.() ?? user, home };
}
