// The order from the host: the program to run, its user, its environment and its files.
#ifndef TEN_ORDER_H
#define TEN_ORDER_H

#include <sys/types.h>

// More than a service can list; a longer list is a mistake of the host.
enum { LIST_MAX = 512 };

struct list {
  const char *items[LIST_MAX + 1]; // ends with NULL
  int count;
};

// How the machine communicates with its host: serial ports under QEMU, a vsock under Firecracker.
enum channel { CHANNEL_PORTS, CHANNEL_VSOCK };

struct order {
  enum channel channel;
  uid_t uid;
  const char *hostname, *directory;
  int port;
  unsigned long processes; // that may exist at once; 0: any number
  const char *socket;
  const char *runtime_dir;            // made for the application's user alone
  const char *user_line, *group_line; // of the application, for /etc/passwd and /etc/group
  const char *image;                  // the device of a root file system; NULL: the host's files
  const char *data;                   // "DEVICE:PATH" of the instance's own file system; NULL: among the writes
  struct list systems;                // "TAG:PATH", exports of the host's system directories
  struct list reads, writes;          // "TAG:PATH", exports of the service's own paths
  struct list links;                  // "NAME:TARGET", in the root directory
  struct list arguments, environment;
};

void read_order(const char *path, struct order *order);

struct pair {
  char *first, *second;
};
// Splits "FIRST:SECOND" at its first colon.
struct pair split_pair(const char *text);

#endif
