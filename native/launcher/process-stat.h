// Reads fields of /proc/PID/stat.
#ifndef TEN_PROCESS_STAT_H
#define TEN_PROCESS_STAT_H

#include <sys/types.h>

// Each is 0 when the process is gone.
pid_t parent_of(pid_t pid);
unsigned long long start_time_of(pid_t pid);

#endif
