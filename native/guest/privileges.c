// Privileges: switches to the application's user, for good.
#define _GNU_SOURCE
#include "privileges.h"
#include "failure.h"

#include <grp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <unistd.h>

void become_user(uid_t uid) {
  if (setgroups(0, NULL) < 0) fail("change the groups");
  if (setresgid(uid, uid, uid) < 0) fail("change the group");
  if (setresuid(uid, uid, uid) < 0) fail("change the user");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail("forbid new privileges");
}
