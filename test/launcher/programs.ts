// The programs under test, compiled once per run: the launcher, the attack, and launchers that lack a wall.
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  buildLauncher,
  compile,
  findCompiler,
  type LauncherArch,
} from "../../scripts/build-native.ts";

const ATTACK = join(import.meta.dir, "attack");
const ARCH = process.arch as LauncherArch;

/**
 * For `test.skipIf`: true, and printed, where launchers can't be tried. With TEN_TEST_REQUIRE_ALL=1 that is an
 * error, so that a gate can't pass by skipping.
 */
export function isUnable(): boolean {
  const reason = reasonNotTo();
  if (reason === null) return false;
  if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw new Error(reason);
  console.warn(`skipped tests of the launcher: ${reason}`);
  return true;
}

function reasonNotTo(): string | null {
  if (process.platform !== "linux") return "needs Linux";
  if (findCompiler(ARCH) === null) return "needs a C compiler: apt-get install musl-tools";
  if (process.getuid?.() !== 0) return "needs root, to play both root and an ordinary user";
  if (Bun.which("setpriv") === null) return "needs setpriv: apt-get install util-linux";
  return null;
}

export interface Programs extends Disposable {
  readonly launcher: string;
  readonly attack: string;
  /** A copy of the Bun that runs the tests, which may be in a hidden directory itself. */
  readonly bun: string;
  /** Compiles one more launcher, which lacks walls. */
  launcherWithout(walls: readonly string[]): string;
}

/** Compiled to a directory that every user can read, and that stays visible behind walls. */
export function compilePrograms(): Programs {
  const directory = mkdtempSync("/opt/ten-programs-");
  chmodSync(directory, 0o755);
  const launcher = join(directory, "launcher");
  const attack = join(directory, "attack");
  const bun = join(directory, "bun");
  copyFileSync(process.execPath, bun);
  buildLauncher({ arch: ARCH, outfile: launcher });
  const sources = [...new Bun.Glob("*.c").scanSync(ATTACK)].map((name) => join(ATTACK, name));
  compile({ arch: ARCH, outfile: attack, inputs: sources });
  return {
    launcher,
    attack,
    bun,
    launcherWithout(walls) {
      const outfile = join(directory, `launcher-without-${walls.join("-")}`);
      buildLauncher({ arch: ARCH, outfile, without: walls });
      return outfile;
    },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
