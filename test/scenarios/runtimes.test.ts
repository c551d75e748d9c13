// Language runtimes as tenants behind walls: they start, use files and processes, serve, and exit.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "smol-toml";
import { isWalledUser } from "../../src/core/user-id-ranges.ts";
import { type Ten, withTen } from "../support/ten.ts";
import { GO_APP, PYTHON_APP, SCRIPT_APP } from "../support/tenants/runtimes.ts";
import { GO, isMissing, NODE, PYTHON, type Tool, UV } from "../support/tool.ts";
import { wallSettings } from "../support/walls.ts";

// The first `go run` compiles the standard library.
setDefaultTimeout(240_000);
const STARTUP_SECONDS = 200;

interface Runtime {
  readonly name: string;
  readonly tools: readonly Tool[];
  readonly source: string;
  /** @param app the directory of `source`, which is the file `app` there with the language's ending */
  command(app: string): readonly string[];
  /** A build step at deployment, since tenants can't write there. */
  readonly prepare?: readonly string[];
}

const PROJECT = '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.9"\n';

const RUNTIMES: readonly Runtime[] = [
  {
    name: "python",
    tools: [PYTHON],
    source: PYTHON_APP,
    command: (app) => ["python3", `${app}/app.py`],
  },
  {
    name: "shell",
    tools: [PYTHON],
    source: PYTHON_APP,
    command: (app) => ["sh", "-c", `cd "$HOME" && python3 ${app}/app.py`],
  },
  {
    name: "node",
    tools: [NODE],
    source: SCRIPT_APP,
    command: (app) => ["node", `${app}/app.mjs`],
  },
  {
    name: "bun",
    tools: [],
    source: SCRIPT_APP,
    command: (app) => [process.execPath, `${app}/app.mjs`],
  },
  {
    name: "go",
    tools: [GO],
    source: GO_APP,
    command: (app) => ["go", "run", `${app}/app.go`],
  },
  {
    name: "uv",
    tools: [PYTHON, UV],
    source: PYTHON_APP,
    prepare: ["uv", "sync", "--offline", "--quiet"],
    command: (app) => ["uv", "run", "--project", app, "python", `${app}/app.py`],
  },
];

const ENDINGS = new Map([
  [PYTHON_APP, "py"],
  [SCRIPT_APP, "mjs"],
  [GO_APP, "go"],
]);

/** Writes the application and a configuration that runs it in each tenant's own directory. */
function deploy(ten: Ten, { command, name, prepare, source }: Runtime): void {
  const app = join(dirname(ten.configFile), "deployed");
  mkdirSync(app);
  writeFileSync(join(app, `app.${ENDINGS.get(source)}`), source);
  writeFileSync(join(app, "pyproject.toml"), PROJECT);
  if (prepare !== undefined) {
    const { exitCode, stderr } = Bun.spawnSync([...prepare], { cwd: app });
    if (exitCode !== 0) throw new Error(stderr.toString());
  }
  const walls = wallSettings();
  const readPaths = "read_paths" in walls ? walls.read_paths : [];
  const [program, ...args] = command(app);
  ten.reconfigure(() =>
    stringify({
      service: {
        [name]: {
          command: program,
          args,
          workdir: "{data_dir}/{name}/{id}",
          read_paths: [...readPaths, app],
          startup_timeout: STARTUP_SECONDS,
          isolation: "namespace",
        },
      },
    }),
  );
}

describe.skipIf("isolation" in wallSettings())("behind walls", () => {
  for (const runtime of RUNTIMES) {
    const { name, tools } = runtime;
    test.skipIf(tools.some(isMissing))(`${name} serves its tenants, sleeps and wakes`, () =>
      withTen({}, async (ten) => {
        deploy(ten, runtime);
        await ten.restart();
        await ten.must("spawn", `${name}:a`);
        const first = await ten.get(`a.${name}.localhost`, "/");
        expect(first.text).toMatch(/^42 3 \d+$/);
        const user = Number(first.text.split(" ")[2]);
        const own = process.getuid?.();
        expect(own === 0 ? isWalledUser(user) : user === own).toBe(true);
        const answer = { status: 200, text: `42 3 ${user}` };
        await ten.must("sleep", `${name}:a`);
        expect(await ten.get(`a.${name}.localhost`, "/")).toMatchObject(answer);
      }),
    );
  }
});
