// Outcomes of attempts: of a call, of a step in a child process, and the state of this process.
#define _GNU_SOURCE
#include "outcome.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *failed(long result) { return result < 0 ? NULL : "succeeded"; }

const char *failed_with(long result, int error) {
  static char detail[128];
  int found = errno;
  if (result >= 0) return "succeeded";
  if (found == error) return NULL;
  snprintf(detail, sizeof detail, "failed with \"%s\"", strerror(found));
  return detail;
}

bool succeeds_in_child(bool (*step)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(step() ? 0 : 1);
  int status = 1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const char *status_line(const char *name) {
  static char line[512];
  size_t length = strlen(name);
  FILE *file = fopen("/proc/self/status", "re");
  char *value = NULL;
  while (file != NULL && value == NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, length) == 0 && line[length] == ':') value = line + length + 1;
  if (file != NULL) fclose(file);
  if (value == NULL) return "";
  value += strspn(value, " \t");
  value[strcspn(value, "\n")] = 0;
  while (*value != 0 && value[strlen(value) - 1] == ' ') value[strlen(value) - 1] = 0;
  return value;
}
