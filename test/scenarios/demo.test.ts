// npm run demo: every step succeeds, and nothing is left behind.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { isMissing, PYTHON } from "../support/tool.ts";

const TIMEOUT_MS = 120_000;

/** Runs the demo in a scratch directory; resolves with all that it printed. */
async function runDemo(env: Readonly<Record<string, string>> = {}): Promise<string> {
  await executable();
  const scratch = mkdtempSync(join(tmpdir(), "ten-demo-"));
  try {
    const demo = Bun.spawn([process.execPath, "scripts/demo.ts"], {
      cwd: ROOT,
      env: { ...process.env, ...env, TMPDIR: scratch },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = await Promise.all([demo.stdout.text(), demo.stderr.text()]);
    expect(await demo.exited, stdout + stderr).toBe(0);
    expect(readdirSync(scratch)).toEqual([]);
    return stdout;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

test.skipIf(isMissing(PYTHON))(
  "npm run demo succeeds and cleans up",
  async () => {
    const printed = await runDemo();
    expect(printed).toContain("examples/notes-python");
    expect(printed).toEndWith("\nEverything was as promised.\n");
  },
  TIMEOUT_MS,
);

test(
  "npm run demo succeeds on a machine without Python",
  async () => {
    // The tools are missing on purpose.
    const printed = await runDemo({ PATH: "/nonexistent", TEN_TEST_REQUIRE_ALL: "0" });
    expect(printed).toContain("without Python");
    expect(printed).toEndWith("\nEverything was as promised.\n");
  },
  TIMEOUT_MS,
);
