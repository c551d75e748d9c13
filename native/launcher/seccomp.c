// The seccomp filter: allows the system calls that applications need, and refuses those that change the host, gain
// privileges or reach risky parts of the kernel. An unlisted call does not exist for the application (ENOSYS), so
// libraries fall back to older calls; in the permissive mode it is allowed.
#define _GNU_SOURCE
#include "seccomp.h"
#include "../shared/process.h"
#include "failure.h"
#include "system-calls.h"

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

// All CLONE_NEW flags. 0x80, a new time namespace, is a signal number to clone, and a flag only to unshare.
enum { NEW_NAMESPACES = 0x7e020000, NEW_TIME_NAMESPACE = 0x80 };
enum { TIOCSTI_COMMAND = 0x5412, TIOCLINUX_COMMAND = 0x541c, FSSETXATTR_COMMAND = 0x401c5820 };
enum { SOCKET_TYPE_MASK = 0xf };

enum { INSTRUCTIONS_MAX = 1024 };

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
  int skipped = program->length - start - 1;
  if (skipped > UINT8_MAX) fail_with(EXIT_NOT_STARTED, "seccomp", "a block of the filter is too long");
  program->code[start].jf = (uint8_t)skipped;
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

// More than the newest kernel has.
enum { CALLS_MAX = 512 };

// Neighbouring calls with the same answer, a value of SECCOMP_RET.
struct run {
  uint32_t first;
  uint32_t answer;
};

static void set_answers(uint32_t *answers, const struct call_list *calls, uint32_t answer) {
  for (size_t i = 0; i < calls->count; i++) answers[calls->numbers[i]] = answer;
}

static int list_runs(struct run *runs, bool permissive) {
  uint32_t answers[CALLS_MAX];
  for (int i = 0; i < CALLS_MAX; i++) answers[i] = permissive ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | ENOSYS;
  set_answers(answers, &ALLOWED_CALLS, SECCOMP_RET_ALLOW);
  set_answers(answers, &REFUSED_CALLS, SECCOMP_RET_ERRNO | EPERM);
  int count = 0;
  for (int i = 0; i < CALLS_MAX; i++)
    if (i == 0 || answers[i] != answers[i - 1]) runs[count++] = (struct run){(uint32_t)i, answers[i]};
  return count;
}

// A binary search: the kernel tries a new filter with every call, so a chain of comparisons would delay each start.
static void answer_by_run(struct program *program, const struct run *runs, int count) {
  if (count == 1) {
    emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, runs->answer));
    return;
  }
  int half = count / 2;
  int upper = begin_if(program, BPF_JGE, runs[half].first);
  answer_by_run(program, runs + half, count - half);
  end_if(program, upper);
  answer_by_run(program, runs, half);
}

void filter_system_calls(bool permissive) {
  static struct program program;
  static struct run runs[CALLS_MAX];
  refuse_foreign_calls(&program);
  filter_device_controls(&program);
  filter_namespaces(&program);
  filter_sockets(&program, SYS_socket);
  filter_sockets(&program, SYS_socketpair);
  answer_by_run(&program, runs, list_runs(runs, permissive));
  struct sock_fprog filter = {program.length, program.code};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) fail("filter system calls");
}
