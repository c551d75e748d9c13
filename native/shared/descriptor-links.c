// The links /dev/fd, /dev/stdin, /dev/stdout and /dev/stderr.
#include "descriptor-links.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

static const struct {
  const char *target, *path;
} LINKS[] = {
  {"/proc/self/fd", "/dev/fd"},
  {"/proc/self/fd/0", "/dev/stdin"},
  {"/proc/self/fd/1", "/dev/stdout"},
  {"/proc/self/fd/2", "/dev/stderr"},
};

int make_descriptor_links(void) {
  for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++)
    if (symlink(LINKS[i].target, LINKS[i].path) < 0 && errno != EEXIST) return -1;
  return 0;
}
