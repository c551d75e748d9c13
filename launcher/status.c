// The status file: what became of the application, for a server that may not live to see it.
// Opened before any wall stands, append-only, so several processes can write whole lines to it.
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int status_fd = -1;

void open_status(const char *path) {
  status_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (status_fd < 0) fail(path);
}

// A path may hold a line break; a forged line must not come of it.
static void blank_controls(char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ') text[i] = '?';
}

void note(const char *format, ...) {
  if (status_fd < 0) return;
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (length < 0) return;
  size_t kept = (size_t)length < sizeof line - 1 ? (size_t)length : sizeof line - 2;
  blank_controls(line, kept);
  line[kept] = '\n';
  // A full disk must not end the application.
  if (write(status_fd, line, kept + 1) < 0) return;
}

// The 22nd field of /proc/PID/stat.
static unsigned long long start_time_of(pid_t pid) {
  char text[1024];
  const char *field = read_stat(pid, text, sizeof text);
  for (int i = 2; field != NULL && i < 22; i++) field = strchr(field + 1, ' ');
  return field == NULL ? 0 : strtoull(field, NULL, 10);
}

void note_process(const char *name, pid_t pid) {
  note("%s %d %llu", name, pid, start_time_of(pid));
}

static long long wall_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void note_end(int wait_status) {
  if (WIFSIGNALED(wait_status))
    note("signal %d %lld", WTERMSIG(wait_status), wall_clock_ms());
  else
    note("exit %d %lld", WEXITSTATUS(wait_status), wall_clock_ms());
}

int exit_code_of(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void fail_with(int code, const char *where, const char *message) {
  note("error %s: %s", where, message);
  dprintf(2, "ten-launcher: %s: %s\n", where, message);
  _exit(code);
}

void fail(const char *where) { fail_with(EXIT_LAUNCH, where, strerror(errno)); }
