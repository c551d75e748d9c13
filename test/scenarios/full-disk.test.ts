// A data directory without a free inode: instances still stop, and start again once there is room.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withTen } from "../support/ten.ts";
import { appConfig } from "../support/tenants/command.ts";
import { GCC, isMissing } from "../support/tool.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

/** Makes files until none can be made. */
function fill(directory: string): void {
  mkdirSync(directory);
  try {
    for (let index = 0; ; index++) writeFileSync(join(directory, String(index)), "");
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("ENOSPC");
  }
}

test.skipIf(!isRoot || isMissing(GCC)).each(["process", "namespace"])(
  "an instance at level %s stops on a full file system, and starts again once there is room",
  async (isolation) => {
    const parent = mkdtempSync(join(tmpdir(), "ten-full-"));
    Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "nr_inodes=500", "tmpfs", parent]);
    try {
      await withTen({ configText: appConfig(), parent, service: { isolation } }, async (ten) => {
        await ten.must("spawn", "app:a");
        fill(join(parent, "full"));
        await ten.must("sleep", "app:a");
        expect((await ten.instance("app:a"))?.state).toBe("asleep");
        rmSync(join(parent, "full"), { recursive: true });
        expect((await ten.get("a.app.localhost", "/")).text).toBe("hello from a");
      });
    } finally {
      Bun.spawnSync(["umount", "--lazy", parent]);
      rmdirSync(parent);
    }
  },
);
