import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  buildLauncher,
  findCompiler,
  type LauncherArch,
} from "../../../../scripts/build-native.ts";
import { Trees } from "../../../../src/platform/process/trees.ts";

const KIB = 1024;
const ARCH = process.arch as LauncherArch;
const CAN_COMPILE = process.platform === "linux" && findCompiler(ARCH) !== null;
const isRoot = process.platform === "linux" && process.getuid?.() === 0;

/** Nobody's, so that the launcher runs as an ordinary user. */
const USER = "61190";
const AS_USER = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"];

let programs: string;
let root: string;

beforeAll(() => {
  programs = mkdtempSync(join(tmpdir(), "ten-programs-"));
  chmodSync(programs, 0o755);
  if (CAN_COMPILE) buildLauncher({ arch: ARCH, outfile: join(programs, "launcher") });
});
afterAll(() => rmSync(programs, { recursive: true }));
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ten-trees-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const treesBy = (tool: "launcher" | "coreutils") =>
  new Trees({
    findLauncher: () => (tool === "launcher" ? join(programs, "launcher") : null),
    confine: () => ({ birthplace: null, admit: async () => undefined }),
  });

function allocated(...paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + lstatSync(path).blocks * 512, 0);
}

function write(name: string, bytes: number): string {
  const path = join(root, name);
  writeFileSync(path, Buffer.alloc(bytes, "x"));
  return path;
}

/** A directory and a file whose names are no UTF-8. */
function makeOddNames(): void {
  const script = `mkdir "$(printf 'd\\377')" && head -c 300000 /dev/zero > "$(printf 'd\\377/f\\376')"`;
  expect(Bun.spawnSync(["sh", "-c", script], { cwd: root }).exitCode).toBe(0);
}

/** Deeper than the launcher keeps directories open, and than a path may be long. */
function makeDeep(): void {
  const name = "n".repeat(200);
  const make = `i=0; while [ $i -lt 300 ]; do mkdir ${name} && cd -P ./${name}; i=$((i+1)); done; head -c 500000 /dev/zero > big`;
  expect(Bun.spawnSync(["sh", "-c", make], { cwd: root }).exitCode).toBe(0);
}

test("a deletion that takes long is admitted to its control group", async () => {
  const launcher = join(root, "launcher");
  writeFileSync(launcher, `#!/bin/sh\nwhile [ ! -e "${root}/admitted" ]; do sleep 0.02; done\n`);
  chmodSync(launcher, 0o755);
  class Group {
    readonly birthplace = null;
    readonly #members: number[] = [];
    async admit(pid: number): Promise<void> {
      this.#members.push(pid);
      writeFileSync(join(root, "admitted"), this.#members.join());
    }
  }
  const trees = new Trees({ findLauncher: () => launcher, confine: () => new Group() });
  await trees.delete([join(root, "nothing")]);
  expect(existsSync(join(root, "admitted"))).toBe(true);
});

describe.each(["launcher", "coreutils"] as const)("trees, by the %s", (tool) => {
  const trees = treesBy(tool);
  const measure = async (...paths: string[]) =>
    (await trees.measure(paths.length === 0 ? [root] : paths)).bytes;

  describe.skipIf(tool === "launcher" && !CAN_COMPILE)("measured", () => {
    test("take the allocated bytes of all files and directories", async () => {
      mkdirSync(join(root, "a", "b"), { recursive: true });
      const files = [write("one", 100 * KIB), write("a/two", 1), write("a/b/three", 300 * KIB)];
      const directories = [root, join(root, "a"), join(root, "a/b")];
      expect(await trees.measure([root])).toEqual({
        bytes: allocated(...files, ...directories),
        isWhole: true,
      });
      expect(await measure()).toBeGreaterThan(400 * KIB);
    });

    test("count a file with several names once, also across trees, and no holes", async () => {
      const file = write("one", 200 * KIB);
      linkSync(file, join(root, "two"));
      const other = join(root, "other");
      mkdirSync(other);
      linkSync(file, join(other, "three"));
      truncateSync(write("sparse", 0), 100 * KIB * KIB);
      expect(await measure()).toBe(allocated(root, other, file, join(root, "sparse")));
    });

    test("do not include what their links lead to", async () => {
      const inside = join(root, "inside");
      mkdirSync(inside);
      write("big", 500 * KIB);
      symlinkSync(join(root, "big"), join(inside, "file"));
      symlinkSync(root, join(inside, "directory"));
      expect(await measure(inside)).toBe(
        allocated(inside, join(inside, "file"), join(inside, "directory")),
      );
    });

    test("take nothing where they do not exist, beside those that do", async () => {
      const file = write("one", 100 * KIB);
      expect(await measure(join(root, "none"))).toBe(0);
      expect(await trees.measure([join(root, "none"), file])).toEqual({
        bytes: allocated(file),
        isWhole: true,
      });
    });

    test("include names that are no UTF-8", async () => {
      makeOddNames();
      expect(await measure()).toBeGreaterThan(300_000);
    });

    test("include files below a path longer than a system call takes", async () => {
      makeDeep();
      expect(await measure()).toBeGreaterThan(500_000);
    });
  });

  describe.skipIf(tool === "launcher" && !CAN_COMPILE)("deleted", () => {
    test("leave nothing, whatever their names and their depth, and nothing else is gone", async () => {
      mkdirSync(join(root, "kept"));
      symlinkSync(join(root, "kept"), join(root, "link"));
      const tree = join(root, "tree");
      mkdirSync(join(tree, "a"), { recursive: true });
      writeFileSync(join(root, "kept/file"), "");
      symlinkSync(join(root, "kept"), join(tree, "a/link"));
      await trees.delete([tree, join(root, "link"), join(root, "none")]);
      expect(readdirSync(root)).toEqual(["kept"]);
      expect(readdirSync(join(root, "kept"))).toEqual(["file"]);
      makeOddNames();
      makeDeep();
      await trees.delete([root]);
      expect(existsSync(root)).toBe(false);
    });

    test.skipIf(!isRoot)("stop at another file system, which is reported", async () => {
      const mounted = join(root, "tree/mounted");
      mkdirSync(mounted, { recursive: true });
      writeFileSync(join(root, "tree/file"), "");
      Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", mounted]);
      try {
        writeFileSync(join(mounted, "file"), "");
        await expect(trees.delete([join(root, "tree")])).rejects.toThrow(mounted);
        expect(readdirSync(join(root, "tree"))).toEqual(["mounted"]);
        expect(readdirSync(mounted)).toEqual(["file"]);
      } finally {
        Bun.spawnSync(["umount", mounted]);
      }
    });
  });
});

describe.skipIf(!CAN_COMPILE)("by the launcher", () => {
  test("a measurement whose time is over tells what it has seen", async () => {
    write("one", 100 * KIB);
    const { bytes, isWhole } = await treesBy("launcher").measure([root], 0);
    expect(isWhole).toBe(false);
    expect(bytes).toBeLessThan(100 * KIB);
  });

  test.skipIf(!isRoot)("a deletion leaves bind mounts of the same file system alone", async () => {
    const [outside, mounted] = [join(root, "outside"), join(root, "tree/mounted")];
    for (const path of [outside, mounted]) mkdirSync(path, { recursive: true });
    writeFileSync(join(outside, "file"), "");
    Bun.spawnSync(["mount", "--bind", outside, mounted]);
    try {
      await expect(treesBy("launcher").delete([join(root, "tree")])).rejects.toThrow(mounted);
      expect(readdirSync(outside)).toEqual(["file"]);
    } finally {
      Bun.spawnSync(["umount", mounted]);
    }
  });

  describe.skipIf(!isRoot)("an ordinary user", () => {
    /** Runs a command of the launcher as the user that the files belong to. */
    function runAsUser(...command: readonly string[]): string {
      const { exitCode, stdout } = Bun.spawnSync([
        ...AS_USER,
        join(programs, "launcher"),
        ...command,
      ]);
      expect(exitCode).toBe(0);
      return stdout.toString().trim();
    }

    beforeEach(() => {
      mkdirSync(join(root, "tree/hidden/below"), { recursive: true });
      write("tree/hidden/below/big", 300 * KIB);
      const paths = ["", "tree", "tree/hidden", "tree/hidden/below", "tree/hidden/below/big"];
      for (const path of paths) chownSync(join(root, path), Number(USER), Number(USER));
    });

    test.each([0o000, 0o300, 0o400])(
      "measures directories of mode %o, and leaves the mode",
      (mode) => {
        chmodSync(join(root, "tree/hidden"), mode);
        const [bytes, extent] = runAsUser("measure", "60", join(root, "tree")).split(" ");
        expect(Number(bytes)).toBeGreaterThan(300 * KIB);
        expect(extent).toBe("whole");
        expect(lstatSync(join(root, "tree/hidden")).mode & 0o777).toBe(mode);
      },
    );

    test.each([0o000, 0o500, 0o555])("deletes directories of mode %o", (mode) => {
      for (const path of ["tree/hidden/below", "tree/hidden", "tree"]) {
        chmodSync(join(root, path), mode);
      }
      runAsUser("delete", join(root, "tree"));
      expect(readdirSync(root)).toEqual([]);
    });

    test.each([0o000, 0o555])("deletes directories of mode %o without the launcher", (mode) => {
      for (const path of ["tree/hidden/below", "tree/hidden", "tree"]) {
        chmodSync(join(root, path), mode);
      }
      const script = `
        import { Trees } from "${join(import.meta.dir, "../../../../src/platform/process/trees.ts")}";
        const confine = () => ({ birthplace: null, admit: async () => undefined });
        await new Trees({ findLauncher: () => null, confine }).delete(["${root}/tree"]);`;
      const { stderr } = Bun.spawnSync([...AS_USER, process.execPath, "-e", script], { cwd: "/" });
      expect(stderr.toString()).toBe("");
      expect(readdirSync(root)).toEqual([]);
    });

    test("is told what it can't delete", async () => {
      chownSync(join(root, "tree/hidden/below"), 0, 0);
      const { exitCode, stdout } = Bun.spawnSync([
        ...AS_USER,
        join(programs, "launcher"),
        "delete",
        join(root, "tree"),
      ]);
      expect(exitCode).toBe(1);
      expect(stdout.toString()).toContain(
        `such as ${root}/tree/hidden/below/big: Permission denied`,
      );
    });
  });
});

test("measures and deletes with the system's programs when the server's PATH has none", () => {
  const tree = join(root, "tree");
  mkdirSync(tree);
  writeFileSync(join(tree, "file"), Buffer.alloc(64 * KIB, "x"));
  const bytes = allocated(tree, join(tree, "file"));
  const module = join(import.meta.dir, "../../../../src/platform/process/trees.ts");
  const script = `
    const { Trees } = require(${JSON.stringify(module)});
    const confine = () => ({ birthplace: null, admit: async () => undefined });
    const trees = new Trees({ findLauncher: () => null, confine });
    console.log(JSON.stringify(await trees.measure([${JSON.stringify(tree)}])));
    await trees.delete([${JSON.stringify(tree)}]);
  `;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script], {
    env: { PATH: "/nonexistent" },
  });
  expect(stderr.toString()).toBe("");
  expect(JSON.parse(stdout.toString())).toEqual({ bytes, isWhole: true });
  expect(existsSync(tree)).toBe(false);
});
