// A tenant that uses all memory, processors and processes it can get, for tests of limits in emulated machines.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MEBIBYTE = 1 << 20, PROCESSES = 100 };

// Allocates memory until it is killed.
static void eat(void) {
  for (;;) memset(malloc(MEBIBYTE), 1, MEBIBYTE);
}

// Starts a busy process on the first processor, so that two of them compete.
static pid_t spin(void) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  sched_setaffinity(0, sizeof first, &first);
  for (;;) continue;
}

// Starts processes until the kernel refuses, and returns the error.
static const char *breed(void) {
  for (int i = 0; i < PROCESSES; i++) {
    pid_t pid = fork();
    if (pid < 0) return errno == EAGAIN ? "EAGAIN" : strerror(errno);
    if (pid == 0) pause();
  }
  return "all";
}

// Starts a process in a session of its own that ignores SIGTERM and lacks the mark in its environment.
static pid_t leave_daemon(void) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  setsid();
  signal(SIGTERM, SIG_IGN);
  char *none[] = {NULL};
  execle("/bin/busybox", "busybox", "sleep", "100000", NULL, none);
  _exit(1);
}

static void answer(const char *request, char *text, size_t size) {
  if (strncmp(request, "GET /eat ", 9) == 0) eat();
  if (strncmp(request, "GET /spin ", 10) == 0)
    snprintf(text, size, "%d", spin());
  else if (strncmp(request, "GET /breed ", 11) == 0)
    snprintf(text, size, "%s", breed());
  else if (strncmp(request, "GET /daemon ", 12) == 0)
    snprintf(text, size, "%d", leave_daemon());
}

int main(void) {
  const char *port = getenv("PORT");
  if (port == NULL) return 1;
  const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr = loopback};
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 8) < 0) return 1;
  for (;;) {
    char request[1024] = "", text[64] = "";
    int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (read(client, request, sizeof request - 1) > 0) {
      answer(request, text, sizeof text);
      dprintf(client, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(text), text);
    }
    close(client);
  }
}
