// ten-launcher: joins control groups, builds walls, starts the application, and waits for all its processes.
// README.md describes the options, the exit codes and the status file.
#define _GNU_SOURCE
#include "../shared/process.h"
#include "app.h"
#include "attach.h"
#include "delete.h"
#include "failure.h"
#include "forward.h"
#include "give.h"
#include "layers.h"
#include "limits.h"
#include "measure.h"
#include "namespaces.h"
#include "options.h"
#include "privileges.h"
#include "status.h"
#include "supervise.h"
#include "view.h"
#include "walls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SYSCALL_CLOSE_RANGE = 436 };

// A leaked descriptor of the server would bypass every wall.
static void close_inherited_descriptors(void) {
  if (!wall(WALL_DESCRIPTORS) || syscall(SYSCALL_CLOSE_RANGE, 3, ~0U, 0) == 0) return;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) fail("close descriptors");
  for (int fd = 3; fd < (int)limit.rlim_cur; fd++) close(fd);
}

static void open_null_input(void) {
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0) fail("/dev/null");
  close(null);
}

// Comes first, so that the limits apply to all that follows.
static void join_group(const char *directory) {
  char path[4096];
  snprintf(path, sizeof path, "%s/cgroup.procs", directory);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, "0", 1) < 0) fail(path);
  close(fd);
}

// A copy of the arguments, so that `hide_arguments` can blank the original, which /proc/1/cmdline shows.
static char **copy_arguments(int argc, char **argv) {
  char **copy = calloc((size_t)argc + 1, sizeof *copy);
  for (int i = 0; copy != NULL && i < argc; i++)
    if ((copy[i] = strdup(argv[i])) == NULL) fail("copy arguments");
  if (copy == NULL) fail("copy arguments");
  return copy;
}

// The arguments name directories of the server, which the tenant must not learn.
static void hide_arguments(int argc, char **argv) {
  char *end = argv[argc - 1] + strlen(argv[argc - 1]);
  memset(argv[0], 0, (size_t)(end - argv[0]));
  prctl(PR_SET_NAME, "ten-init");
}

// Makes the init unreadable before the tenant exists: rootless both run as the same user.
static void protect_init(int argc, char **argv) {
  if (!wall(WALL_INIT_SECRECY)) return;
  hide_arguments(argc, argv);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) fail("protect the init");
}

struct arguments {
  int argc;
  char **argv;
};

static _Noreturn void run_init(const struct options *options, int lifeline, struct arguments arguments) {
  char go;
  if (read(lifeline, &go, 1) != 1) _exit(EXIT_NOT_STARTED); // the launcher died before it had mapped the user
  setsid(); // out of the launcher's group: a signal to that group comes once, from the launcher
  set_hostname(options);
  int forward_socket = options->forward_socket != NULL ? bind_forward_socket(options->forward_socket) : -1;
  build_view(options);
  if (options->private_net) raise_loopback();
  protect_init(arguments.argc, arguments.argv);
  if (forward_socket >= 0) start_forwarder(options, forward_socket);
  pid_t app = fork();
  if (app < 0) fail("fork");
  if (app == 0) {
    // The kernel translates the sender's process number to that of the host. The launcher answers once it has
    // recorded the number, so the line about the end comes later.
    if (write(lifeline, &go, 1) != 1 || read(lifeline, &go, 1) != 1) _exit(EXIT_NOT_STARTED);
    run_application(options);
  }
  if (!options->rootless) drop_capabilities(1U << CAP_KILL); // to signal processes of the instance's user
  forbid_new_privileges();
  int status = supervise((struct supervision){.app = app, .lifeline = lifeline, .namespaced = true});
  _exit(exit_code_of(status));
}

// Receives the application's process number, or nothing when the init ends before the application starts.
static void note_application(int lifeline) {
  char byte;
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred))];
  } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control};
  message.msg_controllen = sizeof control;
  if (recvmsg(lifeline, &message, MSG_CMSG_CLOEXEC) != 1) return;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_type != SCM_CREDENTIALS) return;
  struct ucred sender;
  memcpy(&sender, CMSG_DATA(header), sizeof sender);
  note("app %d", sender.pid);
  if (write(lifeline, "", 1) != 1) fail("start the application");
}

// Forwards every signal until the init has ended.
static int await_init(pid_t init) {
  sigset_t all;
  sigfillset(&all);
  for (;;) {
    int status;
    int number = sigwaitinfo(&all, NULL);
    if (number < 0) continue;
    if (number == SIGCHLD && waitpid(init, &status, WNOHANG) == init) return status;
    if (number != SIGCHLD) kill(init, number);
  }
}

static int run_behind_walls(const struct options *options, struct arguments arguments) {
  int ends[2];
  const int on = 1;
  umask(022); // the directories of the view are for every user inside, whatever mask the server has
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) fail("create a socket pair");
  if (setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) fail("ask for credentials");
  prepare_layer(options);
  pid_t init = enter_namespaces(options);
  if (init == 0) {
    close(ends[0]);
    run_init(options, ends[1], arguments);
  }
  close(ends[1]);
  if (options->rootless) map_user(init);
  note_process("init", init);
  if (write(ends[0], "", 1) != 1) fail("start the init");
  note_application(ends[0]);
  if (!options->rootless) drop_capabilities(1U << CAP_KILL);
  int status = await_init(init);
  if (WIFSIGNALED(status)) note_end(status); // killed from outside, before it could record the end
  return status;
}

// Without its launcher no process would record the application's end.
static void die_with(pid_t launcher) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) fail("set the parent death signal");
  if (getppid() != launcher) _exit(EXIT_NOT_STARTED); // it has ended already
}

static int run_without_walls(const struct options *options) {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) fail("become a subreaper");
  pid_t launcher = getpid();
  if (options->forward_socket != NULL) start_forwarder(options, bind_forward_socket(options->forward_socket));
  pid_t app = fork();
  if (app < 0) fail("fork");
  if (app == 0) {
    die_with(launcher);
    note("app %d", getpid());
    run_application(options);
  }
  // As the first process of a sandbox it is an init as well: the kernel kills all others when it ends.
  return supervise(
    (struct supervision){.app = app, .lifeline = -1, .namespaced = getpid() == 1, .attached = options->attached});
}

int main(int argc, char **argv) {
  close_inherited_descriptors();
  if (argc > 2 && strcmp(argv[1], "measure") == 0) return measure_trees(argv + 2);
  if (argc > 2 && strcmp(argv[1], "delete") == 0) return delete_trees(argv + 2);
  struct options options;
  parse_options(argc, copy_arguments(argc, argv), &options);
  if (options.status != NULL && !open_status(options.status)) fail(options.status);
  for (int i = 0; i < options.cgroups.count; i++) join_group(options.cgroups.items[i]);
  yield_memory_to_server();
  if (options.attached)
    relay_streams(&options);
  else
    open_null_input();
  note_process("launcher", getpid());
  // Before signals are blocked: both may take long.
  for (int i = 0; i < options.emptied.count; i++) empty_directory(options.emptied.items[i]);
  if (options.given != NULL) give_tree(options.given, options.given_to);
  block_signals();
  int status = options.walls ? run_behind_walls(&options, (struct arguments){argc, argv}) : run_without_walls(&options);
  note("gone");
  return exit_code_of(status);
}
