// The server as a unit of systemd, in a guest that systemd runs.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { isMissing } from "../support/tool.ts";
import { bootGuest, isGuestMissing, readChecks } from "./guest.ts";
import { addPackages } from "./packages.ts";
import { AgentRoot } from "./root.ts";

setDefaultTimeout(900_000);

const REPOSITORY = "/srv/ten";

const CONFIGURATION = `
[settings]
data_dir = "/var/lib/tenement"
[service.app]
command = "/usr/local/bin/bun ${REPOSITORY}/test/support/tenants/app.ts"
read_paths = ["${REPOSITORY}"]
isolation = "namespace"
idle_timeout = 0
startup_timeout = 120
memory_limit_mb = 400
cpu_shares = 200
pids_limit = 100
[instances]
app = ["alice"]
`;

/** The unit of the documentation, at another port. */
function readUnit(): string {
  const page = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
  const unit = /```ini\n(\[Unit\][^`]+)```/.exec(page)?.[1] ?? "";
  const command = "/usr/local/bin/ten serve --domain example.com --port 80";
  if (!unit.includes(command)) throw new Error("docs/operations.md has no unit");
  return unit
    .replace(command, "/usr/local/bin/ten serve --port 8080")
    .replace("[Service]\n", `[Service]\n${CONSOLE}`);
}

const CONSOLE = `StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
`;

const CHECKS = `
[Unit]
Wants=ten.service
After=ten.service
[Service]
Type=oneshot
${CONSOLE}Environment=PATH=/usr/local/bin:/usr/bin:/bin HOME=/root TEN_TEST_PATIENCE_SECONDS=240
WorkingDirectory=${REPOSITORY}
ExecStart=/bin/sh -c "bun test --timeout 300000 ./test/guest/systemd-inside.ts 2>&1 | sed -e 's/^(pass) /ok - /' -e 's/^(fail) /not ok - /'"
ExecStopPost=/bin/systemctl poweroff --force --force
`;

/** Units that the guest doesn't need; some wait for devices that never appear. */
const MASKED = [
  "getty.target",
  "serial-getty@ttyS0.service",
  "systemd-journal-flush.service",
  "systemd-udev-trigger.service",
  "systemd-udevd.service",
  "systemd-update-utmp.service",
];

function fillRoot(root: AgentRoot, binary: string): void {
  addPackages(root, ["systemd", "dash", "coreutils", "sed", "mount"]);
  root.addProgram(process.execPath, "usr/local/bin/bun");
  root.addProgram(binary, "usr/local/bin/ten");
  for (const name of ["test", "package.json", "tsconfig.json"])
    root.add(join(ROOT, name), join(REPOSITORY, name));
  root.write("srv/app/tenement.toml", CONFIGURATION);
  root.write("etc/machine-id", "");
  root.write("etc/systemd/system/ten.service", readUnit());
  root.write("etc/systemd/system/checks.service", CHECKS);
  for (const name of MASKED) root.link("/dev/null", `etc/systemd/system/${name}`);
}

const isSystemdMissing = isMissing({ program: "systemctl", debianPackage: "systemd" });

describe.skipIf(isSystemdMissing || isGuestMissing())("under systemd", () => {
  test("a crash, a reload and a restart of the server keep tenants and data", async () => {
    using root = new AgentRoot("");
    fillRoot(root, await executable());
    await using guest = bootGuest({
      disk: root.toDisk(),
      init: "/lib/systemd/systemd",
      kernelOptions: ["systemd.unit=checks.service", "systemd.show_status=0"],
      memoryMegabytes: 1536,
    });
    const { checks, console: said } = await readChecks(guest);
    const failed = checks.filter(({ passed }) => !passed);
    if (failed.length > 0 || checks.length < CHECKS_MIN) console.error(said);
    expect(failed).toEqual([]);
    expect(checks.length).toBeGreaterThanOrEqual(CHECKS_MIN);
  });
});

/** The number of tests inside. */
const CHECKS_MIN = 6;
