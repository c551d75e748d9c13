// gVisor's `runsc` on this host: its path, its version, its features.
import { unreachable } from "../../core/assert.ts";
import type { Gap } from "../../core/failure.ts";
import { runHelperSync } from "../../platform/process/helper.ts";
import { findProgram } from "../../platform/programs.ts";
import { RUNSC_VERSION_MIN, readRunscVersion } from "./bundle.ts";

export interface Runsc {
  readonly program: string;
  readonly hasGoferNetwork: boolean;
}

export type RunscFinding =
  | { readonly kind: "ready"; readonly runsc: Runsc; readonly version: string }
  | { readonly kind: "absent" }
  /** `found`: the version as `runsc` prints it. */
  | { readonly kind: "old"; readonly found: string }
  | { readonly kind: "broken"; readonly reason: string };

/** Packages of distributions, where they exist, are too old. */
const REMEDY =
  "Install runsc from gVisor's own packages: https://gvisor.dev/docs/user_guide/install/";

/** Some 40 ms, on an idle machine. */
const ANSWER_MS_MAX = 10_000;

/** Runs the program, which takes some 40 ms. */
export function findRunsc(path?: string): RunscFinding {
  const program = findProgram("runsc", path);
  if (program === null) return { kind: "absent" };
  const answer = ask(program, "--version");
  const version = /^runsc version (\S+)/m.exec(answer)?.[1];
  if (version === undefined) {
    return { kind: "broken", reason: `${program} does not tell its version: ${answer.trim()}` };
  }
  const day = readRunscVersion(version);
  if (day !== null && day < RUNSC_VERSION_MIN) return { kind: "old", found: version };
  const hasGoferNetwork = ask(program, "flags").includes("gofer-network-namespace");
  return { kind: "ready", version, runsc: { program, hasGoferNetwork } };
}

export function runscGap(found: Exclude<RunscFinding, { kind: "ready" }>): Gap {
  return { reason: describe(found), remedy: REMEDY };
}

function describe(found: Exclude<RunscFinding, { kind: "ready" }>): string {
  switch (found.kind) {
    case "absent":
      return "runsc is not installed";
    case "old":
      return `runsc is of ${found.found}, and release-${RUNSC_VERSION_MIN} or newer is needed`;
    case "broken":
      return found.reason;
    default:
      return unreachable(found);
  }
}

function ask(program: string, question: string): string {
  const end = runHelperSync({ argv: [program, question], timeoutMs: ANSWER_MS_MAX });
  return end.kind === "ended" ? `${end.output}${end.errors}` : end.reason;
}
