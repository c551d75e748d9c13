import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  checkImage,
  findImageGap,
  growImage,
  isAttached,
  makeImage,
  readImage,
} from "../../../src/storage/volume-image.ts";
import { E2FSPROGS, isMissing } from "../../support/tool.ts";
import { FakeHost } from "../doctor/fake-host.ts";

const MIB = 1024 ** 2;

describe.skipIf(process.platform !== "linux" || isMissing(E2FSPROGS))("an image", () => {
  let root: string;
  let image: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "ten-image-"));
    image = join(root, "image");
  });

  afterEach(() => rmSync(root, { recursive: true }));

  test.each([1, 16, 100])("of %d MiB takes little space until it is filled", async (mib) => {
    await makeImage(image, mib * MIB);
    expect((await readImage(image)).bytes).toBe(mib * MIB);
    const { blocks, mode, size } = statSync(image);
    expect(size).toBe(mib * MIB);
    expect(blocks * 512).toBeLessThan(5 * MIB);
    expect(mode & 0o777).toBe(0o600);
    expect(isAttached(image)).toBe(false);
  });

  test("grows with its files", async () => {
    await makeImage(image, 16 * MIB);
    await growImage(image, 64 * MIB);
    expect((await readImage(image)).bytes).toBe(64 * MIB);
    await checkImage(image);
  });

  test("is larger than its file system after an interrupted growth", async () => {
    await makeImage(image, 16 * MIB);
    truncateSync(image, 64 * MIB);
    expect((await readImage(image)).bytes).toBe(16 * MIB);
    await growImage(image, 64 * MIB);
    expect((await readImage(image)).bytes).toBe(64 * MIB);
  });

  test("that was not unmounted is unclean until it is repaired", async () => {
    await makeImage(image, 16 * MIB);
    expect((await readImage(image)).isClean).toBe(true);
    Bun.spawnSync(["debugfs", "-w", "-R", "set_super_value state 0", image]);
    expect((await readImage(image)).isClean).toBe(false);
    await checkImage(image);
    expect((await readImage(image)).isClean).toBe(true);
  });

  test("without an ext4 superblock is reported", async () => {
    await Bun.write(image, "x".repeat(MIB));
    await expect(checkImage(image)).rejects.toThrow("e2fsck");
  });
});

describe("images need", () => {
  const programs = ["mkfs.ext4", "e2fsck", "resize2fs", "mount", "umount", "cp"];
  const files = { "/dev/loop-control": "" };

  test("tools, root and loop devices", () => {
    expect(findImageGap(new FakeHost(files, { programs }))).toBeNull();
  });

  test.each([
    [{ programs, isRoot: false }, files, "it needs root", "run ten as root"],
    [{ programs, platform: "darwin" }, files, "it needs Linux", "run ten on Linux"],
    [{ programs: programs.slice(1) }, files, "mkfs.ext4 is not", "apt-get install e2fsprogs"],
    [{ programs }, {}, "there are no loop devices", "modprobe loop"],
  ] as const)("what is missing is named with its remedy", (traits, present, reason, remedy) => {
    const gap = findImageGap(new FakeHost(present, traits));
    expect(gap?.reason).toStartWith(reason);
    expect(gap?.remedy).toBe(remedy);
  });
});
