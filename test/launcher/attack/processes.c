// Attempts on processes: other tenants', the server's, and the init; and on users, groups and capabilities.
#define _GNU_SOURCE
#include "processes.h"
#include "facts.h"
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static bool holds(const char *path, const char *text) {
  static char content[1 << 16];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, content, sizeof content);
  close(fd);
  return length > 0 && memmem(content, (size_t)length, text, strlen(text)) != NULL;
}

// In two parts, so that the program's own arguments do not contain the secret.
static const char *secret_text(void) {
  static char secret[128];
  snprintf(secret, sizeof secret, "%s-%s", fact("secret-start"), fact("secret-end"));
  return secret;
}

static const char *search_processes(const char *file) {
  DIR *directory = opendir("/proc");
  const char *success = NULL;
  for (struct dirent *entry; success == NULL && directory != NULL && (entry = readdir(directory)) != NULL;) {
    char path[300];
    snprintf(path, sizeof path, "/proc/%s/%s", entry->d_name, file);
    if (atoi(entry->d_name) > 0 && holds(path, secret_text())) success = "holds the other's secret";
  }
  if (directory != NULL) closedir(directory);
  return success;
}

// Expects the init, this program, and at most one child of it.
static const char *count_processes(const char *unused) {
  (void)unused;
  int count = 0;
  DIR *directory = opendir("/proc");
  for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
    count += atoi(entry->d_name) > 0;
  if (directory != NULL) closedir(directory);
  return count <= 3 ? NULL : "shows processes of others";
}

static const char *read_init(const char *file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/1/%s", file);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  close(fd);
  return "could be opened";
}

static const char *init_arguments(const char *data) {
  return holds("/proc/1/cmdline", data) ? "names the server's directories" : NULL;
}

static const char *signal_process(const char *pid) { return failed(kill(atoi(pid), 0)); }
static const char *signal_init_to_death(const char *unused) {
  (void)unused;
  kill(1, SIGKILL);
  return kill(1, 0) < 0 && errno == ESRCH ? "the init died" : NULL;
}

static const char *trace(const char *pid) {
  long result = ptrace(PTRACE_SEIZE, atoi(pid), NULL, NULL);
  if (result == 0) ptrace(PTRACE_DETACH, atoi(pid), NULL, NULL);
  return failed(result);
}

static const char *read_memory(const char *pid) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
  return failed_with(process_vm_readv(atoi(pid), &here, 1, &there, 1, 0), strcmp(pid, "1") == 0 ? EPERM : ESRCH);
}

static const char *hold_process(const char *pid) {
  long fd = syscall(434 /* pidfd_open */, atoi(pid), 0);
  if (fd >= 0) close((int)fd);
  return failed(fd);
}

static const char *read_limits(const char *pid) {
  struct rlimit limit;
  return failed(prlimit(atoi(pid), RLIMIT_NOFILE, NULL, &limit));
}

static const char *read_priority(const char *pid) {
  errno = 0;
  getpriority(PRIO_PROCESS, (id_t)atoi(pid));
  return errno != 0 ? NULL : "succeeded";
}

static const char *same_namespace(const char *kind) {
  char path[64], outside[64], name[64] = "";
  snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
  snprintf(outside, sizeof outside, "host-%s", kind);
  if (readlink(path, name, sizeof name - 1) <= 0) return "can't be read";
  return strcmp(name, fact(outside)) == 0 ? "is the host's" : NULL;
}

static const char *status_differs(const char *expected) {
  static char detail[300];
  char name[32];
  size_t length = strcspn(expected, "=");
  snprintf(name, sizeof name, "%.*s", (int)length, expected);
  const char *found = status_line(name);
  if (strcmp(found, expected + length + 1) == 0) return NULL;
  snprintf(detail, sizeof detail, "is \"%s\"", found);
  return detail;
}

// Rootless the groups of the server's user remain, mapped to the overflow group.
static const char *has_groups(const char *kind) {
  gid_t groups[64];
  int count = getgroups(64, groups);
  if (strcmp(kind, "rootless") == 0) return NULL;
  return count == 0 ? NULL : "supplementary groups remain";
}

static bool become_root(void) { return setuid(0) == 0 || setresuid(-1, 0, -1) == 0; }
static bool become_other(void) {
  uid_t other = getuid() + 1;
  return setresuid(other, other, other) == 0;
}
static bool join_root_group(void) { return setgid(0) == 0 || setresgid(-1, 0, -1) == 0; }
static bool set_groups(void) {
  gid_t root = 0;
  return setgroups(1, &root) == 0;
}
static bool raise_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2] = {{1, 1, 1}, {0, 0, 0}};
  return syscall(SYS_capset, &header, sets) == 0;
}
static bool clear_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0; }

static const struct {
  const char *name;
  bool (*step)(void);
} GAINS[] = {
  {"root", become_root},
  {"other", become_other},
  {"root-group", join_root_group},
  {"groups", set_groups},
  {"capabilities", raise_capabilities},
  {"new-privileges", clear_no_new_privileges},
};

static const char *gain(const char *name) {
  for (size_t i = 0; i < sizeof GAINS / sizeof *GAINS; i++)
    if (strcmp(GAINS[i].name, name) == 0) return succeeds_in_child(GAINS[i].step) ? "succeeded" : NULL;
  return "no such attempt";
}

static const char *extra_descriptors(const char *unused) {
  (void)unused;
  for (int fd = 3; fd < 64; fd++)
    if (fcntl(fd, F_GETFD) >= 0) return "a descriptor was inherited";
  return NULL;
}

static const char *standard_input(const char *unused) {
  (void)unused;
  char name[64] = "";
  if (readlink("/proc/self/fd/0", name, sizeof name - 1) < 0) return "can't be inspected";
  return strcmp(name, "/dev/null") == 0 ? NULL : "is not /dev/null";
}

static const char *own_debugger(const char *unused) {
  (void)unused;
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  long seized = ptrace(PTRACE_SEIZE, child, NULL, NULL);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return seized == 0 ? NULL : "a child can't be traced";
}

static const struct check CHECKS[] = {
  {"descriptors-inherited", extra_descriptors, NULL, false},
  {"standard-input", standard_input, NULL, false},
  {"processes-listed", count_processes, NULL, false},
  {"other-environment", search_processes, "environ", false},
  {"other-arguments", search_processes, "cmdline", false},
  {"other-signal", signal_process, "@other-pid", false},
  {"server-signal", signal_process, "@server-pid", false},
  {"other-trace", trace, "@other-pid", false},
  {"server-trace", trace, "@server-pid", false},
  {"other-memory", read_memory, "@other-pid", false},
  {"other-pidfd", hold_process, "@other-pid", false},
  {"other-limits", read_limits, "@other-pid", false},
  {"other-priority", read_priority, "@other-pid", false},
  {"init-signal", signal_process, "1", false},
  {"init-death", signal_init_to_death, NULL, false},
  {"init-trace", trace, "1", false},
  {"init-read-memory", read_memory, "1", false},
  {"init-environment", read_init, "environ", false},
  {"init-memory", read_init, "mem", false},
  {"init-descriptors", read_init, "fd", false},
  {"init-root", read_init, "root", false},
  {"init-arguments", init_arguments, "@data", false},
  {"namespace-ipc", same_namespace, "ipc", false},
  {"namespace-uts", same_namespace, "uts", false},
  {"namespace-cgroup", same_namespace, "cgroup", false},
  {"user-root", gain, "root", false},
  {"user-other", gain, "other", false},
  {"group-root", gain, "root-group", false},
  {"groups-set", gain, "groups", false},
  {"groups-left", has_groups, "@kind", false},
  {"capability-raise", gain, "capabilities", false},
  {"no-new-privileges-cleared", gain, "new-privileges", false},
  {"capabilities-effective", status_differs, "CapEff=0000000000000000", false},
  {"capabilities-permitted", status_differs, "CapPrm=0000000000000000", false},
  {"capabilities-inheritable", status_differs, "CapInh=0000000000000000", false},
  {"capabilities-bounding", status_differs, "CapBnd=0000000000000000", false},
  {"capabilities-ambient", status_differs, "CapAmb=0000000000000000", false},
  {"no-new-privileges", status_differs, "NoNewPrivs=1", false},
  {"filter-in-place", status_differs, "Seccomp=2", false},
  {"signals-blocked", status_differs, "SigBlk=0000000000000000", false},
  {"signals-ignored", status_differs, "SigIgn=0000000000000000", false},
  {"works-debugger", own_debugger, NULL, false},
};
const struct checks PROCESS_CHECKS = {CHECKS, sizeof CHECKS / sizeof *CHECKS};
