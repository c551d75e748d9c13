// Processes: exit codes, signals, the limit on their number.
#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>

int exit_code_of_error(int error) { return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED; }

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// Blocked and ignored signals would stay so across an exec.
void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

void signal_group(pid_t leader, int number) {
  if (kill(-leader, number) < 0 && errno == ESRCH) kill(leader, number);
}

int limit_processes(unsigned long max) {
  const struct rlimit limit = {max, max};
  return max == 0 ? 0 : setrlimit(RLIMIT_NPROC, &limit);
}
