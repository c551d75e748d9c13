// What the parts of the agent share: the order it was given, its channel to the host, and what each part offers.
#ifndef TEN_GUEST_H
#define TEN_GUEST_H

#include <stdbool.h>
#include <sys/types.h>

// More than a service can list; a longer list is a mistake of the host's.
enum { LIST_MAX = 512 };
// Of the machine's network, where there is one: the relay listens on it, which leaves all other ports to the application.
// Of a vsock the relay has the application's own number.
enum { RELAY_PORT = 1 };
// Of a vsock: where orders arrive.
enum { ORDER_PORT = 2 };

struct list {
  const char *items[LIST_MAX + 1]; // ends with NULL
  int count;
};

// How the machine talks to its host.
enum channel { CHANNEL_PORTS, CHANNEL_VSOCK };

struct order {
  enum channel channel;
  uid_t uid;
  const char *hostname, *directory;
  int port;
  unsigned long processes; // that may exist at once; 0: any number
  const char *socket;
  const char *image;         // the device of a root file system; NULL: the host's files
  const char *data;          // "DEVICE:PATH" of the instance's own file system; NULL: among the writes
  struct list systems;       // "TAG:PATH", exports of the host's own directories
  struct list reads, writes; // "TAG:PATH", exports of what the service names, wherever it lies
  struct list links;         // "NAME:TARGET", in the root directory
  struct list arguments, environment;
};

// order.c
void read_order(const char *path, struct order *order);
// Cuts "FIRST:SECOND" at its first colon.
struct pair {
  char *first, *second;
};
struct pair split_pair(const char *text);

// devices.c
void mount_devices(void);
void load_modules(const char *directory);
void wait_for_device(const char *path);
void raise_network(void);

// channel.c: opened before anything can fail that the host should hear of.
void open_channel(enum channel channel);
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void give_up(const char *where);
_Noreturn void give_up_because(const char *where, const char *reason);
_Noreturn void power_off(void);
int output_port(void);
int error_port(void);
// Becomes readable with an order; read_signal returns its number, or 0.
int order_fd(void);
int read_signal(void);

// root.c
void build_root(const struct order *order);

// app.c
struct app {
  pid_t pid;
  int output, error; // to be read
};
struct app start_app(const struct order *order);
void become_user(uid_t uid);

// entry.c: the way in, from the host to where the application listens.
void start_entry(const struct order *order);

// supervise.c: returns the application's wait status, once all it said is on its way.
int supervise(struct app app);

#endif
