// Limits that need no control group: open files, core files, and which process the kernel kills first.
#include "limits.h"
#include "failure.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

// select(2) knows no descriptor above 1023, so the soft limit stays there and programs that can use more raise it. A
// larger hard limit would let one tenant fill the kernel's tables, and slow down programs that close all descriptors.
enum { OPEN_FILES_SOFT = 1024, OPEN_FILES_HARD = 65536 };
// As much as a fifth of the host's memory counts for the kernel.
enum { SCORE_ADDED = 200, SCORE_MAX = 1000 };

static rlim_t lower(rlim_t one, rlim_t other) { return one < other ? one : other; }

void limit_files(void) {
  struct rlimit files;
  const struct rlimit cores = {0, 0};
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) fail("read the limit on open files");
  files.rlim_max = lower(files.rlim_max, OPEN_FILES_HARD);
  files.rlim_cur = lower(files.rlim_max, OPEN_FILES_SOFT);
  if (setrlimit(RLIMIT_NOFILE, &files) < 0) fail("limit open files");
  if (setrlimit(RLIMIT_CORE, &cores) < 0) fail("limit core files");
}

// Where the file can't be written, as in some containers, the tenant starts nevertheless.
void yield_memory_to_server(void) {
  char text[16] = "";
  int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  if (read(fd, text, sizeof text - 1) > 0) {
    int score = atoi(text) + SCORE_ADDED;
    dprintf(fd, "%d", score < SCORE_MAX ? score : SCORE_MAX);
  }
  close(fd);
}
