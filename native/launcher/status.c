// The status file: records processes, failures and the end, for a server that may restart meanwhile.
// Opened before any wall stands, and append-only, so several processes can write whole lines to it.
#include "status.h"
#include "../shared/status-line.h"
#include "process-stat.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static int status_fd = -1;

bool open_status(const char *path) {
  status_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  return status_fd >= 0;
}

void note(const char *format, ...) {
  if (status_fd < 0) return;
  char line[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  size_t length = format_status_line(line, sizeof line, format, arguments);
  va_end(arguments);
  // A full disk must not end the application.
  if (write(status_fd, line, length) < 0) return;
}

void note_process(const char *name, pid_t pid) { note("%s %d %llu", name, pid, start_time_of(pid)); }

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
