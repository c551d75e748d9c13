// Privileges: switches to the application's user, for good.
#ifndef TEN_PRIVILEGES_H
#define TEN_PRIVILEGES_H

#include <sys/types.h>

void become_user(uid_t uid);

#endif
