// Shims of version managers, resolved to the program that they would start: pyenv and its like, asdf, mise, volta, fnm.
import { basename, dirname, join } from "node:path";
import { parse } from "smol-toml";
import { isProgram, type ProgramFiles, upwards, walk } from "./program-files.ts";
import type { Command } from "./wrappers.ts";

interface Shim {
  readonly path: string;
  /** Without links. */
  readonly real: string;
  readonly command: Command;
  readonly files: ProgramFiles;
}

/** The program, by a path that goes through no shim; null: the path is none of a known manager, or it is undecided. */
export function resolveShim(path: string, command: Command, files: ProgramFiles): string | null {
  const { real } = walk(path, files);
  if (real === null) return null;
  const shim = { path, real, command, files };
  for (const manager of [byPyenv, byAsdf, byMise, byVolta, byFnm]) {
    const program = manager(shim);
    if (program !== null && isProgram(program, files)) return program;
  }
  return null;
}

/** The file that names a project's version, by manager. */
const VERSION_FILES: Readonly<Record<string, string>> = {
  pyenv: ".python-version",
  rbenv: ".ruby-version",
  nodenv: ".node-version",
  goenv: ".go-version",
};
const PYENV_SHIM = /\bexec "?[^"\n]*?\b(pyenv|rbenv|nodenv|goenv)"? exec /;

/** They share their layout: `shims`, `versions`, and a file `version` for all projects. */
function byPyenv({ command, files, path }: Shim): string | null {
  if (!isInShims(path)) return null;
  const manager = PYENV_SHIM.exec(files.read(path))?.[1];
  if (manager === undefined) return null;
  const root = rootOf(path);
  const local = upwards(command.cwd).map((each) =>
    files.read(join(each, VERSION_FILES[manager] ?? "")),
  );
  const chosen = [command.env[`${manager.toUpperCase()}_VERSION`], ...local];
  const text = chosen.find((each) => isFilled(each)) ?? files.read(`${root}/version`);
  const words = text.replace(/#.*$/gm, "").split(/[\s:]+/);
  return firstProgram(`${root}/versions`, { words, name: basename(path), files });
}

/** Its shims list the plugins that have the program, and `.tool-versions` the version of each. */
function byAsdf({ command, files, path }: Shim): string | null {
  if (!isInShims(path)) return null;
  const root = rootOf(path);
  const plugins = [...files.read(path).matchAll(/^# asdf-plugin: (\S+) (.+)$/gm)];
  for (const [, plugin = "", only = ""] of plugins) {
    const variable = `ASDF_${plugin.toUpperCase().replaceAll("-", "_")}_VERSION`;
    const places = [...upwards(command.cwd), dirname(root)];
    const listed = places.map((each) => toolVersion(files.read(`${each}/.tool-versions`), plugin));
    const text = [command.env[variable], ...listed].find((each) => isFilled(each)) ?? only;
    const name = basename(path);
    const place = `${root}/installs/${plugin}`;
    const program = firstProgram(place, { words: text.split(/\s+/), name, files });
    if (program !== null) return program;
  }
  return null;
}

const MISE_FILES = ["mise.local.toml", "mise.toml", ".mise.toml", ".config/mise.toml"];

/** Its shims are links to itself; the tools that it has installed have the program. */
function byMise({ command, files, path, real }: Shim): string | null {
  if (!isInShims(path) || basename(real) !== "mise") return null;
  const root = rootOf(path);
  const home = dirname(dirname(dirname(root)));
  const local = upwards(command.cwd).flatMap((each) => MISE_FILES.map((name) => join(each, name)));
  const tables = [...local, `${home}/.config/mise/config.toml`].map((each) => files.read(each));
  const lists = upwards(command.cwd).map((each) => files.read(`${each}/.tool-versions`));
  for (const tool of files.names(`${root}/installs`)) {
    const variable = command.env[`MISE_${tool.toUpperCase().replaceAll("-", "_")}_VERSION`];
    const inTables = tables.map((text) => miseVersion(text, tool));
    const inLists = lists.map((text) => toolVersion(text, tool));
    const text = [variable, ...inTables, ...inLists].find((each) => isFilled(each));
    const words = text?.split(/\s+/) ?? [];
    const name = basename(path);
    const program = firstProgram(`${root}/installs/${tool}`, { words, name, files });
    if (program !== null) return program;
  }
  return null;
}

function miseVersion(text: string, tool: string): string | undefined {
  try {
    const { tools } = parse(text) as { tools?: Readonly<Record<string, unknown>> };
    const asked = [tools?.[tool]].flat()[0] as string | { version?: unknown } | undefined;
    const version = typeof asked === "object" ? asked.version : asked;
    return version === undefined ? undefined : String(version);
  } catch {
    return undefined;
  }
}

/** Its shims are links to `volta-shim`; package.json pins Node for a project. */
function byVolta({ command, files, path, real }: Shim): string | null {
  if (basename(real) !== "volta-shim") return null;
  const tools = `${rootOf(path)}/tools`;
  const pinned = upwards(command.cwd).map((each) =>
    jsonAt(files.read(`${each}/package.json`), ["volta", "node"]),
  );
  const common = jsonAt(files.read(`${tools}/user/platform.json`), ["node", "runtime"]);
  const version = [...pinned, common].find((each) => isFilled(each));
  return version === undefined ? null : `${tools}/image/node/${version}/bin/${basename(path)}`;
}

function jsonAt(text: string, keys: readonly string[]): string | undefined {
  try {
    const found = keys.reduce(
      (value: unknown, key) => (value as Readonly<Record<string, unknown>> | undefined)?.[key],
      JSON.parse(text) as unknown,
    );
    return typeof found === "string" ? found : undefined;
  } catch {
    return undefined;
  }
}

/** It gives each shell a directory of links, which goes away with the shell. */
function byFnm({ path, real }: Shim): string | null {
  return path.includes("/fnm_multishells/") ? real : null;
}

function isInShims(path: string): boolean {
  return basename(dirname(path)) === "shims";
}

function rootOf(path: string): string {
  return dirname(dirname(path));
}

function isFilled(text: string | undefined): text is string {
  return text !== undefined && text.trim() !== "";
}

/** The versions of a tool in a `.tool-versions`. */
function toolVersion(text: string, tool: string): string | undefined {
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  return lines
    .find(([name]) => name === tool)
    ?.slice(1)
    .join(" ");
}

interface Wanted {
  /** Versions as a person writes them: `3.11` stands for the latest 3.11. */
  readonly words: readonly string[];
  readonly name: string;
  readonly files: ProgramFiles;
}

function firstProgram(place: string, { files, name, words }: Wanted): string | null {
  const installed = files.names(place);
  const programs = words.flatMap((word) =>
    matching(word, installed).map((version) => `${place}/${version}/bin/${name}`),
  );
  return programs.find((path) => isProgram(path, files)) ?? null;
}

/** The installed versions that a word stands for, the best first. */
function matching(word: string, installed: readonly string[]): readonly string[] {
  const bare = word.replace(/^(?:python-|v(?=\d))/, "");
  const exact = [word, bare].filter((each) => installed.includes(each));
  const isWanted = (version: string) => bare === "latest" || version.startsWith(`${bare}.`);
  const newest = installed
    .filter((version) => /^\d/.test(version) && isWanted(version))
    .sort((one, other) => other.localeCompare(one, "en", { numeric: true }));
  return bare === "" ? [] : [...exact, ...newest];
}
