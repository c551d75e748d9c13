// The supervisor of one application: reaps what is orphaned, passes signals on, records the end. Behind walls it is
// the namespace's init, whose end is everything's end; without, a subreaper that stays until the last descendant.
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

// While everything is being killed, new descendants may appear between two looks at the process table.
enum { KILL_AGAIN_MS = 10 };

struct state {
  struct supervision of;
  bool app_ended;
  bool killing;
  bool childless;
  int wait_status;
};

// A fault of the supervisor itself must still end it.
static sigset_t passed_signals(void) {
  sigset_t set;
  sigfillset(&set);
  const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&set, faults[i]);
  return set;
}

void block_signals(void) {
  sigset_t set = passed_signals();
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
  // "Everything" is meant for the init of a namespace; anywhere else it would be the whole machine.
  if (getpid() == 1)
    kill(-1, SIGKILL);
  else
    signal_descendants(SIGKILL);
}

static void pass_on(struct state *state, int number) {
  // Once it has been reaped its group's number may belong to somebody else.
  if (state->app_ended)
    signal_descendants(number);
  else if (kill(-state->of.app, number) < 0 && errno == ESRCH)
    kill(state->of.app, number); // it has not made its group yet
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
      pass_on(state, number);
  }
}

static bool is_over(const struct state *state) {
  return state->app_ended && (state->of.namespaced || state->childless);
}

int supervise(struct supervision supervision) {
  struct state state = {.of = supervision};
  sigset_t set = passed_signals();
  int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("listen for signals");
  while (!is_over(&state)) {
    struct pollfd sources[] = {{signals, POLLIN, 0}, {state.of.lifeline, 0, 0}};
    poll(sources, 2, state.killing ? KILL_AGAIN_MS : -1);
    if (sources[0].revents != 0) handle_signals(&state, signals);
    if (sources[1].revents != 0) state.of.lifeline = -1;
    if (sources[1].revents != 0 || state.killing) kill_all(&state);
  }
  return state.wait_status;
}
