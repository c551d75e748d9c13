// The supervisor of one application: reaps orphans, forwards signals, records the end.
#ifndef TEN_SUPERVISE_H
#define TEN_SUPERVISE_H

#include <stdbool.h>
#include <sys/types.h>

// A real-time signal that no application expects: kill everything, record the end, exit.
enum { ORDER_KILL_ALL = 64 };

struct supervision {
  pid_t app;
  int lifeline;    // hangs up when the launcher outside dies; -1: none
  bool namespaced; // the end of this process ends everything
  bool attached;   // all others are killed when the application ends, as in a namespace
};

// Blocks the signals that `supervise` forwards, so that none is lost before it runs.
void block_signals(void);
// Returns the application's wait status, once nothing is left to wait for.
int supervise(struct supervision supervision);

#endif
