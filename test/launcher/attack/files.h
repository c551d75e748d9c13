// Attempts on files: those of others, of the server and of the system; and use of the tenant's own.
#ifndef TEN_FILES_H
#define TEN_FILES_H

#include "check.h"

extern const struct checks FILE_CHECKS;

#endif
