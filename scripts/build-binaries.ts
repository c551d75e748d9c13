// Compiles `ten` into one executable: `npm run build` writes dist/ten for this machine.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import manifest from "../package.json" with { type: "json" };
import { buildAgent, buildLauncher, findCompiler, LAUNCHER_ARCHES } from "./build-native.ts";

export interface BuildOptions {
  readonly outfile: string;
}

/**
 * Compiles this machine's executable to `outfile`, with the launcher in it if there is a C compiler; false: without.
 * Throws with the compiler's message.
 */
export async function buildExecutable({ outfile }: BuildOptions): Promise<boolean> {
  const workshop = mkdtempSync(join(tmpdir(), "ten-build-"));
  try {
    const programs = buildOwnPrograms(workshop);
    await compile({ outfile, programs });
    return programs.length > 0;
  } finally {
    rmSync(workshop, { recursive: true });
  }
}

/**
 * This host's launcher and machine agent; none where they can't be compiled. The executable finds them by these names.
 */
function buildOwnPrograms(directory: string): readonly string[] {
  const arch = LAUNCHER_ARCHES.find((each) => each === process.arch) ?? null;
  if (process.platform !== "linux" || arch === null || findCompiler(arch) === null) return [];
  const launcher = join(directory, "ten-launcher.bin");
  const guest = join(directory, "ten-guest.bin");
  buildLauncher({ arch, outfile: launcher });
  buildAgent({ arch, outfile: guest });
  return [launcher, guest];
}

async function compile({
  outfile,
  programs,
}: BuildOptions & { readonly programs: readonly string[] }): Promise<void> {
  const commit = (await $`git rev-parse --short=12 HEAD`.nothrow().quiet().text()).trim();
  const build = await Bun.build({
    // Workers must be entry points to be found in the executable.
    entrypoints: ["src/main.ts", "src/logs/worker.ts", ...programs],
    // The worker's path in the executable is relative to this.
    root: "src",
    loader: { ".bin": "file" },
    compile: {
      outfile,
      // Otherwise the executable would read bunfig.toml and .env of its working directory.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    minify: true,
    sourcemap: "linked",
    define: {
      TEN_VERSION: JSON.stringify(manifest.version),
      TEN_COMMIT: JSON.stringify(commit || "unknown"),
      TEN_TARGET: JSON.stringify(`${process.platform}-${process.arch}`),
    },
  });
  if (!build.success) throw new AggregateError(build.logs, "Cannot compile ten");
}

if (import.meta.main) {
  mkdirSync("dist", { recursive: true });
  const hasLauncher = await buildExecutable({ outfile: "dist/ten" });
  console.log("Built dist/ten");
  if (!hasLauncher) {
    console.log(
      'Without a C compiler it lacks the level "namespace": apt-get install gcc libc6-dev',
    );
  }
}
