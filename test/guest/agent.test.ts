// The agent as in a machine of Firecracker, with disks and a vsock, but emulated by QEMU: the vsock is a loopback.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildAgent, compile, type LauncherArch } from "../../scripts/build-native.ts";
import type { AgentOrder } from "../../src/isolation/machine/agent-order.ts";
import { readAgentStatus } from "../../src/isolation/machine/agent-status.ts";
import { DISKS } from "../../src/isolation/machine/firecracker-config.ts";
import { prepareImage } from "../../src/isolation/machine/machine-image.ts";
import { writeInitrd } from "../../src/isolation/machine/machine-initrd.ts";
import { QEMU } from "../../src/isolation/machine/qemu-command.ts";
import { describeKernel } from "../../src/platform/kernel/guest-kernel.ts";
import { lacksMachines, machineKernel } from "../support/machines.ts";
import { isMissing } from "../support/tool.ts";

setDefaultTimeout(240_000);

const ARCH = process.arch as LauncherArch;
const USER = 61_196;
const DATA = "/srv/data/notes/alice";
const MODULES = [
  ...["virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay"],
  ...["vmw_vsock_virtio_transport", "vsock_loopback"],
];

const ORDER: AgentOrder = {
  channel: "vsock",
  account: { user: USER, group: USER, home: DATA },
  hostname: "alice",
  cwd: "/no/such/directory",
  port: 30_005,
  socketPath: "/run/app.sock",
  processesMax: 50,
  root: { kind: "image", device: DISKS.root, exports: [] },
  data: { device: DISKS.data, path: DATA },
  argv: ["/app"],
  env: { PORT: "30005", HOME: DATA, FAREWELL: `${DATA}/farewell` },
};

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ten-agent-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function must(argv: readonly string[]): string {
  const { exitCode, stderr, stdout } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr}`);
  return stdout.toString();
}

/** Makes a file system that contains the files of a directory. */
function makeDisk(name: string, tree?: string): string {
  const path = join(directory, name);
  const content = tree === undefined ? [] : ["-d", tree];
  must(["mke2fs", "-q", "-t", "ext4", ...content, path, "8M"]);
  return path;
}

function makeInitrd(order: AgentOrder): { kernel: string; initrd: string } {
  const agent = join(directory, "agent");
  buildAgent({ arch: ARCH, outfile: agent });
  const kernel = describeKernel(machineKernel());
  const parts = { kernel, modules: MODULES, agent: readFileSync(agent) };
  const image = prepareImage(directory, parts);
  const initrd = join(directory, "initrd");
  writeInitrd(initrd, { drivers: image.drivers, order, owner: null });
  return { kernel: image.kernel, initrd };
}

/** Runs the machine to its end; resolves with its console output. */
async function run(order: AgentOrder, disks: readonly string[]): Promise<string> {
  const { initrd, kernel } = makeInitrd(order);
  const { console, machine, program } = QEMU[ARCH];
  await using emulator = Bun.spawn(
    [
      ...[program, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"],
      ...["-M", machine, "-accel", "tcg", "-cpu", "max", "-m", "256", "-serial", "stdio"],
      ...["-kernel", kernel, "-initrd", initrd],
      ...["-append", `console=${console} quiet loglevel=0 panic=-1 reboot=t`],
      ...disks.flatMap((path, index) => [
        ...["-drive", `id=d${index},if=none,format=raw,file=${path}`],
        ...["-device", `virtio-blk-pci,drive=d${index}`],
      ]),
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  return await emulator.stdout.text();
}

function makeStatusDisk(): string {
  const path = join(directory, "status");
  writeFileSync(path, new Uint8Array(4096));
  return path;
}

describe.skipIf(lacksMachines() || isMissing({ program: "mke2fs", debianPackage: "e2fsprogs" }))(
  "the agent in a machine of Firecracker",
  () => {
    test("mounts image and data, accepts connections by vsock, obeys a stop, and reports the exit", async () => {
      const tree = join(directory, "tree");
      mkdirSync(tree);
      const tenant = join(import.meta.dir, "tenant.c");
      compile({ arch: ARCH, outfile: join(tree, "app"), inputs: [tenant] });
      const [data, status] = [makeDisk("data"), makeStatusDisk()];
      const said = await run(ORDER, [makeDisk("root", tree), data, status]);
      expect(said.split("\n").filter((line) => !line.includes("\u001b"))).toEqual([
        `user ${USER} in ${DATA}`,
        "through the vsock: ping",
        "on standard error",
        "asked to stop by 15",
        "",
      ]);
      expect(readAgentStatus(status).end).toEqual({ kind: "code", code: 7 });
      expect(must(["debugfs", "-R", "cat /farewell", data])).toBe("bye");
    });

    test("reports a device that it can't mount", async () => {
      const status = makeStatusDisk();
      const empty = join(directory, "empty");
      writeFileSync(empty, new Uint8Array(1024 ** 2));
      await run(ORDER, [empty, makeDisk("data"), status]);
      const { end } = readAgentStatus(status);
      expect(end).toMatchObject({ kind: "unstarted" });
      expect(JSON.stringify(end)).toContain("/dev/vda");
    });
  },
);
