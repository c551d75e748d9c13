// Formats a line of a status file.
#ifndef TEN_STATUS_LINE_H
#define TEN_STATUS_LINE_H

#include <stdarg.h>
#include <stddef.h>

// Writes one line with its line feed and a NUL, cut to `size`. The length without the NUL; 0 on failure.
size_t format_status_line(char *line, size_t size, const char *format, va_list arguments);

#endif
