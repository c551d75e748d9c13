// Network interfaces: brings one up.
#ifndef TEN_INTERFACE_H
#define TEN_INTERFACE_H

// Brings an interface up, with an IPv4 address unless that is NULL. -1 with errno on failure.
int bring_up_interface(const char *name, const char *address);

#endif
