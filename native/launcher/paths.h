// Paths: compares and resolves them, and opens mount points without following a link that a tenant planted.
#ifndef TEN_PATHS_H
#define TEN_PATHS_H

#include <stdbool.h>

// True for the directory itself, too.
bool is_under(const char *path, const char *directory);
int depth_of(const char *path);
// The path without links, as new memory; NULL when it does not exist.
char *resolve(const char *path);
// The same for a path behind the walls, of which only the beginning need exist.
char *resolve_inside(const char *path);
// An O_PATH descriptor; with `create`, missing components are made. -1 with errno on failure.
int open_mount_point(const char *path, bool directory, bool create);

#endif
