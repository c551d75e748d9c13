// What the machine needs before anything else: the kernel's own file systems, drivers, the network.
#define _GNU_SOURCE
#include "guest.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SAFE = MS_NOSUID | MS_NOEXEC | MS_NODEV };
// Drivers find their devices a moment after they are loaded.
enum { DEVICE_PATIENCE_MS = 5000, DEVICE_POLL_MS = 2 };

void mount_devices(void) {
  mkdir("/proc", 0555);
  mkdir("/sys", 0555);
  mkdir("/dev", 0755);
  if (mount("proc", "/proc", "proc", SAFE, NULL) < 0) give_up("mount /proc");
  if (mount("sysfs", "/sys", "sysfs", SAFE, NULL) < 0) give_up("mount /sys");
  if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755") < 0 && errno != EBUSY) give_up("mount /dev");
  mkdir("/dev/pts", 0755);
  mkdir("/dev/shm", 01777);
  mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620");
  if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0) give_up("mount /dev/shm");
  symlink("/proc/self/fd", "/dev/fd");
  symlink("/proc/self/fd/0", "/dev/stdin");
  symlink("/proc/self/fd/1", "/dev/stdout");
  symlink("/proc/self/fd/2", "/dev/stderr");
}

static void load_module(int directory, const char *name) {
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV)) give_up(name);
  close(fd);
  unlinkat(directory, name, 0);
}

// In the order of their names.
void load_modules(const char *path) {
  struct dirent **entries;
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return; // the kernel has all it needs
  int count = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++)
    if (entries[i]->d_name[0] != '.') load_module(directory, entries[i]->d_name);
  close(directory);
}

void wait_for_device(const char *path) {
  for (int waited = 0; access(path, F_OK) < 0; waited += DEVICE_POLL_MS) {
    if (waited >= DEVICE_PATIENCE_MS) give_up_because(path, "there is no such device");
    poll(NULL, 0, DEVICE_POLL_MS);
  }
}

static void raise_interface(int fd, const char *name, const char *address) {
  struct ifreq request = {0};
  strcpy(request.ifr_name, name);
  struct sockaddr_in own = {.sin_family = AF_INET};
  if (address != NULL) {
    inet_pton(AF_INET, address, &own.sin_addr);
    memcpy(&request.ifr_addr, &own, sizeof own);
    if (ioctl(fd, SIOCSIFADDR, &request) < 0) give_up(name);
  }
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) give_up(name);
}

// The address is the one that the machine's network gives to its only guest.
void raise_network(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("open a socket");
  raise_interface(fd, "lo", NULL);
  if (access("/sys/class/net/eth0", F_OK) == 0) raise_interface(fd, "eth0", "10.0.2.15");
  close(fd);
}
