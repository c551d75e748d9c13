// Language runtimes behind walls: they start, use files and processes, and serve.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../bench/support.ts";
import { GO_APP, JAVA_APP, PYTHON_APP, SCRIPT_APP } from "../support/tenants/runtimes.ts";
import { GO, isMissing, JAVA, NODE, PYTHON, type Tool } from "../support/tool.ts";
import { openTenant, WALLED } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

// The first `go run` compiles the standard library.
setDefaultTimeout(180_000);

const ASK_AGAIN_MS = 20;

interface Runtime {
  readonly name: string;
  readonly tool: Tool | null;
  readonly file: string;
  readonly source: string;
  command(file: string, programs: Programs): readonly string[];
}

const RUNTIMES: readonly Runtime[] = [
  {
    name: "python",
    tool: PYTHON,
    file: "app.py",
    source: PYTHON_APP,
    command: (file) => [python(), file],
  },
  {
    name: "a shell that runs python",
    tool: PYTHON,
    file: "app.py",
    source: PYTHON_APP,
    command: (file) => ["sh", "-c", `${python()} ${file}`],
  },
  {
    name: "node",
    tool: NODE,
    file: "app.mjs",
    source: SCRIPT_APP,
    command: (file) => ["node", file],
  },
  {
    name: "bun",
    tool: null,
    file: "app.mjs",
    source: SCRIPT_APP,
    command: (file, { bun }) => [bun, file],
  },
  {
    name: "go run",
    tool: GO,
    file: "main.go",
    source: GO_APP,
    command: (file) => ["go", "run", file],
  },
  {
    name: "java",
    tool: JAVA,
    file: "App.java",
    source: JAVA_APP,
    command: (file) => ["java", file],
  },
];

/** The system's own: one under a home directory would need a path to read. */
function python(): string {
  return Bun.which("python3", { PATH: "/usr/bin:/usr/local/bin" }) ?? "python3";
}

describe.skipIf(isUnable())("behind walls", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  for (const { name, tool, file, source, command } of RUNTIMES) {
    test.skipIf(tool !== null && isMissing(tool)).each([...WALLED])(
      `${name} serves, %s`,
      async (level) => {
        using tenant = openTenant(level, programs);
        const work = tenant.directory("work");
        writeFileSync(join(work, file), source);
        const port = freePort();
        await using launched = tenant.launch(command(join(work, file), programs), {
          options: ["--read", work, "--tmp", tenant.directory("tmp"), "--bind-port", String(port)],
          env: { PORT: String(port), PATH: "/usr/local/go/bin:/usr/local/bin:/usr/bin:/bin" },
        });
        expect(await answerOf(port, launched.process)).toBe("42 3 61190");
        launched.process.kill("SIGTERM");
        const { status } = await launched.end();
        expect(status.some((line) => /^(exit|signal) /.test(line))).toBeTrue();
        expect(status.at(-1)).toBe("gone");
      },
    );
  }
});

/** Asks until there is an answer; a slow compiler has the test's whole time. */
async function answerOf(port: number, launcher: Bun.Subprocess): Promise<string> {
  while (launcher.exitCode === null) {
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => null);
    if (response !== null) return await response.text();
    await delay(ASK_AGAIN_MS);
  }
  throw new Error(`The application ended with ${launcher.exitCode}`);
}
