// The table of projects: the families in the order in which they are tried.
import { fromGo, fromJava, fromRust } from "./compiled.ts";
import { fromDockerfile } from "./dockerfile.ts";
import { fromBun, fromDeno, fromNode } from "./javascript.ts";
import { fromPhp } from "./php.ts";
import { fromProcfile } from "./procfile.ts";
import type { Family, Project, Proposal } from "./project.ts";
import { fromPython } from "./python.ts";
import { fromRuby } from "./ruby.ts";
import { fromStaticSite } from "./static-site.ts";

/** A Procfile is written for a platform such as this one; a Dockerfile and a page tell the least. */
const FAMILIES: readonly Family[] = [
  fromProcfile,
  fromDeno,
  fromBun,
  fromNode,
  fromPython,
  fromRuby,
  fromPhp,
  fromGo,
  fromRust,
  fromJava,
  fromDockerfile,
  fromStaticSite,
];

/** The service for a project; null: it is of no known kind. */
export function proposeFor(project: Project): Proposal | null {
  for (const family of FAMILIES) {
    const proposal = family(project);
    if (proposal !== null) return proposal;
  }
  return null;
}
