// What is mounted where, as this process sees it, and what stands behind a loop device.
import { readFileSync } from "node:fs";

export interface Mount {
  readonly path: string;
  /** The device, such as `/dev/loop3`. */
  readonly source: string;
  /** Such as `ext4`. */
  readonly type: string;
  readonly options: readonly string[];
}

/** In the order in which they were mounted: of several at one path the last one counts. proc_pid_mountinfo(5). */
export function listMounts(): readonly Mount[] {
  return parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** @param text of a mountinfo file */
export function parseMounts(text: string): readonly Mount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [, , , , path = "", options = ""] = before.split(" ");
      const [type = "", source = ""] = after.split(" ");
      return {
        path: unescapePath(path),
        source: unescapePath(source),
        type,
        options: options.split(","),
      };
    });
}

/** The file behind a loop device; null when the device is none, or has none. */
export function backingFileOf(device: string): string | null {
  const [, name] = /^\/dev\/(loop\d+)$/.exec(device) ?? [];
  if (name === undefined) return null;
  try {
    return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").trimEnd();
  } catch {
    return null;
  }
}

/** White space and backslashes are written as octal numbers. */
function unescapePath(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
