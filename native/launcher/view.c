// The tenant's view of the file system: read-only, but for its own directories, and without those of others.
// It consists of the listed paths, or without a list of all that is not hidden. Visible directories are copied as
// detached mounts before the root is exchanged or others are covered, so they can be mounted over a cover.
#include "view.h"
#include "devices.h"
#include "failure.h"
#include "kernel-files.h"
#include "layers.h"
#include "new-root.h"
#include "paths.h"
#include "trees.h"
#include "volumes.h"
#include "walls.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// At the same path a later role covers an earlier one.
enum role { SHOW, HIDE, READ, WRITE };

struct place {
  enum role role;
  char *path; // inside, without links
  int tree;   // the mount that belongs there; -1: none yet
};

struct link {
  const char *path;
  char *target;
};

// Room for all lists, the fixed places and the temporary directories.
enum { PLACES_MAX = 7 * LIST_MAX + 16 };
struct view {
  bool listed; // only the shown paths are in view
  struct place places[PLACES_MAX];
  int count;
  struct link links[LIST_MAX + 1];
  int link_count;
};

static void add(struct view *view, struct place place) {
  if (view->count == PLACES_MAX) fail_with(EXIT_USAGE, place.path, "too many paths");
  view->places[view->count++] = place;
}

static bool is_in(const struct view *view, enum role role, const char *path) {
  for (int i = 0; i < view->count; i++)
    if (view->places[i].role == role && is_under(path, view->places[i].path)) return true;
  return false;
}

static bool is_hidden(const struct view *view, const char *path) {
  return is_in(view, HIDE, path) || (view->listed && !is_in(view, SHOW, path));
}

static bool is_under_any(const char *path, const struct list *directories) {
  for (int i = 0; i < directories->count; i++)
    if (is_under(path, directories->items[i])) return true;
  return false;
}

static char *copy_path(const char *path) {
  char *copy = strdup(path);
  if (copy == NULL) fail(path);
  return copy;
}

static void add_link(struct view *view, const char *path) {
  char target[PATH_MAX];
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0) return;
  target[length] = 0;
  view->links[view->link_count++] = (struct link){path, copy_path(target)};
}

// A host need not have all that is listed. Of a link, the link itself is shown.
static void add_show(struct view *view, const char *path) {
  struct stat facts;
  if (lstat(path, &facts) < 0) return;
  if (S_ISLNK(facts.st_mode)) return add_link(view, path);
  int tree = copy_tree(path);
  if (tree >= 0) add(view, (struct place){SHOW, copy_path(path), tree});
}

static void add_shows(struct view *view, const struct options *options) {
  view->listed = wall(WALL_HIDE) && options->shows.count > 0;
  if (!view->listed) return;
  for (int i = 0; i < options->shows.count; i++) add_show(view, options->shows.items[i]);
  add_link(view, "/var/run"); // nearly everywhere one to /run
  add_show(view, "/sys");
  if (!wall(WALL_DEVICES)) add_show(view, "/dev");
  if (!wall(WALL_PRIVATE_TMP)) add_show(view, "/tmp");
}

static void add_hide(struct view *view, const char *path) {
  char *resolved = resolve(path);
  if (resolved != NULL && strcmp(resolved, "/") != 0) add(view, (struct place){HIDE, resolved, -1});
}

static void add_hides(struct view *view, const struct options *options) {
  static const char *const always[] = {"/root", "/home", "/run"};
  if (!wall(WALL_HIDE)) return;
  for (size_t i = 0; !view->listed && i < sizeof always / sizeof *always; i++) add_hide(view, always[i]);
  for (int i = 0; i < options->hides.count; i++) add_hide(view, options->hides.items[i]);
}

// Only paths that would be hidden need a place. A path inside a writable directory gets none: the tenant may have
// planted a link there to a file that it may not read.
static void add_reads(struct view *view, const struct options *options) {
  for (int i = 0; i < options->reads.count; i++) {
    const char *path = options->reads.items[i];
    if (is_under_any(path, &options->writes)) continue;
    bool covered = is_hidden(view, path) || is_under(path, "/tmp") || is_under(path, "/var/tmp");
    if (covered)
      add(view, (struct place){READ, copy_path(path), need_tree_without_links(path)});
    else if (access(path, F_OK) < 0)
      fail(path);
  }
}

static void add_writes(struct view *view, const struct options *options) {
  for (int i = 0; i < options->writes.count; i++) {
    const char *path = options->writes.items[i];
    add(view, (struct place){WRITE, copy_path(path), need_tree_without_links(path)});
  }
}

static void add_mounts(struct view *view, enum role role, const struct mounts *mounts) {
  for (int i = 0; i < mounts->insides.count; i++) {
    char *inside = resolve_inside(mounts->insides.items[i]);
    add(view, (struct place){role, inside, need_tree_without_links(mounts->outsides.items[i])});
  }
}

static void add_states(struct view *view, const struct options *options) {
  const struct mounts *states = &options->state_mounts;
  for (int i = 0; i < states->insides.count; i++) {
    int tree = need_own_tree(states->outsides.items[i], options);
    add(view, (struct place){WRITE, resolve_inside(states->insides.items[i]), tree});
  }
}

// Comes last: paths of the host that lead through the directory could lead to its mapped copy afterwards.
static void add_layer(struct view *view, const struct options *options) {
  if (options->layer_dir == NULL) return;
  add(view, (struct place){WRITE, copy_path(options->layer_path), need_layer(options)});
  // A layer must not change beside the overlay.
  if (wall(WALL_HIDE)) add(view, (struct place){HIDE, copy_path(options->layer_dir), -1});
}

// A directory on disk, if given, since a tmpfs counts towards the instance's memory limit.
static void add_temporary(struct view *view, const struct options *options) {
  static const char *const paths[] = {"/tmp", "/var/tmp"};
  if (!wall(WALL_PRIVATE_TMP)) return;
  for (int i = 0; i < 2; i++) {
    char *resolved = view->listed ? copy_path(paths[i]) : resolve(paths[i]);
    if (resolved == NULL) continue;
    int tree = options->tmp != NULL ? need_tree(options->tmp) : new_tmpfs("1777", "256m");
    add(view, (struct place){WRITE, resolved, tree});
  }
}

// Name resolution needs the target of /etc/resolv.conf, which some systems keep in /run.
static void add_resolver(struct view *view) {
  char *resolved = resolve("/etc/resolv.conf");
  if (resolved != NULL && is_hidden(view, resolved)) add(view, (struct place){READ, resolved, need_tree(resolved)});
}

// Outer places first, so that the most specific path wins.
static int by_depth(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  int difference = depth_of(a->path) - depth_of(b->path);
  return difference != 0 ? difference : (int)a->role - (int)b->role;
}

static void mount_place(struct place *place) {
  if (place->role == HIDE) {
    place->tree = cover(place->path); // fails below another cover, where nothing is left to hide
    return;
  }
  protect_tree(place->tree, place->role != WRITE, place->path);
  attach_at(place->tree, place->path);
}

static void mount_places(struct view *view) {
  qsort(view->places, (size_t)view->count, sizeof *view->places, by_depth);
  for (int i = 0; i < view->count; i++) mount_place(&view->places[i]);
  // Only now: mount points are made in the covers.
  for (int i = 0; i < view->count; i++) {
    const struct place *place = &view->places[i];
    if (place->role == HIDE && place->tree >= 0) seal(place->tree, place->path);
  }
}

// A new root only covers the host's, which is protected as well.
static int make_root(const struct view *view) {
  protect_root();
  if (!view->listed) return -1;
  int root = enter_new_root();
  for (int i = 0; i < view->link_count; i++) make_link(view->links[i].path, view->links[i].target);
  return root;
}

void build_view(const struct options *options) {
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail("make mounts private");
  unmount_foreign_volumes(options);
  static struct view view;
  copy_devices(&options->devices);
  add_shows(&view, options);
  add_hides(&view, options);
  add_reads(&view, options);
  add_writes(&view, options);
  add_mounts(&view, READ, &options->read_mounts);
  add_mounts(&view, WRITE, &options->write_mounts);
  add_states(&view, options);
  add_temporary(&view, options);
  add_resolver(&view);
  add_layer(&view, options);
  int root = make_root(&view);
  if (wall(WALL_DEVICES)) build_devices();
  mount_processes(); // before the tenant's places, none of which it may cover
  mount_places(&view);
  close_system_files();
  if (root >= 0) seal(root, "/");
}
