// The root file system of a guest: a directory that is filled here and becomes a disk.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Space for files that the guest writes. */
const SPARE_MEGABYTES = 512;
const DIRECTORIES = [
  "dev",
  "etc",
  "proc",
  "root",
  "run",
  "sys",
  "tmp",
  "var/tmp",
  "usr/bin",
  "usr/lib",
  "usr/lib64",
  "usr/sbin",
];
/** Links into /usr, as Debian has them. */
const MERGED = ["bin", "lib", "lib64", "sbin"];

/** Mounts the usual file systems and runs /test.sh with its output on the console. */
const INIT = `#!/bin/busybox sh
export PATH=/usr/local/bin:/usr/bin:/bin HOME=/root LANG=C.UTF-8
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for each in /dev/shm /run /tmp; do mount -t tmpfs -o mode=1777 tmpfs $each; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
hostname guest
cd /
sh /test.sh 2>&1
echo "guest ended with $?"
poweroff -f
`;

export class AgentRoot implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "ten-guest-"));

  /** Contains BusyBox for the usual commands, and an init that runs `script`. */
  constructor(script: string) {
    chmodSync(this.directory, 0o755);
    for (const name of DIRECTORIES) mkdirSync(join(this.directory, name), { recursive: true });
    for (const name of MERGED) this.link(`usr/${name}`, name);
    this.add(Bun.which("busybox") ?? "/bin/busybox", "bin/busybox");
    this.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n");
    this.write("etc/group", "root:x:0:\nuser:x:1000:\n");
    this.write("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
    this.write("init", INIT, 0o755);
    this.write("test.sh", script);
  }

  /** Copies a file, or a directory with all that is in it. */
  add(source: string, inside: string): void {
    const target = join(this.directory, inside);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(source, target, { recursive: true, dereference: true });
  }

  /** Copies a program together with the libraries that it is linked to. */
  addProgram(source: string, inside: string): void {
    this.add(source, inside);
    const linked = Bun.spawnSync(["ldd", source]).stdout.toString();
    for (const [library] of linked.matchAll(/\/\S+/g)) {
      const target = join(this.directory, library);
      if (existsSync(target)) continue;
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(library, target);
    }
  }

  write(inside: string, text: string, mode = 0o644): void {
    const path = join(this.directory, inside);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, mode);
  }

  link(target: string, inside: string): void {
    const path = join(this.directory, inside);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }

  /** Makes the disk; its file is removed with the root. */
  toDisk(): string {
    const disk = `${this.directory}.ext4`;
    const du = Bun.spawnSync(["du", "-sm", this.directory]).stdout.toString();
    const megabytes = Math.ceil(Number.parseInt(du, 10) * 1.1) + SPARE_MEGABYTES;
    const options = ["-q", "-t", "ext4", "-O", "^has_journal", "-d", this.directory];
    const made = Bun.spawnSync(["mke2fs", ...options, disk, `${megabytes}M`]);
    if (made.exitCode !== 0) throw new Error(`mke2fs: ${made.stderr.toString().trim()}`);
    return disk;
  }

  [Symbol.dispose](): void {
    for (const path of [this.directory, `${this.directory}.ext4`])
      rmSync(path, { recursive: true, force: true });
  }
}
