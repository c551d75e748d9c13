// The directory that the launcher gives to the instance's user, whatever the tenant has put into it.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Ended, run } from "./launch.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

const USER = 61_190;

describe.skipIf(isUnable())("a directory that is given to a user", () => {
  let programs: Programs;
  let root: string;
  let tree: string;

  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());
  beforeEach(() => {
    root = mkdtempSync("/var/lib/ten-given-");
    tree = join(root, "tree");
    mkdirSync(join(tree, "a/b/c"), { recursive: true });
    writeFileSync(join(tree, "a/b/c/file"), "");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const ownerOf = (...path: string[]) => lstatSync(join(root, ...path)).uid;
  const give = async (): Promise<Ended> => {
    const { launcher } = programs;
    const options = ["--give", `${tree}:${USER}`];
    const ended = await run({ launcher, options, command: ["true"] });
    expect(ended.code).toBe(0);
    return ended;
  };

  test("belongs to that user, with all that is in it", async () => {
    await give();
    const paths = ["", "a", "a/b", "a/b/c", "a/b/c/file"];
    expect(paths.map((path) => ownerOf("tree", path))).toEqual(paths.map(() => USER));
  });

  test("keeps the owners of what its links lead to, files and directories", async () => {
    mkdirSync(join(root, "outside"));
    writeFileSync(join(root, "outside/secret"), "");
    symlinkSync(join(root, "outside"), join(tree, "directory"));
    symlinkSync(join(root, "outside/secret"), join(tree, "a/file"));
    await give();
    expect(ownerOf("outside")).toBe(0);
    expect(ownerOf("outside/secret")).toBe(0);
    expect(ownerOf("tree/directory")).toBe(USER);
    expect(ownerOf("tree/a/file")).toBe(USER);
  });

  test("keeps the owners of file systems that are mounted in it, of bind mounts as well", async () => {
    mkdirSync(join(root, "outside"));
    writeFileSync(join(root, "outside/secret"), "");
    mkdirSync(join(tree, "a/mounted"));
    Bun.spawnSync(["mount", "--bind", join(root, "outside"), join(tree, "a/mounted")]);
    try {
      await give();
      expect([ownerOf("outside"), ownerOf("outside/secret")]).toEqual([0, 0]);
    } finally {
      Bun.spawnSync(["umount", join(tree, "a/mounted")]);
    }
  });

  test("keeps the owner of a file that has a name outside, and reports it", async () => {
    writeFileSync(join(root, "backup"), "");
    linkSync(join(root, "backup"), join(tree, "a/restored"));
    const { stderr } = await give();
    expect(ownerOf("backup")).toBe(0);
    expect(ownerOf("tree")).toBe(USER);
    expect(stderr).toContain(
      `${tree}/a/restored is not given to user ${USER}: it has names outside`,
    );
  });

  test("includes a file whose names are all inside", async () => {
    linkSync(join(tree, "a/b/c/file"), join(tree, "again"));
    const { stderr } = await give();
    expect(ownerOf("tree/again")).toBe(USER);
    expect(stderr).toBe("");
  });

  test.each(["later", "a/later"])("also gets what root has put at %s afterwards", async (path) => {
    await give();
    mkdirSync(join(tree, path));
    writeFileSync(join(tree, path, "restored"), "");
    await give();
    expect(ownerOf("tree", path, "restored")).toBe(USER);
  });

  test("is not walked at each start: deep files of others are given once the top is root's", async () => {
    await give();
    writeFileSync(join(tree, "a/b/c/later"), "");
    await give();
    expect(ownerOf("tree/a/b/c/later")).toBe(0);
    chownSync(tree, 0, 0);
    await give();
    expect(ownerOf("tree/a/b/c/later")).toBe(USER);
  });

  test("may be deeper than the directories that the launcher keeps open", async () => {
    const depth = 300;
    const make = `i=0; while [ $i -lt ${depth} ]; do mkdir d && cd -P ./d; i=$((i+1)); done; : > file`;
    expect(Bun.spawnSync(["sh", "-c", make], { cwd: tree }).exitCode).toBe(0);
    await give();
    const { stdout } = Bun.spawnSync(["find", tree, "!", "-user", String(USER)]);
    expect(stdout.toString()).toBe("");
  });
});
