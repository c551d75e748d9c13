// Compiles `ten` into one executable: `npm run build` writes dist/ten for this machine.
import { mkdirSync } from "node:fs";
import { $ } from "bun";
import manifest from "../package.json" with { type: "json" };

export interface BuildOptions {
  readonly outfile: string;
}

/** Compiles this machine's executable to `outfile`. Throws with the compiler's own words when it can't. */
export async function buildExecutable({ outfile }: BuildOptions): Promise<void> {
  const commit = (await $`git rev-parse --short=12 HEAD`.nothrow().quiet().text()).trim();
  const build = await Bun.build({
    // Workers must be entry points of their own to be found in the executable.
    entrypoints: ["src/main.ts", "src/telemetry/log-worker.ts"],
    compile: {
      outfile,
      // Otherwise the executable would run the bunfig.toml and the .env of whatever directory it is started in.
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
  await buildExecutable({ outfile: "dist/ten" });
  console.log("Built dist/ten");
}
