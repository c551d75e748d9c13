// The entry to the machine: relays the host's connections to the application.
#ifndef TEN_ENTRY_H
#define TEN_ENTRY_H

#include "order.h"

// The port of the relay in the machine's network: 1, which leaves all others to the application. On a vsock the relay
// has the application's own port.
enum { RELAY_PORT = 1 };

// Forks, and returns in the caller only.
void start_entry(const struct order *order);

#endif
