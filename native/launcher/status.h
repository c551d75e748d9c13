// The status file: records processes, failures and the end, for a server that may restart meanwhile.
#ifndef TEN_STATUS_H
#define TEN_STATUS_H

#include <stdbool.h>
#include <sys/types.h>

// False with errno on failure. Without an open file the functions below do nothing.
bool open_status(const char *path);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void note_process(const char *name, pid_t pid);
void note_end(int wait_status);

#endif
