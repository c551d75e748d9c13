// Work for the server beside that of tenants.
#define _GNU_SOURCE
#include "background.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

// linux/ioprio.h, which older headers lack. Not the idle class: a process that waits for the disk may hold a lock of
// the file system that tenants need.
enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_LOWEST_BEST_EFFORT = (2 << 13) | 7, NICEST = 19 };

void work_in_background(void) {
  setpriority(PRIO_PROCESS, 0, NICEST);
  syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_LOWEST_BEST_EFFORT);
}
