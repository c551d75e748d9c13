// Unmounts the volumes of other instances in the tenant's mount namespace.
// They lie in hidden directories, but their copies here would keep them busy for as long as the tenant runs.
#define _GNU_SOURCE
#include "volumes.h"
#include "failure.h"
#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>

static bool concerns(const char *mount, const char *hidden, const char *shown) {
  return is_under(shown, hidden) && (is_under(mount, shown) || is_under(shown, mount));
}

static bool is_concerned(const char *mount, const char *hidden, const struct list *shown) {
  for (int i = 0; i < shown->count; i++)
    if (concerns(mount, hidden, shown->items[i])) return true;
  return false;
}

static bool is_foreign(const char *mount, const struct options *options) {
  for (int i = 0; i < options->hides.count; i++) {
    const char *hidden = options->hides.items[i];
    if (!is_under(mount, hidden) || is_under(hidden, mount)) continue;
    if (is_concerned(mount, hidden, &options->reads) || is_concerned(mount, hidden, &options->writes) ||
        is_concerned(mount, hidden, &options->read_mounts.outsides) ||
        is_concerned(mount, hidden, &options->write_mounts.outsides) ||
        (options->tmp != NULL && concerns(mount, hidden, options->tmp)))
      continue;
    return true;
  }
  return false;
}

// In /proc/self/mountinfo white space and backslashes are octal escapes.
static void unescape(char *text) {
  char *out = text;
  for (; *text != 0; text++, out++) {
    bool octal = text[0] == '\\' && text[1] != 0 && text[2] != 0 && text[3] != 0;
    *out = octal ? (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')) : *text;
    if (octal) text += 3;
  }
  *out = 0;
}

// Rootless the kernel refuses to unmount, which does no harm: the server of an ordinary user has no volumes.
void unmount_foreign_volumes(const struct options *options) {
  FILE *table = fopen("/proc/self/mountinfo", "re");
  if (table == NULL) fail("read /proc/self/mountinfo");
  char *line = NULL;
  size_t size = 0;
  char **volumes = NULL;
  size_t count = 0;
  while (getline(&line, &size, table) > 0) {
    char *path = NULL;
    if (sscanf(line, "%*s %*s %*s %*s %ms", &path) != 1) continue;
    unescape(path);
    if (!is_foreign(path, options)) {
      free(path);
      continue;
    }
    volumes = realloc(volumes, (count + 1) * sizeof *volumes);
    if (volumes == NULL) fail("list volumes");
    volumes[count++] = path;
  }
  free(line);
  fclose(table);
  while (count > 0) {
    umount2(volumes[--count], MNT_DETACH);
    free(volumes[count]);
  }
  free(volumes);
}
