import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listMounts } from "../../../src/platform/mounts.ts";
import { makeImage, mountImage, readImage, unmount } from "../../../src/storage/volume-image.ts";
import { Volumes } from "../../../src/storage/volumes.ts";
import { serviceWith } from "../../support/service.ts";
import { E2FSPROGS, isMissing } from "../../support/tool.ts";

const MIB = 1024 ** 2;
const REF = { service: "notes", id: "alice" };
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

const reports: unknown[] = [];

const volumesOf = (dataDir: string) =>
  new Volumes({
    dataDir,
    discard: (path) => rm(path, { recursive: true, force: true }),
    report: (error) => reports.push(error),
  });

/** All that are free. */
function takeDescriptors(): readonly number[] {
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    return taken;
  }
}

describe.skipIf(!isRoot || isMissing(E2FSPROGS))("a volume", () => {
  let dataDir: string;
  let volumes: Volumes;

  const directory = () => join(dataDir, "notes/alice");
  const path = (kind: "image" | "draft" | "draft.d" | "former") =>
    join(dataDir, `.volumes/notes/alice.${kind}`);
  const isMounted = () => listMounts().some((mount) => mount.path === directory());

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "ten-volumes-"));
    volumes = volumesOf(dataDir);
  });

  afterEach(async () => {
    await volumes[Symbol.asyncDispose]();
    for (const mount of listMounts()) {
      if (mount.path.startsWith(`${dataDir}/`)) await unmount(mount.path, "lazy");
    }
    rmSync(dataDir, { recursive: true });
  });

  function open({ mib = 16, isAlone = true } = {}): Promise<void> {
    const service = serviceWith({ storageEnforce: "hard", storageQuotaBytes: mib * MIB });
    return volumes.open({ ref: REF, service, isAlone }) ?? Promise.resolve();
  }

  function store(name: string, text = name): void {
    mkdirSync(directory(), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory(), name), text);
  }

  test("exists only for an instance with a hard quota", () => {
    const service = serviceWith({ storageQuotaBytes: 16 * MIB });
    expect(volumes.open({ ref: REF, service, isAlone: true })).toBeNull();
    expect(volumes.measure(REF)).toBeNull();
    expect(volumes.close(REF)).toBeNull();
  });

  test("keeps the modes, owners and links of the files that move into it", async () => {
    store("kept");
    chmodSync(join(directory(), "kept"), 0o640);
    symlinkSync("kept", join(directory(), "link"));
    chmodSync(directory(), 0o750);
    await open();
    expect(isMounted()).toBe(true);
    expect(readdirSync(directory()).sort()).toEqual(["kept", "link"]);
    expect(readFileSync(join(directory(), "link"), "utf8")).toBe("kept");
    expect(statSync(join(directory(), "kept")).mode & 0o777).toBe(0o640);
    expect(statSync(directory()).mode & 0o777).toBe(0o750);
    expect(readdirSync(join(dataDir, ".volumes/notes"))).toEqual(["alice.image"]);
  });

  test("counts the file system's own blocks as used, and keeps the size while it is unmounted", async () => {
    await open();
    const empty = await volumes.measure(REF);
    expect(empty).toBeLessThan(4 * MIB);
    writeFileSync(join(directory(), "big"), Buffer.alloc(5 * MIB, "x"), { flush: true });
    await volumes.close(REF);
    expect(isMounted()).toBe(false);
    expect(await volumes.measure(REF)).toBeGreaterThanOrEqual((empty ?? 0) + 5 * MIB);
    expect(await volumesOf(dataDir).measure(REF)).toBeGreaterThan(5 * MIB);
  });

  test("is opened and closed in turn, however many calls there are at once", async () => {
    store("kept");
    await Promise.all([open(), open(), volumes.close(REF), open(), volumes.close(REF), open()]);
    expect(readdirSync(directory())).toEqual(["kept"]);
    await Promise.all([volumes.close(REF), volumes.close(REF), volumes.measure(REF)]);
    expect(isMounted()).toBe(false);
  });

  test("stays mounted while a process is in it, which is no error", async () => {
    await open();
    const inside = Bun.spawn(["cat"], { cwd: directory(), stdin: "pipe" });
    await volumes.close(REF);
    expect(isMounted()).toBe(true);
    expect(reports).toEqual([]);
    inside.stdin.end();
    await inside.exited;
    await volumes.close(REF);
    expect(isMounted()).toBe(false);
  });

  test("that can't be unmounted stays, and the reason is reported", async () => {
    await open();
    const taken = takeDescriptors();
    await volumes.close(REF);
    for (const fd of taken) closeSync(fd);
    expect(isMounted()).toBe(true);
    expect(reports.splice(0).map(String)).toEqual([
      expect.stringMatching(/Cannot unmount the volume of "notes:alice": EMFILE/),
    ]);
    await volumes.close(REF);
    expect(isMounted()).toBe(false);
  });

  test("is not made while a process of the instance runs, nor mounted over files", async () => {
    store("kept");
    await expect(open({ isAlone: false })).rejects.toThrow("while it runs");
    await open();
    await volumes.close(REF);
    store("newer");
    await expect(open()).rejects.toThrow("would be covered");
    expect(readdirSync(directory())).toEqual(["newer"]);
  });

  test("grows while no process of the instance runs, also after an interruption", async () => {
    await open();
    await open({ mib: 64, isAlone: false });
    expect((await readImage(path("image"))).bytes).toBe(16 * MIB);
    await open({ mib: 64 });
    expect((await readImage(path("image"))).bytes).toBe(64 * MIB);
    expect(isMounted()).toBe(true);
    await open({ mib: 16 });
    expect((await readImage(path("image"))).bytes).toBe(64 * MIB);
  });

  test("that an earlier server left mounted is unmounted, unless its instance is kept", async () => {
    await open();
    const next = volumesOf(dataDir);
    await next.sweep([REF]);
    expect(isMounted()).toBe(true);
    await volumesOf(dataDir).sweep([]);
    expect(isMounted()).toBe(false);
    await next.close(REF);
  });

  test("is unmounted also for many instances at once", async () => {
    const refs = Array.from({ length: 20 }, (_, index) => ({ service: "notes", id: `i${index}` }));
    const service = serviceWith({ storageEnforce: "hard", storageQuotaBytes: MIB });
    await Promise.all(refs.map((ref) => volumes.open({ ref, service, isAlone: true })));
    const mounted = () => listMounts().filter(({ path }) => path.startsWith(`${dataDir}/notes/`));
    expect(mounted()).toHaveLength(20);
    await Promise.all(refs.map((ref) => volumes.close(ref)));
    expect(mounted()).toEqual([]);
  });

  test("is removed with all of its files, mounted or not", async () => {
    await open();
    writeFileSync(join(directory(), "file"), "x");
    await volumes.remove(REF);
    expect(isMounted()).toBe(false);
    expect(readdirSync(join(dataDir, ".volumes/notes"))).toEqual([]);
    await volumes.remove(REF);
  });

  describe("whose making was interrupted", () => {
    const opened = async () => {
      await open();
      return {
        kept: readFileSync(join(directory(), "kept"), "utf8"),
        left: readdirSync(join(dataDir, ".volumes/notes")),
      };
    };
    const whole = { kept: "whole", left: ["alice.image"] };

    test("while files were copied is made anew", async () => {
      store("kept", "whole");
      mkdirSync(path("draft.d"), { recursive: true });
      await makeImage(path("draft"), 16 * MIB);
      await mountImage(path("draft"), path("draft.d"));
      writeFileSync(join(path("draft.d"), "kept"), "half");
      expect(await opened()).toEqual(whole);
      expect(listMounts().filter((mount) => mount.path === path("draft.d"))).toEqual([]);
    });

    test("after the files were renamed gets them back", async () => {
      store("kept", "whole");
      mkdirSync(join(dataDir, ".volumes/notes"), { recursive: true });
      await makeImage(path("draft"), 16 * MIB);
      renameSync(directory(), path("former"));
      expect(await opened()).toEqual(whole);
    });

    test("after the image was in place loses the former files", async () => {
      store("kept", "whole");
      await open();
      await volumes.close(REF);
      mkdirSync(path("former"));
      writeFileSync(join(path("former"), "kept"), "former");
      expect(await opened()).toEqual(whole);
    });

    test("never replaces files that appeared meanwhile", async () => {
      store("kept", "whole");
      mkdirSync(join(dataDir, ".volumes/notes"), { recursive: true });
      renameSync(directory(), path("former"));
      store("newer");
      await open().catch(() => undefined);
      expect(existsSync(path("image"))).toBe(false);
      expect(readFileSync(join(path("former"), "kept"), "utf8")).toBe("whole");
      expect(readdirSync(directory())).toEqual(["newer"]);
    });
  });
});
