// The forwarder: relays a Unix socket of the host to a port in a private network or in a machine.
// It is a process of its own, with the application's user.
#define _GNU_SOURCE
#include "forward.h"
#include "../shared/relay.h"
#include "failure.h"
#include "privileges.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// A full backlog refuses connections to a Unix socket at once; the kernel limits it further.
enum { BACKLOG = 4096 };
enum { HANDSHAKE_MAX = 32, HANDSHAKE_SECONDS = 1 };

// Fills in the address of a socket. A path that is too long goes by way of a descriptor of its directory, which the
// caller has to close; -1: there is none.
static int fill_address(struct sockaddr_un *address, const char *path) {
  address->sun_family = AF_UNIX;
  if (strlen(path) < sizeof address->sun_path) return strcpy(address->sun_path, path), -1;
  const char *name = strrchr(path, '/');
  char *parent = strndup(path, (size_t)(name - path));
  int directory = parent == NULL ? -1 : open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) fail(path);
  free(parent);
  int length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s", directory, name);
  if (length >= (int)sizeof address->sun_path) fail_with(EXIT_USAGE, path, "the name is too long for a socket");
  return directory;
}

int bind_forward_socket(const char *path) {
  struct sockaddr_un address;
  int directory = fill_address(&address, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(077);
  unlink(path);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(path);
  umask(mask);
  if (directory >= 0) close(directory);
  return fd;
}

static const struct options *forwarded;

// The protocol by which a hypervisor offers the machine's vsock at a Unix socket: it answers "CONNECT PORT" with "OK"
// and a number, or closes the connection when no process in the machine listens there.
static bool request_port(int fd, int port) {
  char line[HANDSHAKE_MAX];
  // A machine that hangs must not block the connections that are open.
  const struct timeval patience = {HANDSHAKE_SECONDS, 0}, none = {0, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int length = snprintf(line, sizeof line, "CONNECT %d\n", port);
  if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length) return false;
  // Byte by byte: all bytes after the line are the application's.
  int got = 0;
  while (got < HANDSHAKE_MAX - 1 && read(fd, line + got, 1) == 1)
    if (line[got++] == '\n') break;
  line[got] = 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  return got > 0 && line[got - 1] == '\n' && strncmp(line, "OK ", 3) == 0;
}

static int connect_machine(void) {
  int fd = connect_unix(forwarded->vsock);
  if (fd < 0 || request_port(fd, forwarded->forward_port)) return fd;
  close(fd);
  return -1;
}

static int connect_application(void) {
  return forwarded->vsock != NULL ? connect_machine() : connect_loopback(forwarded->forward_port);
}

// The server reaches an application that listens on its SOCKET_PATH there, without the forwarder.
static bool listens_on_socket(void) {
  const char *path = getenv("SOCKET_PATH");
  struct stat facts;
  return path != NULL && stat(path, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

static int connect_if_needed(void) {
  int fd = connect_application();
  if (fd < 0 && forwarded->vsock == NULL && listens_on_socket()) _exit(0);
  return fd;
}

void start_forwarder(const struct options *options, int listener) {
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) {
    close(listener);
    return;
  }
  prctl(PR_SET_NAME, "ten-forward");
  if (options->walls) become_user(options);
  forbid_new_privileges();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  forwarded = options;
  await_target(connect_if_needed);
  if (listen(listener, BACKLOG) < 0) fail("listen for the forwarder");
  relay_connections(listener, connect_application);
}
