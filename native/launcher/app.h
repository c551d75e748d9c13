// The application's side of the fork: raises the walls around the process and executes the program.
#ifndef TEN_APP_H
#define TEN_APP_H

#include "options.h"

_Noreturn void run_application(const struct options *options);

#endif
