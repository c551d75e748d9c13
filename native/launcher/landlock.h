// Landlock: restricts the ports that may be bound, abstract sockets and signals.
#ifndef TEN_LANDLOCK_H
#define TEN_LANDLOCK_H

// `bind_port` 0: any. Needs no_new_privs.
void restrict_ports_and_scopes(int bind_port);

#endif
