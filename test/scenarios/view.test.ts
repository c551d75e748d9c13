// What tenants behind walls see of the host: software and their own, with the server's files left out of everything.
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { makeDataCanaries } from "../launcher/data-canaries.ts";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const ALICE = "alice.notes.localhost";
/** Readable for all users, like the rest of the directory. */
const OPEN = 0o644;

const settingsOf = (keys: string) => `
[service.notes]
command = "${WALLED_COMMAND}"
isolation = "namespace"
read_paths = ["${ROOT}"]
restart = "never"
${keys}
`;

async function look(ten: Ten, path: string): Promise<string> {
  return (await ten.get(ALICE, `/look?path=${encodeURIComponent(path)}`)).text;
}

/** A file in the directory of the configuration, which is the working directory. */
function write(ten: Ten, name: string, text: string): string {
  const path = join(dirname(ten.configFile), name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, OPEN);
  return path;
}

async function restartWith(ten: Ten, keys: string): Promise<void> {
  ten.reconfigure((text) => text.replace("[service.notes]", `[service.notes]\n${keys}`));
  await ten.restart();
}

describe.skipIf(!isRoot || isMissing(GCC))("tenants behind walls", () => {
  test("see software and their working directory, and data only with read_paths or where the host is shown", () =>
    withTen({ parent: "/srv", configText: settingsOf("") }, async (ten) => {
      using canaries = makeDataCanaries(0);
      const { "mnt-canary": mnt, "srv-canary": srv } = canaries.facts;
      const app = write(ten, "page.html", "hello");
      await ten.must("spawn", "notes:alice");
      expect(await look(ten, app)).toBe("hello");
      expect(await look(ten, "/etc/passwd")).toContain("root:");
      expect(await look(ten, "/usr")).toContain("bin");
      expect([await look(ten, srv), await look(ten, mnt)]).toEqual(["ENOENT", "ENOENT"]);
      for (const path of ["/boot", "/var/log", "/var/spool", "/media", "/root", "/home", "/run"])
        expect(["", "ENOENT"]).toContain(await look(ten, path));
      expect(await look(ten, "/var/lib")).toBe("");

      ten.reconfigure((text) => text.replace(`"${ROOT}"`, `"${ROOT}", "${mnt}"`));
      await ten.restart();
      await ten.must("start", "notes:alice");
      expect([await look(ten, srv), await look(ten, mnt)]).toEqual(["ENOENT", "data"]);

      await restartWith(ten, 'show = "host"');
      await ten.must("start", "notes:alice");
      expect([await look(ten, srv), await look(ten, mnt)]).toEqual(["data", "data"]);
    }));

  for (const show of ["software", "host"]) {
    test(`never see the configuration, its schema and env files where show is "${show}"`, () =>
      withTen({ parent: "/srv", configText: settingsOf("") }, async (ten) => {
        const own = write(ten, "own.env", "OWN=1");
        const other = write(ten, "secrets/other.env", "PASSWORD=brahms");
        const schema = write(ten, ".tenement.schema.json", "{}");
        const beside = write(ten, "secrets/public.txt", "public");
        const linked = join(dirname(ten.configFile), "linked.env");
        symlinkSync(other, linked);
        chmodSync(ten.configFile, OPEN);
        ten.reconfigure(
          (text) =>
            `${text.replace("[service.notes]", `[service.notes]\nshow = "${show}"\nenv_file = "own.env"`)}` +
            `\n[service.other]\ncommand = "true"\nenv_file = "linked.env"\n`,
        );
        await ten.restart();
        await ten.must("spawn", "notes:alice");
        expect(await look(ten, beside)).toBe("public");
        for (const path of [ten.configFile, own, other, linked, schema])
          expect({ path, seen: await look(ten, path) }).toEqual({ path, seen: "EACCES" });
        expect(readFileSync(other, "utf8")).toBe("PASSWORD=brahms");
      }));
  }

  test("see their working directory by the name that the operator gave it", () =>
    withTen({ parent: "/srv", configText: settingsOf("") }, async (ten) => {
      const release = dirname(write(ten, "releases/1/page.html", "first"));
      const current = join(dirname(ten.configFile), "current");
      symlinkSync(release, current);
      await restartWith(ten, `workdir = "${current}"`);
      await ten.must("spawn", "notes:alice");
      expect(await look(ten, `${current}/page.html`)).toBe("first");
      const names = (await look(ten, dirname(ten.configFile))).split(" ");
      expect(names.sort()).toEqual(["current", "releases"]);
    }));
});

describe.skipIf(!isRoot || isMissing(GCC))("a failed start", () => {
  /** The hint of the start of a command; `/srv/ten-hidden` stands for a directory that is not in view. */
  async function hintFor(command: readonly string[], files: Readonly<Record<string, string>>) {
    const hidden = `/srv/ten-hidden-${process.pid}`;
    const named = (text: string) => text.replaceAll("/srv/ten-hidden", hidden);
    mkdirSync(hidden, { recursive: true });
    let hint = "";
    try {
      for (const [name, text] of Object.entries(files)) {
        if (text === "shell") copyFileSync("/bin/sh", join(hidden, name));
        else writeFileSync(join(hidden, name), named(text));
        chmodSync(join(hidden, name), 0o755);
      }
      const argv = JSON.stringify(command.slice(1).map(named));
      const configText = `[service.notes]\ncommand = "${named(command[0] ?? "")}"\nargs = ${argv}\nisolation = "namespace"\nread_paths = []\n`;
      await withTen({ configText }, async (ten) => {
        writeFileSync(
          join(dirname(ten.configFile), "start"),
          named("#!/srv/ten-hidden/interpreter -e\n"),
          { mode: 0o755 },
        );
        const { stderr } = await ten.ten("spawn", "notes:alice");
        hint = /^hint: (.*)$/m.exec(stderr)?.[1] ?? stderr;
      });
    } finally {
      rmSync(hidden, { recursive: true });
    }
    return hint.replaceAll(hidden, "/srv/ten-hidden");
  }

  test("names the hidden path in its command", async () => {
    const files = { "run.py": "print()" };
    const told =
      "/srv/ten-hidden/run.py exists on the host, but the tenant does not see it: add it to read_paths in [service.notes]";
    expect(await hintFor(["/bin/cat", "/srv/ten-hidden/run.py"], files)).toBe(told);
    const shell = ["/bin/sh", "-c", "exec /bin/cat --x=1 '/srv/ten-hidden/run.py'"];
    expect(await hintFor(shell, files)).toBe(told);
  });

  test("names the hidden interpreter of its program", async () => {
    expect(await hintFor(["./start"], { interpreter: "shell" })).toBe(
      'Add read_paths = ["/srv/ten-hidden"] to [service.notes]',
    );
  });

  test("names an env file as one that no tenant sees", async () => {
    expect(await hintFor(["/bin/cat", "tenement.toml"], {})).toContain("no tenant sees it");
  });

  test("names no path where all are visible", async () => {
    expect(await hintFor(["/bin/cat", "/etc/no-such-file"], {})).toStartWith("See what the server");
  });
});
