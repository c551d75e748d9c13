import { expect, test } from "bun:test";
import { join } from "node:path";
import {
  type HelperOrder,
  runHelper,
  runHelperSync,
} from "../../../../src/platform/process/helper.ts";

const LONG_MS = 60_000;

const ways = [
  { name: "runHelper()", run: runHelper },
  { name: "runHelperSync()", run: async (order: HelperOrder) => runHelperSync(order) },
] as const;

for (const { name, run } of ways) {
  const sh = (script: string, order: Partial<HelperOrder> = {}) =>
    run({ argv: ["/bin/sh", "-c", script], timeoutMs: LONG_MS, ...order });

  test(`${name} returns the exit code and both outputs, and passes only the given environment`, async () => {
    const script = 'read -r line; echo "$line $GIVEN $HOME"; echo oops >&2; exit 3';
    expect(await sh(script, { input: "hi\n", env: { GIVEN: "x" } })).toEqual({
      kind: "ended",
      exitCode: 3,
      output: "hi x \n",
      errors: "oops\n",
    });
  });

  test(`${name} gives up a program that does not end in time, also where a descendant holds its output`, async () => {
    const end = await sh("sleep 1 & wait", { timeoutMs: 20 });
    expect(end).toMatchObject({ kind: "failed", reason: "/bin/sh did not end within 0.02 s" });
  });

  test(`${name} reports a program that was killed`, async () => {
    const end = await sh("kill -KILL $$");
    expect(end).toMatchObject({ kind: "failed", reason: "/bin/sh was ended by SIGKILL" });
  });

  test(`${name} reports a program that is not there`, async () => {
    const end = await run({ argv: ["/none/such"], timeoutMs: LONG_MS });
    expect(end).toMatchObject({ kind: "failed", cause: { code: "ENOENT" } });
  });
}

test("no helper throws for want of a descriptor, and its end names the lack", async () => {
  const script = join(import.meta.dir, "helper-without-descriptors.ts");
  const child = Bun.spawn([process.execPath, script], { stdio: ["ignore", "pipe", "inherit"] });
  expect(await child.stdout.text()).toBe("failed EMFILE\nfailed EMFILE\n");
});
