// The tests of limits once more, on a kernel whose control groups are of version 2.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { bootGuest, isGuestMissing, readChecks } from "./guest.ts";
import { GuestRoot } from "./root.ts";

setDefaultTimeout(600_000);

const REPOSITORY = "/srv/ten";
const TESTS = "test/scenarios/limits.test.ts";
/** Those whose outcome depends on the version; an emulated processor needs some ten seconds for each. */
const NAMES = [
  "at level process",
  "killed, and the next",
  "shares",
  "part of",
  "as it may",
  "hides",
];

const SCRIPT = `
cd ${REPOSITORY}
grep -q memory /sys/fs/cgroup/cgroup.controllers && echo "ok - control groups are of version 2"
export NO_COLOR=1 TEN_TEST_BINARY=${REPOSITORY}/dist/ten TEN_TEST_REQUIRE_ALL=1
bun test --timeout 120000 -t "${NAMES.join("|")}" ${TESTS} 2>&1 | sed -e 's/^(pass) /ok - /' -e 's/^(fail) /not ok - /'
`;

async function fillRoot(root: GuestRoot): Promise<void> {
  root.addProgram(process.execPath, "usr/local/bin/bun");
  root.addProgram(await executable(), `${REPOSITORY}/dist/ten`);
  for (const name of ["src", "test", "scripts", "package.json", "tsconfig.json", "bunfig.toml"])
    root.add(join(ROOT, name), join(REPOSITORY, name));
  root.add(join(ROOT, "node_modules/smol-toml"), `${REPOSITORY}/node_modules/smol-toml`);
  // The executable is there already, but its tests ask for the compiler that it needs.
  root.write("usr/bin/gcc", "#!/bin/sh\nexit 1\n", 0o755);
}

describe.skipIf(isGuestMissing())("in control groups of version 2", () => {
  test("limits hold as they do in version 1", async () => {
    using root = new GuestRoot(SCRIPT);
    await fillRoot(root);
    await using guest = bootGuest({ disk: root.toDisk(), memoryMegabytes: 1536 });
    const { checks, console: said } = await readChecks(guest);
    const failed = checks.filter(({ passed }) => !passed);
    if (failed.length > 0 || checks.length <= NAMES.length) console.error(said);
    expect(failed).toEqual([]);
    const names = checks.map(({ name }) => name);
    for (const name of ["of version 2", ...NAMES]) expect(names.join("\n")).toContain(name);
  });
});
