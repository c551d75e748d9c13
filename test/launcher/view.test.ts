// A tenant's view of the file system, and the options that the launcher refuses.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { run } from "./launch.ts";
import { openTenant, WALLED } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(120_000);

/** What a shell needs. */
const SYSTEM = ["/usr", "/bin", "/lib", "/lib64"];

describe.skipIf(isUnable())("behind walls", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  describe.each([...WALLED])("at level %s", (level) => {
    test("a working directory below a hidden one is readable, the data of others below it is not", async () => {
      using tenant = openTenant(level, programs);
      const work = tenant.directory("work");
      writeFileSync(join(work, "app.txt"), "code");
      const data = tenant.directory("work/data");
      writeFileSync(join(tenant.directory("work/data/other"), "secret"), "secret");
      const own = tenant.directory("work/data/mine");
      await using launched = tenant.launch(
        ["sh", "-c", "cat ../../app.txt; ls -A ..; touch kept; touch ../../app.txt || echo no"],
        { options: ["--read", work, "--hide", data, "--write", own, "--chdir", own] },
      );
      expect((await launched.end()).stdout).toBe("codemine\nno\n");
      expect(readdirSync(own)).toEqual(["kept"]);
    });

    test("of listed paths the tenant sees those, links as links, and nothing else of the host", async () => {
      using tenant = openTenant(level, programs);
      const shown = tenant.directory("shown");
      writeFileSync(join(shown, "file"), "shown");
      writeFileSync(join(tenant.directory("else"), "file"), "else");
      const link = `${tenant.root}-link`;
      symlinkSync(shown, link);
      using _link = { [Symbol.dispose]: () => rmSync(link) };
      const listed = [...SYSTEM, shown, link, "/no-such"];
      const script = `readlink ${link}; cat ${link}/file; ls -A ${tenant.root} /var/lib /srv /boot; touch ${shown}/x /x /var/x`;
      await using launched = tenant.launch(["sh", "-c", script], {
        options: listed.flatMap((path) => ["--show", path]),
      });
      const { stdout, stderr } = await launched.end();
      const words = stdout.split(/\s+/).filter((word) => word !== "");
      const name = tenant.root.split("/").at(-1) ?? "";
      expect(words).toEqual([
        ...[shown, "shown/srv:", "/var/lib:", name, `${name}-link`],
        ...[`${tenant.root}:`, "own", "shown"],
      ]);
      expect(stderr.match(/Read-only file system/g)).toHaveLength(3);
      expect(stderr).toContain("/boot");
    });

    test("a hidden file can't be opened, changed or removed, also by its owner", async () => {
      using tenant = openTenant(level, programs);
      const work = tenant.directory("work");
      const secret = join(work, "secret");
      writeFileSync(secret, "secret");
      chownSync(secret, 61_190, 61_190);
      await using launched = tenant.launch(
        ["sh", "-c", "cat secret || chmod 666 secret || rm -f secret || mv secret x || echo no"],
        { options: ["--read", work, "--hide", secret, "--hide", `${work}/none`, "--chdir", work] },
      );
      expect((await launched.end()).stdout).toBe("no\n");
    });

    test("a requested device is present, and no other", async () => {
      using tenant = openTenant(level, programs);
      using device = makeDevice("666");
      await using launched = tenant.launch(
        ["sh", "-c", `ls /dev | grep -c -e kmsg -e ten-test; head -c 1 ${device.path} | wc -c`],
        { options: ["--device", device.path] },
      );
      expect((await launched.end()).stdout).toBe("1\n1\n");
    });

    if (level === "walls")
      test("file systems of others are unmounted, its own is not", async () => {
        using tenant = openTenant(level, programs);
        const data = tenant.directory("data");
        const [own, other] = [tenant.directory("data/mine"), tenant.directory("data/it\\s ours")];
        using stack = new DisposableStack();
        for (const path of [own, other]) {
          Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", path]);
          stack.defer(() => void Bun.spawnSync(["umount", path]));
        }
        await using launched = tenant.launch(["cat", "/proc/self/mountinfo"], {
          options: ["--hide", data, "--write", own, "--chdir", own],
        });
        const { stdout } = await launched.end();
        expect(stdout).toContain(` ${own} `);
        expect(stdout).not.toContain("ours");
      });

    test("a link in the tenant's own directory opens no hidden directory", async () => {
      using tenant = openTenant(level, programs);
      const other = tenant.directory("other");
      writeFileSync(join(other, "secret"), "secret");
      symlinkSync(other, join(tenant.own, "work"));
      await using launched = tenant.launch(["sh", "-c", "cat work/secret || echo no"], {
        options: ["--read", join(tenant.own, "work")],
      });
      expect((await launched.end()).stdout).toBe("no\n");
    });

    test.each(["--read", "--write"])(
      "a link in a path of %s keeps it from starting",
      async (option) => {
        using tenant = openTenant(level, programs);
        const other = tenant.directory("other");
        mkdirSync(join(other, "inner"));
        symlinkSync(other, join(tenant.directory("shared"), "link"));
        await using launched = tenant.launch(["ls"], {
          options: [option, join(tenant.root, "shared/link/inner")],
        });
        const { code, stderr } = await launched.end();
        expect(code).toBe(126);
        expect(stderr).toMatch(/shared\/link\/inner: .*symbolic link/i);
      },
    );

    test("a socket in a readable directory accepts connections", async () => {
      using tenant = openTenant(level, programs);
      const unix = join(tenant.directory("database"), "socket");
      await using _database = Bun.serve({ unix, fetch: () => new Response("rows") });
      chmodSync(unix, 0o777);
      const ask = `console.log(await (await fetch("http://x/", { unix: "${unix}" })).text())`;
      await using launched = tenant.launch([programs.bun, "-e", ask], {
        options: ["--read", join(unix, "..")],
      });
      expect((await launched.end()).stdout).toBe("rows\n");
    });

    test("temporary files are kept in the directory given by --tmp", async () => {
      using tenant = openTenant(level, programs);
      const tmp = tenant.directory("tmp");
      await using launched = tenant.launch(["sh", "-c", "echo 1 > /tmp/a; cat /var/tmp/a"], {
        options: ["--tmp", tmp],
      });
      expect((await launched.end()).stdout).toBe("1\n");
      expect(readdirSync(tmp)).toEqual(["a"]);
    });

    test("a link in the tenant's /tmp can't redirect a mount", async () => {
      using tenant = openTenant(level, programs);
      const tmp = tenant.directory("tmp");
      symlinkSync("/etc", join(tmp, "tenement"));
      await using launched = tenant.launch(["ls", "/etc"], {
        options: ["--tmp", tmp, "--write-at", `${tenant.directory("s")}:/tmp/tenement`],
      });
      const { code, stdout, stderr } = await launched.end();
      expect({ code, stdout }).toEqual({ code: 126, stdout: "" });
      expect(stderr).toMatch(/^ten-launcher: \/tmp\/tenement: /);
    });

    test.each(["/tmp/tenement", "/run/app/sockets", "INSIDE"])(
      "the socket directory is mounted at its inner path: %s",
      async (path) => {
        using tenant = openTenant(level, programs);
        const outside = tenant.directory("sockets");
        const inside = path === "INSIDE" ? join(tenant.root, "deep/s") : path;
        await using launched = tenant.launch(["touch", `${inside}/made`], {
          options: ["--write-at", `${outside}:${inside}`],
        });
        expect((await launched.end()).code).toBe(0);
        expect(existsSync(join(outside, "made"))).toBeTrue();
      },
    );

    test("without --chdir the application starts in /, wherever the launcher was started", async () => {
      using tenant = openTenant(level, programs);
      const { launcher } = programs;
      const walls =
        level === "walls"
          ? ["--walls", "--uid", "61190", "--gid", "61190"]
          : ["--walls", "--rootless"];
      const prefix =
        level === "walls"
          ? []
          : ["setpriv", "--reuid", "61190", "--regid", "61190", "--clear-groups"];
      const options = [...walls, "--hide", tenant.root];
      const { stdout } = await run({
        ...{ launcher, prefix, options, cwd: tenant.root },
        status: join(tenant.directory("status"), "other"),
        command: ["sh", "-c", "pwd; umask; ls -A $PWD/../own 2>/dev/null"],
      });
      expect(stdout).toBe("/\n0077\n");
    });

    test("a part of a hidden home can be made readable", async () => {
      using tenant = openTenant(level, programs);
      const home = mkdtempSync("/root/ten-home-");
      chmodSync(home, 0o755);
      try {
        mkdirSync(join(home, "tool"));
        writeFileSync(join(home, "tool/program"), "here");
        await using launched = tenant.launch(
          ["sh", "-c", `cat ${home}/tool/program; ls -A /root ${home} | tr '\\n' ' '`],
          { options: ["--read", join(home, "tool")] },
        );
        const name = home.split("/").at(-1);
        // Only root can copy a mount of root's home.
        const expected = level === "walls" ? `here/root: ${name}  ${home}: tool ` : "";
        expect((await launched.end()).stdout.replace(/\s+/g, " ").trim()).toBe(
          expected.replace(/\s+/g, " ").trim(),
        );
      } finally {
        rmSync(home, { recursive: true });
      }
    });
  });

  const REFUSALS: readonly (readonly [string, readonly string[], string])[] = [
    ["an unknown option", ["--wals"], "unrecognized option"],
    ["walls as root without a user", ["--walls"], "as root needs --uid and --gid"],
    ["the host's root as a user", ["--walls", "--uid", "0", "--gid", "1"], "not a number in range"],
    ["a user that is no number", ["--walls", "--uid", "1x", "--gid", "1"], "not a number in range"],
    ["rootless for root", ["--walls", "--rootless"], "not for root"],
    ["a wall's option without walls", ["--hide", "/srv"], "needed by the other options"],
    ["a relative path", ["--walls", "--hide", "data"], "not an absolute path"],
    ["a path that climbs", ["--walls", "--write", "/srv/../etc"], "not an absolute path"],
    ["everything writable", ["--walls", "--write", "/"], "not an absolute path"],
    ["a limit of processes for no user", ["--processes", "9"], "needs --uid"],
    ["a port out of range", ["--walls", "--bind-port", "65536"], "not a number in range"],
    ["a device elsewhere", ["--walls", "--device", "/dev/../etc/passwd"], "not a device directly"],
    ["a socket directory without its place", ["--walls", "--write-at", "/srv"], "no colon"],
  ];

  test("the tenant is in the group of its device, and in no other", async () => {
    using tenant = openTenant("walls", programs);
    using device = makeDevice("660");
    chownSync(device.path, 0, 61_191);
    await using launched = tenant.launch(
      ["sh", "-c", `grep ^Groups: /proc/self/status; head -c 1 ${device.path} | wc -c`],
      { options: ["--device", device.path] },
    );
    expect((await launched.end()).stdout).toBe("Groups:\t61191 \n1\n");
  });

  test.each(REFUSALS)("%s is refused", async (_, options, message) => {
    const { code, stdout, stderr } = await run({
      launcher: programs.launcher,
      options,
      command: ["echo", "ran"],
    });
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain(message);
  });

  test.each([
    ["a group that is not there", ["--cgroup", "/sys/fs/cgroup/ten-no-such-group"]],
    [
      "a directory to write that is not there",
      ["--walls", "--uid", "1", "--gid", "1", "--write", "/no-such"],
    ],
    ["a directory to start in that is not there", ["--chdir", "/no-such"]],
  ])("%s keeps the application from starting", async (_, options) => {
    const { code, stdout, stderr, status } = await run({
      launcher: programs.launcher,
      options,
      command: ["echo", "ran"],
    });
    expect({ code, stdout }).toEqual({ code: 126, stdout: "" });
    expect(stderr).toContain("No such file or directory");
    expect(status.some((line) => line.startsWith("error "))).toBeTrue();
  });
});

/** Makes another device of zeros. */
function makeDevice(mode: string): Disposable & { readonly path: string } {
  const path = `/dev/ten-test-${crypto.randomUUID()}`;
  const { stderr, success } = Bun.spawnSync(["mknod", "-m", mode, path, "c", "1", "5"]);
  if (!success) throw new Error(stderr.toString());
  return { path, [Symbol.dispose]: () => rmSync(path, { force: true }) };
}
