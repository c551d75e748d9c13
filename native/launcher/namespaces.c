// Namespaces of the tenant: creates them, and sets the user map, the hostname and the loopback interface.
#define _GNU_SOURCE
#include "namespaces.h"
#include "../shared/interface.h"
#include "failure.h"
#include "walls.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t enter_namespaces(const struct options *options) {
  unsigned long flags = CLONE_NEWNS | SIGCHLD;
  if (wall(WALL_PID)) flags |= CLONE_NEWPID;
  if (wall(WALL_IPC)) flags |= CLONE_NEWIPC;
  if (wall(WALL_UTS)) flags |= CLONE_NEWUTS;
  if (wall(WALL_CGROUP)) flags |= CLONE_NEWCGROUP;
  if (options->rootless) flags |= CLONE_NEWUSER;
  if (options->private_net) flags |= CLONE_NEWNET;
  long pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
  if (pid < 0) fail("create namespaces");
  return (pid_t)pid;
}

static bool write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool is_written = write(fd, text, strlen(text)) >= 0;
  int error = errno;
  close(fd);
  errno = error;
  return is_written;
}

bool try_map_user(pid_t process, uid_t user, gid_t group) {
  char path[64], users[64], groups[64];
  snprintf(users, sizeof users, "%u %u 1", user, user);
  snprintf(groups, sizeof groups, "%u %u 1", group, group);
  snprintf(path, sizeof path, "/proc/%d/setgroups", process);
  if (!write_text(path, "deny")) return false; // without this the kernel accepts no group map from an ordinary user
  snprintf(path, sizeof path, "/proc/%d/uid_map", process);
  if (!write_text(path, users)) return false;
  snprintf(path, sizeof path, "/proc/%d/gid_map", process);
  return write_text(path, groups);
}

void map_user(pid_t child) {
  if (!try_map_user(child, geteuid(), getegid())) fail("map the user");
}

void set_hostname(const struct options *options) {
  if (!wall(WALL_UTS)) return;
  if (sethostname(options->hostname, strlen(options->hostname)) < 0) fail("set the hostname");
  if (setdomainname("", 0) < 0) fail("set the domain name");
}

void raise_loopback(void) {
  if (bring_up_interface("lo", NULL) < 0) fail("bring up the loopback interface");
}
