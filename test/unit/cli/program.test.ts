import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeShell, runWith } from "./fakes.ts";

describe("usage", () => {
  test.each([
    [
      "pss",
      2,
      'error: Cannot run "pss": unknown command, did you mean "ps"?\nhint: See ten --help\n',
    ],
    ["env", 2, 'error: Cannot run "env": expected set, unset, ls\n'],
    [
      "env st notes:a",
      2,
      'error: Cannot run "env st": expected set, unset, ls, did you mean "set"?\n',
    ],
    ["config chek", 2, 'error: Cannot run "config chek": expected check, did you mean "check"?\n'],
    [
      "help pss",
      2,
      'error: Cannot run "pss": unknown command, did you mean "ps"?\nhint: See ten --help\n',
    ],
    ["ps --alll", 2, 'error: Cannot use "--alll": unknown flag, did you mean "--all"?\n'],
    ["--jsn ps", 2, 'error: Cannot use "--jsn": unknown flag, did you mean "--json"?\n'],
    ["--vers", 2, 'error: Cannot use "--vers": unknown flag'],
    ["ps extra", 2, 'error: Cannot run "ps": unexpected "extra"\nhint: See ten ps --help\n'],
    ["spawn", 2, 'error: Cannot run "spawn": REF is missing\nhint: See ten spawn --help\n'],
    ["spawn notes", 2, 'error: Cannot read "notes": expected SERVICE:ID\nhint: Name an instance'],
    ["weight notes:a 200", 2, 'error: Cannot use "200" as a weight: expected a whole number'],
    ["logs --limit 0", 2, 'error: Cannot use "0" as a limit'],
    ["logs --level x", 2, 'error: Cannot use "--level x": expected stdout or stderr'],
    ["logs Notes", 2, 'error: Cannot read "Notes"'],
    ["env set notes:a FOO", 2, "error: Cannot read a variable: expected NAME=VALUE\n"],
    ["token revoke x", 2, 'error: Cannot use "x" as a token\'s number'],
    ["token-gen --tenant a:b", 2, 'error: Cannot create a token for "a:b": not a valid name'],
    ["completions csh", 2, 'error: Cannot use "csh": expected bash, zsh, fish'],
    ["--server nonsense ps", 2, 'error: Cannot use "nonsense" as a server: expected its address'],
    ["--server ftp://x ps", 2, 'error: Cannot use "ftp://x" as a server'],
    ["--server http://x/api ps", 2, 'error: Cannot use "http://x/api" as a server'],
    ["--data-dir ~/x ps", 2, 'error: Cannot use "~/x"'],
    [
      "--server unix:///nowhere/x.sock ps",
      4,
      'error: Cannot reach the server at "/nowhere/x.sock": there is no such socket\nhint: Start it with ten serve',
    ],
    [
      "--data-dir /nowhere health notes:a",
      4,
      'error: Cannot reach the server at "/nowhere/tenement.sock"',
    ],
  ])("ten %s ends with %d and says so on standard error", async (line, exit, message) => {
    const outcome = await runWith(new FakeShell(), ...line.split(" "));
    expect(outcome.err).toStartWith(message);
    expect([outcome.exit, outcome.out]).toEqual([exit, ""]);
  });

  test("without a command it prints its help to standard error and ends with 2", async () => {
    const outcome = await runWith(new FakeShell());
    expect(outcome.exit).toBe(2);
    expect(outcome.out).toBe("");
    expect(outcome.err).toContain("Commands:");
  });

  test("control characters of a message do not reach the terminal", async () => {
    const { err } = await runWith(new FakeShell(), "\x1b]0;x\x07");
    expect(err).toContain("\\x1b]0;x\\x07");
  });
});

test.each(["--version", "-V"])(
  "%s prints version, commit, Bun version and target",
  async (flag) => {
    const { exit, out } = await runWith(new FakeShell(), flag);
    expect(exit).toBe(0);
    expect(out).toMatch(/^ten \d+\.\d+\.\d+ \(commit \w+, Bun \d+\.\d+\.\d+, \w+-\w+\)\n$/);
  },
);

test("output that can't be written ends a command with 1", async () => {
  const shell = new FakeShell();
  shell.outputError = new Error("ENOSPC: no space left on device");
  const { exit, err } = await runWith(shell, "--version");
  expect(exit).toBe(1);
  expect(err).toBe("error: Cannot write the output: ENOSPC: no space left on device\n");
});

test("the executable passes arguments, streams and the exit code on", async () => {
  const main = join(import.meta.dir, "../../../src/main.ts");
  const run = Bun.spawn([process.execPath, main, "--server", "unix:///nowhere", "ps"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  expect(await run.exited).toBe(4);
  expect(await run.stdout.text()).toBe("");
  expect(await run.stderr.text()).toStartWith('error: Cannot reach the server at "/nowhere"');
});

describe("in a project", () => {
  const inProject = async (check: (root: string) => Promise<void>) => {
    const root = mkdtempSync(join(tmpdir(), "ten-project-"));
    try {
      await check(root);
    } finally {
      rmSync(root, { recursive: true });
    }
  };

  test("init writes a valid configuration with its schema, and prints the next steps", () =>
    inProject(async (root) => {
      writeFileSync(join(root, "app.py"), "");
      const { exit, out } = await runWith(new FakeShell({ cwd: root }), "init", "--name", "notes");
      expect(exit).toBe(0);
      expect(out).toContain("ten spawn notes:alice");
      expect(await Bun.file(join(root, "tenement.toml")).text()).toContain("[service.notes]");
      expect(await Bun.file(join(root, ".tenement.schema.json")).json()).toHaveProperty("title");
      expect(await runWith(new FakeShell({ cwd: root }), "config", "check")).toEqual({
        exit: 0,
        out: "",
        err: "",
      });
    }));

  test.skipIf(process.platform !== "linux")(
    "init makes a hidden program visible to tenants, but not programs in the project",
    () =>
      inProject(async (root) => {
        const [bin, project] = [join(root, "tools/bin"), join(root, "project")];
        for (const directory of [bin, project]) mkdirSync(directory, { recursive: true });
        for (const path of [join(bin, "serve"), join(project, "own")]) {
          writeFileSync(path, "", { mode: 0o755 });
        }
        const read = () => Bun.file(join(project, "tenement.toml")).text();
        const shell = () => new FakeShell({ cwd: project, env: { PATH: bin } });
        await runWith(shell(), "init", "--command", "serve");
        expect(await read()).toContain(`read_paths = [ "${join(root, "tools")}" ]`);
        rmSync(join(project, "tenement.toml"));
        await runWith(shell(), "init", "--command", "./own");
        expect(await read()).not.toContain("read_paths");
      }),
  );

  test("init keeps the data directory out of git, and says what to do first", () =>
    inProject(async (root) => {
      for (const name of ["go.mod", "main.go"])
        writeFileSync(join(root, name), name === "go.mod" ? "module x/notes\n" : "package main\n");
      const shell = new FakeShell({ cwd: root });
      const { out } = await runWith(shell, "init", "--name", "notes");
      expect(out).toBe(
        "Wrote tenement.toml for Go. Next:\n\n  go build\n  ten serve\n  ten spawn notes:alice\n",
      );
      expect(await Bun.file(join(root, "tenement-data/.gitignore")).text()).toBe("*\n");
    }));

  test("init says plainly that it found nothing", () =>
    inProject(async (root) => {
      const { exit, out } = await runWith(new FakeShell({ cwd: root }), "init", "--name", "x");
      expect(exit).toBe(0);
      expect(out).toBe(
        "Wrote tenement.toml.\nNo known kind of project was found here. Write its command in [service.x] first.\nNext:\n\n  ten serve\n  ten spawn x:alice\n",
      );
    }));

  test.skipIf(process.platform !== "linux")(
    "init writes the read_paths of the Python behind a virtual environment, and config check accepts them",
    () =>
      inProject(async (root) => {
        const [python, project] = [join(root, "3.12/bin/python3"), join(root, "project")];
        for (const directory of [join(root, "3.12/bin"), join(project, ".venv/bin")])
          mkdirSync(directory, { recursive: true });
        writeFileSync(python, "", { mode: 0o755 });
        symlinkSync(python, join(project, ".venv/bin/python"));
        writeFileSync(join(project, "app.py"), "");
        const shell = () => new FakeShell({ cwd: project, env: { PATH: "/usr/bin:/bin" } });
        await runWith(shell(), "init");
        const text = await Bun.file(join(project, "tenement.toml")).text();
        expect(text).toContain('command = ".venv/bin/python app.py"');
        expect(text).toContain(`read_paths = [ "${join(root, "3.12")}" ]`);
        const check = () => runWith(shell(), "config", "check");
        expect(await check()).toEqual({ exit: 0, out: "", err: "" });
        writeFileSync(join(project, "tenement.toml"), text.replace(/^read_paths.*$/m, ""));
        const { exit, err } = await check();
        expect([exit, err]).toEqual([
          2,
          `error: Cannot use command of service "project": ${python} is hidden behind the walls\nhint: Add read_paths = ["${join(root, "3.12")}"] to [service.project]\n`,
        ]);
      }),
  );

  test("init overwrites nothing", () =>
    inProject(async (root) => {
      writeFileSync(join(root, "tenement.toml"), "mine");
      const { exit, err } = await runWith(new FakeShell({ cwd: root }), "init");
      expect(exit).toBe(1);
      expect(err).toStartWith('error: Cannot write "tenement.toml": it exists\nhint: ');
      expect(await Bun.file(join(root, "tenement.toml")).text()).toBe("mine");
      rmSync(join(root, "tenement.toml"));
      writeFileSync(join(root, ".tenement.schema.json"), "mine");
      expect((await runWith(new FakeShell({ cwd: root }), "init")).exit).toBe(0);
      expect(await Bun.file(join(root, ".tenement.schema.json")).text()).toBe("mine");
    }));

  test("config prints the effective values, secrets masked; a flag overrides the file", () =>
    inProject(async (root) => {
      const text =
        '[service.notes]\ncommand = "./notes"\n[service.notes.env]\nAPI_KEY = "s3cret"\n';
      writeFileSync(join(root, "tenement.toml"), text);
      const shell = () => new FakeShell({ cwd: root });
      const toml = (await runWith(shell(), "config")).out;
      expect(toml).toContain('API_KEY = "********"');
      const json = await runWith(shell(), "config", "--json", "--data-dir", "/srv/x");
      expect(JSON.parse(json.out)).toMatchObject({ settings: { data_dir: "/srv/x" } });
    }));

  test("an invalid configuration ends with 2 and every problem", () =>
    inProject(async (root) => {
      writeFileSync(
        join(root, "tenement.toml"),
        "[service.notes]\ncomand = 5\nidle_timeout = -1\n",
      );
      for (const argv of [["config"], ["config", "check"], ["serve"]]) {
        const { exit, out, err } = await runWith(new FakeShell({ cwd: root }), ...argv);
        expect([exit, out]).toEqual([2, ""]);
        expect(err).toContain('unknown key, did you mean "command"?');
        expect(err).toContain("idle_timeout");
      }
    }));

  test.each([
    [["--tls"], ""],
    [["--email", "a@example.com"], ""],
    [["--staging"], ""],
    [[], "[settings.tls]\nenabled = true\ndomain = 'example.com'\nacme_email = 'a@example.com'\n"],
  ])("serve %j refuses HTTPS", (flags, settings) =>
    inProject(async (root) => {
      const text = `${settings}[service.notes]\ncommand = "./notes"\n`;
      writeFileSync(join(root, "tenement.toml"), text);
      const outcome = await runWith(new FakeShell({ cwd: root }), "serve", ...flags);
      expect(outcome.err).toStartWith("error: Cannot serve HTTPS: this version serves plain HTTP");
      expect(outcome.exit).toBe(2);
    }),
  );

  test.each([
    [["--port", "65536"], 'Cannot use "65536" as a port'],
    [["--port", "http"], 'Cannot use "http" as a port'],
    [["--domain", "a b"], 'Cannot use "a b" as a domain'],
    [["--domain", "example..com"], 'Cannot use "example..com" as a domain'],
  ])("serve %j is refused", async (flags, message) => {
    const { exit, err } = await runWith(new FakeShell(), "serve", ...flags);
    expect(exit).toBe(2);
    expect(err).toContain(message);
  });
});
