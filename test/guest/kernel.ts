// Debian's kernels for guests: fetched once as packages and unpacked into a cache, never installed.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface GuestKernel {
  readonly image: string;
  /** The modules by their names, as `virtio_blk`. */
  readonly modules: ReadonlyMap<string, string>;
}

/** "cloud": small, with the drivers of virtual hardware alone; "generic": with all drivers and file systems. */
export type Flavour = "cloud" | "generic";

/** Each depends on the newest kernel of its kind. */
const META_PACKAGES: Readonly<Record<Flavour, string>> = {
  cloud: "linux-image-cloud-amd64",
  generic: "linux-image-amd64",
};
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ten-tests");

/** Fetches it unless it is in the cache. Throws with the message of the tool that failed. */
export function guestKernel(flavour: Flavour = "cloud"): GuestKernel {
  mkdirSync(CACHE, { recursive: true });
  const directory = cachedKernel(flavour) ?? fetchKernel(META_PACKAGES[flavour]);
  const boot = join(directory, "boot");
  const image = readdirSync(boot).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) throw new Error(`No kernel in ${boot}`);
  const modules = [...new Bun.Glob("lib/modules/**/*.ko").scanSync(directory)];
  return {
    image: join(boot, image),
    modules: new Map(modules.map((path) => [moduleName(path), join(directory, path)])),
  };
}

function cachedKernel(flavour: Flavour): string | null {
  const kernels = readdirSync(CACHE).filter((each) => each.startsWith("linux-image-"));
  const name = kernels.find((each) => each.includes("-cloud-") === (flavour === "cloud"));
  return name === undefined ? null : join(CACHE, name);
}

function fetchKernel(metaPackage: string): string {
  const dependencies = run(["apt-cache", "depends", metaPackage], CACHE);
  const name = /Depends: (linux-image-\S+)/.exec(dependencies)?.[1];
  if (name === undefined) throw new Error(`apt knows no ${metaPackage}: apt-get update`);
  const workshop = mkdtempSync(join(CACHE, "fetch-"));
  try {
    run(["apt-get", "download", "-q", name], workshop);
    const [archive = ""] = readdirSync(workshop).filter((each) => each.endsWith(".deb"));
    run(["dpkg-deb", "--extract", archive, "unpacked"], workshop);
    const directory = join(CACHE, name);
    try {
      renameSync(join(workshop, "unpacked"), directory);
    } catch (error) {
      // Another run may have fetched it meanwhile.
      if (!existsSync(directory)) throw error;
    }
    return directory;
  } finally {
    rmSync(workshop, { recursive: true });
  }
}

function moduleName(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.ko$/, "").replaceAll("-", "_");
}

function run(argv: readonly string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
