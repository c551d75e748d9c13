// Deletes directories with their content. Gets past modes that an ordinary user has set.
#define _GNU_SOURCE
#include "delete.h"
#include "background.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct deletion {
  unsigned long removed;
  unsigned long left;
  char first[PATH_MAX]; // of those that are left
  int error;
};

static void keep(struct deletion *deletion, const struct entry *entry, int error) {
  // A directory stays because of its content, whose error says more than ENOTEMPTY.
  if (deletion->left++ > 0 && deletion->error != ENOTEMPTY) return;
  deletion->error = error;
  path_of(entry, deletion->first, sizeof deletion->first);
}

static void miss(void *context, const struct entry *entry, int error) { keep(context, entry, error); }

static void delete_entry(struct deletion *deletion, const struct entry *entry, int flags) {
  if (unlinkat(entry->parent, entry->name, flags) == 0)
    deletion->removed++;
  else if (errno != ENOENT)
    keep(deletion, entry, errno);
}

static void delete_file(void *context, const struct entry *entry) { delete_entry(context, entry, 0); }

static void delete_directory(void *context, const struct entry *entry) { delete_entry(context, entry, AT_REMOVEDIR); }

// By descriptor, since chmod(2) follows links.
static bool open_modes(void *context, const struct entry *entry) {
  (void)context;
  int fd = open_entry(entry);
  struct stat facts;
  char path[64];
  if (fd < 0) return true;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode) && (facts.st_mode & S_IRWXU) != S_IRWXU)
    chmod(path, facts.st_mode | S_IRWXU);
  close(fd);
  return true;
}

static bool enter(void *context, const struct entry *entry) {
  (void)context, (void)entry;
  return true;
}

// Again while it helps: a file system may leave out names while others in the directory are deleted.
static void delete_tree(const char *path, struct deletion *deletion) {
  bool is_root = geteuid() == 0;
  const struct visitor visitor = {deletion, is_root ? enter : open_modes, delete_directory, delete_file, miss, NULL};
  unsigned long left_before = deletion->left;
  do {
    deletion->removed = 0;
    deletion->left = left_before;
    walk(path, &visitor);
  } while (deletion->left > left_before && deletion->removed > 0);
}

static void delete_inner_directory(void *context, const struct entry *entry) {
  if (entry->depth > 0) delete_directory(context, entry);
}

void empty_directory(const char *path) {
  struct deletion deletion = {0};
  walk(path, &(struct visitor){&deletion, enter, delete_inner_directory, delete_file, miss, NULL});
}

int delete_trees(char **paths) {
  work_in_background();
  struct deletion deletion = {0};
  for (; *paths != NULL; paths++) {
    struct stat facts;
    if (lstat(*paths, &facts) < 0) continue;
    if (S_ISDIR(facts.st_mode))
      delete_tree(*paths, &deletion);
    else if (unlink(*paths) < 0)
      deletion.left++, deletion.error = errno, snprintf(deletion.first, sizeof deletion.first, "%s", *paths);
  }
  if (deletion.left == 0) return 0;
  printf("%lu left, such as %s: %s\n", deletion.left, deletion.first, strerror(deletion.error));
  return 1;
}
