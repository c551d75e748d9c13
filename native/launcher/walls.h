// The walls by name, so that tests can compile a launcher without one of them: -DTEN_WITHOUT=WALL_SECCOMP.
#ifndef TEN_WALLS_H
#define TEN_WALLS_H

#include <stdbool.h>

enum wall {
  WALL_SECCOMP = 1 << 0,
  WALL_LANDLOCK = 1 << 1,
  WALL_UID = 1 << 2,
  WALL_GROUPS = 1 << 3,
  WALL_CAPABILITIES = 1 << 4,
  WALL_NO_NEW_PRIVILEGES = 1 << 5,
  WALL_HIDE = 1 << 6,
  WALL_READ_ONLY = 1 << 7,
  WALL_NO_SETUID = 1 << 8,
  WALL_DEVICES = 1 << 9,
  WALL_PRIVATE_TMP = 1 << 10,
  WALL_SEALS = 1 << 11,
  WALL_SYS = 1 << 12,
  WALL_PID = 1 << 13,
  WALL_IPC = 1 << 14,
  WALL_UTS = 1 << 15,
  WALL_CGROUP = 1 << 16,
  WALL_INIT_SECRECY = 1 << 17,
  WALL_DESCRIPTORS = 1 << 18,
  WALL_SIGNALS = 1 << 19,
};

#ifndef TEN_WITHOUT
#define TEN_WITHOUT 0
#endif

// A constant for the compiler: a normal build contains neither the test nor the branch.
static inline bool wall(enum wall which) { return (TEN_WITHOUT & which) == 0; }

#endif
