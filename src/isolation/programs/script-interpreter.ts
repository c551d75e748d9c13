// The command by which the kernel runs a file: its first line or its loader, and the stubs of package managers.
import type { ProgramFiles } from "./program-files.ts";

/** As far as the kernel reads the first line. */
const FIRST_LINE_CHARS = 256;
/** pip writes it where the path of Python is too long for a first line, or holds a space. */
const PIP_STUB = /^#![^\n]*\/sh\s*\n'''exec' (?:"([^"\n]+)"|(\S+))/;
/** pnpm writes it in place of a link. */
const NODE_STUB = /^#![^\n]*\/sh\s*\n[\s\S]*\bexec node\b/;

/** The commands that run a file, each by program and arguments; none for a program that runs by itself. */
export function interpretersOf(
  path: string,
  args: readonly string[],
  files: ProgramFiles,
): readonly (readonly string[])[] {
  const loader = files.loader(path);
  if (loader !== null) return [[loader, path, ...args]];
  const text = files.read(path);
  // The kernel hands everything behind the interpreter on as one argument.
  const [, interpreter, rest] =
    /^#![ \t]*(\S+)(?:[ \t]+([^\n]*?))?[ \t\r]*(?:\n|$)/.exec(text.slice(0, FIRST_LINE_CHARS)) ??
    [];
  if (interpreter === undefined) return [];
  const own = [interpreter, ...(rest === undefined || rest === "" ? [] : [rest]), path, ...args];
  const [, quoted, plain] = PIP_STUB.exec(text) ?? [];
  const python = quoted ?? plain;
  if (python !== undefined) return [own, [python, path, ...args]];
  return NODE_STUB.test(text) ? [own, ["node", path, ...args]] : [own];
}
