// The demo that the README promises: every step holds, and nothing is left behind.
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executable, ROOT } from "../support/executable.ts";
import { isMissing, PYTHON } from "../support/tool.ts";

const TIMEOUT_MS = 120_000;

test.skipIf(isMissing(PYTHON))(
  "npm run demo holds what it promises and cleans up",
  async () => {
    await executable();
    const scratch = mkdtempSync(join(tmpdir(), "ten-demo-"));
    try {
      const demo = Bun.spawn([process.execPath, "scripts/demo.ts"], {
        cwd: ROOT,
        env: { ...process.env, TMPDIR: scratch },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [stdout, stderr] = await Promise.all([demo.stdout.text(), demo.stderr.text()]);
      expect(`${stdout}${stderr}`).toEndWith("\nEverything was as promised.\n");
      expect(await demo.exited).toBe(0);
      expect(readdirSync(scratch)).toEqual([]);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  },
  TIMEOUT_MS,
);
