// Forged marks: neither a local user nor a walled tenant has another's processes ended, counted or waited for.
import { afterEach, describe, expect, test } from "bun:test";
import type { Subprocess } from "bun";
import { startTimeOf } from "../../src/platform/process/processes.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { APP_COMMAND, WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
/** Of no tenant: their ids are above 60 000. */
const LOCAL_USER = 54_321;
/** Memory of a process that forges, which would show in another's. */
const BYTES = 150e6;

const configText = `
[service.app]
command = "${WALLED_COMMAND}"
isolation = "namespace"
read_paths = ["${ROOT}"]
[service.open]
command = "${APP_COMMAND}"
isolation = "process"
[service.forger]
command = "sh -c 'TENEMENT_MARK={data_dir}/app/b#0 sleep 1000 & TENEMENT_MARK={data_dir}/app/ghost#0 sleep 1000 & exec ${WALLED_COMMAND}'"
isolation = "namespace"
read_paths = ["${ROOT}"]
`;

const forgers: Subprocess[] = [];

afterEach(async () => {
  for (const forger of forgers.splice(0)) {
    forger.kill("SIGKILL");
    await forger.exited;
  }
});

/** A local user's process that bears a mark; resolves once it has its memory. */
async function forge(mark: string): Promise<Subprocess> {
  const script = `const held = Buffer.alloc(${BYTES}, 1); console.log("ready"); setInterval(() => held.length, 1e6);`;
  const argv = ["setpriv", "--reuid", String(LOCAL_USER), "--clear-groups", process.execPath];
  const forger = Bun.spawn([...argv, "-e", script], {
    env: { TENEMENT_MARK: mark },
    stdio: ["ignore", "pipe", "inherit"],
  });
  forgers.push(forger);
  await forger.stdout.getReader().read();
  return forger;
}

async function forgeAll({ dataDir }: Ten): Promise<readonly number[]> {
  const marks = ["app/ghost#0", "app/b#0", "open/c#0"];
  const all = await Promise.all(marks.map((mark) => forge(`${dataDir}/${mark}`)));
  return all.map(({ pid }) => pid);
}

const REFS = ["app:b", "open:c", "forger:a"];

describe.skipIf(!isRoot || isMissing(GCC))("forged marks", () => {
  test("delay neither the stop of the instance that they name nor its next start", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", ...REFS);
      const pids = await forgeAll(ten);
      for (const ref of ["app:b", "open:c"]) {
        await ten.must("stop", ref);
        expect((await ten.instance(ref))?.state).toBe("stopped");
        await ten.must("start", ref);
      }
      expect(pids.map(startTimeOf)).not.toContain(null);
    }));

  test("of a tenant count for nothing, though it has the user of the server and of all tenants", () =>
    withTen({ configText, user: LOCAL_USER + 1, parent: "/var/lib" }, async (ten) => {
      await ten.must("spawn", ...REFS);
      const { pid } = (await ten.instance("forger:a")) ?? {};
      await ten.must("stop", "app:b");
      await ten.kill9();
      await ten.start();
      const forger = await ten.instance("forger:a");
      expect(forger?.pid).toBe(pid ?? 0);
      expect(forger?.memory_bytes).toBeGreaterThan(1e6);
      await ten.must("start", "app:b");
      expect((await ten.instance("app:b"))?.memory_bytes).toBeGreaterThan(1e6);
    }));

  test("add nothing to the memory of the instance that they name", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", ...REFS);
      await forgeAll(ten);
      for (const ref of ["app:b", "open:c"]) {
        const { memory_bytes: bytes } = (await ten.instance(ref)) ?? {};
        expect(bytes).toBeGreaterThan(1e6);
        expect(bytes).toBeLessThan(BYTES);
      }
    }));

  test("delay no next server, after a kill or in place of one that runs, and end no process", () =>
    withTen({ configText }, async (ten) => {
      await ten.must("spawn", ...REFS);
      const pids = await forgeAll(ten);
      const before = await Promise.all(REFS.map(async (ref) => (await ten.instance(ref))?.pid));
      await ten.kill9();
      await ten.start();
      await ten.must("restart-server");
      const after = await Promise.all(REFS.map(async (ref) => (await ten.instance(ref))?.pid));
      expect(after).toEqual(before);
      expect(pids.map(startTimeOf)).not.toContain(null);
    }));
});
