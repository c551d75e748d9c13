// Applications that write beside themselves or in /var/lib: each instance has its own layer, and its own directories.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { StorageAnswer } from "../../src/control/wire/instances.ts";
import { lacksMachines, machineKernel } from "../support/machines.ts";
import { fetchReply } from "../support/request.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { E2FSPROGS, GCC, isMissing, PYTHON, RUNSC } from "../support/tool.ts";

setDefaultTimeout(120_000);

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
/** An ordinary user who runs the server, and owns the application. */
const USER = 29_614;
const BESIDE = join(import.meta.dir, "../support/tenants/beside.py");
const STATE = "/var/lib/ten-test/sessions";

const configOf = (keys: string) => `
[service.app]
command = "/usr/bin/python3 app.py"
isolation = "namespace"
read_paths = []
${keys}
`;
const WRITABLE = "workdir_writable = true";

type Kind = "root" | "rootless";
const KINDS: readonly Kind[] = ["root", "rootless"];

/** Runs with a server, and the application in the directory of its configuration. */
function withApp(kind: Kind, keys: string, scenario: (ten: Ten) => Promise<void>): Promise<void> {
  const user = kind === "root" ? {} : { user: USER };
  return withTen({ ...user, parent: "/srv", configText: configOf(keys) }, async (ten) => {
    place(ten, "app.py", readFileSync(BESIDE, "utf8"));
    place(ten, "lib/page.html", "first");
    await scenario(ten);
  });
}

/** A file of the operator's. */
function place(ten: Ten, name: string, text: string): string {
  const path = join(dirname(ten.configFile), name);
  const owner = statSync(dirname(ten.configFile)).uid;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o644);
  for (const each of [dirname(path), path]) chownSync(each, owner, owner);
  return path;
}

async function ask(ten: Ten, id: string, path: string, query: Record<string, string> = {}) {
  const { text } = await ten.get(`${id}.app.localhost`, `${path}?${new URLSearchParams(query)}`);
  return text;
}

async function bytesOf(ten: Ten, ref: string): Promise<number> {
  const path = `/api/instances/${ref}/storage`;
  const token = /^ {2}(\S+)$/m.exec(await ten.must("token-gen"))?.[1];
  const headers = { Authorization: `Bearer ${token}` };
  const reply = await fetchReply({ port: ten.port, host: "localhost", path }, { headers });
  return reply.json<StorageAnswer>().used_bytes;
}

const isUnable = !isRoot || isMissing(GCC) || isMissing(PYTHON);

describe.skipIf(isUnable).each([...KINDS])(
  "an application that writes beside itself, %s",
  (kind) => {
    test("keeps its data apart for each instance, and over restart and sleep", () =>
      withApp(kind, WRITABLE, async (ten) => {
        await ten.must("spawn", "app:alice", "app:bob");
        expect(await ask(ten, "alice", "/add", { text: "a" })).toBe("a");
        expect(await ask(ten, "bob", "/add", { text: "b" })).toBe("b");
        await ten.must("restart", "app:alice");
        expect(await ask(ten, "alice", "/add", { text: "c" })).toBe("a,c");
        await ten.must("sleep", "app:alice");
        expect(await ask(ten, "alice", "/add", { text: "d" })).toBe("a,c,d");
        await ten.must("rollout", "app");
        expect(await ask(ten, "alice", "/add", { text: "e" })).toBe("a,c,d,e");
        expect(existsSync(join(dirname(ten.configFile), "beside.db"))).toBeFalse();
      }));

    test("sees what the operator changes, where it has changed nothing itself", () =>
      withApp(kind, WRITABLE, async (ten) => {
        place(ten, "lib/own.html", "first");
        await ten.must("spawn", "app:alice");
        await ask(ten, "alice", "/write", { path: "lib/own.html", text: "mine" });
        place(ten, "lib/own.html", "second");
        const page = place(ten, "lib/page.html", "second");
        place(ten, "lib/new.html", "second");
        await ten.must("restart", "app:alice");
        const pages = ["lib/own.html", "lib/page.html", "lib/new.html"];
        const seen = await Promise.all(pages.map((path) => ask(ten, "alice", "/read", { path })));
        expect(seen).toEqual(["mine", "second", "second"]);
        expect(readFileSync(page, "utf8")).toBe("second");
      }));

    test("does not see the server's files in that directory, and can't replace them", () =>
      withApp(kind, WRITABLE, async (ten) => {
        const secret = place(ten, "secret.env", "PASSWORD=brahms");
        ten.reconfigure((text) => text.replace(WRITABLE, `${WRITABLE}\nenv_file = "secret.env"`));
        await ten.restart();
        await ten.must("spawn", "app:alice");
        for (const path of ["secret.env", "tenement.toml"]) {
          expect(await ask(ten, "alice", "/read", { path })).toBe("PermissionError");
          expect(await ask(ten, "alice", "/write", { path, text: "x" })).toBe("PermissionError");
        }
        expect(readFileSync(secret, "utf8")).toBe("PASSWORD=brahms");
      }));

    test("has its changes counted and purged", () =>
      withApp(kind, WRITABLE, async (ten) => {
        await ten.must("spawn", "app:alice");
        const before = await bytesOf(ten, "app:alice");
        await ask(ten, "alice", "/write", { path: "big", text: "x", times: String(2 ** 21) });
        expect((await bytesOf(ten, "app:alice")) - before).toBeGreaterThanOrEqual(2 ** 21);
        await ten.must("rm", "--purge", "app:alice");
        expect(existsSync(join(ten.dataDir, "app/alice"))).toBeFalse();
        await ten.must("spawn", "app:alice");
        expect(await ask(ten, "alice", "/read", { path: "big" })).toBe("FileNotFoundError");
      }));

    test("has its changes deleted at each stop where storage does not persist", () =>
      withApp(kind, `${WRITABLE}\nstorage_persist = false`, async (ten) => {
        await ten.must("spawn", "app:alice");
        await ask(ten, "alice", "/add", { text: "a" });
        await ten.must("stop", "app:alice");
        await ten.must("start", "app:alice");
        expect(await ask(ten, "alice", "/add", { text: "b" })).toBe("b");
      }));

    test("can't write without the key", () =>
      withApp(kind, "", async (ten) => {
        await ten.must("spawn", "app:alice");
        expect(await ask(ten, "alice", "/write", { path: "x", text: "x" })).toMatch(/Error$/);
        expect(existsSync(join(ten.dataDir, "app/alice/.ten"))).toBeFalse();
      }));

    test("survives the server's replacement", () =>
      withApp(kind, WRITABLE, async (ten) => {
        await ten.must("spawn", "app:alice");
        await ask(ten, "alice", "/add", { text: "a" });
        const { pid } = (await ten.instance("app:alice")) ?? {};
        await ten.must("restart-server");
        expect(await ask(ten, "alice", "/add", { text: "b" })).toBe("a,b");
        expect((await ten.instance("app:alice"))?.pid).toBe(pid ?? 0);
      }));

    test("has directories of its own at its state paths", () =>
      withApp(kind, `state_paths = ["${STATE}", "cache"]`, async (ten) => {
        mkdirSync(join(dirname(ten.configFile), "cache"));
        await ten.must("spawn", "app:alice", "app:bob");
        for (const path of [`${STATE}/deep/file`, "cache/file"]) {
          expect(await ask(ten, "alice", "/write", { path, text: "alice" })).toBe("written");
          expect(await ask(ten, "bob", "/read", { path })).toBe("FileNotFoundError");
        }
        await ten.must("sleep", "app:alice");
        expect(await ask(ten, "alice", "/read", { path: `${STATE}/deep/file` })).toBe("alice");
        expect(await ask(ten, "alice", "/write", { path: "/var/lib/x", text: "x" })).toMatch(
          /Error$/,
        );
        expect(existsSync(STATE)).toBeFalse();
        expect(readdirSync(join(dirname(ten.configFile), "cache"))).toEqual([]);
        const kept = join(ten.dataDir, "app/alice/.ten/state", STATE, "deep/file");
        expect(readFileSync(kept, "utf8")).toBe("alice");
      }));

    test("has a state path below its writable working directory that the host lacks", () =>
      withApp(kind, `${WRITABLE}\nstate_paths = ["var/cache"]`, async (ten) => {
        await ten.must("spawn", "app:alice");
        expect(await ask(ten, "alice", "/write", { path: "var/cache/x", text: "x" })).toBe(
          "written",
        );
        expect(existsSync(join(ten.dataDir, "app/alice/.ten/state"))).toBeTrue();
        expect(existsSync(join(dirname(ten.configFile), "var"))).toBeFalse();
      }));
  },
);

describe.skipIf(isUnable || isMissing(RUNSC)).each([...KINDS])("in a sandbox, %s", (kind) => {
  const keys = `state_paths = ["${STATE}"]`;
  const sandboxed = (ten: Ten) => {
    ten.reconfigure((text) => text.replace('"namespace"', '"sandbox"'));
    return ten.restart();
  };

  test("an instance has directories of its own at its state paths", () =>
    withApp(kind, keys, async (ten) => {
      await sandboxed(ten);
      await ten.must("spawn", "app:alice", "app:bob");
      const path = `${STATE}/deep/file`;
      expect(await ask(ten, "alice", "/write", { path, text: "alice" })).toBe("written");
      expect(await ask(ten, "bob", "/read", { path })).toBe("FileNotFoundError");
      await ten.must("sleep", "app:alice");
      expect(await ask(ten, "alice", "/read", { path })).toBe("alice");
    }));

  for (const name of [".ten", ".ten/state", `.ten/state${STATE}`])
    test(`a link in place of ${name} leads nowhere`, () =>
      withApp(kind, keys, async (ten) => {
        await sandboxed(ten);
        const link = join(ten.dataDir, "app/alice", name);
        mkdirSync(dirname(link), { recursive: true });
        symlinkSync(dirname(ten.configFile), link);
        for (const each of [join(ten.dataDir, "app"), join(ten.dataDir, "app/alice")])
          chownSync(each, statSync(ten.dataDir).uid, statSync(ten.dataDir).gid);
        const { stderr } = await ten.ten("spawn", "app:alice");
        expect(stderr).toContain("is no directory, but state_paths needs one there");
        expect(readdirSync(dirname(ten.configFile)).sort()).toEqual([
          ...["app.py", "lib", "tenement.toml"],
        ]);
      }));
});

describe.skipIf(isUnable || lacksMachines())("in an emulated machine", () => {
  test("an instance writes beside itself and at its state paths, for itself alone", () => {
    const keys = `${WRITABLE}\nstate_paths = ["${STATE}"]\nstartup_timeout = 120\nstop_timeout = 60\nqemu_accel = "tcg"\nkernel = "${machineKernel()}"`;
    return withApp("root", keys, async (ten) => {
      ten.reconfigure((text) => text.replace('"namespace"', '"qemu"'));
      await ten.restart();
      await ten.must("spawn", "app:alice");
      const path = `${STATE}/deep/file`;
      expect(await ask(ten, "alice", "/write", { path, text: "alice" })).toBe("written");
      expect(await ask(ten, "alice", "/write", { path: "lib/page.html", text: "x" })).toBe(
        "written",
      );
      expect(await ask(ten, "alice", "/read", { path: "tenement.toml" })).toBe("PermissionError");
      const passwd = await ask(ten, "alice", "/read", { path: "/etc/passwd" });
      expect(passwd).toStartWith("tenant:x:");
      expect(passwd).toContain("root:x:0:0:");
      await ten.must("stop", "app:alice");
      const own = join(ten.dataDir, "app/alice/.ten");
      expect(readFileSync(join(own, "state", path), "utf8")).toBe("alice");
      expect(readFileSync(join(own, "workdir/upper/lib/page.html"), "utf8")).toBe("x");
      const page = join(dirname(ten.configFile), "lib/page.html");
      expect(readFileSync(page, "utf8")).toBe("first");
    });
  }, 240_000);
});

describe.skipIf(isUnable)("an application that writes beside itself", () => {
  test("is refused for the server of an ordinary user where the directory is another's", () =>
    withApp("rootless", WRITABLE, async (ten) => {
      const folder = join(ten.root, "foreign");
      mkdirSync(folder);
      copyFileSync(BESIDE, join(folder, "app.py"));
      ten.reconfigure((text) => text.replace(WRITABLE, `${WRITABLE}\nworkdir = "${folder}"`));
      await ten.restart();
      const { exitCode, stderr } = await ten.ten("spawn", "app:alice");
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain(
        `workdir_writable is not possible: ${folder} belongs to another user`,
      );
      expect(stderr).toContain(`chown -R ${USER} ${folder}`);
    }));

  test("is refused with a remedy where the kernel can't layer the directory", () =>
    withApp("root", `${WRITABLE}\nworkdir = "/proc/tty"`, async (ten) => {
      ten.reconfigure((text) => text.replace("python3 app.py", "python3 -V"));
      await ten.restart();
      const { stderr } = await ten.ten("spawn", "app:alice");
      expect(stderr).toContain("workdir_writable is not possible: ");
      expect(stderr).toContain("put workdir and data_dir on ext4, XFS or Btrfs");
    }));

  test.skipIf(isMissing(E2FSPROGS))("has its changes in its volume with a hard quota", () => {
    const keys = `${WRITABLE}\nstorage_quota_mb = 20\nstorage_enforce = "hard"\nstate_paths = ["${STATE}"]`;
    return withApp("root", keys, async (ten) => {
      await ten.must("spawn", "app:alice");
      await ask(ten, "alice", "/add", { text: "a" });
      for (const path of ["big", `${STATE}/big`]) {
        const big = { path, text: "x", times: String(40 * 2 ** 20) };
        expect(await ask(ten, "alice", "/write", big)).toBe("OSError");
      }
      await ten.must("stop", "app:alice");
      expect(readdirSync(join(ten.dataDir, "app/alice"))).toEqual([]);
      await ten.must("start", "app:alice");
      await ask(ten, "alice", "/write", { path: "big", text: "x" });
      await ask(ten, "alice", "/write", { path: `${STATE}/big`, text: "x" });
      expect(await ask(ten, "alice", "/add", { text: "b" })).toBe("a,b");
    });
  });

  test.skipIf(isMissing(E2FSPROGS))("moves its changes into a volume that comes later", () =>
    withApp("root", WRITABLE, async (ten) => {
      await ten.must("spawn", "app:alice");
      await ask(ten, "alice", "/add", { text: "a" });
      await ten.must("stop", "app:alice");
      const hard = `${WRITABLE}\nstorage_quota_mb = 20\nstorage_enforce = "hard"`;
      ten.reconfigure((text) => text.replace(WRITABLE, hard));
      await ten.must("reload");
      await ten.must("start", "app:alice");
      expect(await ask(ten, "alice", "/add", { text: "b" })).toBe("a,b");
    }),
  );
});
