// The forwarder: relays a Unix socket of the host to a port in a private network or in a machine.
#ifndef TEN_FORWARD_H
#define TEN_FORWARD_H

#include "options.h"

// Binds the socket before any wall stands. It listens once the application does, so "accepts" means "is ready".
int bind_forward_socket(const char *path);
// Forks, and returns in the caller only.
void start_forwarder(const struct options *options, int listener);

#endif
