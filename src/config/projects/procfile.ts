// A Procfile: its `web` process, which is written for a port in PORT.
import { fromNode } from "./javascript.ts";
import { installedIn, type Project, type Proposal, readShellLine } from "./project.ts";

export function fromProcfile(project: Project): Proposal | null {
  const lines = [...(project.read("Procfile") ?? "").matchAll(/^([A-Za-z0-9_-]+):[ \t]*(.+)$/gm)];
  const lineOf = (name: string) => lines.find(([, each]) => each === name)?.[2];
  const web = readShellLine(lineOf("web") ?? "");
  const argv = installedIn(project, web?.argv ?? []);
  const [program = ""] = argv;
  if (web === null || (program.includes("/") && !project.has(program))) return null;
  // The script's own command wakes sooner than one with a package manager in between.
  const isScript = /^(?:npm|pnpm|yarn|bun)(?: run)? start$/.test(web.argv.join(" "));
  const script = isScript ? fromNode(project) : null;
  const release = lineOf("release");
  const others = lines
    .map(([, name = ""]) => name)
    .filter((name) => !/^(?:web|release)$/.test(name));
  const remarks = [
    ...(release === undefined
      ? []
      : [
          `Each tenant needs the release command as well, before the web command for example: ${release.trim()}`,
        ]),
    ...(others.length === 0 ? [] : [`Only web is started, not ${others.join(", ")}.`]),
  ];
  return { ...web, argv, ...script, kind: "the web process of the Procfile", remarks };
}
