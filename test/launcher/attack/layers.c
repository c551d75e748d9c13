// Attempts by a writable working directory and by directories of the tenant's own at other places.
#define _GNU_SOURCE
#include "layers.h"
#include "facts.h"
#include "outcome.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *in_work(const char *name) {
  static char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", fact("work"), name);
  return path;
}

static const char *opens(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return NULL;
  close(fd);
  return "could be opened";
}

static const char *open_to_read(const char *path) { return opens(path, O_RDONLY); }
static const char *open_to_write(const char *path) { return opens(path, O_WRONLY); }

static const char *list_nothing(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) return NULL;
  const char *success = NULL;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) success = "shows an entry";
  closedir(directory);
  return success;
}

static const char *create_in(const char *directory) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/ten-attack", directory);
  int result = mkdir(path, 0700);
  if (result == 0) rmdir(path);
  return failed(result);
}

static const char *follow_planted_link(const char *target) {
  const char *path = in_work("planted");
  if (symlink(target, path) < 0) return "no link could be made";
  const char *success = opens(path, O_RDONLY);
  unlink(path);
  return success;
}

static const char *make_device(const char *unused) {
  (void)unused;
  const char *path = in_work("device");
  int result = mknod(path, S_IFCHR | 0600, makedev(1, 1));
  if (result == 0) unlink(path);
  return failed(result);
}

// A whiteout is a device that anybody may make; to open it must fail.
static const char *open_whiteout(const char *unused) {
  (void)unused;
  const char *path = in_work("whiteout");
  if (mknod(path, S_IFCHR | 0600, makedev(0, 0)) < 0) return NULL;
  const char *success = opens(path, O_RDONLY);
  unlink(path);
  return success;
}

static const char *mark_directory(const char *mark) {
  const char *path = in_work("marked");
  if (mkdir(path, 0700) < 0) return "no directory could be made";
  int result = setxattr(path, mark, "/", 1, 0);
  rmdir(path);
  return failed(result);
}

static const char *move_away(const char *path) {
  int result = rename(path, in_work("moved"));
  if (result == 0) rename(in_work("moved"), path);
  return failed(result);
}

static const char *link_again(const char *path) {
  int result = link(path, in_work("linked"));
  if (result == 0) unlink(in_work("linked"));
  return failed(result);
}

static const char *move_layer(const char *unused) {
  (void)unused;
  struct stat before, after;
  if (stat(fact("work"), &before) < 0) return "can't be inspected";
  if (rename(fact("work"), in_work("../renamed")) == 0) return "the working directory could be moved";
  return stat(fact("work"), &after) == 0 && before.st_dev == after.st_dev ? NULL : "the layer is gone";
}

static const char *lacks_guards(const char *path) {
  struct statvfs facts;
  if (statvfs(path, &facts) < 0) return "can't be inspected";
  if ((facts.f_flag & ST_NOSUID) == 0) return "set-user-id programs work there";
  return (facts.f_flag & ST_NODEV) == 0 ? "devices work there" : NULL;
}

// Checks of what must work.
static const char *use_directory(const char *path) {
  char file[PATH_MAX];
  snprintf(file, sizeof file, "%s/works", path);
  int fd = open(file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return "a file can't be made";
  close(fd);
  return unlink(file) == 0 ? NULL : "a file can't be removed";
}

static const char *change_file(const char *path) {
  if (opens(path, O_WRONLY | O_TRUNC) == NULL) return "can't be changed";
  return unlink(path) == 0 ? NULL : "can't be removed";
}

static const struct check CHECKS[] = {
  {"layer-of-other", list_nothing, "@other-layer", false},
  {"layer-of-other-create", create_in, "@other-layer", false},
  {"layer-of-own", list_nothing, "@own-layer", false},
  {"layer-of-own-create", create_in, "@own-layer", false},
  {"layer-link-to-secret", follow_planted_link, "@secret", false},
  {"layer-link-to-hidden", follow_planted_link, "@hidden-canary", false},
  {"layer-link-to-other-layer", follow_planted_link, "@other-layer", false},
  {"layer-device", make_device, NULL, false},
  {"layer-whiteout", open_whiteout, NULL, false},
  {"layer-mark-redirect", mark_directory, "trusted.overlay.redirect", false},
  {"layer-mark-opaque", mark_directory, "trusted.overlay.opaque", false},
  {"layer-hidden-read", open_to_read, "@work-secret", false},
  {"layer-hidden-write", open_to_write, "@work-secret", false},
  {"layer-hidden-move", move_away, "@work-secret", false},
  {"layer-hidden-link", link_again, "@work-secret", false},
  {"layer-moved", move_layer, NULL, false},
  {"layer-guards", lacks_guards, "@work", false},
  {"state-of-other", list_nothing, "@other-state", false},
  {"state-guards", lacks_guards, "@state", false},
  {"works-layer", use_directory, "@work", false},
  {"works-layer-change", change_file, "@work-file", false},
  {"works-state", use_directory, "@state", false},
};
const struct checks LAYER_CHECKS = {CHECKS, sizeof CHECKS / sizeof *CHECKS};
