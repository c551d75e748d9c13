// Carrying connections: from a Unix or TCP listener to wherever a function connects.
#ifndef TEN_RELAY_H
#define TEN_RELAY_H

#include <stdbool.h>
#include <sys/types.h>

// The result of a call that would have blocked, or was interrupted: it may be tried again.
bool is_again(ssize_t result);
// Connects to the target; -1 when nobody listens there. The descriptor may block.
typedef int (*connect_function)(void);
int connect_loopback(int port);
int connect_unix(const char *path);
// Returns once the target accepts a connection.
void await_target(connect_function connect_target);
// Carries each connection of `listener`, which must not block, to a connection of its own. Never returns.
_Noreturn void relay_connections(int listener, connect_function connect_target);

#endif
