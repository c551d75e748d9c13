// Namespaces: of processes, mounts, IPC, host name, cgroups, and where asked for users and the network.
#define _GNU_SOURCE
#include "launcher.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Forks into new namespaces, of which the child is the init. Like fork, it returns twice.
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

static void write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) fail(path);
  close(fd);
}

// The child keeps its user and group, and no other number exists in its namespace.
void map_user(pid_t child) {
  char path[64], map[64];
  snprintf(path, sizeof path, "/proc/%d/setgroups", child);
  write_text(path, "deny"); // the kernel asks for it before it takes a map from an ordinary user
  snprintf(path, sizeof path, "/proc/%d/uid_map", child);
  snprintf(map, sizeof map, "%u %u 1", geteuid(), geteuid());
  write_text(path, map);
  snprintf(path, sizeof path, "/proc/%d/gid_map", child);
  snprintf(map, sizeof map, "%u %u 1", getegid(), getegid());
  write_text(path, map);
}

void name_host(const struct options *options) {
  if (!wall(WALL_UTS)) return;
  if (sethostname(options->hostname, strlen(options->hostname)) < 0) fail("set the host name");
  if (setdomainname("", 0) < 0) fail("set the domain name");
}

void raise_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) fail("raise the loopback interface");
  close(fd);
}
