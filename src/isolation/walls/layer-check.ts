// Whether the working directory of an instance can be made writable here: tried before its start, once it has worked.
import { lstatSync } from "node:fs";
import { release } from "node:os";
import { FailureError, hintOf } from "../../core/failure.ts";
import { isKernelAtLeast, LAYERS_AS_ROOT, LAYERS_ROOTLESS } from "../../core/kernel-release.ts";
import type { Service } from "../../core/service.ts";
import { isRoot } from "../../platform/owner.ts";
import { tryLauncher } from "../launcher/launcher-program.ts";

export interface LayerTrial {
  readonly launcher: string;
  /** The instance's own user; null: the server's. */
  readonly owner: number | null;
  readonly layerDir: string;
  readonly workdir: string;
}

export class LayerCheck {
  /** Working directories: no more than the services have. */
  readonly #proven = new Set<string>();

  /** Throws LEVEL_MISSING with the reason and the remedy. */
  require(service: Service, trial: LayerTrial): void {
    const { workdir } = trial;
    if (this.#proven.has(workdir)) return;
    const { uid } = lstatSync(workdir);
    if (trial.owner === null && uid !== process.geteuid?.()) {
      const remedy = `give it to the server's user: chown -R ${process.geteuid?.()} ${workdir}\nrun ten as root`;
      throw missing(service, `${workdir} belongs to another user (${uid})`, remedy);
    }
    const reason = attempt(trial);
    if (reason !== null) throw missing(service, reason, remedyHere());
    this.#proven.add(workdir);
  }
}

/** Null: it works. */
function attempt({ launcher, layerDir, owner, workdir }: LayerTrial): string | null {
  const user = String(owner);
  const identity = owner === null ? ["--rootless"] : ["--uid", user, "--gid", user];
  return tryLauncher(launcher, ["--walls", ...identity, "--layer", `${layerDir}:${workdir}`]);
}

function remedyHere(): string {
  const least = isRoot() ? LAYERS_AS_ROOT : LAYERS_ROOTLESS;
  return isKernelAtLeast(release(), least)
    ? "put workdir and data_dir on ext4, XFS or Btrfs"
    : `run a kernel of version ${least.join(".")} or later`;
}

function missing({ name }: Service, reason: string, remedy: string): FailureError {
  const otherwise = `set workdir = "{data_dir}/{name}/{id}" in [service.${name}], which is writable`;
  return new FailureError({
    code: "LEVEL_MISSING",
    reason: `workdir_writable is not possible: ${reason}`,
    hint: hintOf({ reason, remedy }, otherwise),
  });
}
