import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../../bench/support.ts";
import type { Service } from "../../../../src/core/service.ts";
import type { Level } from "../../../../src/isolation/level.ts";
import { firecrackerLevel } from "../../../../src/isolation/machine/firecracker.ts";
import type { MachineParts } from "../../../../src/isolation/machine/machine-needs.ts";
import { compilePrograms, isUnable, type Programs } from "../../../launcher/programs.ts";
import { ROOT } from "../../../support/executable.ts";
import { serviceWith } from "../../../support/service.ts";
import { isMissing, PYTHON } from "../../../support/tool.ts";
import { until } from "../../../support/until.ts";
import { MachineWorld, USER } from "./machine-world.ts";

setDefaultTimeout(60_000);

const FAKE = readFileSync(join(ROOT, "test/support/tenants/firecracker.py"), "utf8");
/** Echoes, and exits with 7 at SIGTERM. */
const APP = `
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
address = ("127.0.0.1", int(os.environ["PORT"]))
http.server.ThreadingHTTPServer(address, Handler).serve_forever()
`;
const MKE2FS = { program: "mke2fs", debianPackage: "e2fsprogs" };

describe.skipIf(isUnable() || isMissing(PYTHON) || isMissing(MKE2FS))(
  "a machine of Firecracker",
  () => {
    let programs: Programs;
    beforeAll(() => {
      programs = compilePrograms();
    });
    afterAll(() => programs[Symbol.dispose]());

    function serviceOf(world: MachineWorld, changes: Partial<Service> = {}): Service {
      return serviceWith({
        argv: ["/usr/bin/python3", "-c", APP],
        workdir: "/nowhere",
        isolation: "firecracker",
        storageQuotaBytes: 8 * 1024 ** 2,
        machine: {
          accel: "kvm",
          kernel: world.file("vmlinux", "kernel"),
          rootfs: world.file("root.ext4", new Uint8Array(4096)),
          memoryBytes: 128 * 1024 ** 2,
          vcpus: 1,
        },
        ...changes,
      });
    }

    function levelOf(world: MachineWorld, host: Partial<MachineParts["host"]> = {}) {
      const fake = world.file("firecracker", FAKE);
      const which = (program: string) => (program === "firecracker" ? fake : Bun.which(program));
      // The fake needs no hardware; any device shows that the option is passed on.
      return firecrackerLevel({ ...world.parts({ which, ...host }), device: "/dev/null" });
    }

    /** The first launch of an instance, behind the making of its disk. */
    async function launch(world: MachineWorld, level: Level, service: Service) {
      await level.makeDisk?.({ ref: { service: service.name, id: "alice" }, service });
      return world.launch(level, service, freePort());
    }

    test("does not hold up other work while its disk is made, and makes it once", async () => {
      using world = new MachineWorld(programs.launcher);
      const mke2fs = world.file(
        "mke2fs",
        '#!/bin/sh\nwhile [ ! -e "$0.go" ]; do :; done; : > "$7"',
      );
      const firecracker = world.file("firecracker", FAKE);
      const which = (program: string) => ({ firecracker, mke2fs })[program] ?? Bun.which(program);
      const level = levelOf(world, { which });
      const service = serviceOf(world);
      const ref = { service: service.name, id: "alice" };
      const made = level.makeDisk?.({ ref, service });
      world.file("mke2fs.go");
      await made;
      mkdirSync(join(world.dataDir, "notes/alice"));
      renameSync(
        join(world.dataDir, "notes/.alice.new"),
        join(world.dataDir, "notes/alice/data.ext4"),
      );
      expect(level.makeDisk?.({ ref, service })).toBeNull();
    });

    test("listens on its socket once the application listens, and reports the application's exit", async () => {
      using world = new MachineWorld(programs.launcher);
      const { child, enclosure, instanceDir } = await launch(
        world,
        levelOf(world),
        serviceOf(world),
      );
      const ask = (body: Uint8Array<ArrayBuffer>) =>
        fetch("http://machine/", { unix: enclosure.socketPath, method: "POST", body });
      const first = await until("an answer", () => ask(new Uint8Array([1])).catch(() => null));
      expect(await first.bytes()).toEqual(new Uint8Array([1]));

      const body = new Uint8Array(2_000_000).map((_, at) => at % 251);
      const echoes = await Promise.all(Array.from({ length: 8 }, () => ask(body)));
      for (const echo of echoes) expect(Bun.hash(await echo.bytes())).toBe(Bun.hash(body));

      const data = statSync(join(instanceDir, "data.ext4"));
      expect({ size: data.size, uid: data.uid }).toEqual({ size: 8 * 1024 ** 2, uid: USER });

      child.signal("SIGTERM");
      expect(await child.exited).toEqual({ kind: "code", code: 7 });
      await child.gone;
      enclosure.clear();
    });

    test("is refused where the path of its socket is too long for Firecracker", () => {
      using world = new MachineWorld(programs.launcher);
      const service = serviceOf(world, { name: "x".repeat(63) });
      const vsock = `${world.dataDir}/.walls/${service.name}/alice/vm/vsock`;
      expect(() => world.launch(levelOf(world), service, freePort())).toThrow(
        `the machine's socket ${vsock} has ${vsock.length} bytes, 107 are possible`,
      );
    });

    test("formats no file behind a link in the instance's directory", async () => {
      using world = new MachineWorld(programs.launcher);
      const outside = world.file("outside", "kept");
      const instanceDir = join(world.dataDir, "notes/alice");
      mkdirSync(instanceDir, { recursive: true });
      symlinkSync(outside, join(instanceDir, "data.ext4.new"));
      symlinkSync(join(world.root, "none"), join(instanceDir, "data.ext4"));
      const { child, enclosure } = await launch(world, levelOf(world), serviceOf(world));
      expect(readFileSync(outside, "utf8")).toBe("kept");
      expect(existsSync(join(world.root, "none"))).toBe(false);
      expect(lstatSync(join(instanceDir, "data.ext4")).isFile()).toBe(true);
      child.signal("SIGKILL");
      await child.gone;
      enclosure.clear();
    });

    test("is recovered by the next server, which learns the application's exit", async () => {
      using world = new MachineWorld(programs.launcher);
      const [level, service] = [levelOf(world), serviceOf(world)];
      const launched = await launch(world, level, service);
      const { socketPath } = launched.enclosure;
      await until("it listens", () => fetch("http://m/", { unix: socketPath }).catch(() => null));
      const next = world.recover(levelOf(world), service, launched);
      expect(next?.enclosure.endpoints).toEqual([{ kind: "unix", path: socketPath }]);
      next?.child.signal("SIGTERM");
      expect(await next?.child.exited).toEqual({ kind: "code", code: 7 });
      await next?.child.gone;
      launched.enclosure.clear();
      expect(world.recover(level, service, launched)).toBeNull();
    });

    test("that is killed is reported as killed", async () => {
      using world = new MachineWorld(programs.launcher);
      const { child, enclosure } = await launch(world, levelOf(world), serviceOf(world));
      await until("it listens", () =>
        fetch("http://m/", { unix: enclosure.socketPath }).catch(() => null),
      );
      child.signal("SIGKILL");
      expect(await child.exited).toEqual({ kind: "signal", signal: "SIGKILL" });
      await child.gone;
      enclosure.clear();
    });

    test.each([
      ["without a kernel", { machine: { kernel: null } }, {}, /no kernel or no image/],
      ["without Firecracker", {}, { which: () => null }, /firecracker is not installed/],
      [
        "without hardware for it",
        {},
        { findKvmObstacle: () => ({ reason: "no device", remedy: "load it" }) },
        /isolation = "firecracker" is not available: no device/,
      ],
    ])("is refused %s", (_, { machine = {} }: { machine?: object }, host, message) => {
      using world = new MachineWorld(programs.launcher);
      const service = serviceOf(world);
      const changed = { ...service, machine: { ...service.machine, ...machine } };
      expect(() => world.launch(levelOf(world, host), changed, freePort())).toThrow(message);
    });
  },
);
