// Unmounts the volumes of other instances in the tenant's mount namespace.
#ifndef TEN_VOLUMES_H
#define TEN_VOLUMES_H

#include "options.h"

void unmount_foreign_volumes(const struct options *options);

#endif
