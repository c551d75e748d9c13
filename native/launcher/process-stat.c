// Reads fields of /proc/PID/stat.
#include "process-stat.h"
#include "../shared/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STAT_BYTES = 1024, START_TIME_FIELD = 22 };

// The end of the 2nd field, the program's name, which may itself contain spaces and brackets. NULL: gone.
static const char *read_stat(pid_t pid, char text[STAT_BYTES]) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  return read_file(path, text, STAT_BYTES) < 0 ? NULL : strrchr(text, ')');
}

pid_t parent_of(pid_t pid) {
  char text[STAT_BYTES];
  const char *name_end = read_stat(pid, text);
  int parent = 0;
  return name_end != NULL && sscanf(name_end + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

unsigned long long start_time_of(pid_t pid) {
  char text[STAT_BYTES];
  const char *field = read_stat(pid, text);
  for (int i = 2; field != NULL && i < START_TIME_FIELD; i++) field = strchr(field + 1, ' ');
  return field == NULL ? 0 : strtoull(field, NULL, 10);
}
