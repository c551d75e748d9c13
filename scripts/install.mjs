// Installs the pinned dependencies when they are missing or the lock file is newer. Runs on Node alone.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";

const modifiedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (modifiedAt("package-lock.json") > modifiedAt("node_modules/.package-lock.json")) {
  const { status } = spawnSync("npm", ["ci"], {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  process.exitCode = status ?? 1;
}
