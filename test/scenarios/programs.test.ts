// Commands whose interpreter the walls hide: refused before the start, and named by config check and doctor.
import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../support/executable.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { WALLED_COMMAND } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;
const ALICE = "alice.notes.localhost";

/** A directory that tenants don't see, with one version of an interpreter in it. */
class Hidden implements Disposable {
  readonly path = `/srv/ten-programs-${process.pid}`;
  readonly version = `${this.path}/versions/3.12`;
  readonly interpreter = `${this.version}/bin/python3`;

  constructor() {
    mkdirSync(dirname(this.interpreter), { recursive: true });
    // Its scripts are those of a shell.
    copyFileSync("/bin/sh", this.interpreter);
    chmodSync(this.interpreter, 0o755);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

function configOf(command: string, keys = ""): string {
  return `[service.notes]\ncommand = "${command}"\nisolation = "namespace"\nread_paths = ["${ROOT}"]\n${keys}\n`;
}

function program(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** A virtual environment beside the configuration, made from the hidden interpreter. */
function makeVenv(ten: Ten, { interpreter }: Hidden): string {
  const bin = join(dirname(ten.configFile), ".venv/bin");
  program(`${bin}/serve`, `#!${bin}/python\nexec ${WALLED_COMMAND}\n`);
  symlinkSync(interpreter, `${bin}/python`);
  return bin;
}

async function expectRefused(ten: Ten, reason: string, version: string): Promise<void> {
  const hint = `Add read_paths = ["${version}"] to [service.notes]`;
  const spawned = await ten.ten("spawn", "notes:alice");
  expect(spawned.stderr).toBe(`error: Cannot start "notes:alice": ${reason}\nhint: ${hint}\n`);
  const checked = await ten.ten("config", "check");
  expect(checked).toMatchObject({
    exitCode: 2,
    stderr: `error: Cannot use command of service "notes": ${reason}\nhint: ${hint}\n`,
  });
  const { exitCode, stdout } = await ten.ten("doctor", "--json");
  const { findings, gaps } = JSON.parse(stdout) as { findings: unknown[]; gaps: unknown[] };
  expect(exitCode).toBe(1);
  expect(findings).toContainEqual(
    expect.objectContaining({ id: "program.notes", found: reason, remedy: hint }),
  );
  expect(gaps).toContainEqual({
    service: "notes",
    need: "command:notes",
    finding: "program.notes",
  });
}

/** The same command runs once the named directory is shown. */
async function expectRuns(ten: Ten, version: string): Promise<void> {
  ten.reconfigure((text) => text.replace(`"${ROOT}"`, `"${ROOT}", "${version}"`));
  expect(await ten.ten("config", "check")).toMatchObject({ exitCode: 0, stderr: "" });
  await ten.must("reload");
  await ten.must("start", "notes:alice");
  expect((await ten.get(ALICE, "/look?path=/etc/passwd")).text).toContain("root:");
}

describe.skipIf(!isRoot || isMissing(GCC))("a command whose interpreter is hidden", () => {
  test("is refused by the Python of its virtual environment, and runs once that is shown", async () => {
    using hidden = new Hidden();
    const options = { parent: "/srv", configText: configOf(".venv/bin/serve") };
    await withTen(options, async (ten) => {
      const bin = makeVenv(ten, hidden);
      const reason = `${hidden.interpreter}, which runs ${bin}/serve, is hidden behind the walls`;
      await expectRefused(ten, reason, hidden.version);
      await expectRuns(ten, hidden.version);
    });
  });

  test("is refused by what env finds first, instead of running by another program of that name", async () => {
    using hidden = new Hidden();
    const PATH = `${hidden.version}/bin:/usr/bin:/bin`;
    const keys = `env = { PATH = "${PATH}" }`;
    await withTen({ parent: "/srv", configText: configOf("./run", keys) }, async (ten) => {
      const run = join(dirname(ten.configFile), "run");
      program(run, `#!/usr/bin/env python3\nexec ${WALLED_COMMAND}\n`);
      const reason = `${hidden.interpreter}, which runs ${run}, is hidden behind the walls`;
      await expectRefused(ten, reason, hidden.version);
      await expectRuns(ten, hidden.version);
    });
  });

  test("is refused for uv by the Python of the project", async () => {
    using hidden = new Hidden();
    await withTen({ parent: "/srv", configText: configOf("./uv run serve") }, async (ten) => {
      const bin = makeVenv(ten, hidden);
      program(join(dirname(ten.configFile), "uv"), `#!/bin/sh\nexec "${bin}/$2"\n`);
      const reason = `${hidden.interpreter} is hidden behind the walls`;
      await expectRefused(ten, reason, hidden.version);
      await expectRuns(ten, hidden.version);
    });
  });

  test("runs by the program behind the shim of a version manager, which alone is shown", async () => {
    using hidden = new Hidden();
    const shims = `${hidden.path}/shims`;
    program(`${shims}/python3`, `#!/bin/sh\nexec "${hidden.path}/pyenv" exec "python3" "$@"\n`);
    writeFileSync(`${hidden.path}/version`, "3.12\n");
    const keys = `env = { PATH = "${shims}:/usr/bin:/bin" }`;
    await withTen({ parent: "/srv", configText: configOf("python3 run", keys) }, async (ten) => {
      program(join(dirname(ten.configFile), "run"), `exec ${WALLED_COMMAND}\n`);
      await expectRefused(ten, `${hidden.interpreter} is hidden behind the walls`, hidden.version);
      await expectRuns(ten, hidden.version);
      const seen = await ten.get(ALICE, `/look?path=${encodeURIComponent(hidden.path)}`);
      expect(seen.text).toBe("versions");
    });
  });

  test("is named where its interpreter is nowhere, although the script is there", () =>
    withTen({ parent: "/srv", configText: configOf("./run") }, async (ten) => {
      const run = program(join(dirname(ten.configFile), "run"), "#!/old/venv/bin/python\n");
      const { stderr } = await ten.ten("spawn", "notes:alice");
      const reason = `/old/venv/bin/python, which runs ${run}, is not there`;
      expect(stderr).toStartWith(`error: Cannot start "notes:alice": ${reason}\n`);
    }));
});
