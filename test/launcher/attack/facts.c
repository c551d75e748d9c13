// Facts about the targets, from the command line: name=value.
#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char **facts;

void set_facts(char **items) { facts = items; }

const char *find_fact(const char *name) {
  size_t length = strlen(name);
  for (char **item = facts; *item != NULL; item++)
    if (strncmp(*item, name, length) == 0 && (*item)[length] == '=') return *item + length + 1;
  return NULL;
}

const char *fact(const char *name) {
  const char *value = find_fact(name);
  if (value != NULL && *value != 0) return value;
  fprintf(stderr, "attack: no fact %s\n", name);
  exit(EXIT_REFUSED);
}

int number_fact(const char *name) { return atoi(fact(name)); }
