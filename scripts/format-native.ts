// Formats the C files with clang-format, by .clang-format; with --check it only reports what it would change.
import { join } from "node:path";
import { clangFormatPath } from "clang-format-node";

const ROOT = join(import.meta.dir, "..");
const files = [...new Bun.Glob("{native,test}/**/*.{c,h}").scanSync(ROOT)].sort();
const mode = process.argv.includes("--check") ? ["--dry-run", "-Werror"] : ["-i"];
const { exitCode } = Bun.spawnSync([clangFormatPath, ...mode, ...files], {
  cwd: ROOT,
  stdio: ["ignore", "inherit", "inherit"],
});
process.exitCode = exitCode;
