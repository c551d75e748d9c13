// Attempts by a writable working directory and by directories of the tenant's own at other places.
#ifndef TEN_LAYERS_H
#define TEN_LAYERS_H

#include "check.h"

// Of a tenant that has them.
extern const struct checks LAYER_CHECKS;

#endif
