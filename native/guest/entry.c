// The entry to the machine: relays the host's connections to the application.
// It waits until the application listens on its port or its socket, and reports that. It is a process of its own, with
// the application's user.
#define _GNU_SOURCE
#include "entry.h"
#include "../shared/relay.h"
#include "failure.h"
#include "privileges.h"
#include "status.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
// Depends on the header above.
#include <linux/vm_sockets.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static const struct order *served;

static int connect_application(void) {
  int fd = connect_loopback(served->port);
  return fd < 0 && served->socket != NULL ? connect_unix(served->socket) : fd;
}

static int bind_network(void) {
  const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(RELAY_PORT)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

static int bind_vsock(int port) {
  const struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = (unsigned)port};
  int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ? -1 : fd;
}

void start_entry(const struct order *order) {
  // Root may bind a low port. The socket listens once the application does, so "accepts" means "is ready".
  int listener = order->channel == CHANNEL_VSOCK ? bind_vsock(order->port) : bind_network();
  if (listener < 0) fail("bind the entry");
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) {
    close(listener);
    return;
  }
  served = order;
  prctl(PR_SET_NAME, "ten-entry");
  become_user(order->uid);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  await_target(connect_application);
  if (listen(listener, BACKLOG) < 0) fail("listen for the host");
  note("listening");
  relay_connections(listener, connect_application);
}
