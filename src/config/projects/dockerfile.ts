// A Dockerfile: its last CMD or ENTRYPOINT, if the project has the files that they name.
import {
  installedIn,
  isProgramThere,
  literal,
  onLoopback,
  type Project,
  type Proposal,
  readShellLine,
} from "./project.ts";

export function fromDockerfile(project: Project): Proposal | null {
  const text = (project.read("Dockerfile") ?? "").replace(/\\\n/g, " ");
  // The last stage is the one that runs.
  const stage = text.split(/^FROM\b/gim).at(-1) ?? "";
  const instruction = (name: string) =>
    [...stage.matchAll(new RegExp(`^${name}[ \\t]+(.+)$`, "gim"))].at(-1)?.[1]?.trim();
  const command = commandOf(instruction("ENTRYPOINT"), instruction("CMD"));
  if (command === null) return null;
  const exposed = /^\d+/.exec(instruction("EXPOSE") ?? "")?.[0];
  const place = instruction("WORKDIR")?.replace(/\/$/, "");
  const argv = installedIn(
    project,
    command.argv.map((word) => withPort(inProject(word, place), exposed)),
  );
  return isThere(project, argv)
    ? { kind: "the command of the Dockerfile", ...command, argv }
    : null;
}

function commandOf(entry: string | undefined, command: string | undefined) {
  const [first, second] = [read(entry), read(command)];
  if (first === null || second === null) return first ?? second;
  // With an entry point of a shell's, the command is ignored.
  return entry?.startsWith("[") === true
    ? { ...first, argv: [...first.argv, ...second.argv] }
    : first;
}

function read(text: string | undefined): Omit<Proposal, "kind"> | null {
  if (text === undefined) return null;
  if (!text.startsWith("[")) return readShellLine(text);
  try {
    const words: unknown = JSON.parse(text);
    const isList =
      Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string");
    return isList ? { argv: (words as string[]).map((word) => onLoopback(literal(word))) } : null;
  } catch {
    return null;
  }
}

/** A path of the image's working directory as one of the project's. */
function inProject(word: string, place: string | undefined): string {
  return place !== undefined && place !== "" && word.startsWith(`${place}/`)
    ? `.${word.slice(place.length)}`
    : word;
}

function withPort(word: string, exposed: string | undefined): string {
  if (exposed === undefined) return word;
  const port = new RegExp(`(^|[:=])${exposed}$`);
  return word.replace(port, "$1{port}");
}

/** Paths of the image have no meaning here. */
function isThere(project: Project, [program = "", ...args]: readonly string[]): boolean {
  if (program === "sh") return !/(?:^|\s)\/(?!dev\/|tmp\/|bin\/|usr\/bin\/)/.test(args.join(" "));
  if (!isProgramThere(project, program)) return false;
  const files = args.filter((word) => /^[^-\s].*\.(?:py|m?js|cjs|ts|jar|rb|php)$/.test(word));
  return files.every((path) => project.has(path));
}
