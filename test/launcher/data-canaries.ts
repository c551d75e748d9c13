// Files of others in the directories where a host keeps data, which no tenant sees.
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Targets } from "./attack-report.ts";

type Facts = Pick<Targets, "private-canary" | "etc-canary" | "srv-canary" | "mnt-canary">;

export interface DataCanaries extends Disposable {
  readonly facts: Facts;
}

/** @param owner of the files that are closed to all others */
export function makeDataCanaries(owner: number): DataCanaries {
  const name = `ten-data-${process.pid}-${owner}`;
  const facts = {
    "private-canary": join("/var/lib", name, "key"),
    "etc-canary": join("/etc", name, "key"),
    "srv-canary": join("/srv", name, "rows"),
    "mnt-canary": join("/mnt", name, "rows"),
  };
  for (const path of Object.values(facts)) {
    mkdirSync(dirname(path), { recursive: true });
    chmodSync(dirname(path), 0o755);
    writeFileSync(path, "data");
    chmodSync(path, 0o644);
  }
  for (const path of [facts["private-canary"], facts["etc-canary"]]) {
    chownSync(path, owner, owner);
    chmodSync(path, 0o600);
  }
  return {
    facts,
    [Symbol.dispose]() {
      for (const path of Object.values(facts)) rmSync(dirname(path), { recursive: true });
    },
  };
}
