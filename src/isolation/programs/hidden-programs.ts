// Programs of a command that the walls hide: the refusal before a start, and the `read_paths` that show them.
import { type Failure, startFailure } from "../../core/failure.ts";
import { isUnder } from "../../core/paths.ts";
import type { Service } from "../../core/service.ts";
import { isSecret, isVisible, type View } from "../../core/walls.ts";
import { installationOf } from "./installation.ts";
import type { Program } from "./program-chain.ts";

/** Why a command can't run behind the walls; null: all of its programs are there, and in view. */
export function refuseHidden(
  { name }: Pick<Service, "name">,
  programs: readonly Program[],
  view: View,
): Failure | null {
  for (const program of programs) {
    if (program.kind === "missing") return describeMissing(program);
    const hidden = hiddenPart(program, view);
    if (hidden === undefined) continue;
    const part = program.runs === null ? hidden : `${hidden}, which runs ${program.runs},`;
    const reason = `${part} is hidden behind the walls`;
    const hint = isSecret(hidden, view)
      ? "No setting shows the server's own files: move the program elsewhere"
      : `Add ${renderPaths(hiddenInstallations(programs, view))} to [service.${name}]`;
    return { code: "LEVEL_MISSING", reason, hint };
  }
  return null;
}

/** The `read_paths` that show all of the hidden programs, and nothing else. */
export function hiddenInstallations(programs: readonly Program[], view: View): readonly string[] {
  const hidden = programs.flatMap((program) => {
    const part = program.kind === "found" ? hiddenPart(program, view) : undefined;
    return part === undefined || isSecret(part, view) ? [] : [installationOf(part)];
  });
  const isInner = (path: string) => hidden.some((other) => other !== path && isUnder(path, other));
  return [...new Set(hidden)].filter((path) => !isInner(path));
}

/** Where only listed paths are shown, the links on the way to a program are shown with it. */
function hiddenPart(
  { links, path, real }: Program & { kind: "found" },
  view: View,
): string | undefined {
  const seen = view.shown === null ? [path, ...links, real] : [real];
  return seen.find((each) => each !== null && !isVisible(each, view)) ?? undefined;
}

function renderPaths(paths: readonly string[]): string {
  return `read_paths = [${paths.map((path) => JSON.stringify(path)).join(", ")}]`;
}

function describeMissing({ name, runs }: Program & { kind: "missing" }): Failure {
  const place = name.includes("/") ? "is not there" : "is not found on PATH";
  return startFailure(
    `${name}, which runs ${runs}, ${place}`,
    `Install it, or make ${runs} anew for this host`,
  );
}
