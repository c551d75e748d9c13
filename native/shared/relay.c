// Relays connections from a listener to a target: one buffer a direction, so a slow reader slows its writer down.
#define _GNU_SOURCE
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Connections at a time; further ones wait in the backlog. Each holds two buffers.
enum { CONNECTIONS_MAX = 1024, BUFFER_BYTES = 16384 };
// The pause between attempts to connect to a target; short at first, since a request may wait for the start.
enum { TRY_AGAIN_MIN_MS = 1, TRY_AGAIN_MAX_MS = 20 };

struct direction {
  int from, to;
  size_t length, sent; // bytes in the buffer, and how many of them were sent
  bool ended;          // the sender has closed its side
  bool closed;         // the receiver has been told so
  char buffer[BUFFER_BYTES];
};

struct connection {
  struct direction in, out;
};

static struct connection *connections[CONNECTIONS_MAX];
static int slots; // up to the last one in use

// True when a call would have blocked or was interrupted, and may be repeated.
static bool is_again(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EINTR); }

static int connect_to(const struct sockaddr *address, socklen_t length) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // A connection within one host succeeds or fails at once, so this may block.
  if (fd >= 0 && connect(fd, address, length) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

int connect_loopback(int port) {
  const in_port_t number = htons((uint16_t)port);
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = number, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = number, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int fd = connect_to((struct sockaddr *)&four, sizeof four);
  return fd >= 0 ? fd : connect_to((struct sockaddr *)&six, sizeof six);
}

int connect_unix(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  strcpy(address.sun_path, path);
  return connect_to((struct sockaddr *)&address, sizeof address);
}

void await_target(connect_function connect_target) {
  int pause = TRY_AGAIN_MIN_MS;
  int fd;
  while ((fd = connect_target()) < 0) {
    poll(NULL, 0, pause);
    if (pause < TRY_AGAIN_MAX_MS) pause *= 2;
  }
  close(fd);
}

static void accept_one(int listener, int slot, connect_function connect_target) {
  int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (client < 0) {
    // Without descriptors left, for example, an immediate retry would only burn the processor.
    if (!is_again(client)) poll(NULL, 0, TRY_AGAIN_MAX_MS);
    return;
  }
  int server = connect_target();
  struct connection *connection = server < 0 ? NULL : calloc(1, sizeof *connection);
  if (connection == NULL) {
    close(client);
    if (server >= 0) close(server);
    return;
  }
  fcntl(server, F_SETFL, O_NONBLOCK);
  connection->in.from = connection->out.to = client;
  connection->in.to = connection->out.from = server;
  connections[slot] = connection;
  if (slot >= slots) slots = slot + 1;
}

static void fill(struct direction *direction) {
  if (direction->ended || direction->length > 0) return;
  ssize_t got = read(direction->from, direction->buffer, BUFFER_BYTES);
  if (got > 0)
    direction->length = (size_t)got;
  else if (!is_again(got))
    direction->ended = true;
}

// False when the receiver has closed the connection.
static bool drain(struct direction *direction) {
  while (direction->sent < direction->length) {
    const char *rest = direction->buffer + direction->sent;
    ssize_t put = send(direction->to, rest, direction->length - direction->sent, MSG_NOSIGNAL);
    if (put < 0) return is_again(put);
    direction->sent += (size_t)put;
  }
  direction->length = direction->sent = 0;
  if (direction->ended && !direction->closed) {
    shutdown(direction->to, SHUT_WR);
    direction->closed = true;
  }
  return true;
}

static void advance(int slot) {
  struct connection *connection = connections[slot];
  fill(&connection->in);
  fill(&connection->out);
  bool alive = drain(&connection->in) && drain(&connection->out);
  if (alive && !(connection->in.closed && connection->out.closed)) return;
  close(connection->in.from);
  close(connection->in.to);
  free(connection);
  connections[slot] = NULL;
  while (slots > 0 && connections[slots - 1] == NULL) slots--;
}

// A side is read while the buffer behind it is empty, and watched for room while bytes wait for it.
static short interest(const struct direction *from, const struct direction *to) {
  short events = 0;
  if (!from->ended && from->length == 0) events |= POLLIN;
  if (to->length > 0) events |= POLLOUT;
  return events;
}

static void watch(struct pollfd *source, int fd, short events) {
  // Poll reports a hang-up even without interest, over and over: such a descriptor is left out.
  *source = (struct pollfd){events == 0 ? -1 : fd, events, 0};
}

// Two descriptors a connection exceed the usual limit.
static void allow_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

void relay_connections(int listener, connect_function connect_target) {
  static struct pollfd sources[1 + 2 * CONNECTIONS_MAX];
  allow_descriptors();
  for (;;) {
    int count = slots;
    int free_slot = count < CONNECTIONS_MAX ? count : -1;
    for (int i = 0; i < count; i++) {
      struct connection *c = connections[i];
      if (c == NULL) free_slot = i;
      watch(&sources[1 + 2 * i], c == NULL ? -1 : c->in.from, c == NULL ? 0 : interest(&c->in, &c->out));
      watch(&sources[2 + 2 * i], c == NULL ? -1 : c->out.from, c == NULL ? 0 : interest(&c->out, &c->in));
    }
    watch(&sources[0], listener, free_slot < 0 ? 0 : POLLIN);
    if (poll(sources, 1 + 2 * (nfds_t)count, -1) < 0) continue;
    for (int i = 0; i < count; i++)
      if (connections[i] != NULL && (sources[1 + 2 * i].revents | sources[2 + 2 * i].revents) != 0) advance(i);
    if (sources[0].revents != 0 && free_slot >= 0) accept_one(listener, free_slot, connect_target);
  }
}
