// Formats a line of a status file.
#include "status-line.h"

#include <stdio.h>

// A path may contain a line feed, and must not forge a line.
static void replace_controls(char *text, size_t length) {
  for (size_t i = 0; i < length; i++)
    if ((unsigned char)text[i] < ' ') text[i] = '?';
}

size_t format_status_line(char *line, size_t size, const char *format, va_list arguments) {
  size_t room = size - 1; // for the text and its NUL; the line feed takes one more
  int wanted = vsnprintf(line, room, format, arguments);
  if (wanted < 0) return 0;
  size_t length = (size_t)wanted < room ? (size_t)wanted : room - 1;
  replace_controls(line, length);
  line[length] = '\n';
  line[length + 1] = 0;
  return length + 1;
}
