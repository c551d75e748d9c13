// Relays connections from a listener to a target.
#ifndef TEN_RELAY_H
#define TEN_RELAY_H

// Connects to the target; -1 when nothing listens there. The descriptor may be in blocking mode.
typedef int (*connect_function)(void);
// To 127.0.0.1 or ::1: an application that listens on "localhost" may listen on one of them only.
int connect_loopback(int port);
int connect_unix(const char *path);
// Returns once the target accepts a connection.
void await_target(connect_function connect_target);
// Joins each connection that `listener`, in non-blocking mode, accepts to one to the target. Never returns.
_Noreturn void relay_connections(int listener, connect_function connect_target);

#endif
