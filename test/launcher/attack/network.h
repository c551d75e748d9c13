// Attempts on sockets: rarely used families, ports and sockets of others.
#ifndef TEN_NETWORK_H
#define TEN_NETWORK_H

#include "check.h"

extern const struct checks NETWORK_CHECKS;

#endif
