// Failures of the launcher: reports the reason and ends the process.
#include "failure.h"
#include "../shared/process.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void fail_with(int code, const char *subject, const char *reason) {
  note("error %s: %s", subject, reason);
  dprintf(STDERR_FILENO, "ten-launcher: %s: %s\n", subject, reason);
  _exit(code);
}

void fail(const char *subject) { fail_with(EXIT_NOT_STARTED, subject, strerror(errno)); }
