// Attempts on files: those of others, of the server and of the system; and use of the tenant's own.
#define _GNU_SOURCE
#include "files.h"
#include "facts.h"
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *opens(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return NULL;
  close(fd);
  return "could be opened";
}

static const char *read_file(const char *path) { return opens(path, O_RDONLY); }
static const char *write_file(const char *path) { return opens(path, O_WRONLY); }

static const char *create_in(const char *directory) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/ten-attack-%d", directory, getpid());
  if (mkdir(path, 0700) < 0) return NULL;
  rmdir(path);
  return "a directory could be made";
}

static const char *list_entries(const char *path, const char *allowed) {
  static char detail[300];
  DIR *directory = opendir(path);
  if (directory == NULL) return NULL;
  const char *success = NULL;
  for (struct dirent *entry; success == NULL && (entry = readdir(directory)) != NULL;) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    char wrapped[300];
    snprintf(wrapped, sizeof wrapped, " %s ", entry->d_name);
    if (strstr(allowed, wrapped) != NULL) continue;
    snprintf(detail, sizeof detail, "shows %s", entry->d_name);
    success = detail;
  }
  closedir(directory);
  return success;
}

static const char *list_nothing(const char *path) { return list_entries(path, " "); }
static const char *list_data(const char *path) { return list_entries(path, fact("data-entries")); }
static const char *list_devices(const char *path) {
  return list_entries(path, " null zero full random urandom tty shm pts ptmx fd stdin stdout stderr ");
}

static const char *leave_directory(const char *unused) {
  (void)unused;
  const char *success = list_entries("..", fact("data-entries"));
  return success != NULL ? success : list_entries("../..", fact("data-entries"));
}

static const char *change_mode(const char *path) { return failed_with(chmod(path, 0666), EROFS); }
static const char *change_time(const char *path) { return failed_with(utimensat(AT_FDCWD, path, NULL, 0), EROFS); }
static const char *rename_file(const char *path) { return failed(rename(path, path)); }

static const char *link_file(const char *path) {
  int result = link(path, "hard-link");
  if (result == 0) unlink("hard-link");
  return failed(result);
}

static const char *make_device(const char *kind) {
  bool block = strcmp(kind, "block") == 0;
  int result = mknod("device", (block ? S_IFBLK : S_IFCHR) | 0600, block ? makedev(254, 0) : makedev(1, 1));
  if (result == 0) unlink("device");
  return failed(result);
}

static const char *lacks_guards(const char *path) {
  struct statvfs facts;
  if (statvfs(path, &facts) < 0) return "can't be inspected";
  if ((facts.f_flag & ST_NOSUID) == 0) return "set-user-id programs work there";
  return (facts.f_flag & ST_NODEV) == 0 ? "devices work there" : NULL;
}

static const char *run_setuid_copy(const char *path) {
  static char user[32];
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return "no pipe";
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    execl(path, path, "report-user", NULL);
    _exit(1);
  }
  close(ends[1]);
  ssize_t length = read(ends[0], user, sizeof user - 1);
  close(ends[0]);
  waitpid(pid, NULL, 0);
  user[length > 0 ? length : 0] = 0;
  if (length <= 0) return "the copy could not be run";
  return atoi(user) == (int)getuid() ? NULL : "ran as another user";
}

// Checks of what must work, so that no wall seems to hold because everything is broken.
static const char *use_directory(const char *path) {
  char file[PATH_MAX];
  snprintf(file, sizeof file, "%s/works-%d", path, getpid());
  int fd = open(file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return "a file can't be made";
  bool wrote = write(fd, "x", 1) == 1;
  close(fd);
  return unlink(file) == 0 && wrote ? NULL : "a file can't be written and removed";
}

static const char *use_device(const char *path) {
  int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return "can't be opened";
  bool wrote = write(fd, "x", 1) == 1;
  close(fd);
  return wrote ? NULL : "can't be written";
}

static const char *need_file(const char *path) { return opens(path, O_RDONLY) == NULL ? "can't be read" : NULL; }

static const char *open_terminal(const char *unused) {
  (void)unused;
  int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return "no terminal can be made";
  close(fd);
  return NULL;
}

static const struct check CHECKS[] = {
  {"other-secret", read_file, "@secret", false},
  {"other-directory", list_nothing, "@other", false},
  {"data-directory-lists-only-own", list_data, "@data", false},
  {"data-directory-parent-of-own", leave_directory, NULL, false},
  {"server-database", read_file, "@database", false},
  {"hidden-directory", read_file, "@hidden-canary", false},
  {"server-configuration", read_file, "@configuration", false},
  {"server-env-file", read_file, "@env-file", false},
  {"data-in-var-lib", read_file, "@private-canary", false},
  {"private-in-etc", read_file, "@etc-canary", false},
  {"data-in-srv", read_file, "@srv-canary", false},
  {"data-in-mnt", read_file, "@mnt-canary", false},
  {"host-tmp", read_file, "@tmp-canary", false},
  {"host-var-tmp", read_file, "@var-tmp-canary", false},
  {"host-run", read_file, "@run-canary", false},
  {"host-shm", read_file, "@shm-canary", false},
  {"root-home", list_nothing, "/root", false},
  {"homes", list_nothing, "/home", false},
  {"shadow", read_file, "/etc/shadow", false},
  {"canary-write", write_file, "@canary", false},
  {"canary-mode", change_mode, "@canary", false},
  {"canary-time", change_time, "@canary", false},
  {"canary-rename", rename_file, "@canary", false},
  {"canary-link", link_file, "@canary", false},
  {"canary-directory", create_in, "@canary-directory", false},
  {"passwd-write", write_file, "/etc/passwd", false},
  {"create-in-etc", create_in, "/etc", false},
  {"create-in-usr", create_in, "/usr/bin", false},
  {"create-in-root", create_in, "/", false},
  {"create-in-var-lib", create_in, "/var/lib", false},
  {"create-in-dev", create_in, "/dev", false},
  {"create-in-run", create_in, "/run", false},
  {"create-in-home", create_in, "/home", false},
  {"create-in-data-directory", create_in, "@data", false},
  {"create-in-hidden", create_in, "@hidden", false},
  {"read-path-write", write_file, "@read-canary", false},
  {"read-path-create", create_in, "@read-directory", false},
  {"proc-sys-write", write_file, "/proc/sys/kernel/core_pattern", false},
  {"proc-hostname-write", write_file, "/proc/sys/kernel/hostname", false},
  {"sysrq-write", write_file, "/proc/sysrq-trigger", false},
  {"kernel-memory", read_file, "/proc/kcore", false},
  {"kernel-log", read_file, "/proc/kmsg", false},
  {"sys-write", write_file, "/sys/kernel/uevent_helper", false},
  {"firmware", list_nothing, "/sys/firmware", false},
  {"kernel-debug", list_nothing, "/sys/kernel/debug", false},
  {"cgroup-write", write_file, "/sys/fs/cgroup/cgroup.procs", false},
  {"cgroup-hierarchies-of-host", list_nothing, "/sys/fs/cgroup/memory", false},
  {"devices-listed", list_devices, "/dev", false},
  {"device-memory", read_file, "/dev/mem", false},
  {"device-kernel-log", read_file, "/dev/kmsg", false},
  {"device-virtualisation", read_file, "/dev/kvm", false},
  {"device-fuse", read_file, "/dev/fuse", false},
  {"make-character-device", make_device, "character", false},
  {"make-block-device", make_device, "block", false},
  {"guards-on-root", lacks_guards, "/", false},
  {"guards-on-own", lacks_guards, ".", false},
  {"guards-on-tmp", lacks_guards, "/tmp", false},
  {"guards-on-shm", lacks_guards, "/dev/shm", false},
  {"setuid-program", run_setuid_copy, "@setuid-copy", false},
  {"works-own-directory", use_directory, ".", false},
  {"works-tmp", use_directory, "/tmp", false},
  {"works-var-tmp", use_directory, "/var/tmp", false},
  {"works-shm", use_directory, "/dev/shm", false},
  {"works-null", use_device, "/dev/null", false},
  {"works-random", need_file, "/dev/urandom", false},
  {"works-resolver", need_file, "/etc/resolv.conf", false},
  {"works-read-path", need_file, "@read-canary", false},
  {"works-terminal", open_terminal, NULL, false},
};
const struct checks FILE_CHECKS = {CHECKS, sizeof CHECKS / sizeof *CHECKS};
