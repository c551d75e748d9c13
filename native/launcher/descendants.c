// Signals all descendants of this process.
// The process table also shows those that left their group or session: the launcher, a subreaper, is their ancestor.
#include "descendants.h"
#include "failure.h"
#include "process-stat.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct entry {
  pid_t pid, parent;
};

struct table {
  struct entry *entries;
  size_t count, capacity;
};

static void append(struct table *table, struct entry entry) {
  if (table->count == table->capacity) {
    table->capacity = table->capacity == 0 ? 256 : table->capacity * 2;
    table->entries = realloc(table->entries, table->capacity * sizeof *table->entries);
    if (table->entries == NULL) fail("list processes");
  }
  table->entries[table->count++] = entry;
}

static struct table list_processes(void) {
  struct table table = {0};
  DIR *directory = opendir("/proc");
  for (struct dirent *item; directory != NULL && (item = readdir(directory)) != NULL;) {
    pid_t pid = atoi(item->d_name);
    if (pid > 0) append(&table, (struct entry){pid, parent_of(pid)});
  }
  if (directory != NULL) closedir(directory);
  return table;
}

static pid_t parent_in(const struct table *table, pid_t pid) {
  for (size_t i = 0; i < table->count; i++)
    if (table->entries[i].pid == pid) return table->entries[i].parent;
  return 0;
}

static bool descends(const struct table *table, pid_t pid, pid_t ancestor) {
  // Bounded: a table that was read while it changed could contain a cycle.
  for (size_t step = 0; step < table->count && pid > 1; step++) {
    pid = parent_in(table, pid);
    if (pid == ancestor) return true;
  }
  return false;
}

void signal_descendants(int signal) {
  struct table table = list_processes();
  pid_t self = getpid();
  for (size_t i = 0; i < table.count; i++)
    if (descends(&table, table.entries[i].pid, self)) kill(table.entries[i].pid, signal);
  free(table.entries);
}
