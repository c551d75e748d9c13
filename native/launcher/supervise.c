// The supervisor of one application: reaps orphans, forwards signals, records the end.
// Behind walls it is the init of the pid namespace, and the kernel kills the namespace when it ends. Without walls it
// is a subreaper, and stays until the last descendant has ended.
#define _GNU_SOURCE
#include "supervise.h"
#include "../shared/process.h"
#include "descendants.h"
#include "failure.h"
#include "status.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

// Between two reads of the process table descendants may start others, so killing repeats until none is left.
enum { KILL_AGAIN_MS = 10 };

struct state {
  struct supervision of;
  bool app_ended;
  bool killing;
  bool childless;
  int wait_status;
};

// All but those of a fault of the supervisor itself, which must still end it.
static sigset_t forwarded_signals(void) {
  sigset_t set;
  sigfillset(&set);
  const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&set, faults[i]);
  return set;
}

void block_signals(void) {
  sigset_t set = forwarded_signals();
  sigprocmask(SIG_BLOCK, &set, NULL);
}

static void reap(struct state *state) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != state->of.app) continue;
    state->app_ended = true;
    state->wait_status = status;
    note_end(status);
  }
  state->childless = pid < 0 && errno == ECHILD;
}

static void kill_all(struct state *state) {
  state->killing = true;
  // -1 is limited to the namespace for its init only; for any other process it would be the whole host.
  if (getpid() == 1)
    kill(-1, SIGKILL);
  else
    signal_descendants(SIGKILL);
}

static void forward_signal(const struct state *state, int number) {
  // The kernel may give the number of a reaped process to another.
  if (state->app_ended)
    signal_descendants(number);
  else
    signal_group(state->of.app, number);
}

static void handle_signals(struct state *state, int signals) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    int number = (int)info.ssi_signo;
    if (number == SIGCHLD)
      reap(state);
    else if (number == ORDER_KILL_ALL)
      kill_all(state);
    else
      forward_signal(state, number);
  }
}

static bool is_over(const struct state *state) {
  return state->app_ended && (state->of.namespaced || state->childless);
}

int supervise(struct supervision supervision) {
  struct state state = {.of = supervision};
  sigset_t set = forwarded_signals();
  int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("listen for signals");
  while (!is_over(&state)) {
    struct pollfd sources[] = {{signals, POLLIN, 0}, {state.of.lifeline, 0, 0}};
    poll(sources, 2, state.killing ? KILL_AGAIN_MS : -1);
    if (sources[0].revents != 0) handle_signals(&state, signals);
    if (sources[1].revents != 0) state.of.lifeline = -1;
    bool ends_others = state.app_ended && state.of.attached && !is_over(&state);
    if (sources[1].revents != 0 || state.killing || ends_others) kill_all(&state);
  }
  return state.wait_status;
}
