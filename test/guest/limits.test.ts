// Limits by control groups of version 2, in a guest: as root, and as a user with a delegated group.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { compile } from "../../scripts/build-native.ts";
import { executable, ROOT } from "../support/executable.ts";
import { GCC, isMissing } from "../support/tool.ts";
import { bootGuest, isGuestMissing, readChecks } from "./guest.ts";
import { AgentRoot } from "./root.ts";

setDefaultTimeout(900_000);

const REPOSITORY = "/srv/ten";
/** The number of tests inside, and the check of the version. */
const CHECKS_MIN = 13;

const SCRIPT = `
cd ${REPOSITORY}
grep -q memory /sys/fs/cgroup/cgroup.controllers && echo "ok - control groups are of version 2"
group=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service
mkdir -p $group/app.slice
for each in /sys/fs/cgroup /sys/fs/cgroup/user.slice /sys/fs/cgroup/user.slice/user-1000.slice; do
  echo "+cpu +memory +pids" > $each/cgroup.subtree_control
done
chown -R 1000 $group/app.slice
chown 1000 $group $group/cgroup.procs $group/cgroup.subtree_control
mkdir -p /srv/root /srv/user
chown 1000 /srv/user
export NO_COLOR=1 TEN_TEST_PATIENCE_SECONDS=240
bun test --timeout 300000 ./test/guest/limits-inside.ts 2>&1 | sed -e 's/^(pass) /ok - /' -e 's/^(fail) /not ok - /'
`;

async function fillRoot(root: AgentRoot): Promise<void> {
  root.addProgram(process.execPath, "usr/local/bin/bun");
  root.addProgram(await executable(), `${REPOSITORY}/dist/ten`);
  for (const name of ["guest/limits-inside.ts", "support/until.ts"])
    root.add(join(ROOT, "test", name), join(REPOSITORY, "test", name));
  const outfile = join(root.directory, REPOSITORY, "hungry");
  compile({ arch: "x64", outfile, inputs: [join(import.meta.dir, "hungry.c")] });
}

describe.skipIf(isMissing(GCC) || isGuestMissing())("in control groups of version 2", () => {
  test("limits are enforced as in version 1, for root and for a user", async () => {
    using root = new AgentRoot(SCRIPT);
    await fillRoot(root);
    await using guest = bootGuest({ disk: root.toDisk(), memoryMegabytes: 1536 });
    const { checks, console: said } = await readChecks(guest);
    const failed = checks.filter(({ passed }) => !passed);
    if (failed.length > 0 || checks.length < CHECKS_MIN) console.error(said);
    expect(failed).toEqual([]);
    expect(checks.length).toBeGreaterThanOrEqual(CHECKS_MIN);
  });
});
