// The options of the command line.
#ifndef TEN_OPTIONS_H
#define TEN_OPTIONS_H

#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/types.h>

// Far more than a service can list, and than a host has secrets; a longer list is a mistake of the caller.
enum { LIST_MAX = 1024 };

struct list {
  const char **items; // room for LIST_MAX, NULL while it is empty
  int count;
};

// Each path outside is mounted at the inside path of the same index.
struct mounts {
  struct list outsides;
  struct list insides;
};

struct ports {
  int *items; // room for LIST_MAX, NULL while it is empty
  int count;
};

struct options {
  const char *status;
  struct list cgroups;
  bool walls;
  bool rootless;
  uid_t uid;         // 0: not given
  gid_t gid;         // 0: not given
  struct list shows; // the paths of the host in view; empty: all but the hidden ones
  struct list hides;
  struct list reads;
  struct list writes;
  struct list devices;       // visible inside; as root the application joins their groups
  struct mounts read_mounts; // of paths elsewhere on the host
  struct mounts write_mounts;
  struct mounts state_mounts; // as those, of directories that are made where they are missing
  const char *layer_dir;      // holds the upper layer over a directory; NULL: none
  const char *layer_path;     // that directory
  const char *tmp;            // NULL: a tmpfs
  const char *runtime_dir;    // made for the application's user alone; NULL: none
  struct ports bindable;      // none: any port may be bound
  unsigned processes;         // of the application, threads included; 0: no limit
  const char *given;          // a directory that is given to a user; NULL: none
  uid_t given_to;
  struct list emptied;   // directories whose content is deleted
  const char *directory; // NULL: "/" behind walls, unchanged without
  const char *hostname;
  bool permissive_calls; // allow system calls that the filter does not list
  bool private_net;
  const char *forward_socket; // NULL: none
  int forward_port;
  const char *vsock; // the hypervisor's socket, when the port is that of a machine; NULL: a port of this network
  bool attached;     // has an input, and ends with its parent
  bool terminal;     // its streams are a terminal
  struct winsize terminal_size;
  char **command;
};

// Ends the program when the command line is wrong.
void parse_options(int argc, char **argv, struct options *options);

#endif
