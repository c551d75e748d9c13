// The application's root directory: exports of the host, or an image with a writable layer over it.
#define _GNU_SOURCE
#include "root.h"
#include "devices.h"
#include "failure.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char ROOT[] = "/root-of-app";
enum { SAFE = MS_NOSUID | MS_NODEV };

static char *below_root(const char *path) {
  char *whole;
  if (asprintf(&whole, "%s%s", ROOT, path) < 0) fail(path);
  return whole;
}

// Existing directories may be read-only, and stay as they are.
static void make_directories(const char *path, uid_t owner) {
  char *copy = strdup(path);
  for (char *slash = copy; slash != NULL;) {
    slash = strchr(slash + 1, '/');
    if (slash != NULL) *slash = 0;
    if (mkdir(copy, 0755) == 0 && owner != 0 && slash == NULL && chown(copy, owner, owner) < 0) fail(copy);
    if (slash != NULL) *slash = '/';
  }
  free(copy);
}

static void make_parents(const char *path) {
  char *copy = strdup(path);
  *strrchr(copy, '/') = 0;
  make_directories(copy, 0);
  free(copy);
}

static void mount_at(const char *source, const char *path, const char *type, unsigned long flags, const char *options) {
  make_directories(path, 0);
  if (mount(source, path, type, flags, options) < 0) fail(path);
}

// A read-only export is cached: a running machine need not see changes on the host.
static void mount_export(const char *entry, bool writable) {
  struct pair pair = split_pair(entry);
  char *path = below_root(pair.second);
  const char *options = writable ? "trans=virtio,version=9p2000.L,msize=262144,cache=mmap"
                                 : "trans=virtio,version=9p2000.L,msize=262144,cache=loose";
  mount_at(pair.first, path, "9p", SAFE | (writable ? 0 : MS_RDONLY), options);
  free(path);
}

static void mount_disk(const char *device, const char *path, unsigned long flags) {
  static const char *const types[] = {"ext4", "squashfs", "xfs", "btrfs", "erofs"};
  wait_for_device(device);
  make_directories(path, 0);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (mount(device, path, types[i], flags, NULL) == 0) return;
  fail(device);
}

// All machines of a service share the image; the changes of each stay in its memory.
static void mount_image(const char *device) {
  mount_disk(device, "/image", SAFE | MS_RDONLY);
  mount_at("tmpfs", "/layer", "tmpfs", SAFE, "mode=0755");
  mkdir("/layer/changes", 0755);
  mkdir("/layer/work", 0755);
  mount_at("overlay", ROOT, "overlay", SAFE, "lowerdir=/image,upperdir=/layer/changes,workdir=/layer/work");
}

static void mount_exports(const struct order *order) {
  mount_at("tmpfs", ROOT, "tmpfs", SAFE, "mode=0755,size=1m");
  for (int i = 0; i < order->links.count; i++) {
    struct pair pair = split_pair(order->links.items[i]);
    char *path;
    if (asprintf(&path, "%s/%s", ROOT, pair.first) < 0) fail(pair.first);
    make_parents(path);
    if (symlink(pair.second, path) < 0) fail(pair.first);
    free(path);
  }
  for (int i = 0; i < order->systems.count; i++) mount_export(order->systems.items[i], false);
}

// Comes after the machine's own directories, such as /tmp, since an export may lie in one of them.
static void mount_data(const struct order *order) {
  for (int i = 0; i < order->reads.count; i++) mount_export(order->reads.items[i], false);
  for (int i = 0; i < order->writes.count; i++) mount_export(order->writes.items[i], true);
  if (order->data == NULL) return;
  struct pair pair = split_pair(order->data);
  char *path = below_root(pair.second);
  mount_disk(pair.first, path, SAFE);
  if (chown(path, order->uid, order->uid) < 0) fail(path);
  free(path);
}

static void move_to_root(const char *path) {
  char *target = below_root(path);
  make_directories(target, 0);
  if (mount(path, target, NULL, MS_MOVE, NULL) < 0) fail(path);
  free(target);
}

static void mount_temporary(const char *path) {
  char *whole = below_root(path);
  struct stat facts;
  if (lstat(whole, &facts) < 0 || S_ISDIR(facts.st_mode)) mount_at("tmpfs", whole, "tmpfs", SAFE, "mode=1777");
  free(whole);
}

// The application makes its socket in this directory. In an export of the host the directory exists already.
static void make_socket_directory(const struct order *order) {
  if (order->socket == NULL) return;
  char *path = below_root(order->socket);
  char *slash = strrchr(path, '/');
  *slash = 0;
  make_directories(path, order->uid);
  free(path);
}

// Mounts a copy of the file, with the line before all others, over it: the host's is read-only. An image may have none.
static void add_line(const char *file, const char *line) {
  char *path = below_root(file);
  char *copy;
  char text[4096];
  ssize_t length;
  if (asprintf(&copy, "/account-%s", strrchr(file, '/') + 1) < 0) fail(file);
  int from = line == NULL ? -1 : open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (from >= 0) {
    int to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (to < 0 || dprintf(to, "%s\n", line) < 0) fail(copy);
    while ((length = read(from, text, sizeof text)) > 0)
      if (write(to, text, (size_t)length) != length) fail(copy);
    if (fchmod(to, 0644) < 0 || mount(copy, path, NULL, MS_BIND, NULL) < 0) fail(path);
    close(to);
    close(from);
  }
  free(copy);
  free(path);
}

static void enter(void) {
  if (chdir(ROOT) < 0 || mount(ROOT, "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
    fail("enter the root directory");
}

void build_root(const struct order *order) {
  if (order->image != NULL)
    mount_image(order->image);
  else
    mount_exports(order);
  mount_temporary("/tmp");
  mount_temporary("/var/tmp");
  mount_temporary("/run");
  mount_data(order);
  make_socket_directory(order);
  add_line("/etc/passwd", order->user_line);
  add_line("/etc/group", order->group_line);
  // After this no disk can be found by its path in /dev.
  move_to_root("/proc");
  move_to_root("/sys");
  move_to_root("/dev");
  enter();
}
