// The channel to the host: the application's output, its status, and orders.
#ifndef TEN_CHANNEL_H
#define TEN_CHANNEL_H

#include "order.h"

// The vsock port where orders arrive.
enum { ORDER_PORT = 2 };

// Opened early, so that a failure after it reaches the host.
void open_channel(enum channel channel);
int output_port(void);
int error_port(void);
// Becomes readable with an order.
int order_fd(void);
// The signal that the order asks for, or 0.
int read_signal(void);

#endif
