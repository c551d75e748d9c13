// Checks: the attempts of the attack by name, and their tables.
// Every attempt is harmless when it succeeds: it opens files for writing without writing, sends signal 0, and sets
// names to their present values.
#ifndef TEN_CHECK_H
#define TEN_CHECK_H

#include <stdbool.h>

// NULL when the wall holds, otherwise a description of the success. `argument` is the check's own; "@name" is a fact.
typedef const char *(*attempt)(const char *argument);

struct check {
  const char *name;
  attempt attempt;
  const char *argument;
  bool known_open; // these walls alone do not close it, and the report says so
};

struct checks {
  const struct check *items;
  int count;
};

#endif
