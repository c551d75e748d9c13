import { describe, expect, test } from "bun:test";
import {
  checkPlaceholders,
  escapeTemplate,
  fillTemplate,
  type LaunchPlanInput,
  PLACEHOLDERS,
  planLaunch,
  splitCommand,
} from "../../../src/core/launch-plan.ts";
import type { Service } from "../../../src/core/service.ts";
import { serviceWith } from "../../support/service.ts";

test.each<[string, string[]]>([
  ["uv run python app.py", ["uv", "run", "python", "app.py"]],
  ["  a \t b  ", ["a", "b"]],
  ["a 'b c' \"d e\" f\\ g", ["a", "b c", "d e", "f g"]],
  ["a ''", ["a", ""]],
  ["a b'c'\"d\"e", ["a", "bcde"]],
  ['a "say \\"hi\\""', ["a", 'say "hi"']],
  ["a '$HOME *.py `date` # | && ~'", ["a", "$HOME *.py `date` # | && ~"]],
  ['a "*.py # | && ~"', ["a", "*.py # | && ~"]],
  ["a \\*.py \\$HOME \\# \\~", ["a", "*.py", "$HOME", "#", "~"]],
  ["a $'x\\ty' '5$' 5$", ["a", "x\ty", "5$", "5$"]],
  ["sh -c 'one\ntwo'", ["sh", "-c", "one\ntwo"]],
  ["a --port={port} {data_dir}/x", ["a", "--port={port}", "{data_dir}/x"]],
  ["a '{\"a\":1}' x=y a~b", ["a", '{"a":1}', "x=y", "a~b"]],
])("splits %j", (command, argv) => {
  expect(splitCommand(command)).toEqual({ kind: "argv", argv });
});

const NO_SHELL = 'no shell runs, so write command = "sh" and args = ["-c", "..."] to use one';

test.each<[string, string[]]>([
  ["", ["expected a program, got an empty command"]],
  [" \t\n", ["expected a program, got an empty command"]],
  ["'' a", ['expected a program, got ""']],
  ["cd x && ./run", [`"&&" is shell syntax: ${NO_SHELL}`]],
  ["a | b", [`"|" is shell syntax: ${NO_SHELL}`]],
  ["a;b", [`";" is shell syntax: ${NO_SHELL}`]],
  ["a &", [`"&" is shell syntax: ${NO_SHELL}`]],
  ["a > log", [`">" is shell syntax: ${NO_SHELL}`]],
  ["a 2>&1", [`">&" is shell syntax: ${NO_SHELL}`]],
  ["a *.py", [`"*.py" is not expanded; quote it to pass it on: ${NO_SHELL}`]],
  ["a # b", ['"#" starts a comment in a shell; quote it to pass it on']],
  ["a $HOME", [`"$HOME" is not expanded: ${NO_SHELL}`]],
  [`a "\${X:-y}"`, [`"$X:-y" is not expanded: ${NO_SHELL}`]],
  ["a --port $PORT", ['"$PORT" is not expanded: no shell runs, so write {port} instead']],
  [
    `a \${SOCKET_PATH}`,
    ['"$SOCKET_PATH" is not expanded: no shell runs, so write {socket} instead'],
  ],
  [`a \${}`, [`"\${}" is not expanded: ${NO_SHELL}`]],
  ["a $X $X", [`"$X" is not expanded: ${NO_SHELL}`]],
  ["a `b`", [`"\`" is not run: ${NO_SHELL}`]],
  ['a "`b`"', [`"\`" is not run: ${NO_SHELL}`]],
  ["a $(b)", [`"$(" is not run: ${NO_SHELL}`]],
  ['a "$(b)"', [`"$(" is not run: ${NO_SHELL}`]],
  ["a 'b", ["expected a closing quote, got the end of the command"]],
  ['a "b', ["expected a closing quote, got the end of the command"]],
  ["a \\", ['expected a character after "\\", got the end of the command']],
  ["a\nb", ["expected one line, got a line break outside quotes"]],
  ["a \\\n b", ["expected one line, got a line break outside quotes"]],
  ["~/bin/a", ['"~" is not expanded; write the whole path']],
  ["a ~/b", ['"~" is not expanded; write the whole path']],
  ["PORT=1 a", ['expected a program, got the assignment "PORT=1"; write it under env']],
  ["a $X | b", [`"$X" is not expanded: ${NO_SHELL}`, `"|" is shell syntax: ${NO_SHELL}`]],
])("refuses %j and says what to write", (command, problems) => {
  expect(splitCommand(command)).toEqual({ kind: "problems", problems });
});

test("what it accepts, it splits as sh does", () => {
  const random = randomFrom(7);
  const pieces = [
    "a",
    "-b",
    " ",
    "  ",
    "'",
    '"',
    "\\",
    "é",
    "=",
    "{id}",
    "/",
    "$",
    "#",
    "*",
    "`",
    "~",
  ];
  const accepted: string[] = [];
  const argvs: (readonly string[])[] = [];
  for (let round = 0; round < 4000; round++) {
    const command = `x ${Array.from({ length: 7 }, () => pick(pieces, random)).join("")}`;
    const split = splitCommand(command);
    // Shells disagree about `$'…'` and `$"…"`.
    if (split.kind === "problems" || /\$['"]/.test(command)) continue;
    accepted.push(command);
    argvs.push(split.argv);
  }
  const script = accepted.map((command) => `${command}; printf '\\n'`).join("\n");
  const shell = Bun.spawnSync(["sh", "-c", `x() { printf '%s\\0' x "$@"; }\n${script}`]);
  const expected = argvs.map((argv) => `${argv.map((word) => `${word}\0`).join("")}\n`).join("");
  expect(accepted.length).toBeGreaterThan(300);
  expect(shell.stdout.toString()).toBe(expected);
});

test.each([
  "{name}-{id}",
  "{data_dir}/x",
  '{"a":1}',
  "{}",
  "{0}",
  "{a b}",
  "{{anything}}",
  "{",
  "}{",
])("accepts the template %j", (template) => {
  expect(checkPlaceholders(template)).toEqual([]);
});

test("refuses an unknown placeholder and asks what was meant", () => {
  const expected = "expected one of {name} {id} {data_dir} {port} {socket}";
  expect(checkPlaceholders("{nmae} {PORT} {colour}")).toEqual([
    `${expected}, got "{nmae}", did you mean "name"?`,
    `${expected}, got "{PORT}", did you mean "port"?`,
    `${expected}, got "{colour}"`,
  ]);
  expect(checkPlaceholders("{socket}", ["id"])).toEqual(['expected one of {id}, got "{socket}"']);
  expect(checkPlaceholders("{id}", [])).toEqual(['expected no placeholder here, got "{id}"']);
});

test("fills in a single pass", () => {
  expect(fillTemplate("{name}/{id}/{name}", { name: "{id}", id: "$&{name}" })).toBe(
    "{id}/$&{name}/{id}",
  );
});

test("keeps braces that are no placeholder, and takes doubled ones for text", () => {
  const values = { id: "alice" };
  expect(fillTemplate('{"id":"{id}"}', values)).toBe('{"id":"alice"}');
  expect(fillTemplate("{{id}} {{{id}}} {} {1}", values)).toBe("{id} {{id}} {} {1}");
});

test("any text can be escaped into a template", () => {
  const values = { id: "alice", name: "notes" };
  for (const text of ["{id}", "{{id}}", "{x}/{name}", "{", "plain", '{"a":1}', "{{{id}}"]) {
    expect(fillTemplate(escapeTemplate(text), values)).toBe(text);
    expect(checkPlaceholders(escapeTemplate(text))).toEqual([]);
  }
});

const SERVICE = serviceWith({
  argv: ["app", "--port={port}", "{socket}", "{data_dir}/{name}/{id}"],
  workdir: "/srv/{name}",
  socket: "/run/{name}-{id}.sock",
  env: { DATABASE: "{data_dir}/{id}.db" },
});

const INPUT: LaunchPlanInput = {
  service: SERVICE,
  ref: { service: "notes", id: "alice" },
  slot: 0,
  dataDir: "/data",
  port: 30001,
  serverEnv: { PATH: "/bin", HOME: "/root", SECRET: "x", BUN_OPTIONS: "--smol", TERM: "xterm" },
  storedEnv: {},
  fileEnv: {},
};

test("plans what to execute, where, and with which environment", () => {
  expect(planLaunch(INPUT)).toEqual({
    argv: ["app", "--port=30001", "/run/notes-alice.sock", "/data/notes/alice"],
    cwd: "/srv/notes",
    env: {
      PATH: "/bin",
      HOME: "/root",
      DATABASE: "/data/alice.db",
      PORT: "30001",
      SOCKET_PATH: "/run/notes-alice.sock",
      TENEMENT_SERVICE: "notes",
      TENEMENT_INSTANCE: "alice",
      TENEMENT_DATA_DIR: "/data/notes/alice",
      TENEMENT_MARK: "/data/notes/alice#0",
    },
    socketPath: "/run/notes-alice.sock",
    instanceDir: "/data/notes/alice",
    mark: "/data/notes/alice#0",
  });
});

describe("the process in slot 1", () => {
  const socketOf = (changes: Partial<Service>) =>
    planLaunch({ ...INPUT, slot: 1, service: { ...SERVICE, ...changes } }).socketPath;

  test("bears a mark of its own", () => {
    const { env, mark } = planLaunch({ ...INPUT, slot: 1 });
    expect(mark).toBe("/data/notes/alice#1");
    expect(env["TENEMENT_MARK"]).toBe(mark);
  });

  test("has another socket than that in slot 0 where both see the same directory", () => {
    expect(socketOf({ isolation: "process" })).toBe("/run/notes-alice.sock.1");
    const own = "{data_dir}/{name}/{id}/app.sock";
    expect(socketOf({ isolation: "namespace", socket: own })).toBe("/data/notes/alice/app.sock.1");
    expect(socketOf({ isolation: "namespace", writePaths: ["/run"] })).toBe(
      "/run/notes-alice.sock.1",
    );
  });

  test("has its socket at the configured path where it sees a directory of its own", () => {
    expect(socketOf({ isolation: "namespace" })).toBe("/run/notes-alice.sock");
  });
});

test("of two values for a variable the nearer to the instance wins", () => {
  const { env } = planLaunch({
    ...INPUT,
    service: { ...SERVICE, env: { PATH: "service", A: "service", B: "service", C: "service" } },
    fileEnv: { B: "file", C: "file" },
    storedEnv: { C: "stored" },
  });
  expect(env).toMatchObject({ PATH: "service", A: "service", B: "file", C: "stored" });
});

test("nobody overrides what the server promises", () => {
  const lies = Object.fromEntries(
    [
      "PORT",
      "SOCKET_PATH",
      "TENEMENT_SERVICE",
      "TENEMENT_INSTANCE",
      "TENEMENT_DATA_DIR",
      "TENEMENT_MARK",
    ].map((name) => [name, "lie"]),
  );
  const service = { ...SERVICE, env: lies };
  const { env } = planLaunch({ ...INPUT, service, fileEnv: lies, storedEnv: lies });
  expect(Object.values(env)).not.toContain("lie");
});

test("behind walls the home is the instance's own directory", () => {
  const service = { ...SERVICE, isolation: "namespace" as const };
  expect(planLaunch({ ...INPUT, service }).env["HOME"]).toBe("/data/notes/alice");
});

test("values from files and from operators are not templates", () => {
  const { env } = planLaunch({ ...INPUT, fileEnv: { A: "{id}" }, storedEnv: { B: "{id}" } });
  expect(env).toMatchObject({ A: "{id}", B: "{id}" });
});

test("filling never changes the number of arguments, whatever the values hold", () => {
  const random = randomFrom(11);
  const texts = [
    "{id}",
    "{port}",
    " ",
    "'",
    '"',
    "\n",
    "$(x)",
    "a",
    "{{name}}",
    "\\",
    "{",
    "}",
    ";",
    "$&",
  ];
  for (let round = 0; round < 2000; round++) {
    const word = () => Array.from({ length: 4 }, () => pick(texts, random)).join("");
    const argv = Array.from({ length: 1 + Math.floor(random() * 5) }, word);
    const dataDir = `/${word()}`;
    const plan = planLaunch({
      ...INPUT,
      service: { ...SERVICE, argv: [...argv, "{data_dir}"] },
      dataDir,
    });
    expect(plan.argv).toHaveLength(argv.length + 1);
    expect(plan.argv.at(-1)).toBe(dataDir);
  }
});

test("nothing else of the server's environment reaches an instance", () => {
  const random = randomFrom(13);
  const inherited = ["PATH", "HOME", "LANG", "TZ"];
  const names = [
    ...inherited,
    "BUN_INSTALL",
    "BUN_OPTIONS",
    "NODE_OPTIONS",
    "LD_PRELOAD",
    "path",
    "LC_ALL",
    "__proto__",
  ];
  for (let round = 0; round < 500; round++) {
    const serverEnv = Object.fromEntries(
      names.filter(() => random() < 0.5).map((name) => [name, `server:${name}`]),
    );
    const { env } = planLaunch({ ...INPUT, serverEnv });
    const leaked = Object.entries(env).filter(([, value]) => value.startsWith("server:"));
    const expected = inherited.filter((name) => Object.hasOwn(serverEnv, name));
    expect(leaked.map(([name]) => name).sort()).toEqual(expected.sort());
  }
});

test("every placeholder is filled", () => {
  const argv = PLACEHOLDERS.map((name) => `{${name}}`);
  const plan = planLaunch({ ...INPUT, service: { ...SERVICE, argv } });
  expect(plan.argv).toEqual(["notes", "alice", "/data", "30001", "/run/notes-alice.sock"]);
});

/** Numbers that are the same in every run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function pick<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)] as T;
}
