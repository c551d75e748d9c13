// Mount trees: detached copies and new tmpfs, their attributes, and their places.
#define _GNU_SOURCE
#include "trees.h"
#include "failure.h"
#include "paths.h"
#include "walls.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYSCALL_MOUNT_SETATTR = 442, RECURSIVE = 0x8000 };

static uint64_t guards(bool read_only) {
  uint64_t attributes = MOUNT_ATTR_NODEV;
  if (wall(WALL_NO_SETUID)) attributes |= MOUNT_ATTR_NOSUID;
  if (read_only && wall(WALL_READ_ONLY)) attributes |= MOUNT_ATTR_RDONLY;
  return attributes;
}

static int set_attributes(int directory, const char *path, int flags, uint64_t attributes) {
  struct mount_attr change = {.attr_set = attributes};
  return (int)syscall(SYSCALL_MOUNT_SETATTR, directory, path, flags, &change, sizeof change);
}

int copy_tree(const char *path) {
  return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
}

int need_tree(const char *path) {
  int tree = copy_tree(path);
  if (tree < 0) fail(path);
  return tree;
}

int need_tree_without_links(const char *path) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (fd < 0) fail(path);
  unsigned flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE;
  int tree = (int)syscall(SYS_open_tree, fd, "", flags);
  if (tree < 0) fail(path);
  close(fd);
  return tree;
}

int new_tmpfs(const char *mode, const char *size) {
  int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
      syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
      syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    fail("create a tmpfs");
  int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, guards(false));
  if (tree < 0) fail("mount a tmpfs");
  close(fs);
  return tree;
}

void protect_tree(int tree, bool read_only, const char *subject) {
  if (set_attributes(tree, "", AT_EMPTY_PATH | RECURSIVE, guards(read_only)) < 0) fail(subject);
}

void protect_root(void) {
  if (set_attributes(AT_FDCWD, "/", RECURSIVE, guards(true)) < 0) fail("make / read-only");
}

static bool is_directory(int fd) {
  struct stat facts;
  return fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static void attach(int tree, int target, const char *path) {
  int flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  if (syscall(SYS_move_mount, tree, "", target, "", flags) < 0) fail(path);
  close(target);
}

void attach_at(int tree, const char *path) {
  int target = open_mount_point(path, is_directory(tree), true);
  if (target < 0) fail(path);
  attach(tree, target, path);
}

void cover_root(int tree) {
  int target = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (target < 0) fail("/");
  attach(tree, target, "/");
}

// A device on a mount without devices: nobody may open it, its owner included.
static int closed_file(void) {
  int tree = need_tree("/dev/null");
  protect_tree(tree, true, "/dev/null");
  return tree;
}

int cover(const char *path) {
  int target = open_mount_point(path, false, false);
  if (target < 0) return -1;
  int tree = is_directory(target) ? new_tmpfs("0755", "1m") : closed_file();
  attach(tree, target, path);
  return tree;
}

void seal(int tree, const char *subject) {
  if (!wall(WALL_SEALS)) return;
  if (set_attributes(tree, "", AT_EMPTY_PATH, MOUNT_ATTR_RDONLY) < 0) fail(subject);
}
