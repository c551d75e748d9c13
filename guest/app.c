// The application: started as a user without any privilege, what it says in pipes that it can open by name.
#define _GNU_SOURCE
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_NOT_FOUND = 127, EXIT_NOT_STARTED = 126 };

void become_user(uid_t uid) {
  if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0) give_up("change the user");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) give_up("forbid new privileges");
}

static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}


// Of the user, whose only other process is the way in.
static void limit_processes(unsigned long most) {
  struct rlimit limit = {most + 1, most + 1};
  if (most != 0 && setrlimit(RLIMIT_NPROC, &limit) < 0) give_up("limit the processes");
}

static _Noreturn void run(const struct order *order) {
  setsid();
  reset_signals();
  limit_processes(order->processes);
  become_user(order->uid);
  umask(077);
  // An image need not have the directory that a service has on its host.
  if (chdir(order->directory) < 0 && (order->image == NULL || chdir("/") < 0)) {
    dprintf(2, "ten: %s: %s\n", order->directory, strerror(errno));
    _exit(EXIT_NOT_STARTED);
  }
  // execvp looks programs up on the PATH of the caller.
  environ = (char **)order->environment.items;
  execvp(order->arguments.items[0], (char *const *)order->arguments.items);
  dprintf(2, "ten: %s: %s\n", order->arguments.items[0], strerror(errno));
  _exit(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED);
}

static void open_pipe(int ends[2], uid_t owner) {
  if (pipe2(ends, O_CLOEXEC) < 0 || fchown(ends[1], owner, owner) < 0) give_up("make a pipe");
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) give_up("make a pipe");
}

struct app start_app(const struct order *order) {
  int output[2], error[2];
  open_pipe(output, order->uid);
  open_pipe(error, order->uid);
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid == 0) {
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(output[1], 1);
    dup2(error[1], 2);
    if (nothing > 2) close(nothing);
    run(order);
  }
  close(output[1]);
  close(error[1]);
  return (struct app){pid, output[0], error[0]};
}
