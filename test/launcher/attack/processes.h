// Attempts on processes: other tenants', the server's, and the init; and on users, groups and capabilities.
#ifndef TEN_PROCESSES_H
#define TEN_PROCESSES_H

#include "check.h"

extern const struct checks PROCESS_CHECKS;

#endif
