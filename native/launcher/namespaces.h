// Namespaces of the tenant: creates them, and sets the user map, the host name and the loopback interface.
#ifndef TEN_NAMESPACES_H
#define TEN_NAMESPACES_H

#include "options.h"

// Forks into new namespaces, where the child is the init. Returns twice, like fork.
pid_t enter_namespaces(const struct options *options);
void map_user(pid_t child);
void set_hostname(const struct options *options);
void raise_loopback(void);

#endif
