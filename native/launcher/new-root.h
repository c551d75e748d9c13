// The root directory of a view that lists the shown paths: an empty file system over the host's root.
#ifndef TEN_NEW_ROOT_H
#define TEN_NEW_ROOT_H

// Makes an empty, writable root with the usual directories. Returns the mount, to be sealed.
int enter_new_root(void);
// Makes a link, and the directories above it.
void make_link(const char *path, const char *target);

#endif
