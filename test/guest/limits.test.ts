// The tests of limits once more, on a kernel whose control groups are of version 2: as root, and as a user to whom a group
// is delegated as systemd delegates it.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { bootGuest, isGuestMissing, readChecks } from "./guest.ts";
import { GuestRoot } from "./root.ts";

setDefaultTimeout(600_000);

const REPOSITORY = "/srv/ten";
/** Those whose outcome depends on the version; an emulated processor needs some ten seconds for each. */
const AS_ROOT = [
  "at level process",
  "killed, and the next",
  "shares",
  "part of",
  "may, and",
  "hides",
];
const AS_USER = ["killed, and the next"];

/** Runs tests by their names, and turns what Bun says of them into checks. */
function command(names: readonly string[], who: string): string {
  const run = `bun test --timeout 120000 -t "${names.join("|")}" test/scenarios/limits.test.ts`;
  return `${run} 2>&1 | sed -e 's/^(pass) /ok - ${who}: /' -e 's/^(fail) /not ok - ${who}: /'`;
}

const SCRIPT = `
cd ${REPOSITORY}
grep -q memory /sys/fs/cgroup/cgroup.controllers && echo "ok - control groups are of version 2"
export NO_COLOR=1 TEN_TEST_BINARY=${REPOSITORY}/dist/ten TEN_TEST_REQUIRE_ALL=1
${command(AS_ROOT, "root")}

group=/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service
mkdir -p $group/app.slice
for each in /sys/fs/cgroup /sys/fs/cgroup/user.slice /sys/fs/cgroup/user.slice/user-1000.slice; do
  echo "+cpu +memory +pids" > $each/cgroup.subtree_control
done
chown 1000 $group $group/cgroup.procs $group/cgroup.subtree_control
chown -R 1000 $group/app.slice
echo $$ > $group/app.slice/cgroup.procs
cat > /tmp/as-user.sh <<'END'
# Its walls are not what is tried here.
unset TEN_TEST_REQUIRE_ALL
${command(AS_USER, "user")}
END
su user -p -c "sh /tmp/as-user.sh"
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
  test("limits hold as they do in version 1, for root and for a user", async () => {
    using root = new GuestRoot(SCRIPT);
    await fillRoot(root);
    await using guest = bootGuest({ disk: root.toDisk(), memoryMegabytes: 1536 });
    const { checks, console: said } = await readChecks(guest);
    const passed = checks.filter((check) => check.passed).map(({ name }) => name);
    const wanted = [
      /of version 2/,
      ...AS_ROOT.map((name) => new RegExp(`^root: .*${name}`)),
      ...AS_USER.map((name) => new RegExp(`^user: .*${name}`)),
    ];
    const missing = wanted.filter((pattern) => !passed.some((name) => pattern.test(name)));
    if (missing.length > 0 || passed.length < checks.length) console.error(said);
    expect(missing).toEqual([]);
    expect(passed).toHaveLength(checks.length);
  });
});
