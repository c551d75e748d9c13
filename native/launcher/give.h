// Gives a directory and its content to a user.
#ifndef TEN_GIVE_H
#define TEN_GIVE_H

#include <sys/types.h>

// Unless all that a short look finds belongs to the user already. Reports the files that are not given.
void give_tree(const char *top, uid_t owner);

#endif
