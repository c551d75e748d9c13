// Paths: compares and resolves them, and opens mount points without following a link that a tenant planted.
#define _GNU_SOURCE
#include "paths.h"
#include "failure.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool is_under(const char *path, const char *directory) {
  size_t length = strlen(directory);
  while (length > 1 && directory[length - 1] == '/') length--;
  return strncmp(path, directory, length) == 0 && (path[length] == 0 || path[length] == '/');
}

int depth_of(const char *path) {
  int depth = 0;
  for (; *path != 0; path++)
    if (path[0] == '/' && path[1] != 0 && path[1] != '/') depth++;
  return depth;
}

char *resolve(const char *path) { return realpath(path, NULL); }

// Resolves the part that the host has. Paths below /tmp stay as they are: inside, that is another directory, and on
// the host any user could plant a link there.
char *resolve_inside(const char *path) {
  char *prefix = strdup(path);
  char *resolved = NULL;
  bool private = is_under(path, "/tmp") || is_under(path, "/var/tmp");
  while (!private && strlen(prefix) > 1 && (resolved = realpath(prefix, NULL)) == NULL) {
    char *slash = strrchr(prefix, '/');
    if (slash == prefix) break;
    *slash = 0;
  }
  if (resolved == NULL) {
    free(prefix);
    return strdup(path);
  }
  const char *rest = path + strlen(prefix);
  char *whole = malloc(strlen(resolved) + strlen(rest) + 1);
  if (whole == NULL) fail(path);
  strcpy(whole, resolved);
  strcat(whole, rest);
  free(prefix);
  free(resolved);
  return whole;
}

static int open_component(int parent, const char *name, bool directory, bool create) {
  if (create && directory && mkdirat(parent, name, 0755) < 0 && errno != EEXIST && errno != EROFS) return -1;
  if (create && !directory) {
    int made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (made >= 0) close(made);
  }
  int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC | (directory ? O_DIRECTORY : 0);
  int fd = openat(parent, name, flags);
  if (fd < 0 || directory) return fd;
  struct stat facts;
  if (fstat(fd, &facts) == 0 && !S_ISLNK(facts.st_mode)) return fd;
  close(fd);
  errno = ELOOP;
  return -1;
}

int open_mount_point(const char *path, bool directory, bool create) {
  char copy[PATH_MAX];
  if (strlen(path) >= sizeof copy) return errno = ENAMETOOLONG, -1;
  strcpy(copy, path);
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *state = NULL;
  char *name = strtok_r(copy, "/", &state);
  while (name != NULL && fd >= 0) {
    char *following = strtok_r(NULL, "/", &state);
    int next = open_component(fd, name, directory || following != NULL, create);
    int error = errno;
    close(fd);
    errno = error;
    fd = next;
    name = following;
  }
  return fd;
}
