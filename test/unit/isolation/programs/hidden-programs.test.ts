// The refusal of programs that the walls hide, and the paths that show them.
import { expect, test } from "bun:test";
import type { View } from "../../../../src/core/walls.ts";
import {
  hiddenInstallations,
  refuseHidden,
} from "../../../../src/isolation/programs/hidden-programs.ts";
import { installationOf } from "../../../../src/isolation/programs/installation.ts";
import { followCommand } from "../../../../src/isolation/programs/program-chain.ts";
import { filesOf, type Tree } from "./tree.ts";

const UV = "/home/u/.local/share/uv";
const PYTHON = `${UV}/python/cpython-3.12.1-linux-x86_64-gnu/bin/python3.12`;
const TREE: Tree = {
  "/usr/bin/env": "",
  "/usr/bin/node": "",
  [PYTHON]: "",
  "/home/u/.local/bin/datasette": `-> ${UV}/tools/datasette/bin/datasette`,
  [`${UV}/tools/datasette/bin/datasette`]: `#!${UV}/tools/datasette/bin/python\n`,
  [`${UV}/tools/datasette/bin/python`]: `-> ${PYTHON}`,
  "/home/u/.nvm/versions/node/v22/bin/node": "",
  "/srv/app/.venv/bin/datasette": "#!/srv/app/.venv/bin/python\n",
  "/srv/app/.venv/bin/python": `-> ${PYTHON}`,
  "/srv/app/run": "#!/usr/bin/env node\n",
  "/srv/app/stale": "#!/old/bin/python\n",
  "/srv/app/data/tool": "",
};
const VIEW: View = {
  dataDir: "/srv/app/data",
  shown: ["/usr", "/bin"],
  secrets: [],
  read: ["/srv/app"],
  write: ["/srv/app/data/notes/alice"],
};
const PATH = "/home/u/.nvm/versions/node/v22/bin:/home/u/.local/bin:/usr/bin";

const programsOf = (program: string) =>
  followCommand({ argv: [program], cwd: "/srv/app", env: { PATH } }, filesOf(TREE));

const refusalOf = (program: string, view = VIEW) =>
  refuseHidden({ name: "notes" }, programsOf(program), view);

test("a hidden interpreter is refused with its script, and with the version's directory alone", () => {
  expect(refusalOf(".venv/bin/datasette")).toEqual({
    code: "LEVEL_MISSING",
    reason: `${PYTHON}, which runs /srv/app/.venv/bin/datasette, is hidden behind the walls`,
    hint: `Add read_paths = ["${UV}/python/cpython-3.12.1-linux-x86_64-gnu"] to [service.notes]`,
  });
});

test("the hidden first hit of env is refused, although the next one is in view", () => {
  expect(refusalOf("./run")?.reason).toStartWith(
    "/home/u/.nvm/versions/node/v22/bin/node, which runs /srv/app/run, is hidden",
  );
});

test("all hidden programs of a command are named at once", () => {
  expect(hiddenInstallations(programsOf("datasette"), VIEW)).toEqual([
    `${UV}/tools/datasette`,
    `${UV}/python/cpython-3.12.1-linux-x86_64-gnu`,
  ]);
});

test("nothing is refused once the named paths are read_paths", () => {
  const read = [...VIEW.read, ...hiddenInstallations(programsOf("datasette"), VIEW)];
  expect(refusalOf("datasette", { ...VIEW, read })).toBe(null);
});

test("with the whole host in view, the links on the way are needed as well", () => {
  const view = { ...VIEW, shown: null, read: [`${UV}/tools`, `${UV}/python`] };
  expect(refusalOf("datasette", view)?.reason).toStartWith(
    "/home/u/.local/bin/datasette is hidden",
  );
  expect(hiddenInstallations(programsOf("datasette"), view)).toEqual(["/home/u/.local/bin"]);
});

test("an interpreter that is nowhere is named", () => {
  expect(refusalOf("./stale")).toMatchObject({
    code: "START_FAILED",
    reason: "/old/bin/python, which runs /srv/app/stale, is not there",
  });
});

test("a program among the server's own files has no paths that show it", () => {
  expect(refusalOf("./data/tool")?.hint).toContain("No setting shows");
  expect(hiddenInstallations(programsOf("./data/tool"), VIEW)).toEqual([]);
});

test.each([
  ["/root/.pyenv/versions/3.12/bin/python3", "/root/.pyenv/versions/3.12"],
  ["/home/app/server", "/home/app"],
  ["/root/.pyenv/shims/python3", "/root/.pyenv"],
  ["/home/anna/bin/server", "/home/anna/bin"],
  ["/root/bin/server", "/root/bin"],
  ["/srv/bin/server", "/srv/bin"],
  ["/home/anna/.local/bin/server", "/home/anna/.local/bin"],
  ["/root/.cargo/bin/miniserve", "/root/.cargo/bin"],
  ["/home/u/.bun/bin/bun", "/home/u/.bun/bin"],
  ["/home/u/go/bin/tool", "/home/u/go/bin"],
  ["/home/u/node-v22/bin/node", "/home/u/node-v22"],
  [
    "/home/u/.nvm/versions/node/v22/lib/node_modules/npm/bin/npm-cli.js",
    "/home/u/.nvm/versions/node/v22",
  ],
  ["/home/u/.local/lib/node_modules/x/bin/x.js", "/home/u/.local/lib/node_modules"],
  ["/home/u/app/node_modules/x/bin/x.js", "/home/u/app/node_modules"],
  ["/home/linuxbrew/.linuxbrew/Cellar/node/22/bin/node", "/home/linuxbrew/.linuxbrew"],
])("installationOf(%p) is what the program needs, and no more: %p", (program, expected) => {
  expect(installationOf(program)).toBe(expected);
});
