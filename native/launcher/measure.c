// Measures the disk space that directories take, as du(1) does: allocated blocks, a file with several names once.
#define _GNU_SOURCE
#include "measure.h"
#include "background.h"
#include "links.h"
#include "namespaces.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// POSIX counts allocation in blocks of this size, whatever the file system's own.
enum { BLOCK_BYTES = 512, CALLS_A_LOOK = 256 };

struct measurement {
  dev_t device; // only this file system is measured
  unsigned long long bytes;
  struct links links;
  bool partial;
  time_t deadline; // seconds of the monotonic clock
  bool over;
  unsigned calls;
};

static time_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec;
}

static bool has_time(void *context) {
  struct measurement *measurement = context;
  if (measurement->calls++ % CALLS_A_LOOK == 0 && now() >= measurement->deadline) measurement->over = true;
  return !measurement->over;
}

static void add(struct measurement *measurement, const struct stat *facts) {
  if (facts->st_dev != measurement->device) return;
  if (facts->st_nlink > 1 && !S_ISDIR(facts->st_mode)) {
    nlink_t found = count_link(&measurement->links, facts);
    if (found == 0) measurement->partial = true;
    if (found != 1) return;
  }
  measurement->bytes += (unsigned long long)facts->st_blocks * BLOCK_BYTES;
}

static void visit(void *context, const struct entry *entry) {
  struct measurement *measurement = context;
  struct stat facts;
  if (fstatat(entry->parent, entry->name, &facts, AT_SYMLINK_NOFOLLOW) == 0)
    add(measurement, &facts);
  else if (errno != ENOENT)
    measurement->partial = true;
}

static bool enter(void *context, const struct entry *entry) {
  visit(context, entry);
  return true;
}

static void miss(void *context, const struct entry *entry, int error) {
  (void)entry;
  struct measurement *measurement = context;
  bool is_no_directory = error == ENOTDIR || error == ELOOP;
  if (error != EXDEV && !is_no_directory) measurement->partial = true;
}

// There an ordinary user reads its own files whatever their modes, so a tenant can't hide them. Where user namespaces
// are refused, hidden directories make the measurement a part.
static void see_hidden_files(void) {
  uid_t user = geteuid();
  gid_t group = getegid();
  if (user != 0 && unshare(CLONE_NEWUSER) == 0) try_map_user(getpid(), user, group);
}

int measure_trees(char **arguments) {
  work_in_background();
  see_hidden_files();
  struct measurement measurement = {.deadline = arguments[0] == NULL ? 0 : now() + atol(arguments[0])};
  const struct visitor visitor = {&measurement, enter, NULL, visit, miss, has_time};
  for (char **path = arguments; *path != NULL && *++path != NULL;) {
    struct stat facts;
    if (lstat(*path, &facts) < 0) continue;
    measurement.device = facts.st_dev;
    walk(*path, &visitor);
  }
  printf("%llu %s\n", measurement.bytes, measurement.partial || measurement.over ? "part" : "whole");
  return 0;
}
