// Gives a directory and its content to a user. A file that has names elsewhere too stays as it is: it may be a backup,
// or a file of the host's.
#define _GNU_SOURCE
#include "give.h"
#include "failure.h"
#include "links.h"
#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The look at each start: two levels, since an operator replaces a directory of the application's or a file in it.
enum { LOOK_DEPTH = 2, LOOKED_MAX = 1000, REPORTS_MAX = 10 };

struct look {
  uid_t owner;
  int looked;
  bool found; // a file of another user's
};

static bool looks_on(void *context) {
  const struct look *look = context;
  return !look->found && look->looked < LOOKED_MAX;
}

static void look_at(void *context, const struct entry *entry) {
  struct look *look = context;
  struct stat facts;
  look->looked++;
  if (fstatat(entry->parent, entry->name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && facts.st_uid != look->owner)
    look->found = true;
}

static bool look_into(void *context, const struct entry *entry) {
  look_at(context, entry);
  return entry->depth < LOOK_DEPTH;
}

static void look_away(void *context, const struct entry *entry, int error) { (void)context, (void)entry, (void)error; }

static bool is_given(const char *top, uid_t owner) {
  struct look look = {.owner = owner};
  const struct visitor visitor = {&look, look_into, NULL, look_at, look_away, looks_on};
  walk(top, &visitor);
  return !look.found;
}

struct gift {
  uid_t owner;
  dev_t device;
  struct links links;
  int kept;
};

static void report_kept(struct gift *gift, const struct entry *entry, const char *reason) {
  char path[PATH_MAX];
  if (++gift->kept > REPORTS_MAX) return;
  path_of(entry, path, sizeof path);
  dprintf(STDERR_FILENO, "ten: %s is not given to user %u: %s\n", path, gift->owner, reason);
}

// Opened first, so that the file that was looked at is the file that is given.
static void give(void *context, const struct entry *entry) {
  struct gift *gift = context;
  int fd = open_entry(entry);
  struct stat facts;
  if (fd < 0) return;
  bool is_foreign = fstat(fd, &facts) == 0 && facts.st_dev == gift->device &&
                    (facts.st_uid != gift->owner || facts.st_gid != gift->owner);
  // Its last name inside shows that it has no other.
  bool has_names = is_foreign && facts.st_nlink > 1 && !S_ISDIR(facts.st_mode);
  if (is_foreign && (!has_names || count_link(&gift->links, &facts) == facts.st_nlink) &&
      fchownat(fd, "", gift->owner, gift->owner, AT_EMPTY_PATH) < 0)
    report_kept(gift, entry, strerror(errno));
  close(fd);
}

static bool give_directory(void *context, const struct entry *entry) {
  if (entry->depth > 0) give(context, entry);
  return true;
}

static void miss(void *context, const struct entry *entry, int error) {
  if (error != EXDEV) report_kept(context, entry, strerror(error));
}

static void report_link(void *context, const struct entry *entry) {
  struct gift *gift = context;
  struct stat facts;
  if (fstatat(entry->parent, entry->name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && facts.st_uid != gift->owner &&
      facts.st_nlink > 1 && facts.st_dev == gift->device)
    report_kept(gift, entry, "it has names outside as well");
}

static bool go_into(void *context, const struct entry *entry) {
  (void)context, (void)entry;
  return true;
}

// Until the end the top belongs to root, so that an interrupted call is repeated.
void give_tree(const char *top, uid_t owner) {
  struct stat facts;
  if (lstat(top, &facts) < 0) fail(top);
  if (facts.st_uid == owner && is_given(top, owner)) return;
  if (lchown(top, 0, 0) < 0) fail(top);
  struct gift gift = {.owner = owner, .device = facts.st_dev};
  walk(top, &(struct visitor){&gift, give_directory, NULL, give, miss, NULL});
  if (gift.links.count > 0) walk(top, &(struct visitor){&gift, go_into, NULL, report_link, look_away, NULL});
  free(gift.links.slots);
  if (gift.kept > REPORTS_MAX) dprintf(STDERR_FILENO, "ten: and %d more are not given\n", gift.kept - REPORTS_MAX);
  if (lchown(top, owner, owner) < 0) fail(top);
}
