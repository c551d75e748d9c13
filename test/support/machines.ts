// What tests of virtual machines need: an emulator, a kernel, and a host that lets root build walls.
import { readdirSync, existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { QEMU } from "../../src/core/qemu.ts";
import { isMissing } from "./tool.ts";

const { debianPackage, program } = QEMU[process.arch === "arm64" ? "arm64" : "x64"];
const CACHE = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
const KERNELS = join(CACHE, "ten/guest-kernel/boot");

/** The kernel that `scripts/fetch-guest-kernel.sh` has fetched. */
export function guestKernel(): string {
  const name = readdirSync(KERNELS).find((each) => each.startsWith("vmlinuz-"));
  if (name === undefined) throw new Error(`No kernel in ${KERNELS}`);
  return join(KERNELS, name);
}

/** For `describe.skipIf`; with TEN_TEST_REQUIRE_ALL=1 what is missing is an error. */
export function lacksMachines(): boolean {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  return !isRoot || isMissing({ program, debianPackage }) || lacksKernel();
}

function lacksKernel(): boolean {
  if (existsSync(KERNELS)) return false;
  const message = "a kernel for virtual machines is missing: scripts/fetch-guest-kernel.sh";
  if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw new Error(message);
  console.warn(`skipped tests: ${message}`);
  return true;
}
