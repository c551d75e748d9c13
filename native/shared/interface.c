// Network interfaces: brings one up.
#define _GNU_SOURCE
#include "interface.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int set_address(int fd, struct ifreq request, const char *address) {
  struct sockaddr_in own = {.sin_family = AF_INET};
  inet_pton(AF_INET, address, &own.sin_addr);
  memcpy(&request.ifr_addr, &own, sizeof own);
  return ioctl(fd, SIOCSIFADDR, &request);
}

int bring_up_interface(const char *name, const char *address) {
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int result = address == NULL ? 0 : set_address(fd, request, address);
  if (result == 0) result = ioctl(fd, SIOCSIFFLAGS, &request);
  close(fd);
  return result;
}
