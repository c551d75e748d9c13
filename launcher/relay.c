// The relay: carries each connection that a listener accepts to one that a function makes, bytes as they come, each
// side held back while the other is slow. The launcher and the agent in a virtual machine both use it.
#define _GNU_SOURCE
#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// Connections at a time: further ones wait in the backlog. Each holds two buffers while it lives.
enum { CONNECTIONS_MAX = 1024, BUFFER_BYTES = 16384 };
// How often a target that does not listen yet is tried: often at first, since somebody may wait for it.
enum { TRY_AGAIN_MIN_MS = 1, TRY_AGAIN_MAX_MS = 20 };

struct direction {
  int from, to;
  size_t length, sent; // of what is in the buffer
  bool ended;          // nothing more will be read
  bool closed;         // and the other side has been told
  char buffer[BUFFER_BYTES];
};

struct connection {
  struct direction in, out;
};

static struct connection *connections[CONNECTIONS_MAX];
static int slots; // that are in use, free ones between them included

bool is_again(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EINTR); }

static int connect_to(const struct sockaddr *address, socklen_t length) {
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // A connection within the machine succeeds or fails at once, so it may block.
  if (fd >= 0 && connect(fd, address, length) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

// Applications that listen on "localhost" may listen on one of the two only.
int connect_loopback(int port) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
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
    // Out of descriptors, say: asking again at once would only burn the processor.
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

// False when the receiver is gone.
static bool drain(struct direction *direction) {
  while (direction->sent < direction->length) {
    ssize_t put = send(direction->to, direction->buffer + direction->sent, direction->length - direction->sent, MSG_NOSIGNAL);
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

static void move_on(int slot) {
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

// A side is read while there is room for what it says, and watched for room while something waits for it.
static short interest(const struct direction *says, const struct direction *hears) {
  short events = 0;
  if (!says->ended && says->length == 0) events |= POLLIN;
  if (hears->length > 0) events |= POLLOUT;
  return events;
}

static void watch(struct pollfd *source, int fd, short events) {
  // With no interest the descriptor is left out: a hang-up would be reported over and over.
  *source = (struct pollfd){events == 0 ? -1 : fd, events, 0};
}

// Two descriptors for each connection are more than the usual limit has room for.
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
      if (connections[i] != NULL && (sources[1 + 2 * i].revents | sources[2 + 2 * i].revents) != 0) move_on(i);
    if (sources[0].revents != 0 && free_slot >= 0) accept_one(listener, free_slot, connect_target);
  }
}
