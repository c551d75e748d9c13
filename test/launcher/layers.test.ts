// The writable layer over a working directory, and directories of a tenant's own at other places: both open no wall.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type Level, openTenant, type Tenant, WALLED } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(120_000);

const USER = 61_190;

/** A working directory with files of its owner: as root, another user than the tenant's. */
function workIn(tenant: Tenant, level: Level) {
  const work = tenant.directory("work");
  const owner = level === "walls" ? 61_180 : USER;
  mkdirSync(join(work, "lib/deep"), { recursive: true });
  for (const name of ["app.txt", "lib/deep/part"]) {
    writeFileSync(join(work, name), "code\n");
    chmodSync(join(work, name), 0o644);
  }
  for (const name of [".", "app.txt", "lib", "lib/deep", "lib/deep/part"])
    chownSync(join(work, name), owner, owner);
  const layer = (own: string) => [
    ...["--read", work, "--write", own, "--layer", `${own}/.ten/workdir:${work}`, "--chdir", work],
  ];
  return { work, owner, layer };
}

async function say(tenant: Tenant, script: string, options: readonly string[]): Promise<string> {
  await using launched = tenant.launch(["sh", "-c", script], { options });
  const { stderr, stdout } = await launched.end();
  return stdout + stderr;
}

describe.skipIf(isUnable())("behind walls", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  describe.each([...WALLED])("at level %s", (level) => {
    test("a tenant changes its working directory for itself alone, and finds its changes again", async () => {
      using tenant = openTenant(level, programs);
      const { layer, work } = workIn(tenant, level);
      const other = tenant.directory("other");
      const change =
        "echo mine > app.txt; echo new > lib/deep/new; rm lib/deep/part; mkdir data; echo $?";
      expect(await say(tenant, change, layer(tenant.own))).toBe("0\n");
      const look = "cat app.txt lib/deep/*; ls";
      expect(await say(tenant, look, layer(tenant.own))).toBe("mine\nnew\napp.txt\ndata\nlib\n");
      expect(await say(tenant, look, layer(other))).toBe("code\ncode\napp.txt\nlib\n");
      expect(readdirSync(join(work, "lib/deep"))).toEqual(["part"]);
      expect(readFileSync(join(work, "app.txt"), "utf8")).toBe("code\n");
    });

    test("its changes are its own files", async () => {
      using tenant = openTenant(level, programs);
      const { layer, work } = workIn(tenant, level);
      const script = "stat -c %u app.txt lib; echo more >> lib/deep/part; touch made";
      expect(await say(tenant, script, layer(tenant.own))).toBe(`${USER}\n${USER}\n`);
      const upper = join(tenant.own, ".ten/workdir/upper");
      for (const name of ["..", ".", "lib", "lib/deep", "lib/deep/part", "made"])
        expect({ name, uid: lstatSync(join(upper, name)).uid }).toEqual({ name, uid: USER });
      expect(readFileSync(join(work, "lib/deep/part"), "utf8")).toBe("code\n");
    });

    test("later changes of the operator show where the tenant has changed nothing", async () => {
      using tenant = openTenant(level, programs);
      const { layer, owner, work } = workIn(tenant, level);
      await say(tenant, "echo mine > app.txt", layer(tenant.own));
      for (const name of ["app.txt", "lib/deep/part", "added"]) {
        writeFileSync(join(work, name), "second\n");
        chownSync(join(work, name), owner, owner);
      }
      const look = "cat app.txt lib/deep/part added";
      expect(await say(tenant, look, layer(tenant.own))).toBe("mine\nsecond\nsecond\n");
    });

    test("a hidden file of the working directory stays hidden, whatever the tenant does to its layer", async () => {
      using tenant = openTenant(level, programs);
      const { layer, work } = workIn(tenant, level);
      const secret = join(work, "lib/secret");
      writeFileSync(secret, "secret\n");
      chownSync(secret, USER, USER);
      const options = [...layer(tenant.own), "--hide", secret];
      const attempts = [
        "cat lib/secret",
        "mv lib/secret lib/x && cat lib/x",
        "rm -f lib/secret; cat lib/secret",
        "ln lib/secret y && cat y",
        "mv lib z; cat z/secret",
        "cp -a lib w; cat w/secret",
        "rm -rf lib; ln -s . lib; cat lib/secret",
      ];
      for (const attempt of attempts) {
        expect(await say(tenant, attempt, options)).not.toMatch(/^secret$/m);
        expect(await say(tenant, "cat lib/secret z/secret w/secret y", options)).not.toMatch(
          /^secret$/m,
        );
      }
    });

    test("files of other instances below the working directory stay hidden", async () => {
      using tenant = openTenant(level, programs);
      const { layer, work } = workIn(tenant, level);
      const own = tenant.directory("work/data/mine");
      const other = tenant.directory("work/data/other/.ten/workdir/upper");
      writeFileSync(join(other, "secret"), "secret\n");
      const hide = ["--hide", join(work, "data")];
      const script = "cat data/other/.ten/workdir/upper/secret; ls -A data; mv data away; ls away";
      const said = await say(tenant, `${script}; touch made`, [...layer(own), ...hide]);
      expect(said).not.toMatch(/^secret$/m);
      expect(said).toMatch(/^mine$/m);
      expect(existsSync(join(own, ".ten/workdir/upper/made"))).toBeTrue();
    });

    test("the layer itself is out of its reach", async () => {
      using tenant = openTenant(level, programs);
      const { layer } = workIn(tenant, level);
      await say(tenant, "touch made", layer(tenant.own));
      const script =
        "ls -A $HOME/.ten/workdir; touch $HOME/.ten/workdir/x; rm -rf $HOME/.ten/workdir";
      const said = await say(tenant, `${script}; ls`, layer(tenant.own));
      expect(said).toContain("made");
      expect(said).not.toContain("upper");
    });

    test.each([".ten", ".ten/workdir", ".ten/workdir/upper", ".ten/workdir/work"])(
      "a link in place of %s leads to no layer of others",
      async (name) => {
        using tenant = openTenant(level, programs);
        const { layer } = workIn(tenant, level);
        const other = tenant.directory("other");
        await say(tenant, "echo theirs > app.txt", layer(other));
        await say(tenant, "true", layer(tenant.own));
        rmSync(join(tenant.own, name), { recursive: true });
        symlinkSync(join(other, name), join(tenant.own, name));
        await using launched = tenant.launch(["cat", "app.txt"], { options: layer(tenant.own) });
        const { code, stderr, stdout } = await launched.end();
        expect({ code, stdout }).toEqual({ code: 126, stdout: "" });
        expect(stderr).toMatch(/Not a directory|Too many levels of symbolic links/);
      },
    );

    test("links and devices that were planted in a layer lead nowhere", async () => {
      using tenant = openTenant(level, programs);
      const { layer } = workIn(tenant, level);
      await say(tenant, "true", layer(tenant.own));
      const upper = join(tenant.own, ".ten/workdir/upper");
      const secret = join(tenant.directory("other"), "secret");
      writeFileSync(secret, "secret\n");
      symlinkSync(secret, join(upper, "link"));
      symlinkSync(`..${secret}`, join(upper, "climbing"));
      Bun.spawnSync(["mknod", "-m", "666", join(upper, "device"), "c", "1", "5"]);
      Bun.spawnSync(["cp", "/usr/bin/id", join(upper, "id")]);
      chmodSync(join(upper, "id"), 0o4755);
      const script = "cat link climbing; head -c 1 device; ./id -u; mknod made c 1 5; ls made";
      const said = await say(tenant, script, layer(tenant.own));
      expect(said).not.toMatch(/^secret$/m);
      expect(said).toMatch(/device.*Permission denied/);
      expect(said).toMatch(new RegExp(`^${USER}$`, "m"));
      expect(said).toMatch(/cannot access 'made'/);
    });

    test("whiteouts that it makes hide files from itself alone", async () => {
      using tenant = openTenant(level, programs);
      const { layer, work } = workIn(tenant, level);
      await say(tenant, "mknod app.txt c 0 0; rm -rf lib; mknod lib c 0 0", layer(tenant.own));
      expect(await say(tenant, "cat app.txt lib/deep/part", layer(tenant.directory("other")))).toBe(
        "code\ncode\n",
      );
      expect(readdirSync(work).sort()).toEqual(["app.txt", "lib"]);
    });

    test("marks of an overlay that it writes lead to no other file", async () => {
      using tenant = openTenant(level, programs);
      const { layer, work } = workIn(tenant, level);
      const closed = join(work, "closed");
      mkdirSync(closed);
      writeFileSync(join(closed, "secret"), "secret\n");
      const options = [...layer(tenant.own), "--hide", closed];
      await say(tenant, "mkdir fake; echo x > file", options);
      const upper = join(tenant.own, ".ten/workdir/upper");
      // Rootless the tenant may write these; as root it may not, and the overlay reads others.
      for (const [name, mark, value] of [
        ["fake", "user.overlay.redirect", "/closed"],
        ["file", "user.overlay.redirect", "/closed/secret"],
        ["file", "user.overlay.metacopy", ""],
      ] as const)
        Bun.spawnSync([
          "/usr/bin/python3",
          "-c",
          "import os, sys; os.setxattr(sys.argv[1], sys.argv[2], sys.argv[3].encode())",
          ...[join(upper, name), mark, value],
        ]);
      expect(await say(tenant, "cat fake/secret file", options)).not.toMatch(/^secret$/m);
    });

    test("a state directory is made, kept, and its own", async () => {
      using tenant = openTenant(level, programs);
      const at = (own: string) => [
        ...["--write", own, "--state", `${own}/.ten/state/var/lib/radicale:/var/lib/radicale`],
        ...["/usr", "/bin", "/lib", "/lib64"].flatMap((path) => ["--show", path]),
      ];
      const write = "echo kept > /var/lib/radicale/file; stat -c %u /var/lib/radicale";
      expect(await say(tenant, write, at(tenant.own))).toBe(`${USER}\n`);
      const look = "cat /var/lib/radicale/file || echo none";
      expect(await say(tenant, look, at(tenant.own))).toBe("kept\n");
      expect(await say(tenant, look, at(tenant.directory("other")))).toContain("none");
      expect(existsSync("/var/lib/radicale")).toBeFalse();
    });

    test.each([".ten", ".ten/state", ".ten/state/x"])(
      "a link in place of %s opens no directory of others as state",
      async (name) => {
        using tenant = openTenant(level, programs);
        const other = tenant.directory("other");
        mkdirSync(join(other, "state/x"), { recursive: true });
        mkdirSync(join(other, "x"), { recursive: true });
        mkdirSync(join(tenant.own, name, ".."), { recursive: true });
        symlinkSync(other, join(tenant.own, name));
        const options = ["--state", `${tenant.own}/.ten/state/x:/tmp/x`];
        await using launched = tenant.launch(["touch", "/tmp/x/made"], { options });
        expect((await launched.end()).code).toBe(126);
        expect(readdirSync(other).sort()).toEqual(["state", "x"]);
      },
    );
  });

  test("as root the file of another owner keeps its owner and its mode", async () => {
    using tenant = openTenant("walls", programs);
    const { layer, work } = workIn(tenant, "walls");
    writeFileSync(join(work, "foreign"), "secret\n", { mode: 0o600 });
    const said = await say(
      tenant,
      "stat -c %u foreign; cat foreign; echo x > foreign",
      layer(tenant.own),
    );
    expect(said).toMatch(/^0$/m);
    expect(said.match(/Permission denied/g)).toHaveLength(2);
  });

  test("as root a removed layer is made anew", async () => {
    using tenant = openTenant("walls", programs);
    const { layer } = workIn(tenant, "walls");
    await say(tenant, "touch made", layer(tenant.own));
    rmSync(join(tenant.own, ".ten"), { recursive: true });
    expect(await say(tenant, "ls", layer(tenant.own))).toBe("app.txt\nlib\n");
    renameSync(join(tenant.own, ".ten"), join(tenant.own, "x"));
    expect(await say(tenant, "ls", layer(tenant.own))).toBe("app.txt\nlib\n");
  });
});
