import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Service } from "../../../src/core/service.ts";
import { Isolation } from "../../../src/isolation/isolation.ts";
import { PLACE, serviceWith } from "../../support/service.ts";

const PARTS = {
  dataDir: "/none",
  userIdOf: () => 61_184,
  writePaths: () => [],
  sharesPorts: () => false,
  serverFiles: () => [],
  installLauncher: () => null,
  report: () => undefined,
};
const isolation = new Isolation(PARTS);

test("without a launcher a configured limit is refused, and the default one is not", () => {
  const directory = mkdtempSync(join(tmpdir(), "ten-isolation-"));
  try {
    const start = (changes: Partial<Service>) => {
      const service = serviceWith({ isolation: "process", ...changes });
      const placement = { ...PLACE, service };
      const socketPath = join(directory, "socket");
      const paths = { cwd: "/", instanceDir: directory, socketPath, mark: "" };
      return isolation.level(service).enclose(placement, { argv: [], env: {}, ...paths });
    };
    expect(() => start({ memoryLimitBytes: 1, ioWeight: 10 })).toThrow(
      "memory_limit_mb, io_weight can't be applied: ",
    );
    expect(start({}).wrap(["app"])).toEqual(["app"]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a process of an earlier server is reached at the socket that it was started with", () => {
  const service = serviceWith({ isolation: "process" });
  const placement = { ...PLACE, service };
  const recorded = { child: { pid: process.pid, startTime: 1 }, socketPath: "/earlier/notes.sock" };
  const enclosure = isolation.level(service).recover(placement, recorded);
  expect(enclosure).toMatchObject({ socketPath: recorded.socketPath, isSocketOpen: true });
  expect(enclosure?.endpoints).toContainEqual({ kind: "unix", path: recorded.socketPath });
});

test.skipIf(process.platform !== "linux")(
  'without a launcher the level "namespace" is refused',
  () => {
    const service = serviceWith({ isolation: "namespace" });
    const ref = { service: "notes", id: "a" };
    const placement = { service, ref, slot: 0, port: 30_000, extraPorts: [] } as const;
    const plan = {
      argv: ["/bin/true"],
      cwd: "/",
      env: {},
      socketPath: "/s/s",
      instanceDir: "/i",
      mark: "/i#0",
    };
    expect(() => isolation.level(service).enclose(placement, plan)).toThrow(
      'isolation = "namespace" is not available: ten was built without a C compiler',
    );
  },
);

test.skipIf(process.platform !== "linux")(
  "a search for programs reads no file in the directories of tenants, nor what a link there leads to",
  () => {
    const dataDir = realpathSync(mkdtempSync(join(tmpdir(), "ten-programs-")));
    try {
      const own = join(dataDir, "notes/a");
      mkdirSync(own, { recursive: true });
      writeFileSync(join(dataDir, "secret"), "3.12");
      symlinkSync(join(dataDir, "secret"), join(own, ".python-version"));
      const files = new Isolation({ ...PARTS, dataDir }).programs();
      expect(files.read(join(own, ".python-version"))).toBe("");
      expect(files.read(join(dataDir, "secret"))).toBe("3.12");
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  },
);
