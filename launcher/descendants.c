// The descendants of this process, by the process table. Sees those, too, that left their group or session; as
// a subreaper the launcher is the ancestor of whatever the application leaves behind.
#include "launcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct entry {
  pid_t pid, parent;
};

struct table {
  struct entry *entries;
  size_t count, capacity;
};

const char *read_stat(pid_t pid, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  text[length > 0 ? length : 0] = 0;
  return strrchr(text, ')');
}

// The 4th field; 0: it has gone.
static pid_t parent_of(pid_t pid) {
  char text[512];
  const char *end = read_stat(pid, text, sizeof text);
  int parent = 0;
  return end != NULL && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

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
  // Bounded: a table read while it changes could hold a circle.
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
