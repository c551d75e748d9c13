// Facts about the targets, from the command line: name=value.
#ifndef TEN_FACTS_H
#define TEN_FACTS_H

#include <stdbool.h>

// `items` ends with NULL.
void set_facts(char **items);
// NULL when the fact was not given.
const char *find_fact(const char *name);
// Ends the program with EXIT_REFUSED when the fact was not given.
const char *fact(const char *name);
int number_fact(const char *name);

enum { EXIT_REFUSED = 99 };

#endif
