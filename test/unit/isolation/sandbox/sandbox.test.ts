import { expect, test } from "bun:test";
import { ControlGroups } from "../../../../src/isolation/cgroup/groups.ts";
import { LaunchDirectories } from "../../../../src/isolation/launcher/launcher-directory.ts";
import type { RunscFinding } from "../../../../src/isolation/sandbox/runsc.ts";
import { SandboxLevel } from "../../../../src/isolation/sandbox/sandbox.ts";
import { AccountFiles } from "../../../../src/isolation/walls/account-files.ts";
import { NamespaceLevel } from "../../../../src/isolation/walls/namespace.ts";
import { PLACE, serviceWith } from "../../../support/service.ts";

const dataDir = "/none";
const walls = new NamespaceLevel({
  accounts: new AccountFiles(dataDir),
  dataDir,
  groups: new ControlGroups({ dataDir }),
  launches: new LaunchDirectories(dataDir, { moveAway: () => undefined }),
  userIdOf: () => 61_184,
  writePaths: () => [],
  sharesPorts: () => false,
  serverFiles: () => [],
  installLauncher: () => null,
});

function start(found: RunscFinding): unknown {
  const service = serviceWith({ isolation: "sandbox" });
  const placement = { ...PLACE, service };
  const paths = { cwd: "/", instanceDir: "/none", socketPath: "/none/socket", mark: "" };
  try {
    return new SandboxLevel(walls, () => found).enclose(placement, { argv: [], env: {}, ...paths });
  } catch (error) {
    return error;
  }
}

test.each([
  [{ kind: "absent" } as const, "runsc is not installed"],
  [
    { kind: "old", found: "0.0~20221219.0" } as const,
    "runsc is of 0.0~20221219.0, and release-20250503 or newer is needed",
  ],
])("a host without a usable gVisor is refused with the remedy: %j", (found, reason) => {
  expect(start(found)).toMatchObject({
    failure: {
      code: "LEVEL_MISSING",
      reason: `isolation = "sandbox" is not available: ${reason}`,
      hint: expect.stringContaining("Install runsc"),
    },
  });
});
