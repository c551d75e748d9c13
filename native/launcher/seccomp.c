// The seccomp filter: refuses system calls that change the host, gain privileges or reach risky parts of the kernel.
// All other calls are allowed, since a list of allowed calls could not foresee those of every runtime. Among them is
// ptrace: debuggers, profilers and crash reporters need it, and it reaches only processes of the tenant's own pid
// namespace and user.
#define _GNU_SOURCE
#include "seccomp.h"
#include "../shared/process.h"
#include "failure.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
static const uint32_t THIS_ARCHITECTURE = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
static const uint32_t THIS_ARCHITECTURE = AUDIT_ARCH_AARCH64;
#else
#error "the system call filter has no table for this architecture"
#endif

// Newer than many C libraries. The numbers are the same on all architectures.
enum { SYSCALL_MOUNT_SETATTR = 442, SYSCALL_OPEN_TREE_ATTR = 467 };
enum { SYSCALL_QUOTACTL_FD = 443, SYSCALL_FILE_SETATTR = 469 };

static const int DENIED[] = {
  // mounts
  SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig,
  SYS_fsmount, SYS_fspick, SYSCALL_MOUNT_SETATTR, SYSCALL_OPEN_TREE_ATTR,
  // namespaces; the calls that create them depend on their flags, see below
  SYS_setns,
  // large parts of the kernel that few programs use and many exploits went through
  SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
  // keyrings, which all processes of a user share across namespaces
  SYS_add_key, SYS_request_key, SYS_keyctl,
  // the kernel itself
  SYS_kexec_load, SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_reboot, SYS_syslog, SYS_kcmp,
#ifdef SYS_kexec_file_load
  SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
  SYS_iopl, SYS_ioperm,
#endif
  // disks, quotas, accounting; file_setattr and its ioctl below would let a tenant leave its project quota
  SYS_quotactl, SYSCALL_QUOTACTL_FD, SYSCALL_FILE_SETATTR, SYS_swapon, SYS_swapoff, SYS_acct, SYS_open_by_handle_at,
  // the clock
  SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime};

// All CLONE_NEW flags. 0x80, a new time namespace, is a signal number to clone, and a flag only to unshare.
enum { NEW_NAMESPACES = 0x7e020000, NEW_TIME_NAMESPACE = 0x80 };
enum { TIOCSTI_COMMAND = 0x5412, TIOCLINUX_COMMAND = 0x541c, FSSETXATTR_COMMAND = 0x401c5820 };
enum { SOCKET_TYPE_MASK = 0xf };

enum { INSTRUCTIONS_MAX = 256 };

struct program {
  struct sock_filter code[INSTRUCTIONS_MAX];
  unsigned short length;
};

static int emit(struct program *program, struct sock_filter instruction) {
  if (program->length == INSTRUCTIONS_MAX) fail_with(EXIT_NOT_STARTED, "seccomp", "the filter is too long");
  program->code[program->length] = instruction;
  return program->length++;
}

static void load(struct program *program, size_t offset) {
  emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

// The low half of an argument: the kernel ignores the rest of flags, families and commands as well.
static void load_argument(struct program *program, int index) {
  load(program, offsetof(struct seccomp_data, args) + 8 * (size_t)index);
}

static void allow(struct program *program) {
  emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

static void refuse(struct program *program, int error) {
  emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error));
}

// Begins a block, up to `end_if`, that runs only when the comparison holds.
static int begin_if(struct program *program, uint16_t comparison, uint32_t value) {
  return emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | comparison | BPF_K, value, 0, 0));
}

static void end_if(struct program *program, int start) {
  program->code[start].jf = (uint8_t)(program->length - start - 1);
}

static void refuse_if(struct program *program, uint16_t comparison, uint32_t value, int error) {
  int start = begin_if(program, comparison, value);
  refuse(program, error);
  end_if(program, start);
}

static void allow_if_equal(struct program *program, uint32_t value) {
  int start = begin_if(program, BPF_JEQ, value);
  allow(program);
  end_if(program, start);
}

// On another architecture the numbers mean other calls, which the list would not match.
static void refuse_foreign_calls(struct program *program) {
  load(program, offsetof(struct seccomp_data, arch));
  emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCHITECTURE, 1, 0));
  refuse(program, EPERM);
  load(program, offsetof(struct seccomp_data, nr));
#if defined(__x86_64__)
  refuse_if(program, BPF_JGE, 0x40000000, ENOSYS); // the x32 numbers
#endif
}

static void filter_namespaces(struct program *program) {
  // A filter can't read its flags, which lie in memory. On ENOSYS libraries fall back to clone.
  refuse_if(program, BPF_JEQ, SYS_clone3, ENOSYS);
  int clone = begin_if(program, BPF_JEQ, SYS_clone);
  load_argument(program, 0);
  refuse_if(program, BPF_JSET, NEW_NAMESPACES, EPERM);
  allow(program);
  end_if(program, clone);
  int unshare = begin_if(program, BPF_JEQ, SYS_unshare);
  load_argument(program, 0);
  refuse_if(program, BPF_JSET, NEW_NAMESPACES | NEW_TIME_NAMESPACE, EPERM);
  allow(program);
  end_if(program, unshare);
}

// Landlock restricts plain TCP only: Multipath TCP and SCTP could bind any port.
static void filter_internet_socket(struct program *program) {
  load_argument(program, 1);
  emit(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE_MASK));
  refuse_if(program, BPF_JGT, SOCK_RAW, EPROTONOSUPPORT);
  load_argument(program, 2);
  allow_if_equal(program, IPPROTO_IP);
  allow_if_equal(program, IPPROTO_TCP);
  allow_if_equal(program, IPPROTO_UDP);
  allow_if_equal(program, IPPROTO_ICMP);
  allow_if_equal(program, IPPROTO_ICMPV6);
  refuse(program, EPROTONOSUPPORT);
}

static void filter_sockets(struct program *program, uint32_t call) {
  int socket = begin_if(program, BPF_JEQ, call);
  load_argument(program, 0);
  allow_if_equal(program, AF_UNIX);
  int internet[] = {AF_INET, AF_INET6};
  for (int i = 0; i < 2; i++) {
    int family = begin_if(program, BPF_JEQ, (uint32_t)internet[i]);
    filter_internet_socket(program);
    end_if(program, family);
  }
  // Routes and addresses only, which name resolution asks for; not audit, diagnosis or the firewall.
  int netlink = begin_if(program, BPF_JEQ, AF_NETLINK);
  load_argument(program, 2);
  allow_if_equal(program, 0);
  refuse(program, EPROTONOSUPPORT);
  end_if(program, netlink);
  refuse(program, EAFNOSUPPORT);
  end_if(program, socket);
}

static void filter_device_controls(struct program *program) {
  int control = begin_if(program, BPF_JEQ, SYS_ioctl);
  load_argument(program, 1);
  refuse_if(program, BPF_JEQ, TIOCSTI_COMMAND, EPERM);   // injects input into the terminal
  refuse_if(program, BPF_JEQ, TIOCLINUX_COMMAND, EPERM); // pastes into the console
  refuse_if(program, BPF_JEQ, FSSETXATTR_COMMAND, EPERM);
  allow(program);
  end_if(program, control);
}

void filter_system_calls(void) {
  static struct program program;
  refuse_foreign_calls(&program);
  filter_device_controls(&program);
  filter_namespaces(&program);
  filter_sockets(&program, SYS_socket);
  filter_sockets(&program, SYS_socketpair);
  for (size_t i = 0; i < sizeof DENIED / sizeof *DENIED; i++) refuse_if(&program, BPF_JEQ, (uint32_t)DENIED[i], EPERM);
  allow(&program);
  struct sock_fprog filter = {program.length, program.code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) fail("filter system calls");
}
