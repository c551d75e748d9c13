// The other tenant, which the attack tries to reach.
#define _GNU_SOURCE
#include "victim.h"
#include "facts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int need(int result, const char *subject) {
  if (result >= 0) return result;
  perror(subject);
  exit(1);
}

static void listen_on_port(int port) {
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = loopback};
  const int on = 1;
  int fd = need(socket(AF_INET, SOCK_STREAM, 0), "socket");
  // Careless, as an application may be: any process of the same user could share the port.
  need(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), "SO_REUSEPORT");
  need(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
  need(listen(fd, 8), "listen");
}

// A name that starts with "@" is abstract.
static void listen_on_name(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(name);
  strncpy(address.sun_path, name, sizeof address.sun_path - 1);
  if (name[0] == '@') address.sun_path[0] = 0;
  int fd = need(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  need(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), name);
  need(listen(fd, 8), "listen");
}

int run_victim(void) {
  listen_on_port(number_fact("port"));
  listen_on_name(fact("abstract"));
  listen_on_name(fact("socket"));
  need(shmget(number_fact("shm-key"), 4096, IPC_CREAT | 0666), "shmget");
  need(open(fact("shm-file"), O_CREAT | O_RDWR, 0666), "shm file");
  puts("ready");
  fflush(stdout);
  for (;;) pause();
}
