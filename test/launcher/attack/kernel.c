// Attempts on the administration of the kernel: mounts, namespaces, modules, keyrings, clocks, quotas.
#define _GNU_SOURCE
#include "kernel.h"
#include "outcome.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool new_user_namespace(void) { return unshare(CLONE_NEWUSER) == 0; }
static bool new_mount_namespace(void) { return unshare(CLONE_NEWNS) == 0; }
static bool new_network_namespace(void) { return unshare(CLONE_NEWNET) == 0; }
static bool new_time_namespace(void) { return unshare(0x80) == 0; }
static bool clone_user_namespace(void) {
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return pid > 0;
}
static bool unshare_files(void) { return unshare(CLONE_FILES | CLONE_FS) == 0; }

static const struct {
  const char *name;
  bool (*step)(void);
} STEPS[] = {
  {"user", new_user_namespace},
  {"mount", new_mount_namespace},
  {"network", new_network_namespace},
  {"time", new_time_namespace},
  {"clone", clone_user_namespace},
  {"files", unshare_files},
};

static bool step_succeeds(const char *name) {
  for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++)
    if (strcmp(STEPS[i].name, name) == 0) return succeeds_in_child(STEPS[i].step);
  return true;
}

static const char *new_namespace(const char *name) { return step_succeeds(name) ? "succeeded" : NULL; }
static const char *need_step(const char *name) { return step_succeeds(name) ? NULL : "is refused"; }

static const char *hidden_clone_flags(const char *unused) {
  (void)unused;
  return failed_with(syscall(435 /* clone3 */, NULL, 0), ENOSYS);
}

static const char *join_namespace(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  long result = setns(fd, 0);
  const char *success = failed_with(result, EPERM);
  if (fd >= 0) close(fd);
  return success;
}

static const char *mount_tmpfs(const char *unused) {
  (void)unused;
  int result = mount("tmpfs", "/tmp", "tmpfs", 0, "size=4k");
  if (result == 0) umount2("/tmp", 0);
  return failed_with(result, EPERM);
}

static const char *unmount(const char *path) { return failed_with(umount2(path, MNT_DETACH), EPERM); }
static const char *make_writable(const char *path) {
  return failed_with(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL), EPERM);
}
static const char *change_root(const char *path) { return failed_with(chroot(path), EPERM); }
static const char *pivot_root(const char *path) { return failed_with(syscall(SYS_pivot_root, path, path), EPERM); }

// Calls by number, with arguments that have no effect even where the call is allowed.
struct call {
  const char *name;
  long number, first, second, third, fourth, fifth;
};

static long invoke(const struct call *call) {
  return syscall(call->number, call->first, call->second, call->third, call->fourth, call->fifth);
}

static const char *call(const char *name) {
  static struct timespec now;
  static union bpf_attr bpf = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  static struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof event, .exclude_kernel = 1};
  static char space[256];
  clock_gettime(CLOCK_REALTIME, &now);
  const struct call calls[] = {
    {"open-tree", 428, AT_FDCWD, (long)"/tmp", 1, 0, 0},
    {"move-mount", 429, -1, (long)"", -1, (long)"", 4},
    {"fsopen", 430, (long)"tmpfs", 0, 0, 0, 0},
    {"mount-attributes", 442, AT_FDCWD, (long)"/tmp", 0, (long)space, 32},
    {"open-tree-attributes", 467, AT_FDCWD, (long)"/tmp", 1, 0, 0},
    {"bpf", SYS_bpf, BPF_MAP_CREATE, (long)&bpf, sizeof bpf, 0, 0},
    {"perf", SYS_perf_event_open, (long)&event, 0, -1, -1, 0},
    {"userfaultfd", SYS_userfaultfd, 1, 0, 0, 0, 0},
    {"io-uring-setup", SYS_io_uring_setup, 1, (long)space, 0, 0, 0},
    {"io-uring-enter", SYS_io_uring_enter, -1, 0, 0, 0, 0},
    {"io-uring-register", SYS_io_uring_register, -1, 0, 0, 0, 0},
    {"keyring-session", SYS_keyctl, 0, -3, 0, 0, 0},
    {"keyring-user", SYS_keyctl, 0, -4, 0, 0, 0},
    {"key-add", SYS_add_key, (long)"user", (long)"ten-attack", (long)"x", 1, -2},
    {"key-request", SYS_request_key, (long)"user", (long)"ten-attack", 0, 0, 0},
    {"kexec", SYS_kexec_load, 0, 0, 0, ~0L, 0},
    {"module-init", SYS_init_module, 0, 0, (long)"", 0, 0},
    {"module-finit", SYS_finit_module, -1, (long)"", 0, 0, 0},
    {"module-delete", SYS_delete_module, (long)"ten_no_such_module", 04000, 0, 0, 0},
    {"quota", SYS_quotactl, 0x80000100, 0, 0, 0, 0},
    {"quota-by-descriptor", 443, 0, 0x80000700, 0, 0, 0},
    {"swap-on", SYS_swapon, (long)"/ten-no-such-file", 0, 0, 0, 0},
    {"swap-off", SYS_swapoff, (long)"/ten-no-such-file", 0, 0, 0, 0},
    {"accounting", SYS_acct, (long)"/ten-no-such-directory/file", 0, 0, 0, 0},
    {"file-handle", SYS_open_by_handle_at, -1, (long)space, 0, 0, 0},
    {"clock", SYS_clock_settime, CLOCK_REALTIME, (long)&now, 0, 0, 0},
    {"clock-of-day", SYS_settimeofday, 0, 0, 0, 0, 0},
    {"clock-adjust", SYS_adjtimex, (long)space, 0, 0, 0, 0},
    {"kernel-log-call", SYS_syslog, 10, 0, 0, 0, 0},
    {"compare-processes", SYS_kcmp, getpid(), getpid(), 0, 0, 1},
    {"project-of-file", 469, AT_FDCWD, (long)".", (long)space, 32, 0},
#ifdef SYS_iopl
    {"io-privilege", SYS_iopl, 0, 0, 0, 0, 0},
    {"io-ports", SYS_ioperm, 0x80, 1, 0, 0, 0},
#endif
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (strcmp(calls[i].name, name) == 0) return failed_with(invoke(&calls[i]), EPERM);
  return NULL; // not a call of this architecture
}

// /dev/null knows none of these, so only the filter can answer EPERM.
static const char *type_into_terminal(const char *unused) {
  (void)unused;
  return failed_with(ioctl(0, TIOCSTI, "x"), EPERM);
}
static const char *paste_into_console(const char *unused) {
  (void)unused;
  return failed_with(ioctl(0, 0x541c, "\2"), EPERM);
}
static const char *leave_quota(const char *unused) {
  (void)unused;
  char attributes[28] = {0};
  return failed_with(ioctl(0, 0x401c5820, attributes), EPERM);
}

// A call that every kernel of today has and that needs no privilege, but that the filter does not list.
static const char *call_unlisted(const char *unused) {
  (void)unused;
  return failed_with(syscall(SYS_fanotify_init, 0x200, 0), ENOSYS);
}
// One that no kernel has yet.
static const char *call_of_the_future(const char *unused) {
  (void)unused;
  return failed_with(syscall(1000), ENOSYS);
}

#if defined(__x86_64__)
// Numbers of another architecture: 20 is getpid for 32-bit programs, but the filter does not know that.
static const char *other_numbers(const char *unused) {
  (void)unused;
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
  if (result > 0) return "32-bit calls get through";
  return failed_with(syscall(0x40000000 + SYS_getpid), ENOSYS);
}
#endif

static const char *name_host(const char *unused) {
  (void)unused;
  char name[64] = "";
  gethostname(name, sizeof name - 1);
  return failed_with(sethostname(name, strlen(name)), EPERM);
}

static const char *host_name(const char *expected) {
  char name[64] = "";
  gethostname(name, sizeof name - 1);
  return strcmp(name, expected) == 0 ? NULL : "is the host's";
}

static const char *share_memory(const char *key) { return failed_with(shmget(atoi(key), 0, 0), ENOENT); }

static const struct check CHECKS[] = {
  {"new-user-namespace", new_namespace, "user", false},
  {"new-mount-namespace", new_namespace, "mount", false},
  {"new-network-namespace", new_namespace, "network", false},
  {"new-time-namespace", new_namespace, "time", false},
  {"clone-user-namespace", new_namespace, "clone", false},
  {"clone3", hidden_clone_flags, NULL, false},
  {"join-namespace-of-init", join_namespace, "/proc/1/ns/mnt", false},
  {"join-own-namespace", join_namespace, "/proc/self/ns/mnt", false},
  {"mount-tmpfs", mount_tmpfs, NULL, false},
  {"uncover-data", unmount, "@data", false},
  {"uncover-hidden", unmount, "@hidden", false},
  {"uncover-proc", unmount, "/proc", false},
  {"remount-root", make_writable, "/", false},
  {"remount-read-path", make_writable, "@read-directory", false},
  {"chroot", change_root, ".", false},
  {"pivot-root", pivot_root, ".", false},
  {"open-tree", call, "open-tree", false},
  {"open-tree-attributes", call, "open-tree-attributes", false},
  {"move-mount", call, "move-mount", false},
  {"fsopen", call, "fsopen", false},
  {"mount-attributes", call, "mount-attributes", false},
  {"bpf", call, "bpf", false},
  {"perf", call, "perf", false},
  {"userfaultfd", call, "userfaultfd", false},
  {"io-uring-setup", call, "io-uring-setup", false},
  {"io-uring-enter", call, "io-uring-enter", false},
  {"io-uring-register", call, "io-uring-register", false},
  {"keyring-session", call, "keyring-session", false},
  {"keyring-user", call, "keyring-user", false},
  {"key-add", call, "key-add", false},
  {"key-request", call, "key-request", false},
  {"kexec", call, "kexec", false},
  {"module-init", call, "module-init", false},
  {"module-finit", call, "module-finit", false},
  {"module-delete", call, "module-delete", false},
  {"quota", call, "quota", false},
  {"quota-by-descriptor", call, "quota-by-descriptor", false},
  {"project-of-file", call, "project-of-file", false},
  {"project-by-ioctl", leave_quota, NULL, false},
  {"swap-on", call, "swap-on", false},
  {"swap-off", call, "swap-off", false},
  {"accounting", call, "accounting", false},
  {"file-handle", call, "file-handle", false},
  {"clock", call, "clock", false},
  {"clock-of-day", call, "clock-of-day", false},
  {"clock-adjust", call, "clock-adjust", false},
  {"kernel-log-call", call, "kernel-log-call", false},
  {"compare-processes", call, "compare-processes", false},
  {"io-privilege", call, "io-privilege", false},
  {"io-ports", call, "io-ports", false},
  {"terminal-input", type_into_terminal, NULL, false},
  {"console-paste", paste_into_console, NULL, false},
  {"unlisted-call", call_unlisted, NULL, false},
  {"future-call", call_of_the_future, NULL, false},
#if defined(__x86_64__)
  {"other-call-numbers", other_numbers, NULL, false},
#endif
  {"host-name-set", name_host, NULL, false},
  {"host-name", host_name, "@host-name", false},
  {"other-shared-memory", share_memory, "@shm-key", false},
  {"works-unshare-files", need_step, "files", false},
};
const struct checks KERNEL_CHECKS = {CHECKS, sizeof CHECKS / sizeof *CHECKS};
