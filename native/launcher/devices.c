// The tenant's /dev: harmless devices, those that a service asks for, terminals, shared memory.
#include "devices.h"
#include "../shared/descriptor-links.h"
#include "failure.h"
#include "trees.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const HARMLESS[] = {
  "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
enum { HARMLESS_COUNT = sizeof HARMLESS / sizeof *HARMLESS };

static struct {
  const char *path;
  int tree;
} copies[HARMLESS_COUNT + LIST_MAX];
static int copy_count;

// A container may lack some of the harmless devices; /dev/null is needed.
void copy_devices(const struct list *wanted) {
  for (int i = 0; i < HARMLESS_COUNT + wanted->count; i++) {
    const char *path = i < HARMLESS_COUNT ? HARMLESS[i] : wanted->items[i - HARMLESS_COUNT];
    int tree = copy_tree(path);
    if (tree < 0 && (i == 0 || i >= HARMLESS_COUNT)) fail(path);
    if (tree < 0) continue;
    copies[copy_count].path = path;
    copies[copy_count++].tree = tree;
  }
}

static void mount_terminals(void) {
  const unsigned long flags = MS_NOSUID | MS_NOEXEC;
  if (mkdir("/dev/pts", 0755) < 0) return;
  if (mount("devpts", "/dev/pts", "devpts", flags, "newinstance,ptmxmode=0666") < 0) return;
  if (symlink("pts/ptmx", "/dev/ptmx") < 0) fail("/dev/ptmx");
}

void build_devices(void) {
  int tree = cover("/dev");
  if (tree < 0) fail("/dev");
  for (int i = 0; i < copy_count; i++) attach_at(copies[i].tree, copies[i].path);
  attach_at(new_tmpfs("1777", "64m"), "/dev/shm");
  mount_terminals();
  if (make_descriptor_links() < 0) fail("link the standard streams in /dev");
  seal(tree, "/dev");
  close(tree);
}
