// Privileges: user, groups, capabilities and no_new_privs.
#define _GNU_SOURCE
#include "privileges.h"
#include "../shared/process.h"
#include "failure.h"
#include "walls.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Needs CAP_SETPCAP, so this comes before the capabilities are dropped.
static void drop_bounding_set(void) {
  for (int capability = 0; capability < 64; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return; // past the last one that this kernel knows
    fail("drop the bounding set");
  }
}

void drop_capabilities(unsigned keep) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{keep, keep, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &header, sets) < 0) fail("drop capabilities");
}

// Keeps no group but those of the requested devices: on most systems /dev/kvm belongs to one.
static void join_device_groups(const struct list *devices) {
  gid_t groups[LIST_MAX];
  int count = 0;
  for (int i = 0; i < devices->count; i++) {
    struct stat facts;
    if (stat(devices->items[i], &facts) < 0) fail(devices->items[i]);
    // The group of root opens much more than a device.
    if (facts.st_gid != 0) groups[count++] = facts.st_gid;
  }
  if (setgroups((size_t)count, groups) < 0) fail("change the groups");
}

// The kernel counts per user and user namespace, and one of both is the instance's own. It counts the forwarder as
// well, and rootless the init.
static void limit_own_processes(const struct options *options) {
  unsigned helpers = (options->forward_socket != NULL ? 1 : 0) + (options->rootless ? 1 : 0);
  if (options->processes != 0 && limit_processes(options->processes + helpers) < 0) fail("limit processes");
}

// Rootless the user stays, and so do its supplementary groups: a user namespace with a single mapping can't drop them.
void become_user(const struct options *options) {
  if (wall(WALL_CAPABILITIES)) drop_bounding_set();
  limit_own_processes(options);
  if (!options->rootless) {
    if (wall(WALL_GROUPS)) join_device_groups(&options->devices);
    if (setresgid(options->gid, options->gid, options->gid) < 0) fail("change the group");
    if (wall(WALL_UID) && setresuid(options->uid, options->uid, options->uid) < 0) fail("change the user");
  }
  if (wall(WALL_CAPABILITIES)) drop_capabilities(0);
}

void forbid_new_privileges(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("forbid new privileges");
}
