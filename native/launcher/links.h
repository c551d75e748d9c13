// Files with several names: counts the names that a walk has found of each.
#ifndef TEN_LINKS_H
#define TEN_LINKS_H

#include <stddef.h>
#include <sys/stat.h>

struct link_count {
  dev_t device;
  ino_t inode; // 0: unused
  nlink_t found;
};

// A hash table; all zeros: empty.
struct links {
  struct link_count *slots;
  size_t count, room;
};

// Counts one more name of a file, and returns how many have been found; 0: there is no room for another file.
nlink_t count_link(struct links *links, const struct stat *facts);

#endif
