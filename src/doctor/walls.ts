// Examines the walls between tenants: whether there is a launcher, and whether it may build them.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Gap } from "../core/failure.ts";
import { installLauncher } from "../isolation/launcher/launcher-program.ts";
import { attemptWalls } from "../isolation/walls/wall-check.ts";
import type { Host } from "../platform/host.ts";
import { type Finding, fine, type Need } from "./finding.ts";

const BLOCKS: readonly Need[] = [
  "isolation=namespace",
  "isolation=sandbox",
  "isolation=qemu",
  "isolation=firecracker",
  "network=private",
];

/** Null: this build has no launcher. */
type Attempt = (host: Host) => { readonly gap: Gap | null } | null;

export function examineWalls(host: Host, attempt: Attempt = attemptHere): readonly Finding[] {
  if (host.platform !== "linux") return [];
  const who = host.isRoot
    ? "as root, a user of its own for each instance"
    : "as an ordinary user, all instances with that user's rights";
  const launcher = { id: "namespace.launcher", group: "namespace", title: "launcher" } as const;
  const walls = { id: "namespace.walls", group: "namespace", title: "walls" } as const;
  const tried = attempt(host);
  if (tried === null) {
    return [
      {
        ...launcher,
        state: "missing",
        found: "not in this build, which was made without a C compiler",
        meaning: "No walls can be built around tenants",
        remedy: "apt-get install gcc libc6-dev, and build ten anew",
        blocks: BLOCKS,
      },
    ];
  }
  const { gap } = tried;
  const present = fine({ ...launcher, found: "in this build" });
  if (gap === null) return [present, fine({ ...walls, found: `tried: ${who}` })];
  const { reason, remedy } = gap;
  const meaning = "Nothing can be started behind walls";
  return [present, { ...walls, state: "missing", found: reason, meaning, remedy, blocks: BLOCKS }];
}

/** Uses the installed launcher if there is one: a profile of AppArmor applies to its path. */
function attemptHere({ dataDir }: Host): { readonly gap: Gap | null } | null {
  if (existsSync(`${dataDir}/.launcher/ten-launcher`)) return attemptIn(dataDir, dataDir);
  const directory = mkdtempSync(join(tmpdir(), "ten-doctor-"));
  try {
    return attemptIn(directory, dataDir);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function attemptIn(directory: string, dataDir: string): { readonly gap: Gap | null } | null {
  const launcher = installLauncher(directory);
  return launcher === null
    ? null
    : { gap: attemptWalls(launcher, `${dataDir}/.launcher/ten-launcher`) };
}
