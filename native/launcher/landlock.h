// Landlock: restricts the ports that may be bound, abstract sockets and signals.
#ifndef TEN_LANDLOCK_H
#define TEN_LANDLOCK_H

#include "options.h"

// No bindable ports: any may be bound. Needs no_new_privs.
void restrict_ports_and_scopes(const struct ports *bindable);

#endif
