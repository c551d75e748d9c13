// Privileges: user, groups, capabilities and no_new_privs.
#ifndef TEN_PRIVILEGES_H
#define TEN_PRIVILEGES_H

#include "options.h"

// Switches to the instance's user, its groups and its limit of processes, without any capability.
void become_user(const struct options *options);
// Drops all capabilities but those in `keep`, a mask of the first 32.
void drop_capabilities(unsigned keep);
void forbid_new_privileges(void);

#endif
