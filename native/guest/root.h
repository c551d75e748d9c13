// The application's root directory: exports of the host, or an image with a writable layer over it.
#ifndef TEN_ROOT_H
#define TEN_ROOT_H

#include "order.h"

// Builds the root directory and enters it.
void build_root(const struct order *order);

#endif
