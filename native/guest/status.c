// The status of the application, as lines for the host.
// A serial port gets one line after another. A disk of one block holds the latest line only.
#define _GNU_SOURCE
#include "status.h"
#include "../shared/status-line.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum { BLOCK_BYTES = 512 };

static int status_fd = -1;
static enum status_device status_device;

void open_status(int fd, enum status_device device) {
  status_fd = fd;
  status_device = device;
}

static bool write_line(const char line[BLOCK_BYTES], size_t length) {
  if (status_device == STATUS_PORT) return write(status_fd, line, length) >= 0;
  return pwrite(status_fd, line, BLOCK_BYTES, 0) >= 0;
}

void note(const char *format, ...) {
  char line[BLOCK_BYTES] = {0};
  va_list arguments;
  va_start(arguments, format);
  size_t length = format_status_line(line, sizeof line, format, arguments);
  va_end(arguments);
  if (status_fd < 0)
    dprintf(STDERR_FILENO, "ten: %s", line);
  else if (!write_line(line, length))
    dprintf(STDERR_FILENO, "ten: cannot write the status: %s", line);
}
