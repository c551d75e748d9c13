// Attempts on sockets: rarely used families, ports and sockets of others.
#define _GNU_SOURCE
#include "network.h"
#include "facts.h"
#include "outcome.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *new_socket(int family, int type, int protocol, int error) {
  int fd = socket(family, type, protocol);
  const char *success = failed_with(fd, error);
  if (fd >= 0) close(fd);
  return success;
}

static const char *family(const char *number) {
  const int types[] = {SOCK_RAW, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM};
  for (int i = 0; i < 4; i++) {
    const char *success = new_socket(atoi(number), types[i], 0, EAFNOSUPPORT);
    if (success != NULL) return success;
  }
  int pair[2];
  return failed_with(socketpair(atoi(number), SOCK_DGRAM, 0, pair), EAFNOSUPPORT);
}

static const char *netlink(const char *protocol) {
  return new_socket(AF_NETLINK, SOCK_RAW, atoi(protocol), EPROTONOSUPPORT);
}
static const char *raw_internet(const char *unused) {
  (void)unused;
  int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (fd >= 0) close(fd);
  return failed(fd);
}
static const char *stream_protocol(const char *protocol) {
  return new_socket(AF_INET, SOCK_STREAM, atoi(protocol), EPROTONOSUPPORT);
}
static const char *packet_stream(const char *unused) {
  (void)unused;
  return new_socket(AF_INET, SOCK_SEQPACKET, 0, EPROTONOSUPPORT);
}

static struct sockaddr_in local(int port) {
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = loopback};
}

static int bind_port(int port) {
  const int on = 1;
  struct sockaddr_in address = local(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  int result = bind(fd, (struct sockaddr *)&address, sizeof address);
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

static const char *take_port(const char *port) { return failed_with(bind_port(atoi(port)), EACCES); }
static const char *need_port(const char *port) { return bind_port(atoi(port)) == 0 ? NULL : "can't be bound"; }

static const char *take_port6(const char *port) {
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(port))};
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return NULL; // no IPv6 here
  const char *success = failed_with(bind(fd, (struct sockaddr *)&address, sizeof address), EACCES);
  close(fd);
  return success;
}

static const char *take_udp_port(const char *port) {
  struct sockaddr_in address = local(atoi(port));
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int result = bind(fd, (struct sockaddr *)&address, sizeof address);
  close(fd);
  return failed(result);
}

static const char *connect_port(const char *port) {
  struct sockaddr_in address = local(atoi(port));
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result = connect(fd, (struct sockaddr *)&address, sizeof address);
  close(fd);
  return failed(result);
}

// A name that starts with "@" is abstract. The error shows whether the wall refused or the socket does not exist, as it
// does not in a private network.
static const char *connect_name(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, name, sizeof address.sun_path - 1);
  bool abstract = name[0] == '@';
  bool is_private = strcmp(fact("network"), "private") == 0;
  if (abstract) address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
  const int error = is_private ? ECONNREFUSED : EPERM;
  const char *success = failed_with(connect(fd, (struct sockaddr *)&address, length), abstract ? error : ENOENT);
  close(fd);
  return success;
}

static const char *own_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int result = bind(fd, (struct sockaddr *)&address, sizeof address);
  close(fd);
  return result == 0 ? NULL : "can't be bound";
}

static const char *see_connections(const char *unused) {
  (void)unused;
  char wanted[16], line[256];
  snprintf(wanted, sizeof wanted, ":%04X ", number_fact("other-port"));
  FILE *file = fopen("/proc/net/tcp", "re");
  bool seen = false;
  while (file != NULL && !seen && fgets(line, sizeof line, file) != NULL) seen = strstr(line, wanted) != NULL;
  if (file != NULL) fclose(file);
  return seen ? "shows the other's listening port" : NULL;
}

static const char *need_routes(const char *unused) {
  (void)unused;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return "can't be requested";
  close(fd);
  return NULL;
}

static const struct check CHECKS[] = {
  {"family-vsock", family, "40", false},
  {"family-packet", family, "17", false},
  {"family-alg", family, "38", false},
  {"family-key", family, "15", false},
  {"family-bluetooth", family, "31", false},
  {"family-can", family, "29", false},
  {"family-tipc", family, "30", false},
  {"family-rds", family, "21", false},
  {"family-rxrpc", family, "33", false},
  {"family-nfc", family, "39", false},
  {"family-qipcrtr", family, "42", false},
  {"family-smc", family, "43", false},
  {"family-xdp", family, "44", false},
  {"family-x25", family, "9", false},
  {"netlink-diagnosis", netlink, "4", false},
  {"netlink-audit", netlink, "9", false},
  {"netlink-firewall", netlink, "12", false},
  {"netlink-events", netlink, "15", false},
  {"raw-internet", raw_internet, NULL, false},
  {"multipath-tcp", stream_protocol, "262", false},
  {"sctp", stream_protocol, "132", false},
  {"packet-stream", packet_stream, NULL, false},
  {"idle-port", take_port, "@idle-port", false},
  {"idle-port-of-ipv6", take_port6, "@idle-port", false},
  {"other-port-shared", take_port, "@other-port", false},
  {"low-port", take_port, "80", false},
  {"other-abstract-socket", connect_name, "@abstract", false},
  {"other-socket", connect_name, "@other-socket", false},
  {"other-tcp-port", connect_port, "@other-port", true},
  {"idle-udp-port", take_udp_port, "@idle-port", true},
  {"host-connections", see_connections, NULL, true},
  {"works-own-port", need_port, "@port", false},
  {"works-any-port", need_port, "0", false},
  {"works-routes", need_routes, NULL, false},
  {"works-own-socket", own_socket, "@own-socket", false},
};
const struct checks NETWORK_CHECKS = {CHECKS, sizeof CHECKS / sizeof *CHECKS};
