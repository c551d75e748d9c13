// The application: starts it as an ordinary user, with pipes for its output.
#define _GNU_SOURCE
#include "app.h"
#include "../shared/process.h"
#include "failure.h"
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static _Noreturn void report_and_exit(const char *subject, int code) {
  dprintf(STDERR_FILENO, "ten: %s: %s\n", subject, strerror(errno));
  _exit(code);
}

static void limit_application(unsigned long processes) {
  // The kernel counts per user, and the entry is a process of the same user.
  if (limit_processes(processes == 0 ? 0 : processes + 1) < 0) fail("limit the processes");
}

static _Noreturn void run(const struct order *order) {
  setsid();
  reset_signals();
  limit_application(order->processes);
  become_user(order->uid);
  umask(077);
  if (order->runtime_dir != NULL) mkdir(order->runtime_dir, 0700);
  // An image may lack the directory that the service has on its host.
  if (chdir(order->directory) < 0 && (order->image == NULL || chdir("/") < 0))
    report_and_exit(order->directory, EXIT_NOT_STARTED);
  // execvp searches the PATH of this environment.
  environ = (char **)order->environment.items;
  execvp(order->arguments.items[0], (char *const *)order->arguments.items);
  report_and_exit(order->arguments.items[0], exit_code_of_error(errno));
}

// The application owns the pipes, so that it can open /dev/stdout by name.
static void open_pipe(int ends[2], uid_t owner) {
  if (pipe2(ends, O_CLOEXEC) < 0 || fchown(ends[1], owner, owner) < 0) fail("make a pipe");
  if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) fail("make a pipe");
}

struct app start_app(const struct order *order) {
  int output[2], error[2];
  open_pipe(output, order->uid);
  open_pipe(error, order->uid);
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    dup2(error[1], STDERR_FILENO);
    if (null > STDERR_FILENO) close(null);
    run(order);
  }
  close(output[1]);
  close(error[1]);
  return (struct app){pid, output[0], error[0]};
}
