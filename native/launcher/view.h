// The tenant's view of the file system: read-only, but for its own directories, and without those of others.
#ifndef TEN_VIEW_H
#define TEN_VIEW_H

#include "options.h"

void build_view(const struct options *options);

#endif
