// Namespaces of the tenant: creates them, and sets the user map, the host name and the loopback interface.
#ifndef TEN_NAMESPACES_H
#define TEN_NAMESPACES_H

#include "options.h"

// Forks into new namespaces, where the child is the init. Returns twice, like fork.
pid_t enter_namespaces(const struct options *options);
// The child keeps its user and group; its namespace has no others.
void map_user(pid_t child);
// The same for any process in a new user namespace; false with errno where the kernel refuses it.
bool try_map_user(pid_t process, uid_t user, gid_t group);
void set_hostname(const struct options *options);
void raise_loopback(void);

#endif
