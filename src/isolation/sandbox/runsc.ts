// gVisor's `runsc` on this host: its path, its version, its features.
import { unreachable } from "../../core/assert.ts";
import type { Gap } from "../../core/failure.ts";
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
  try {
    const { stderr, stdout } = Bun.spawnSync([program, question], { stdin: "ignore", env: {} });
    return `${stdout}${stderr}`;
  } catch (error) {
    return String(error);
  }
}
