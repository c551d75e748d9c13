// The programs that a command starts, found as the kernel and the shell do: PATH, links, `#!` lines, wrappers, shims.
import { basename, dirname, join, resolve } from "node:path";
import { exists, isProgram, type ProgramFiles, type Walked, walk } from "./program-files.ts";
import { interpretersOf } from "./script-interpreter.ts";
import { resolveShim } from "./shims.ts";
import { type Command, innerCommands } from "./wrappers.ts";

/** A program of the chain, or one that a script names and the host lacks. `runs` is the script; null: none. */
export type Program =
  | (Walked & {
      readonly kind: "found";
      /** As it is started, absolute. */
      readonly path: string;
      readonly runs: string | null;
      /** The shim of a version manager in whose place it is; null: there is none. */
      readonly shim: string | null;
    })
  | { readonly kind: "missing"; readonly name: string; readonly runs: string };

/** More than any real chain has; a longer one is a circle. */
const DEPTH_MAX = 8;

interface Trail {
  readonly files: ProgramFiles;
  readonly runs: string | null;
  /** Whether the script can't run without the program. */
  readonly isNeeded: boolean;
  readonly depth: number;
}

/** The command's own program first; none where the host lacks that. */
export function followCommand(command: Command, files: ProgramFiles): readonly Program[] {
  return follow(command, { files, runs: null, isNeeded: false, depth: 0 });
}

function follow(command: Command, trail: Trail): readonly Program[] {
  const { files, isNeeded, runs } = trail;
  const [name = "", ...args] = command.argv;
  const named = findProgramOf(name, command, files);
  if (named === null) {
    return isNeeded && runs !== null ? [{ kind: "missing", name, runs }] : [];
  }
  const program = resolveShim(named, command, files);
  const path = program ?? named;
  const next = { ...trail, depth: trail.depth + 1 };
  const within = (argv: readonly string[]) =>
    follow({ ...command, argv }, { ...next, runs: path, isNeeded: true });
  const inner = innerCommands({ ...command, argv: [path, ...args] }, files);
  // Only env certainly starts what it names; a shell or a runner of Python may do it otherwise.
  const innerTrail = { ...next, isNeeded: isNeeded && basename(path) === "env" };
  return trail.depth > DEPTH_MAX
    ? []
    : [
        { kind: "found", path, runs, shim: program === null ? null : named, ...walk(path, files) },
        ...homeOf(path, trail),
        ...interpretersOf(path, args, files).flatMap(within),
        ...inner.flatMap((each) => follow(each, innerTrail)),
      ];
}

/** As a shell looks a name up: on the PATH of the environment, from the working directory. */
function findProgramOf(name: string, { cwd, env }: Command, files: ProgramFiles): string | null {
  if (name === "") return null;
  const path = env["PATH"] ?? "";
  const places = name.includes("/") ? [""] : path === "" ? [] : path.split(":");
  const paths = places.map((place) => resolve(cwd, place, name));
  return paths.find((path) => isProgram(path, files)) ?? null;
}

/** The Python that a virtual environment was made from: its library is there even if the program was copied. */
function homeOf(python: string, { files }: Trail): readonly Program[] {
  const isPython = /^python[\d.]*$/.test(basename(python));
  const text = isPython ? files.read(join(dirname(dirname(python)), "pyvenv.cfg")) : "";
  const home = /^home\s*=\s*(\S.*?)\s*$/m.exec(text)?.[1];
  if (home === undefined) return [];
  const path = ["python3", "python"]
    .map((name) => join(home, name))
    .find((each) => exists(each, files));
  if (path === undefined) return [];
  return [{ kind: "found", path, runs: python, shim: null, ...walk(path, files) }];
}

/** The command with programs in place of shims, which would start their whole manager first. */
export function withoutShims<T extends Command>(command: T, files: ProgramFiles): T {
  const [own, ...others] = followCommand(command, files).filter(({ kind }) => kind === "found");
  const programs = [own, ...others].flatMap((each) =>
    each?.kind === "found" && each.shim !== null ? [each.path] : [],
  );
  if (programs.length === 0) return command;
  const [, ...args] = command.argv;
  const argv = own?.kind === "found" && own.shim !== null ? [own.path, ...args] : command.argv;
  const before = command.env["PATH"] ?? "";
  // An empty entry would be the working directory.
  const places = [...new Set(programs.map(dirname)), ...(before === "" ? [] : [before])];
  return { ...command, argv, env: { ...command.env, PATH: places.join(":") } };
}
