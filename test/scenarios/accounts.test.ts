// The account of a walled tenant: programs that ask who runs them get an answer, and nothing else of the host changes.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, GIT, isMissing, NODE, PSQL, PYTHON, RUNSC, SSH, type Tool } from "../support/tool.ts";

setDefaultTimeout(120_000);

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
/** An ordinary user without an account. */
const USER = 29_613;

/** A tenant that runs a script, of which its log has the lines, before it serves. */
function tenantOf(script: string, keys = ""): string {
  return `
[service.app]
command = "sh"
args = ["-c", '''${script}; exec ${WALLED_COMMAND}''']
isolation = "namespace"
read_paths = ["${ROOT}"]
${keys}
`;
}

async function linesOf(ten: Ten, ref: string): Promise<readonly string[]> {
  await ten.must("spawn", ref);
  const logged = await ten.must("logs", ref, "--json", "--limit", "100");
  const lines = logged.trim().split("\n");
  return lines.map((line) => (JSON.parse(line) as { message: string }).message);
}

/** As root, and as an ordinary user. */
const SERVERS = { root: {}, rootless: { user: USER } };

describe.skipIf(!isRoot || isMissing(GCC))("the account of a walled tenant", () => {
  for (const [kind, user] of Object.entries(SERVERS)) {
    const options = { ...user, parent: "/var/lib" };

    test(`is found by its name and by its id: ${kind}`, () => {
      const script =
        "echo $USER $LOGNAME; id -un; id -gn; getent passwd $(id -u); getent group $(id -g); getent passwd root";
      return withTen({ ...options, configText: tenantOf(script) }, async (ten) => {
        const lines = await linesOf(ten, "app:alice");
        const { uid } = JSON.parse((await ten.get("alice.app.localhost", "/facts")).text);
        expect(uid).not.toBe(0);
        const root = readFileSync("/etc/passwd", "utf8")
          .split("\n")
          .find((line) => /^root:/.test(line));
        const home = join(ten.dataDir, "app/alice");
        for (const line of [
          ...["tenant tenant", "tenant", `tenant:x:${uid}:${uid}:Tenant:${home}:/bin/sh`],
          ...[`tenant:x:${uid}:`, root ?? ""],
        ])
          expect(lines).toContain(line);
      });
    });

    test(`has a short runtime directory of its own: ${kind}`, () => {
      const script = "stat -c %a:%u $XDG_RUNTIME_DIR; echo $XDG_RUNTIME_DIR";
      return withTen({ ...options, configText: tenantOf(script) }, async (ten) => {
        const lines = await linesOf(ten, "app:alice");
        const { uid } = JSON.parse((await ten.get("alice.app.localhost", "/facts")).text);
        expect(lines).toContain(`700:${uid}`);
        expect(lines).toContain("/tmp/run");
      });
    });

    test(`each instance has its own home, and can't change the files: ${kind}`, () => {
      const script = "getent passwd tenant | cut -d: -f6; echo x >> /etc/passwd || echo closed";
      return withTen({ ...options, configText: tenantOf(script) }, async (ten) => {
        const before = statSync("/etc/passwd").mtimeMs;
        for (const id of ["alice", "bob"]) {
          const lines = await linesOf(ten, `app:${id}`);
          expect(lines).toContain(join(ten.dataDir, "app", id));
          expect(lines).toContain("closed");
        }
        expect(statSync("/etc/passwd").mtimeMs).toBe(before);
      });
    });

    const PROGRAMS: readonly (readonly [Tool, script: string, said: string | RegExp])[] = [
      [PYTHON, "/usr/bin/python3 -c 'import getpass; print(getpass.getuser())'", "tenant"],
      [
        PYTHON,
        "/usr/bin/python3 -c 'import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)'",
        "tenant",
      ],
      [NODE, "node -p 'require(\"os\").userInfo().username'", "tenant"],
      [
        GIT,
        "cd $HOME; git init -q x; cd x; EMAIL=a@example.org git commit -q --allow-empty -m x && git log --format=%an",
        "Tenant",
      ],
      [SSH, "ssh -G example.org | grep ^user", "user tenant"],
      [PSQL, "psql -h /none 2>&1", /could not connect|No such file/],
    ];
    for (const [tool, script, said] of PROGRAMS)
      test.skipIf(isMissing(tool))(`is known to ${script.slice(0, 40)}: ${kind}`, () =>
        withTen({ ...options, configText: tenantOf(script) }, async (ten) => {
          const lines = await linesOf(ten, "app:alice");
          const found = lines.some((line) =>
            typeof said === "string" ? line === said : said.test(line),
          );
          expect(found ? [] : lines).toEqual([]);
        }),
      );
  }

  test("of an instance that was purged is made for the next one", () =>
    withTen({ configText: tenantOf("id -un"), parent: "/var/lib" }, async (ten) => {
      await ten.must("spawn", "app:alice");
      await ten.must("rm", "--purge", "app:alice");
      expect(await linesOf(ten, "app:alice")).toContain("tenant");
    }));

  test.skipIf(isMissing(RUNSC))("is in a sandbox as well", () => {
    const script = "id -un; stat -c %a $XDG_RUNTIME_DIR";
    const configText = tenantOf(script).replace('"namespace"', '"sandbox"');
    return withTen({ configText, parent: "/var/lib" }, async (ten) => {
      const lines = await linesOf(ten, "app:alice");
      expect(lines).toContain("tenant");
      expect(lines).toContain("700");
    });
  });
});
