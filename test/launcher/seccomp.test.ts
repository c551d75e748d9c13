// The filter of system calls: the setting of a service decides about calls that the filter does not list.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { isMissing, PYTHON } from "../support/tool.ts";
import { openTenant } from "./one-tenant.ts";
import { compilePrograms, isUnable, type Programs } from "./programs.ts";

setDefaultTimeout(60_000);

/** Calls that need no privilege, by their numbers: fanotify_init is not listed, keyctl is refused always. */
const CALLS = { x64: { fanotify: 300, keyctl: 250 }, arm64: { fanotify: 262, keyctl: 219 } };
const { fanotify, keyctl } = CALLS[process.arch as keyof typeof CALLS];

/** Prints the name of each call's error, or "done". */
const PROGRAM = `
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    return "done" if libc.syscall(*arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
print(call(${fanotify}, 0x200, 0), call(${keyctl}, 0, -3, 0))
`;

describe.skipIf(isUnable() || isMissing(PYTHON))("a system call", () => {
  let programs: Programs;
  beforeAll(() => {
    programs = compilePrograms();
  });
  afterAll(() => programs[Symbol.dispose]());

  test.each([
    { options: [], answers: "ENOSYS EPERM" },
    { options: ["--seccomp", "default"], answers: "ENOSYS EPERM" },
    { options: ["--seccomp", "permissive"], answers: "done EPERM" },
  ])("is answered as the filter says: %j", async ({ options, answers }) => {
    using tenant = openTenant("walls", programs);
    await using launched = tenant.launch(["/usr/bin/python3", "-c", PROGRAM], { options });
    const { stdout } = await launched.end();
    expect(stdout.trim()).toBe(answers);
  });

  test("is not filtered by an unknown setting", async () => {
    using tenant = openTenant("walls", programs);
    await using launched = tenant.launch(["echo", "ran"], { options: ["--seccomp", "none"] });
    const { code, stderr, stdout } = await launched.end();
    expect({ code, stdout }).toEqual({ code: 125, stdout: "" });
    expect(stderr).toContain("neither default nor permissive");
  });
});
