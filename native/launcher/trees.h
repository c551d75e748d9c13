// Mount trees: detached copies and new tmpfs, their attributes, and their places.
#ifndef TEN_TREES_H
#define TEN_TREES_H

#include <stdbool.h>

// A detached copy of the mounts at `path`; -1 when there is no such path.
int copy_tree(const char *path);
// The same for a path that must exist.
int need_tree(const char *path);
// The same for a path that leads through no link: a tenant may have made one since the server resolved the path.
int need_tree_without_links(const char *path);
int new_tmpfs(const char *mode, const char *size);
// Makes the mounts of a tree, or all that are mounted now, ineffective for set-user-id programs and devices.
void protect_tree(int tree, bool read_only, const char *subject);
void protect_root(void);
// Mounts a tree, and makes its mount point where that is missing.
void attach_at(int tree, const char *path);
// Mounts a tree over the root directory, for processes that enter it.
void cover_root(int tree);
// Covers a directory with an empty one, which stays writable until it is sealed, and a file with a device that cannot
// be opened. -1 when there is no such path.
int cover(const char *path);
// Makes a cover read-only.
void seal(int tree, const char *subject);

#endif
