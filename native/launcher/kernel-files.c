// File systems of the kernel inside: /proc, the tenant's own control group, no firmware.
#include "kernel-files.h"
#include "failure.h"
#include "trees.h"
#include "walls.h"

#include <stddef.h>
#include <sys/mount.h>
#include <unistd.h>

enum { SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC };

// The tmpfs is needed: the kernel refuses to mount cgroup2 over cgroup2. Where the kernel has no cgroup2 the
// directory stays empty.
static void mount_control_group(void) {
  if (access("/sys/fs/cgroup", F_OK) < 0) return;
  int tree = new_tmpfs("0555", "4k");
  attach_at(tree, "/sys/fs/cgroup");
  mount("cgroup2", "/sys/fs/cgroup", "cgroup2", SAFE | MS_RDONLY, NULL);
  seal(tree, "/sys/fs/cgroup");
  close(tree);
}

static void cover_firmware(void) {
  int tree = cover("/sys/firmware");
  if (tree < 0) return;
  seal(tree, "/sys/firmware");
  close(tree);
}

void mount_processes(void) {
  if (mount("proc", "/proc", "proc", SAFE, NULL) < 0) fail("mount /proc");
}

void close_system_files(void) {
  if (!wall(WALL_SYS)) return;
  mount_control_group();
  cover_firmware();
}
