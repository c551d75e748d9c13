// The tenant's /dev: harmless devices, those that a service asks for, terminals, shared memory.
#ifndef TEN_DEVICES_H
#define TEN_DEVICES_H

#include "options.h"

// Copies the devices of the host, while they can still be reached.
void copy_devices(const struct list *wanted);
// Covers /dev and fills it with the copies.
void build_devices(void);

#endif
