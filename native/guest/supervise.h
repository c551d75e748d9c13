// The supervisor: carries the application's output to the host, forwards signals, reaps orphans.
#ifndef TEN_SUPERVISE_H
#define TEN_SUPERVISE_H

#include "app.h"

// Returns the application's wait status, once its output is written.
int supervise(struct app app);

#endif
