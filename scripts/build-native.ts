// Compiles the launcher and the machines' agent, as static programs: dist/launcher-x64, dist/guest-x64, and for arm64.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

export type LauncherArch = "x64" | "arm64";

export interface LauncherBuild {
  readonly arch: LauncherArch;
  readonly outfile: string;
  /** Walls to omit, as `WALL_SECCOMP`, for tests that show the purpose of each. */
  readonly without?: readonly string[];
}

const NATIVE = join(import.meta.dir, "../native");
export const LAUNCHER_ARCHES: readonly LauncherArch[] = ["x64", "arm64"];
const FLAGS = ["-static", "-Os", "-s", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
/** musl's wrapper searches musl's headers only, which lack those of the kernel. */
const KERNEL_HEADERS = ["-idirafter", "/usr/include", "-idirafter"];

/** The compilers to look for, best first: with musl the program has a tenth of the size. */
const COMPILERS: Readonly<Record<LauncherArch, readonly (readonly string[])[]>> = {
  x64: [
    ["musl-gcc", ...KERNEL_HEADERS, "/usr/include/x86_64-linux-gnu"],
    ["x86_64-linux-musl-gcc"],
    ["x86_64-linux-gnu-gcc"],
    ["zig", "cc", "-target", "x86_64-linux-musl"],
  ],
  arm64: [
    ["musl-gcc", ...KERNEL_HEADERS, "/usr/include/aarch64-linux-gnu"],
    ["aarch64-linux-musl-gcc"],
    ["aarch64-linux-gnu-gcc"],
    ["zig", "cc", "-target", "aarch64-linux-musl"],
  ],
};

/** The command of a compiler for `arch`; null when there is none. */
export function findCompiler(arch: LauncherArch): readonly string[] | null {
  const native = arch === process.arch && process.platform === "linux";
  const usable = (argv: readonly string[]) =>
    Bun.which(argv[0] ?? "") !== null && (native || argv[0] !== "musl-gcc");
  return COMPILERS[arch].find(usable) ?? (native && Bun.which("gcc") !== null ? ["gcc"] : null);
}

/** Throws with the compiler's message, or when there is no compiler for the architecture. */
export function buildLauncher({ arch, outfile, without = [] }: LauncherBuild): void {
  const walls = without.length === 0 ? [] : [`-DTEN_WITHOUT=(${without.join("|")})`];
  compile({ arch, outfile, inputs: [...walls, ...sourcesOf("launcher")] });
}

/** Throws as `buildLauncher` does. */
export function buildAgent({ arch, outfile }: Pick<LauncherBuild, "arch" | "outfile">): void {
  compile({ arch, outfile, inputs: sourcesOf("guest") });
}

function sourcesOf(program: "launcher" | "guest"): readonly string[] {
  const names = [...new Bun.Glob(`{shared,${program}}/*.c`).scanSync(NATIVE)].sort();
  return names.map((name) => join(NATIVE, name));
}

/** Compiles C sources to a static program, with the launcher's flags. */
export function compile(job: {
  readonly arch: LauncherArch;
  readonly outfile: string;
  readonly inputs: readonly string[];
}): void {
  const compiler = findCompiler(job.arch);
  if (compiler === null) throw new Error(`Cannot compile for ${job.arch}: no C compiler for it`);
  const { exitCode, stderr } = Bun.spawnSync([
    ...compiler,
    ...FLAGS,
    ...job.inputs,
    "-o",
    job.outfile,
  ]);
  if (exitCode !== 0) throw new Error(`Cannot compile ${job.outfile}:\n${stderr}`);
}

if (import.meta.main) {
  mkdirSync("dist", { recursive: true });
  for (const arch of LAUNCHER_ARCHES) {
    if (findCompiler(arch) === null) {
      console.log(`Skipped ${arch}: no C compiler for it`);
      continue;
    }
    const [launcher, guest] = [`dist/launcher-${arch}`, `dist/guest-${arch}`];
    buildLauncher({ arch, outfile: launcher });
    buildAgent({ arch, outfile: guest });
    for (const outfile of [launcher, guest]) {
      console.log(`Built ${outfile}: ${Math.ceil(Bun.file(outfile).size / 1024)} KiB`);
    }
  }
}
