// The way in: waits until the application listens, on its port or its socket, says so, and from then on carries the
// host's connections to it. A process of its own, with the application's user.
#define _GNU_SOURCE
#include "guest.h"
#include "../launcher/relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
// Needs what the line above declares.
#include <linux/vm_sockets.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static const struct order *served;

static int connect_loopback6(int port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static int connect_application(void) {
  int fd = connect_loopback(served->port);
  if (fd < 0 && served->socket != NULL) fd = connect_unix(served->socket);
  return fd < 0 ? connect_loopback6(served->port) : fd;
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
  // Bound while still allowed to bind a low port; listens once the application does, so that "accepts" means "is ready".
  int listener = order->channel == CHANNEL_VSOCK ? bind_vsock(order->port) : bind_network();
  if (listener < 0) give_up("bind the way in");
  pid_t pid = fork();
  if (pid < 0) give_up("fork");
  if (pid > 0) {
    close(listener);
    return;
  }
  served = order;
  prctl(PR_SET_NAME, "ten-entry");
  become_user(order->uid);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  await_target(connect_application);
  if (listen(listener, BACKLOG) < 0) give_up("listen for the host");
  tell("listening");
  relay_connections(listener, connect_application);
}
