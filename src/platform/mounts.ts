// Mounted file systems, as this process sees them, and the files behind loop devices.
import { readFileSync } from "node:fs";
import { readText } from "./files.ts";

export interface Mount {
  readonly path: string;
  /** The directory of the file system that is mounted there: "/" unless it is a bind mount. */
  readonly root: string;
  /** The device, such as `/dev/loop3`. */
  readonly source: string;
  /** Such as `ext4`. */
  readonly type: string;
  /** Of this mount. */
  readonly options: readonly string[];
  /** Of the file system, wherever it is mounted. */
  readonly superOptions: readonly string[];
}

/** In the order in which they were mounted: of several at one path the last is the visible one. */
export function listMounts(): readonly Mount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Lines of proc_pid_mountinfo(5): ID PARENT DEVICE ROOT PATH OPTIONS [TAGS…] - TYPE SOURCE SUPER-OPTIONS. */
export function parseMounts(text: string): readonly Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [, , , root = "", path = "", options = ""] = before.split(" ");
      const [type = "", source = "", superOptions = ""] = after.split(" ");
      return {
        path: unescaped(path),
        root: unescaped(root),
        source: unescaped(source),
        type,
        options: options.split(","),
        superOptions: superOptions.split(","),
      };
    });
}

/** The file behind a loop device; null when the device is none, or has none. */
export function backingFileOf(device: string): string | null {
  const [, name] = /^\/dev\/(loop\d+)$/.exec(device) ?? [];
  if (name === undefined) return null;
  return readText(`/sys/block/${name}/loop/backing_file`)?.trimEnd() ?? null;
}

/** White space and backslashes are written as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
