// Attempts on the administration of the kernel: mounts, namespaces, modules, keyrings, clocks, quotas.
#ifndef TEN_KERNEL_H
#define TEN_KERNEL_H

#include "check.h"

extern const struct checks KERNEL_CHECKS;

#endif
