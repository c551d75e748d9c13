import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { compilePrograms, isUnable } from "../launcher/programs.ts";
import { ROOT } from "../support/executable.ts";
import { lacksMachines, machineKernel } from "../support/machines.ts";
import { livingMarks } from "../support/remains.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { isMissing } from "../support/tool.ts";
import { attackFromMachine, bootId } from "./qemu-attack.ts";

// An emulated machine takes seconds to start, and minutes on a busy host.
setDefaultTimeout(240_000);

/** The clock of an emulated machine falls behind while its processor waits for the host's. */
const CLOCK_ERROR_SECONDS = 60;
/** Attempts that the attack makes at least. */
const ATTEMPTS_MIN = 180;
const ALICE = "alice.vm.localhost";

function configText(): string {
  return `
[service.vm]
command = "/usr/bin/python3 ${ROOT}/test/support/tenants/guest.py"
isolation = "qemu"
qemu_accel = "tcg"
kernel = "${machineKernel()}"
startup_timeout = 120
stop_timeout = 60
pids_limit = 40
read_paths = ["${ROOT}/test"]
env = { GREETING = "{name} {id}" }
[service.other]
command = "/bin/sleep 60"
`;
}

async function ask(ten: Ten, path: string, query: Record<string, string> = {}): Promise<string> {
  const { status, text } = await ten.get(ALICE, `/${path}?${new URLSearchParams(query)}`);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return text;
}

/** Living processes of a server's tenants. */
async function remains({ dataDir }: Ten): Promise<number> {
  return livingMarks().filter((mark) => mark.startsWith(dataDir)).length;
}

describe.skipIf(lacksMachines() || isUnable())("a tenant in an emulated machine", () => {
  test("has its own kernel and files and no outgoing network, outlives the server, and stops gracefully", () =>
    withTen({ configText: configText() }, async (ten) => {
      const { dataDir } = ten;
      mkdirSync(`${dataDir}/other/bob`, { recursive: true });
      writeFileSync(`${dataDir}/other/bob/secret`, "bobs");
      await ten.must("spawn", "vm:alice");

      const askedAt = Date.now() / 1000;
      const facts = JSON.parse(await ask(ten, "facts"));
      const answeredAt = Date.now() / 1000;
      expect(facts).toMatchObject({
        hostname: "alice",
        home: `${dataDir}/vm/alice`,
        greeting: "vm alice",
        interfaces: ["eth0", "lo"],
        groups: [],
        processors: 1,
      });
      expect(facts.release).not.toBe(release());
      expect(facts.uid).toBeGreaterThan(0);
      expect(facts.seconds).toBeGreaterThan(askedAt - CLOCK_ERROR_SECONDS);
      expect(facts.seconds).toBeLessThan(answeredAt + CLOCK_ERROR_SECONDS);

      expect(await ask(ten, "look", { path: dataDir })).not.toContain("other");
      expect(await ask(ten, "look", { path: `${dataDir}/other/bob/secret` })).toMatch(/^No such/);
      expect(await ask(ten, "look", { path: `${dataDir}/tenement.db` })).toMatch(/^No such/);
      expect(await ask(ten, "look", { path: "/etc/shadow" })).toMatch(/denied$/);
      expect(await ask(ten, "look", { path: "/proc/1/environ" })).toMatch(/denied$/);
      await expect(ask(ten, "write", { path: "/etc/mark", text: "x" })).rejects.toThrow("500");

      // The gateway, the host's own port through it, and an address outside.
      for (const [host, port] of [
        ["10.0.2.2", ten.port],
        ["10.0.2.2", 22],
        ["192.0.2.1", 80],
      ]) {
        expect(await ask(ten, "connect", { host: `${host}`, port: `${port}` })).not.toBe(
          "connected",
        );
      }
      expect(await ask(ten, "fork", { count: "60" })).toBe("Resource temporarily unavailable");

      const attack = await attackFromMachine(ten, (words) =>
        ask(ten, "run", { word: words.join("\n") }),
      );
      expect(attack).toMatchObject({ through: [], isDone: true });
      expect(attack.attempts).toBeGreaterThanOrEqual(ATTEMPTS_MIN);

      await ask(ten, "write", { path: `${dataDir}/vm/alice/notes`, text: "alices" });
      expect(readFileSync(`${dataDir}/vm/alice/notes`, "utf8")).toBe("alices");

      const before = await ten.instance("vm:alice");
      await ten.kill9();
      await ten.start();
      expect((await ten.instance("vm:alice"))?.pid).toBe(before?.pid ?? 0);
      expect(await ask(ten, "look", { path: `${dataDir}/vm/alice/notes` })).toBe("alices");

      await ten.must("stop", "vm:alice");
      expect(readFileSync(`${dataDir}/vm/alice/farewell`, "utf8")).toBe("bye");
      expect(await ten.must("why", "vm:alice")).toContain("exited with code 7");
      expect(await ten.must("logs", "vm:alice", "--level", "stderr")).toContain(
        "on standard error",
      );
      const said = await ten.must("logs", "vm:alice", "--level", "stdout");
      expect(said).toContain("asked to stop");
      expect(said).not.toContain("standard error");
      expect(await remains(ten)).toBe(0);
    }));

  test("doesn't run the attack on the host, even in other namespaces", () => {
    using programs = compilePrograms();
    const facts = [`host-boot-id=${bootId()}`, "host-pid=x", "host-mnt=x"];
    const outside = Bun.spawnSync(["setpriv", "--reuid", "65534", programs.attack, ...facts]);
    expect(outside.exitCode).toBe(99);
    expect(outside.stdout.toString()).toBe("");
  });

  test("that runs out of memory has that as the reason of its exit", () =>
    withTen({ configText: configText() }, async (ten) => {
      ten.reconfigure((text) => text.replace(/^pids_limit/m, 'restart = "never"\npids_limit'));
      await ten.restart();
      await ten.must("spawn", "vm:alice");
      await ask(ten, "devour").catch(() => undefined);
      await ten.untilState("vm:alice", "asleep");
      expect(await ten.must("why", "vm:alice")).toMatch(/memory/);
    }));

  test("can be stopped while its machine boots", () =>
    withTen({ configText: configText() }, async (ten) => {
      const spawned = ten.ten("spawn", "vm:alice");
      await ten.untilState("vm:alice", "starting");
      await ten.must("stop", "vm:alice");
      expect((await spawned).exitCode).not.toBe(0);
      expect(existsSync(`${ten.dataDir}/vm/alice/farewell`)).toBe(false);
      expect(await remains(ten)).toBe(0);
    }));

  test("that ignores the stop is killed with its machine", () =>
    withTen({ configText: configText() }, async (ten) => {
      ten.reconfigure((text) => text.replace(/^stop_timeout = .*$/m, "stop_timeout = 1"));
      await ten.restart();
      await ten.must("spawn", "vm:alice");
      await ask(ten, "stay");
      await ten.must("stop", "vm:alice");
      expect(await remains(ten)).toBe(0);
      expect(existsSync(`${ten.dataDir}/.walls/vm/alice`)).toBe(false);
    }));

  test.skipIf(
    isMissing({ program: "mke2fs", debianPackage: "e2fsprogs" }) ||
      isMissing({ program: "busybox", debianPackage: "busybox-static" }),
  )("can have an image as its root, whose changes stay in memory", () =>
    withTen({ configText: configText() }, async (ten) => {
      const image = makeImage(ten.root);
      ten.reconfigure(
        (text) => `${text}
[service.box]
command = "/bin/busybox httpd -f -p 127.0.0.1:{port} -h /www"
isolation = "qemu"
qemu_accel = "tcg"
kernel = "${machineKernel()}"
rootfs = "${image}"
startup_timeout = 120
`,
      );
      await ten.restart();
      await ten.must("spawn", "box:carol");
      expect((await ten.get("carol.box.localhost", "/hello")).text).toBe("from the image");
    }),
  );
});

/** Makes a file system with a web server and a page. */
function makeImage(root: string): string {
  const tree = join(root, "tree");
  for (const name of ["bin", "www"]) mkdirSync(join(tree, name), { recursive: true });
  writeFileSync(join(tree, "www/hello"), "from the image");
  const image = join(root, "root.ext4");
  const script = `cp "$(command -v busybox)" '${tree}/bin/busybox' && mke2fs -q -t ext4 -d '${tree}' '${image}' 16M`;
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", script]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return image;
}
