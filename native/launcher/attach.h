// The relay of an attached application.
#ifndef TEN_ATTACH_H
#define TEN_ATTACH_H

#include "options.h"

// Returns in a child, whose standard streams are those of the application. The caller stays outside as the relay, and
// exits with the child's code once all output has passed.
void relay_streams(const struct options *options);

#endif
