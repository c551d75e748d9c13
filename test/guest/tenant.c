// A tenant in a Firecracker machine: listens on its port, and connects through the vsock in place of the host.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
// Depends on the header above.
#include <linux/vm_sockets.h>
#include <unistd.h>

enum { ORDER_PORT = 2, ATTEMPTS = 2000, PAUSE_US = 5000 };

static void leave(int number) {
  const char *path = getenv("FAREWELL");
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  dprintf(fd, "bye");
  fsync(fd);
  dprintf(1, "asked to stop by %d\n", number);
  _exit(7);
}

static int connect_vsock(unsigned port) {
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = port};
  for (int i = 0; i < ATTEMPTS; i++) {
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    usleep(PAUSE_US);
  }
  perror("connect to the vsock");
  exit(1);
}

static void play_host(unsigned port) {
  char answer[64] = "";
  int entry = connect_vsock(port);
  dprintf(entry, "ping");
  shutdown(entry, SHUT_WR);
  ssize_t length = read(entry, answer, sizeof answer - 1);
  dprintf(1, "through the vsock: %s\n", length > 0 ? answer : "nothing");
  dprintf(2, "on standard error\n");
  dprintf(connect_vsock(ORDER_PORT), "signal %d\n", SIGTERM);
}

int main(void) {
  int port = atoi(getenv("PORT"));
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = loopback};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  signal(SIGTERM, leave);
  signal(SIGCHLD, SIG_IGN);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) return 1;
  printf("user %d in %s\n", getuid(), getenv("HOME"));
  fflush(stdout);
  if (fork() == 0) {
    // The stop signal goes to all processes; only the main one answers it.
    signal(SIGTERM, SIG_IGN);
    play_host((unsigned)port);
    return 0;
  }
  for (;;) {
    char text[64];
    int client = accept(listener, NULL, NULL);
    ssize_t length = read(client, text, sizeof text);
    if (length > 0 && write(client, text, (size_t)length) < 0) return 1;
    close(client);
  }
}
