// The forwarder: the way into a private network. Carries connections of a Unix socket, which the server reaches, to
// the application's port, which only this network or a virtual machine has. A process of its own, with the application's user.
#define _GNU_SOURCE
#include "launcher.h"
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

// A Unix socket refuses at once what finds no room; the kernel has a bound of its own.
enum { BACKLOG = 4096 };
enum { HANDSHAKE_MAX = 32, HANDSHAKE_SECONDS = 1 };

// Bound here, before any wall; it listens once the application does, so that "accepts" means "is ready".
int listen_for_forward(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) fail_with(EXIT_USAGE, path, "the path is too long for a socket");
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(077);
  unlink(path);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail(path);
  umask(mask);
  return fd;
}

static const struct options *asked;

// What hypervisors offer in place of a socket family of the host's: "CONNECT PORT" is answered with "OK" and a number
// when somebody in the machine listens there, and with the end of the connection when nobody does.
static bool shake_hands(int fd, int port) {
  char line[HANDSHAKE_MAX];
  // A machine that hangs must not hold up the connections to it that are open.
  const struct timeval patience = {HANDSHAKE_SECONDS, 0}, none = {0, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  int length = snprintf(line, sizeof line, "CONNECT %d\n", port);
  if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length) return false;
  // Byte by byte: what comes after the line belongs to the application.
  int got = 0;
  while (got < HANDSHAKE_MAX - 1 && read(fd, line + got, 1) == 1)
    if (line[got++] == '\n') break;
  line[got] = 0;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  return got > 0 && line[got - 1] == '\n' && strncmp(line, "OK ", 3) == 0;
}

static int connect_machine(void) {
  int fd = connect_unix(asked->vsock);
  if (fd < 0 || shake_hands(fd, asked->forward_port)) return fd;
  close(fd);
  return -1;
}

static int connect_application(void) {
  return asked->vsock != NULL ? connect_machine() : connect_loopback(asked->forward_port);
}

// An application that listens on the socket which it was given is reached there: this way is not needed.
static bool has_socket_of_its_own(void) {
  const char *path = getenv("SOCKET_PATH");
  struct stat facts;
  return path != NULL && stat(path, &facts) == 0 && S_ISSOCK(facts.st_mode);
}

static int connect_if_needed(void) {
  int fd = connect_application();
  if (fd < 0 && asked->vsock == NULL && has_socket_of_its_own()) _exit(0);
  return fd;
}

// Forks; returns in the caller only.
void start_forwarder(const struct options *options, int listener) {
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid > 0) {
    close(listener);
    return;
  }
  prctl(PR_SET_NAME, "ten-forward");
  if (options->walls) become(options);
  forbid_new_privileges();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  asked = options;
  await_target(connect_if_needed);
  if (listen(listener, BACKLOG) < 0) fail("listen for the forwarder");
  relay_connections(listener, connect_application);
}
