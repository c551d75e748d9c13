// Devices of the machine: the kernel's file systems, drivers, disks and the network.
#define _GNU_SOURCE
#include "devices.h"
#include "../shared/descriptor-links.h"
#include "../shared/interface.h"
#include "failure.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SAFE = MS_NOSUID | MS_NOEXEC | MS_NODEV };
enum { DEVICE_PATIENCE_MS = 5000, DEVICE_POLL_MS = 2 };

void mount_kernel_files(void) {
  mkdir("/proc", 0555);
  mkdir("/sys", 0555);
  mkdir("/dev", 0755);
  if (mount("proc", "/proc", "proc", SAFE, NULL) < 0) fail("mount /proc");
  if (mount("sysfs", "/sys", "sysfs", SAFE, NULL) < 0) fail("mount /sys");
  // EBUSY: the kernel has mounted it already.
  if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755") < 0 && errno != EBUSY)
    fail("mount /dev");
  mkdir("/dev/pts", 0755);
  mkdir("/dev/shm", 01777);
  mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620");
  if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0) fail("mount /dev/shm");
  if (make_descriptor_links() < 0) fail("link the standard streams in /dev");
}

static void load_module(int directory, const char *name) {
  int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST && errno != ENODEV)) fail(name);
  close(fd);
  unlinkat(directory, name, 0);
}

void load_modules(const char *path) {
  struct dirent **entries;
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return;
  int count = scandir(path, &entries, NULL, alphasort);
  for (int i = 0; i < count; i++)
    if (entries[i]->d_name[0] != '.') load_module(directory, entries[i]->d_name);
  close(directory);
}

void wait_for_device(const char *path) {
  for (int waited = 0; access(path, F_OK) < 0; waited += DEVICE_POLL_MS) {
    if (waited >= DEVICE_PATIENCE_MS) fail_because(path, "there is no such device");
    poll(NULL, 0, DEVICE_POLL_MS);
  }
}

// QEMU's user network gives this address to its only machine. Firecracker's machines have no such interface.
void bring_up_network(void) {
  if (bring_up_interface("lo", NULL) < 0) fail("lo");
  if (access("/sys/class/net/eth0", F_OK) < 0) return;
  if (bring_up_interface("eth0", "10.0.2.15") < 0) fail("eth0");
}
