// Copies installed Debian packages into the root of a guest, which is faster than installing them.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentRoot } from "./root.ts";

const DPKG = "/var/lib/dpkg";
/** Files that a guest doesn't need. */
const UNREAD = /^\/usr\/share\/(doc|man|locale|info|i18n|lintian|bash-completion)|\/gconv\//;

interface Package {
  readonly name: string;
  readonly provides: readonly string[];
  readonly depends: readonly (readonly string[])[];
}

/** Copies installed packages and all that they depend on. Throws when one is not installed. */
export function addPackages(root: AgentRoot, names: readonly string[]): void {
  const known = readInstalled();
  const wanted = new Set<Package>();
  for (const name of names) {
    const found = known.get(name);
    if (found === undefined) throw new Error(`${name} is not installed: apt-get install ${name}`);
    collect(found, { known, wanted });
  }
  const files = [...wanted].flatMap(filesOf).filter((path) => !UNREAD.test(path));
  const list = `${root.directory}.files`;
  writeFileSync(list, [...new Set(files)].join("\n"));
  // Removed files are ignored; a missing library shows when the guest starts.
  const copy = `tar -C / --no-recursion -T ${list} -c 2>/dev/null | tar -C ${root.directory} --keep-directory-symlink -x; rm ${list}`;
  const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", copy]);
  if (exitCode !== 0) throw new Error(`tar: ${stderr.toString().trim()}`);
  Bun.spawnSync(["/sbin/ldconfig", "-r", root.directory]);
}

function collect(
  found: Package,
  context: { known: ReadonlyMap<string, Package>; wanted: Set<Package> },
): void {
  if (context.wanted.has(found)) return;
  context.wanted.add(found);
  for (const alternatives of found.depends) {
    const name = alternatives.find((each) => context.known.has(each));
    const next = name === undefined ? undefined : context.known.get(name);
    if (next !== undefined) collect(next, context);
  }
}

function readInstalled(): ReadonlyMap<string, Package> {
  const known = new Map<string, Package>();
  for (const paragraph of readFileSync(join(DPKG, "status"), "utf8").split("\n\n")) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
    if (!field("Status").endsWith(" installed")) continue;
    const depends = [field("Depends"), field("Pre-Depends")].flatMap(splitRelations);
    const provides = splitRelations(field("Provides")).flat();
    const found = { name: field("Package"), provides, depends };
    for (const name of provides) if (!known.has(name)) known.set(name, found);
    known.set(found.name, found);
  }
  return known;
}

/** "a (>= 1), b | c:any" to [["a"], ["b", "c"]]. */
function splitRelations(field: string): string[][] {
  if (field === "") return [];
  return field
    .split(",")
    .map((relation) => relation.split("|").map((each) => each.trim().split(/[ :]/)[0] ?? ""));
}

function filesOf({ name }: Package): readonly string[] {
  const list = [name, `${name}:amd64`]
    .map((each) => join(DPKG, "info", `${each}.list`))
    .find((path) => existsSync(path));
  return list === undefined ? [] : readFileSync(list, "utf8").split("\n").filter(isNamed);
}

function isNamed(path: string): boolean {
  return path !== "" && path !== "/.";
}
