// Directories of the tenant's own in its directory, and the writable layer over the working directory: an overlay, in
// which the files of the directory's owner belong to the tenant. The tenant may have put anything in place of a layer.
#define _GNU_SOURCE
#include "layers.h"
#include "../shared/process.h"
#include "failure.h"
#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYSCALL_MOUNT_SETATTR = 442, RECURSIVE = 0x8000 };
static const unsigned IDS_END = 4294967295U; // the last id is none

// The users of the working directory as the tenant sees them; -1: as they are.
static int id_map = -1;

static int open_own(const char *path, const struct options *options) {
  char copy[PATH_MAX];
  strcpy(copy, path); // the options have checked its length
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *state = NULL;
  for (char *name = strtok_r(copy, "/", &state); name != NULL; name = strtok_r(NULL, "/", &state)) {
    bool made = mkdirat(fd, name, 0755) == 0;
    int next = openat(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) fail(path);
    if (made && !options->rootless && fchownat(next, "", options->uid, options->gid, AT_EMPTY_PATH) < 0) fail(path);
    close(fd);
    fd = next;
  }
  return fd;
}

static int copy_opened(int fd, unsigned depth, const char *subject) {
  int tree = (int)syscall(SYS_open_tree, fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | depth);
  if (tree < 0) fail(subject);
  return tree;
}

int need_own_tree(const char *path, const struct options *options) {
  int fd = open_own(path, options);
  int tree = copy_opened(fd, RECURSIVE, path);
  close(fd);
  return tree;
}

// All ids stay, but for these two, which are exchanged: an id may be given to one other only.
static void render_exchange(char *text, size_t size, unsigned one, unsigned other) {
  unsigned low = one < other ? one : other, high = one < other ? other : one;
  int length = 0;
  if (low > 0) length += snprintf(text + length, size - (size_t)length, "0 0 %u\n", low);
  length += snprintf(text + length, size - (size_t)length, "%u %u 1\n", low, high);
  if (high - low > 1)
    length += snprintf(text + length, size - (size_t)length, "%u %u %u\n", low + 1, low + 1, high - low - 1);
  if (high != low) length += snprintf(text + length, size - (size_t)length, "%u %u 1\n", high, low);
  snprintf(text + length, size - (size_t)length, "%u %u %u\n", high + 1, high + 1, IDS_END - high - 1);
}

static void map_ids(pid_t process, const char *kind, unsigned one, unsigned other) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/%d/%s_map", process, kind);
  render_exchange(text, sizeof text, one, other);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) fail(path);
  close(fd);
}

// A map of ids is a user namespace, which a process has to have entered once.
static int make_id_map(const struct options *options, const struct stat *owner) {
  char path[64];
  pid_t process = (pid_t)syscall(SYS_clone, CLONE_NEWUSER, 0, 0, 0, 0);
  if (process < 0) fail("create a user namespace");
  if (process == 0)
    for (;;) pause();
  map_ids(process, "uid", owner->st_uid, options->uid);
  map_ids(process, "gid", owner->st_gid, options->gid);
  snprintf(path, sizeof path, "/proc/%d/ns/user", process);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  kill(process, SIGKILL);
  waitpid(process, NULL, __WALL);
  return fd;
}

void prepare_layer(const struct options *options) {
  struct stat facts;
  if (options->layer_path == NULL || options->rootless) return;
  if (stat(options->layer_path, &facts) < 0) fail(options->layer_path);
  if (facts.st_uid != options->uid || facts.st_gid != options->gid) id_map = make_id_map(options, &facts);
}

static int open_without_links(const char *path) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (fd < 0) fail(path);
  return fd;
}

// An overlay accepts only layers that are mounted, so a mapped one is mounted over the directory itself.
static int open_lower(const char *path) {
  int fd = open_without_links(path);
  if (id_map < 0) return fd;
  int tree = copy_opened(fd, 0, path);
  struct mount_attr change = {.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY, .userns_fd = (uint64_t)id_map};
  if (syscall(SYSCALL_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH, &change, sizeof change) < 0)
    fail_with(EXIT_NOT_STARTED, path, "its file system can't show files as another user's");
  attach_at(tree, path);
  close(fd);
  return tree;
}

static int open_layer(const struct options *options, const char *name) {
  char path[PATH_MAX];
  if ((size_t)snprintf(path, sizeof path, "%s/%s", options->layer_dir, name) >= sizeof path)
    fail_with(EXIT_USAGE, "--layer", "the path is too long");
  return open_own(path, options);
}

static void set_layer(int fs, const char *key, int fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, path, 0) < 0) fail(key);
  // It stays open until the overlay is made.
}

static void set_rule(int fs, const char *key, const char *value) {
  unsigned command = value == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
  if (syscall(SYS_fsconfig, fs, command, key, value, 0) < 0) fail(key);
}

// What the tenant could have written into its layer is not believed: no file leads to another of the directory below.
static void set_rules(int fs, bool rootless) {
  set_rule(fs, "redirect_dir", "nofollow");
  set_rule(fs, "metacopy", "off");
  set_rule(fs, "index", "off");
  if (rootless) set_rule(fs, "userxattr", NULL);
}

int need_layer(const struct options *options) {
  static const char *const keys[] = {"upperdir", "workdir", "lowerdir"};
  // The lower one last, since the others may lie below it.
  int fds[] = {open_layer(options, "upper"), open_layer(options, "work"), -1};
  fds[2] = open_lower(options->layer_path);
  int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
  if (fs < 0) fail("create an overlay");
  for (int i = 0; i < 3; i++) set_layer(fs, keys[i], fds[i]);
  set_rules(fs, options->rootless);
  if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) fail("create an overlay");
  int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
  if (tree < 0) fail("mount an overlay");
  for (int i = 0; i < 3; i++) close(fds[i]);
  close(fs);
  return tree;
}
