// Walks a directory tree by descriptor: follows no link, enters no other mount, and goes to any depth.
#ifndef TEN_WALK_H
#define TEN_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct walk;

// A name in an open directory. Nothing but the name is known of it: calls on it must not follow links.
struct entry {
  int parent;
  const char *name;
  int depth; // 0: the top
  const struct walk *walk;
};

struct visitor {
  void *context;
  // Called before the content of a directory; false leaves the content out.
  bool (*enter)(void *context, const struct entry *entry);
  // Called after the content of a directory that was entered; may be NULL.
  void (*leave)(void *context, const struct entry *entry);
  // Called for everything that is no directory.
  void (*visit)(void *context, const struct entry *entry);
  // Called for a directory that can't be entered or read, with the errno; EXDEV: another mount is there.
  void (*miss)(void *context, const struct entry *entry, int error);
  // False ends the walk; may be NULL.
  bool (*goes_on)(void *context);
};

// The top's parent directories are trusted. Files that vanish meanwhile are left out.
void walk(const char *top, const struct visitor *visitor);
// Opens an entry for calls on the file itself (O_PATH): a link is not followed, a mount not entered. -1 with errno.
int open_entry(const struct entry *entry);
// Writes the path of an entry, shortened at its end where there is no room.
void path_of(const struct entry *entry, char *path, size_t size);

#endif
