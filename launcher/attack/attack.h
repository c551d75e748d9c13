// What the parts of the attack share. Every attempt is harmless should it succeed: files are opened for writing and
// not written, signals are number 0, names are set to what they are.
#ifndef TEN_ATTACK_H
#define TEN_ATTACK_H

#include <stdbool.h>

// NULL when the wall holds, otherwise what got through. `argument` is the check's own; "@name" stands for a fact.
typedef const char *(*attempt)(const char *argument);

struct check {
  const char *name;
  attempt attempt;
  const char *argument;
  bool known_open; // not closed by these walls alone, and reported as such
};

struct checks {
  const struct check *items;
  int count;
};

extern const struct checks FILE_CHECKS, PROCESS_CHECKS, KERNEL_CHECKS, NETWORK_CHECKS;

// A fact of the command line (name=value). Ends the program when it was not given.
const char *fact(const char *name);
int number_fact(const char *name);

// For calls: NULL if it failed, or failed with that very error.
const char *failed(long result);
const char *failed_with(long result, int error);

// Runs a step in a child of its own; true when the step returned true there.
bool succeeds_in_child(bool (*step)(void));

// The value of a line of /proc/self/status, such as "CapEff".
const char *status_line(const char *name);

// Another tenant, to be attacked: listens everywhere, keeps a secret, never ends by itself.
int play_victim(void);

#endif
