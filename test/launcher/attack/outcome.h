// Outcomes of attempts: of a call, of a step in a child process, and the state of this process.
#ifndef TEN_OUTCOME_H
#define TEN_OUTCOME_H

#include <stdbool.h>

// NULL when a call failed, or failed with this error.
const char *failed(long result);
const char *failed_with(long result, int error);
// True when the step returns true in a child process.
bool succeeds_in_child(bool (*step)(void));
// The value of a line of /proc/self/status, such as "CapEff".
const char *status_line(const char *name);

#endif
