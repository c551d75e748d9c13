// The tenant's view of the file system: everything read-only, the server's and other people's directories covered,
// its own directory and its temporary ones writable. Built from detached copies taken before anything is
// covered, so that what lies under a covered directory can be shown again.
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// mount(2) itself: <sys/mount.h> and <linux/mount.h> can't be included together.
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
enum { SYSCALL_MOUNT_SETATTR = 442, RECURSIVE = 0x8000 };
static const uint64_t NO_SETUID = MOUNT_ATTR_NOSUID;
static const uint64_t NO_DEVICES = MOUNT_ATTR_NODEV;

// What is done to a place inside. At the same place a later role covers an earlier one.
enum role { HIDE, READ, WRITE };

struct place {
  enum role role;
  char *path; // inside, without links
  int tree;   // the detached copy or file system that goes there
};

// All lists, the fixed places and the temporary directories.
enum { PLACES_MAX = 4 * LIST_MAX + 16 };
struct view {
  struct place places[PLACES_MAX];
  int count;
};

static void set_attributes(int tree, uint64_t attributes, const char *subject) {
  struct mount_attr change = {.attr_set = attributes};
  if (syscall(SYSCALL_MOUNT_SETATTR, tree, "", AT_EMPTY_PATH | RECURSIVE, &change, sizeof change) < 0) fail(subject);
}

static uint64_t setuid_guard(void) { return wall(WALL_NO_SETUID) ? NO_SETUID : 0; }

// -1 when there is no such path.
static int copy_tree(const char *path) {
  return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | RECURSIVE);
}

static int need_tree(const char *path) {
  int tree = copy_tree(path);
  if (tree < 0) fail(path);
  return tree;
}

static int new_tmpfs(const char *mode, const char *size) {
  int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
  if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0) < 0 ||
      syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
      syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    fail("create a tmpfs");
  uint64_t attributes = setuid_guard() | NO_DEVICES;
  int tree = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
  if (tree < 0) fail("mount a tmpfs");
  close(fs);
  return tree;
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

static void attach_at(int tree, const char *path) {
  int target = open_mount_point(path, is_directory(tree), true);
  if (target < 0) fail(path);
  attach(tree, target, path);
}

static void add(struct view *view, struct place place) {
  if (view->count == PLACES_MAX) fail_with(EXIT_USAGE, place.path, "too many paths");
  view->places[view->count++] = place;
}

static bool is_hidden(const struct view *view, const char *path) {
  for (int i = 0; i < view->count; i++)
    if (view->places[i].role == HIDE && is_under(path, view->places[i].path)) return true;
  return false;
}

static bool is_under_any(const char *path, const struct list *directories) {
  for (int i = 0; i < directories->count; i++)
    if (is_under(path, directories->items[i])) return true;
  return false;
}

static void add_hide(struct view *view, const char *path) {
  char *resolved = resolve(path);
  if (resolved != NULL && strcmp(resolved, "/") != 0) add(view, (struct place){HIDE, resolved, -1});
}

static void add_hides(struct view *view, const struct options *options) {
  static const char *const always[] = {"/root", "/home", "/run"};
  if (!wall(WALL_HIDE)) return;
  for (size_t i = 0; i < sizeof always / sizeof *always; i++) add_hide(view, always[i]);
  for (int i = 0; i < options->hides.count; i++) add_hide(view, options->hides.items[i]);
}

// Shown again only where it would be hidden. A path inside a writable directory is left to that directory:
// the tenant may have put a link there, pointing at what it would like to see.
static void add_reads(struct view *view, const struct options *options) {
  for (int i = 0; i < options->reads.count; i++) {
    const char *path = options->reads.items[i];
    if (is_under_any(path, &options->writes)) continue;
    char *resolved = resolve(path);
    if (resolved == NULL) fail(path);
    bool covered = is_hidden(view, resolved) || is_under(resolved, "/tmp") || is_under(resolved, "/var/tmp");
    if (covered) add(view, (struct place){READ, resolved, need_tree(resolved)});
  }
}

static void add_writes(struct view *view, const struct options *options) {
  for (int i = 0; i < options->writes.count; i++) {
    char *resolved = resolve(options->writes.items[i]);
    if (resolved == NULL) fail(options->writes.items[i]);
    add(view, (struct place){WRITE, resolved, need_tree(resolved)});
  }
  for (int i = 0; i < options->socket_insides.count; i++) {
    char *inside = resolve_inside(options->socket_insides.items[i]);
    add(view, (struct place){WRITE, inside, need_tree(options->socket_outsides.items[i])});
  }
}

// On disk rather than in memory where asked for: memory counts towards the instance's limit.
static void add_temporary(struct view *view, const struct options *options) {
  static const char *const paths[] = {"/tmp", "/var/tmp"};
  if (!wall(WALL_PRIVATE_TMP)) return;
  for (int i = 0; i < 2; i++) {
    char *resolved = resolve(paths[i]);
    if (resolved == NULL) continue;
    int tree = options->tmp != NULL ? need_tree(options->tmp) : new_tmpfs("1777", "256m");
    add(view, (struct place){WRITE, resolved, tree});
  }
}

// Name lookup needs the file that /etc/resolv.conf points at, which some systems keep in /run.
static void add_resolver(struct view *view) {
  char *resolved = resolve("/etc/resolv.conf");
  if (resolved != NULL && is_hidden(view, resolved)) add(view, (struct place){READ, resolved, need_tree(resolved)});
}

// Outer places first, so that the most precise path has the last word.
static int by_depth(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  int difference = depth_of(a->path) - depth_of(b->path);
  return difference != 0 ? difference : (int)a->role - (int)b->role;
}

static void put(struct place *place) {
  if (place->role == HIDE) {
    int target = open_mount_point(place->path, true, false);
    if (target < 0) return; // already under something hidden
    place->tree = new_tmpfs("0755", "1m");
    attach(place->tree, target, place->path);
    return;
  }
  uint64_t attributes = setuid_guard() | NO_DEVICES;
  if (place->role == READ && wall(WALL_READ_ONLY)) attributes |= MOUNT_ATTR_RDONLY;
  set_attributes(place->tree, attributes, place->path);
  attach_at(place->tree, place->path);
}

// A covered directory is writable while the mount points in it are made, and not after.
static void seal(const struct place *place) {
  if (place->role != HIDE || place->tree < 0 || !wall(WALL_SEALS)) return;
  struct mount_attr change = {.attr_set = MOUNT_ATTR_RDONLY};
  if (syscall(SYSCALL_MOUNT_SETATTR, place->tree, "", AT_EMPTY_PATH, &change, sizeof change) < 0) fail(place->path);
}

static const char *const DEVICES[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
enum { DEVICE_COUNT = sizeof DEVICES / sizeof *DEVICES };

// Copies of the devices: those that everybody gets, then those that were asked for.
struct devices {
  const char *paths[DEVICE_COUNT + LIST_MAX];
  int trees[DEVICE_COUNT + LIST_MAX];
  int count;
};

static void copy_devices(struct devices *devices, const struct list *wanted) {
  for (int i = 0; i < DEVICE_COUNT + wanted->count; i++) {
    const char *path = i < DEVICE_COUNT ? DEVICES[i] : wanted->items[i - DEVICE_COUNT];
    int tree = copy_tree(path);
    if (tree < 0 && (i == 0 || i >= DEVICE_COUNT)) fail(path);
    if (tree < 0) continue;
    devices->paths[devices->count] = path;
    devices->trees[devices->count++] = tree;
  }
}

static void link_device(const char *target, const char *path) {
  if (symlink(target, path) < 0) fail(path);
}

static void build_devices(const struct devices *devices) {
  struct place place = {HIDE, "/dev", -1};
  put(&place);
  for (int i = 0; i < devices->count; i++) attach_at(devices->trees[i], devices->paths[i]);
  attach_at(new_tmpfs("1777", "64m"), "/dev/shm");
  const unsigned long flags = 2 | 8; // MS_NOSUID, MS_NOEXEC
  if (mkdir("/dev/pts", 0755) == 0 && mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666") == 0)
    link_device("pts/ptmx", "/dev/ptmx");
  link_device("/proc/self/fd", "/dev/fd");
  link_device("/proc/self/fd/0", "/dev/stdin");
  link_device("/proc/self/fd/1", "/dev/stdout");
  link_device("/proc/self/fd/2", "/dev/stderr");
  seal(&place);
  close(place.tree);
}

enum { FLAGS_SPECIAL = 2 | 4 | 8 }; // MS_NOSUID, MS_NODEV, MS_NOEXEC

static void mount_processes(void) {
  if (mount("proc", "/proc", "proc", FLAGS_SPECIAL, NULL) < 0) fail("mount /proc");
}

// The tenant's own group only. A tmpfs comes first: the kernel refuses cgroup2 over cgroup2. Where there is no
// cgroup2 the directory stays empty.
static void mount_groups(void) {
  if (!wall(WALL_SYS) || access("/sys/fs/cgroup", F_OK) < 0) return;
  int cover = new_tmpfs("0555", "4k");
  attach_at(cover, "/sys/fs/cgroup");
  mount("cgroup2", "/sys/fs/cgroup", "cgroup2", FLAGS_SPECIAL | 1, NULL); // 1: MS_RDONLY
  struct place place = {HIDE, "/sys/fs/cgroup", cover};
  seal(&place);
  close(cover);
}

static void cover_firmware(void) {
  if (!wall(WALL_SYS) || access("/sys/firmware", F_OK) < 0) return;
  struct place place = {HIDE, "/sys/firmware", -1};
  put(&place);
  seal(&place);
  close(place.tree);
}

static void protect_everything(void) {
  uint64_t attributes = setuid_guard() | NO_DEVICES;
  if (wall(WALL_READ_ONLY)) attributes |= MOUNT_ATTR_RDONLY;
  struct mount_attr change = {.attr_set = attributes};
  if (syscall(SYSCALL_MOUNT_SETATTR, AT_FDCWD, "/", RECURSIVE, &change, sizeof change) < 0) fail("make / read-only");
}

void build_view(const struct options *options) {
  const unsigned long private = 0x4000 | 0x40000; // MS_REC, MS_PRIVATE
  if (mount(NULL, "/", NULL, private, NULL) < 0) fail("make mounts private");
  let_go_of_volumes(options);
  static struct view view;
  static struct devices devices;
  copy_devices(&devices, &options->devices);
  add_hides(&view, options);
  add_reads(&view, options);
  add_writes(&view, options);
  add_temporary(&view, options);
  add_resolver(&view);
  protect_everything();
  if (wall(WALL_DEVICES)) build_devices(&devices);
  qsort(view.places, (size_t)view.count, sizeof *view.places, by_depth);
  for (int i = 0; i < view.count; i++) put(&view.places[i]);
  for (int i = 0; i < view.count; i++) seal(&view.places[i]);
  mount_groups();
  cover_firmware();
  mount_processes();
}
