// The programs behind a command: links, first lines, env, shells, uv, virtual environments, shims.
import { describe, expect, test } from "bun:test";
import { followCommand, withoutShims } from "../../../../src/isolation/programs/program-chain.ts";
import { filesOf, type Tree } from "./tree.ts";

const PYTHON = "/root/.pyenv/versions/3.11.7/bin/python3.11";
const SYSTEM: Tree = {
  "/usr/bin/env": "",
  "/bin/sh": "",
  "/usr/bin/python3": "-> python3.11",
  "/usr/bin/python3.11": "",
  "/usr/bin/node": "",
  "/usr/local/bin/uv": "",
  [PYTHON]: "",
  "/root/.pyenv/versions/3.11.7/bin/python3": "-> python3.11",
};
const VENV: Tree = {
  "/srv/app/pyproject.toml": "= ",
  "/srv/app/.venv/pyvenv.cfg": "= home = /root/.pyenv/versions/3.11.7/bin\nversion = 3.11.7\n",
  "/srv/app/.venv/bin/python": `-> ${PYTHON}`,
  "/srv/app/.venv/bin/uvicorn": "#!/srv/app/.venv/bin/python\n",
};

interface Case {
  readonly PATH?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

function commandOf(argv: readonly string[], { PATH = "/usr/bin:/bin", cwd, env }: Case) {
  return { argv, cwd: cwd ?? "/srv/app", env: { PATH, ...env } };
}

/** The real paths of the programs; those that are missing in brackets. */
function chain(argv: readonly string[], tree: Tree, where: Case = {}): readonly string[] {
  return followCommand(commandOf(argv, where), filesOf({ ...SYSTEM, ...tree })).map((each) =>
    each.kind === "found" ? (each.real ?? "") : `[${each.name}]`,
  );
}

describe("followCommand()", () => {
  test("follows the links of a program", () => {
    expect(chain(["python3"], {})).toEqual(["/usr/bin/python3.11"]);
    expect(
      chain(["./run"], {
        "/srv/app/run": "-> current/run",
        "/srv/app/current": "-> v1",
        "/srv/app/v1/run": "",
      }),
    ).toEqual(["/srv/app/v1/run"]);
  });

  test("names all links on the way, and takes a circle for nothing", () => {
    const tree = { "/srv/app/a": "-> b", "/srv/app/b": "-> c", "/srv/app/c": "" };
    const [program] = followCommand(commandOf(["./a"], {}), filesOf(tree));
    expect(program).toMatchObject({ links: ["/srv/app/a", "/srv/app/b"], path: "/srv/app/a" });
    expect(chain(["./a"], { "/srv/app/a": "-> b", "/srv/app/b": "-> a" })).toEqual([]);
  });

  test.each([
    ["#!/usr/bin/python3\n", ["/usr/bin/python3.11"]],
    ["#! /usr/bin/python3 -I\n", ["/usr/bin/python3.11"]],
    ["#!/usr/bin/env python3\n", ["/usr/bin/env", "/usr/bin/python3.11"]],
    ["#!/usr/bin/env -S python3 -I\n", ["/usr/bin/env", "/usr/bin/python3.11"]],
    ["#!/usr/bin/env -S A=1 python3\n", ["/usr/bin/env", "/usr/bin/python3.11"]],
    ["#!/usr/bin/env python3 -I\n", ["/usr/bin/env", "[python3 -I]"]],
    ["#!/usr/bin/env ruby\n", ["/usr/bin/env", "[ruby]"]],
    ["#!/old/venv/bin/python\n", ["[/old/venv/bin/python]"]],
    [
      "#!/bin/sh\n'''exec' \"/usr/bin/python3\" \"$0\" \"$@\"\n' '''\n",
      ["/bin/sh", "/usr/bin/python3.11"],
    ],
    [
      '#!/bin/sh\nif x\nthen\n  exec "$d/node" a\nelse\n  exec node a\nfi\n',
      ["/bin/sh", "/usr/bin/node"],
    ],
    ["no script", []],
  ])("of a script with %j also the interpreter", (text, interpreters) => {
    expect(chain(["./run"], { "/srv/app/run": text })).toEqual(["/srv/app/run", ...interpreters]);
  });

  test("of a binary also its loader, which may be missing", () => {
    const tree = { "/srv/app/run": "elf /lib/ld-musl.so.1" };
    expect(chain(["./run"], tree)).toEqual(["/srv/app/run", "[/lib/ld-musl.so.1]"]);
    const loader = { "/lib/ld-musl.so.1": "-> libc.so", "/lib/libc.so": "" };
    expect(chain(["./run"], { ...tree, ...loader })).toEqual(["/srv/app/run", "/lib/libc.so"]);
  });

  test("takes the first hit of env on the PATH of the environment", () => {
    const nvm = "/home/u/.nvm/versions/node/v22/bin/node";
    const tree = { [nvm]: "", "/srv/app/run": "#!/usr/bin/env node\n" };
    const PATH = "/home/u/.nvm/versions/node/v22/bin:/usr/bin";
    expect(chain(["./run"], tree, { PATH })).toEqual(["/srv/app/run", "/usr/bin/env", nvm]);
    expect(chain(["env", "PATH=/usr/bin", "node"], tree, { PATH })).toContain("/usr/bin/node");
  });

  test("of a program in a virtual environment also its Python, and where that comes from", () => {
    const expected = ["/srv/app/.venv/bin/uvicorn", PYTHON, PYTHON];
    expect(chain([".venv/bin/uvicorn", "main:app"], VENV)).toEqual(expected);
    const copied = { ...VENV, "/srv/app/.venv/bin/python": "" };
    expect(chain([".venv/bin/python"], copied)).toEqual(["/srv/app/.venv/bin/python", PYTHON]);
  });

  test.each([
    [["uv", "run", "uvicorn", "main:app"]],
    [["uv", "run", "--no-sync", "--python", "3.11", "uvicorn"]],
    [["uv", "run", "python", "main.py"]],
    [["uv", "run", "main.py"]],
    [["uv", "run", "-m", "app"]],
    [["uv", "--project", "/srv/app", "run", "uvicorn"]],
  ])("of %j also the Python of the project", (argv) => {
    const found = chain(argv, VENV, { PATH: "/usr/local/bin:/usr/bin" });
    expect([found[0], found.includes(PYTHON)]).toEqual(["/usr/local/bin/uv", true]);
  });

  test("finds the project of uv above the working directory, or where its variable says", () => {
    const PATH = "/usr/local/bin";
    expect(chain(["uv", "run", "x"], VENV, { PATH, cwd: "/srv/app/inner" })).toContain(PYTHON);
    const elsewhere = { "/srv/app/pyproject.toml": "= ", "/srv/venv/bin/python": `-> ${PYTHON}` };
    const env = { UV_PROJECT_ENVIRONMENT: "../venv" };
    expect(chain(["uv", "run", "x"], elsewhere, { PATH, env })).toContain(PYTHON);
  });

  test.each([
    ["exec .venv/bin/uvicorn main:app --port $PORT", true],
    ["/bin/true && A=1 exec .venv/bin/uvicorn main:app", true],
    ["cd /elsewhere && .venv/bin/uvicorn", false],
    ["if true; then .venv/bin/uvicorn; fi", false],
    ["true || .venv/bin/uvicorn", false],
    ["$PROGRAM", false],
  ])("of sh -c %j also the programs, where that is certain: %p", (script, isFollowed) => {
    expect(chain(["sh", "-c", script], VENV).includes(PYTHON)).toBe(isFollowed);
  });

  test("ends where scripts run each other in a circle", () => {
    const tree = { "/srv/app/a": "#!/srv/app/b\n", "/srv/app/b": "#!/srv/app/a\n" };
    expect(chain(["./a"], tree).length).toBeLessThan(20);
  });
});

describe("shims", () => {
  const PYENV: Tree = {
    ...SYSTEM,
    "/root/.pyenv/shims/python3":
      '#!/usr/bin/env bash\nexec "/root/.pyenv/libexec/pyenv" exec "$program" "$@"\n',
    "/root/.pyenv/version": "= 3.11.7\n",
    "/root/.pyenv/versions/3.9.2/bin/python3": "",
    "/root/.pyenv/versions/3.12.10/bin/python3": "",
    "/root/.pyenv/versions/3.12.9/bin/python3": "",
  };
  const ASDF: Tree = {
    "/home/u/.asdf/shims/node":
      '#!/usr/bin/env bash\n# asdf-plugin: nodejs 20.1.0\n# asdf-plugin: nodejs 22.2.0\nexec asdf exec "node" "$@"\n',
    "/home/u/.tool-versions": "= python 3.12.1\nnodejs 20.1.0 # old\n",
    "/home/u/.asdf/installs/nodejs/20.1.0/bin/node": "",
    "/home/u/.asdf/installs/nodejs/22.2.0/bin/node": "",
  };
  const MISE: Tree = {
    "/home/u/.local/bin/mise": "",
    "/home/u/.local/share/mise/shims/node": "-> /home/u/.local/bin/mise",
    "/home/u/.local/share/mise/installs/node/20.1.0/bin/node": "",
    "/home/u/.local/share/mise/installs/node/22.2.0/bin/node": "",
    "/home/u/.config/mise/config.toml": '= [tools]\nnode = "20"\n',
  };
  const VOLTA: Tree = {
    "/home/u/.volta/bin/volta-shim": "",
    "/home/u/.volta/bin/node": "-> volta-shim",
    "/home/u/.volta/tools/user/platform.json": '= {"node":{"runtime":"20.1.0","npm":null}}',
    "/home/u/.volta/tools/image/node/20.1.0/bin/node": "",
    "/home/u/.volta/tools/image/node/22.2.0/bin/node": "",
  };
  const FNM: Tree = {
    "/run/user/1000/fnm_multishells/7_9":
      "-> /home/u/.local/share/fnm/node-versions/v22/installation",
    "/home/u/.local/share/fnm/node-versions/v22/installation/bin/node": "",
  };
  const PYTHON_AT = (version: string) => `/root/.pyenv/versions/${version}/bin/python3`;
  const ASDF_NODE = (version: string) => `/home/u/.asdf/installs/nodejs/${version}/bin/node`;
  const MISE_NODE = (version: string) =>
    `/home/u/.local/share/mise/installs/node/${version}/bin/node`;
  const VOLTA_NODE = (version: string) => `/home/u/.volta/tools/image/node/${version}/bin/node`;

  test.each<[string, Tree, Readonly<Record<string, string>>, string]>([
    ["/root/.pyenv/shims/python3", PYENV, {}, PYTHON_AT("3.11.7")],
    ["/root/.pyenv/shims/python3", PYENV, { PYENV_VERSION: "3.9.2" }, PYTHON_AT("3.9.2")],
    [
      "/root/.pyenv/shims/python3",
      { ...PYENV, "/srv/app/.python-version": "= 3.12\n" },
      {},
      PYTHON_AT("3.12.10"),
    ],
    [
      "/root/.pyenv/shims/python3",
      { ...PYENV, "/srv/.python-version": "= # x\n9.9\n3.9.2\n" },
      {},
      PYTHON_AT("3.9.2"),
    ],
    [
      "/root/.pyenv/shims/python3",
      { ...PYENV, "/root/.pyenv/version": "= system\n" },
      {},
      "/root/.pyenv/shims/python3",
    ],
    ["/home/u/.asdf/shims/node", ASDF, {}, ASDF_NODE("20.1.0")],
    [
      "/home/u/.asdf/shims/node",
      { ...ASDF, "/srv/app/.tool-versions": "= nodejs 22.2.0\n" },
      {},
      ASDF_NODE("22.2.0"),
    ],
    ["/home/u/.asdf/shims/node", ASDF, { ASDF_NODEJS_VERSION: "22.2.0" }, ASDF_NODE("22.2.0")],
    ["/home/u/.local/share/mise/shims/node", MISE, {}, MISE_NODE("20.1.0")],
    [
      "/home/u/.local/share/mise/shims/node",
      { ...MISE, "/srv/app/mise.toml": '= [tools]\nnode = ["latest"]\n' },
      {},
      MISE_NODE("22.2.0"),
    ],
    [
      "/home/u/.local/share/mise/shims/node",
      { ...MISE, "/srv/app/.mise.toml": '= [tools]\nnode = { version = "22" }\n' },
      {},
      MISE_NODE("22.2.0"),
    ],
    ["/home/u/.volta/bin/node", VOLTA, {}, VOLTA_NODE("20.1.0")],
    [
      "/home/u/.volta/bin/node",
      { ...VOLTA, "/srv/package.json": '= {"volta":{"node":"22.2.0"}}' },
      {},
      VOLTA_NODE("22.2.0"),
    ],
    [
      "/run/user/1000/fnm_multishells/7_9/bin/node",
      FNM,
      {},
      "/home/u/.local/share/fnm/node-versions/v22/installation/bin/node",
    ],
  ])("%s is resolved to the program (%#)", (shim, tree, env, program) => {
    const [first] = followCommand(commandOf([shim], { env }), filesOf(tree));
    expect(first).toMatchObject({ path: program, shim: shim === program ? null : shim });
  });

  test("a command runs without its shim, and finds the same program on its PATH", () => {
    const command = commandOf(["/root/.pyenv/shims/python3", "app.py"], {
      PATH: "/root/.pyenv/shims",
    });
    const bin = "/root/.pyenv/versions/3.11.7/bin";
    expect(withoutShims(command, filesOf(PYENV))).toEqual({
      argv: [`${bin}/python3`, "app.py"],
      cwd: "/srv/app",
      env: { PATH: `${bin}:/root/.pyenv/shims` },
    });
  });

  test("a script that env runs by a shim keeps its name, and finds the program on its PATH", () => {
    const tree = { ...PYENV, "/srv/app/run": "#!/usr/bin/env python3\n" };
    const command = commandOf(["/srv/app/run"], { PATH: "/root/.pyenv/shims:/usr/bin" });
    const { argv, env } = withoutShims(command, filesOf(tree));
    expect(argv).toEqual(["/srv/app/run"]);
    expect(env["PATH"]).toBe("/root/.pyenv/versions/3.11.7/bin:/root/.pyenv/shims:/usr/bin");
  });

  test("no working directory comes to the PATH of a command that had none", () => {
    const command = commandOf(["/root/.pyenv/shims/python3"], { PATH: "" });
    const { env } = withoutShims(command, filesOf(PYENV));
    expect(env["PATH"]).toBe("/root/.pyenv/versions/3.11.7/bin");
  });

  test("a command without a shim stays as it is", () => {
    const command = commandOf(["/usr/bin/python3"], {});
    expect(withoutShims(command, filesOf(SYSTEM))).toBe(command);
  });
});
