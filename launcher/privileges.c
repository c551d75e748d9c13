// Privileges: user, groups, capabilities, and the promise never to gain any again.
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Must come while CAP_SETPCAP is still there: without it the bounding set stays as it is.
static void drop_bounding_set(void) {
  for (int capability = 0; capability < 64; capability++) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) return; // past the last one that this kernel knows
    fail("drop the bounding set");
  }
}

// Leaves only the capabilities in `keep`, a mask of the first 32.
void drop_capabilities(unsigned keep) {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{keep, keep, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &header, sets) < 0) fail("drop capabilities");
}

// Of all groups only those whose devices were asked for are kept: /dev/kvm belongs to one on most systems.
static void join_device_groups(const struct list *devices) {
  gid_t groups[LIST_MAX];
  int count = 0;
  for (int i = 0; i < devices->count; i++) {
    struct stat facts;
    if (stat(devices->items[i], &facts) < 0) fail(devices->items[i]);
    // The administrator's group opens much more than a device.
    if (facts.st_gid != 0) groups[count++] = facts.st_gid;
  }
  if (setgroups((size_t)count, groups) < 0) fail("change the groups");
}

// Turns into the instance's user. Rootless the user stays, and so do its supplementary groups: a user
// namespace with a single mapping can't drop them.
void become(const struct options *options) {
  if (wall(WALL_CAPABILITIES)) drop_bounding_set();
  if (!options->rootless) {
    // Counted by user, which is the instance's own here; whoever shares a user would share the limit.
    struct rlimit processes = {options->processes, options->processes};
    if (options->processes != 0 && setrlimit(RLIMIT_NPROC, &processes) < 0) fail("limit processes");
    if (wall(WALL_GROUPS)) join_device_groups(&options->devices);
    if (setresgid(options->gid, options->gid, options->gid) < 0) fail("change the group");
    if (wall(WALL_UID) && setresuid(options->uid, options->uid, options->uid) < 0) fail("change the user");
  }
  if (wall(WALL_CAPABILITIES)) drop_capabilities(0);
}

void forbid_new_privileges(void) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("forbid new privileges");
}
