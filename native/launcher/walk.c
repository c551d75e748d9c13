// Walks a directory tree by descriptor: follows no link, enters no other mount, and goes to any depth.
#define _GNU_SOURCE
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// Of directories that contain the present one. Deeper ones are opened again by "..", and compared.
enum { DESCRIPTORS_MAX = 200, BUFFER_BYTES = 32 * 1024 };

// A directory that is being walked.
struct frame {
  int fd; // -1: closed, and opened again on the way back
  dev_t device;
  ino_t inode;
  char *names; // of its directories, each with its final NUL
  size_t size, room, next;
  const char *current; // the one that is being walked
};

struct walk {
  const char *top;
  const struct visitor *visitor;
  struct frame *frames;
  int count, room;
};

// As getdents64(2) writes it.
struct record {
  uint64_t inode;
  int64_t offset;
  unsigned short length;
  unsigned char type;
  char name[];
};

static void *grown(void *memory, size_t size) {
  void *larger = realloc(memory, size);
  if (larger == NULL) {
    dprintf(STDERR_FILENO, "ten-launcher: out of memory\n");
    _exit(1);
  }
  return larger;
}

// Kernels before 5.6 lack the call; there a mount is recognised by its file system alone.
static int open_on_device(int parent, const char *name, int flags, dev_t device) {
  int fd = openat(parent, name, flags);
  struct stat facts;
  if (fd < 0 || (fstat(fd, &facts) == 0 && facts.st_dev == device)) return fd;
  close(fd);
  errno = EXDEV;
  return -1;
}

static int open_below(const struct frame *parent, const char *name, int flags) {
  struct open_how how = {
    .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
    .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
  };
  int fd = (int)syscall(SYS_openat2, parent->fd, name, &how, sizeof how);
  return fd < 0 && errno == ENOSYS ? open_on_device(parent->fd, name, (int)how.flags, parent->device) : fd;
}

int open_entry(const struct entry *entry) {
  if (entry->depth == 0) return open(entry->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return open_below(&entry->walk->frames[entry->depth - 1], entry->name, O_PATH);
}

static bool goes_on(const struct walk *walk) {
  return walk->visitor->goes_on == NULL || walk->visitor->goes_on(walk->visitor->context);
}

static struct entry entry_in(const struct walk *walk, int depth, const char *name) {
  int parent = depth == 0 ? AT_FDCWD : walk->frames[depth - 1].fd;
  return (struct entry){.parent = parent, .name = name, .depth = depth, .walk = walk};
}

static bool is_directory(int parent, const struct record *record) {
  if (record->type != DT_UNKNOWN) return record->type == DT_DIR;
  struct stat facts;
  return fstatat(parent, record->name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(facts.st_mode);
}

static void remember(struct frame *frame, const char *name) {
  size_t length = strlen(name) + 1;
  if (frame->size + length > frame->room) {
    frame->room = 2 * (frame->size + length);
    frame->names = grown(frame->names, frame->room);
  }
  memcpy(frame->names + frame->size, name, length);
  frame->size += length;
}

// Visits the files of the innermost directory, and remembers its directories.
static void read_directory(struct walk *walk) {
  struct frame *frame = &walk->frames[walk->count - 1];
  _Alignas(struct record) char buffer[BUFFER_BYTES];
  long length;
  while ((length = syscall(SYS_getdents64, frame->fd, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < length && goes_on(walk);) {
      const struct record *record = (const struct record *)(buffer + at);
      at += record->length;
      if (!strcmp(record->name, ".") || !strcmp(record->name, "..")) continue;
      struct entry entry = entry_in(walk, walk->count, record->name);
      if (is_directory(frame->fd, record))
        remember(frame, record->name);
      else
        walk->visitor->visit(walk->visitor->context, &entry);
    }
    if (!goes_on(walk)) return;
  }
  if (length == 0) return;
  struct entry self = entry_in(walk, walk->count - 1, walk->count == 1 ? walk->top : frame[-1].current);
  walk->visitor->miss(walk->visitor->context, &self, errno);
}

static void push(struct walk *walk, int fd) {
  if (walk->count == walk->room) {
    walk->room = walk->room * 2 + 64;
    walk->frames = grown(walk->frames, (size_t)walk->room * sizeof *walk->frames);
  }
  struct stat facts = {0};
  fstat(fd, &facts);
  walk->frames[walk->count++] = (struct frame){.fd = fd, .device = facts.st_dev, .inode = facts.st_ino};
  read_directory(walk);
  if (walk->count <= DESCRIPTORS_MAX) return;
  struct frame *above = &walk->frames[walk->count - 2];
  close(above->fd);
  above->fd = -1;
}

static void enter(struct walk *walk, const char *name) {
  const struct visitor *visitor = walk->visitor;
  struct entry entry = entry_in(walk, walk->count, name);
  if (!visitor->enter(visitor->context, &entry)) return;
  int fd = walk->count == 0 ? open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                            : open_below(&walk->frames[walk->count - 1], name, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (fd >= 0)
    push(walk, fd);
  else if (errno != ENOENT)
    visitor->miss(visitor->context, &entry, errno);
}

// A directory that was moved meanwhile has another parent.
static int reopen(const struct frame *parent, int child) {
  int fd = openat(child, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
  struct stat facts;
  if (fd < 0 || (fstat(fd, &facts) == 0 && facts.st_dev == parent->device && facts.st_ino == parent->inode)) return fd;
  close(fd);
  errno = ESTALE;
  return -1;
}

// False: there is no way back to the directory above.
static bool leave(struct walk *walk) {
  const struct visitor *visitor = walk->visitor;
  struct frame *frame = &walk->frames[--walk->count];
  struct frame *above = walk->count == 0 ? NULL : frame - 1;
  if (above != NULL && above->fd < 0) above->fd = reopen(above, frame->fd);
  bool is_back = above == NULL || above->fd >= 0;
  int error = errno;
  close(frame->fd);
  free(frame->names);
  struct entry entry = entry_in(walk, walk->count, above == NULL ? walk->top : above->current);
  if (!is_back)
    visitor->miss(visitor->context, &entry, error);
  else if (visitor->leave != NULL)
    visitor->leave(visitor->context, &entry);
  return is_back;
}

static void close_all(struct walk *walk) {
  while (walk->count > 0) {
    struct frame *frame = &walk->frames[--walk->count];
    if (frame->fd >= 0) close(frame->fd);
    free(frame->names);
  }
  free(walk->frames);
}

void walk(const char *top, const struct visitor *visitor) {
  struct walk walk = {.top = top, .visitor = visitor};
  enter(&walk, top);
  while (walk.count > 0 && goes_on(&walk)) {
    struct frame *frame = &walk.frames[walk.count - 1];
    if (frame->next == frame->size) {
      if (!leave(&walk)) break;
      continue;
    }
    frame->current = frame->names + frame->next;
    frame->next += strlen(frame->current) + 1;
    enter(&walk, frame->current);
  }
  close_all(&walk);
}

void path_of(const struct entry *entry, char *path, size_t size) {
  size_t length = (size_t)snprintf(path, size, "%s", entry->walk->top);
  for (int depth = 1; depth <= entry->depth && length < size; depth++) {
    const char *name = depth == entry->depth ? entry->name : entry->walk->frames[depth - 1].current;
    length += (size_t)snprintf(path + length, size - length, "/%s", name);
  }
}
