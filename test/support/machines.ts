// Requirements of tests with virtual machines: an emulator, a kernel, and root on Linux.
import { QEMU } from "../../src/isolation/machine/qemu-command.ts";
import { guestKernel } from "../guest/kernel.ts";
import { GCC, isMissing } from "./tool.ts";

const { debianPackage, program } = QEMU[process.arch === "arm64" ? "arm64" : "x64"];

/** The path of a kernel that can mount the host's files. */
export function machineKernel(): string {
  return guestKernel("generic").image;
}

/** For `describe.skipIf`; with TEN_TEST_REQUIRE_ALL=1 a missing requirement is an error. */
export function lacksMachines(): boolean {
  const isRoot = process.platform === "linux" && process.getuid?.() === 0;
  const tools = [GCC, { program, debianPackage }];
  return !isRoot || tools.map(isMissing).includes(true) || lacksKernel();
}

function lacksKernel(): boolean {
  try {
    machineKernel();
    return false;
  } catch (error) {
    if (process.env["TEN_TEST_REQUIRE_ALL"] === "1") throw error;
    console.warn(`skipped tests: no kernel for guests: ${error}`);
    return true;
  }
}
