// The root directory of a view that lists the shown paths: an empty file system over the host's root.
#define _GNU_SOURCE
#include "new-root.h"
#include "failure.h"
#include "paths.h"
#include "trees.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Programs expect these, if only to find them empty.
static const char *const USUAL[] = {
  "/dev",
  "/proc",
  "/sys",
  "/run",
  "/tmp",
  "/root",
  "/home",
  "/srv",
  "/mnt",
  "/media",
  "/var",
  "/var/lib",
  "/var/cache",
  "/var/log",
  "/var/tmp",
};

// Every path leads to the uppermost mount of the root, so the host's root is out of reach: only a process that may
// unmount could uncover it. To unmount the host's root instead would cost a millisecond, as the kernel then waits for
// all processors.
int enter_new_root(void) {
  int root = new_tmpfs("0755", "1m");
  cover_root(root);
  if (fchdir(root) < 0 || chroot(".") < 0) fail("enter the new root");
  for (size_t i = 0; i < sizeof USUAL / sizeof *USUAL; i++)
    if (mkdir(USUAL[i], 0755) < 0) fail(USUAL[i]);
  return root;
}

void make_link(const char *path, const char *target) {
  char *directory = strdup(path);
  if (directory == NULL) fail(path);
  char *name = strrchr(directory, '/');
  *name++ = 0;
  int fd = open_mount_point(directory, true, true);
  if (fd < 0 || (symlinkat(target, fd, name) < 0 && errno != EEXIST)) fail(path);
  close(fd);
  free(directory);
}
