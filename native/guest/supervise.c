// The supervisor: carries the application's output to the host, forwards signals, reaps orphans.
#define _GNU_SOURCE
#include "supervise.h"
#include "../shared/process.h"
#include "channel.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BUFFER_BYTES = 32768 };
// How long the rest of the output may wait for the host, whose log may be full.
enum { DRAIN_MS = 2000 };

// Standard output or error. With bytes in the buffer nothing more is read, so a slow host slows the application down.
struct stream {
  int from, to;
  size_t length, sent;
  char buffer[BUFFER_BYTES];
};

static struct stream streams[2];
enum { SIGNALS, ORDERS, STREAM_SOURCES };

static bool is_open(const struct stream *stream) { return stream->from >= 0 || stream->length > 0; }

static void move(struct stream *stream) {
  if (stream->length == 0) {
    ssize_t got = read(stream->from, stream->buffer, BUFFER_BYTES);
    if (got == 0) {
      close(stream->from);
      stream->from = -1;
    }
    if (got <= 0) return;
    stream->length = (size_t)got;
  }
  while (stream->sent < stream->length) {
    ssize_t put = write(stream->to, stream->buffer + stream->sent, stream->length - stream->sent);
    if (put < 0) return;
    stream->sent += (size_t)put;
  }
  stream->length = stream->sent = 0;
}

static struct pollfd interest(const struct stream *stream) {
  if (stream->length > 0) return (struct pollfd){stream->to, POLLOUT, 0};
  return (struct pollfd){stream->from, POLLIN, 0};
}

// False once the application has ended; then `status` is its wait status.
static bool reap(pid_t app, int *status) {
  int each;
  pid_t pid;
  bool lives = true;
  while ((pid = waitpid(-1, &each, WNOHANG)) > 0) {
    if (pid != app) continue;
    *status = each;
    lives = false;
  }
  return lives;
}

static void forward_signal(pid_t app) {
  int number = read_signal();
  if (number > 0) signal_group(app, number);
}

static void drain_output(void) {
  kill(-1, SIGKILL); // no other process may keep the pipes open
  struct pollfd sources[2];
  while (is_open(&streams[0]) || is_open(&streams[1])) {
    for (int i = 0; i < 2; i++) sources[i] = interest(&streams[i]);
    if (poll(sources, 2, DRAIN_MS) <= 0) return;
    for (int i = 0; i < 2; i++)
      if (sources[i].revents != 0) move(&streams[i]);
  }
}

int supervise(struct app app) {
  streams[0] = (struct stream){.from = app.output, .to = output_port()};
  streams[1] = (struct stream){.from = app.error, .to = error_port()};
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  int status = 0;
  // Reaps before the first wait: the application may have ended before SIGCHLD was blocked.
  while (reap(app.pid, &status)) {
    struct pollfd sources[] = {
      {signals, POLLIN, 0},
      {order_fd(), POLLIN, 0},
      interest(&streams[0]),
      interest(&streams[1]),
    };
    struct signalfd_siginfo info;
    if (poll(sources, 4, -1) < 0) continue;
    while (sources[SIGNALS].revents != 0 && read(signals, &info, sizeof info) > 0) continue;
    if (sources[ORDERS].revents != 0) forward_signal(app.pid);
    for (int i = 0; i < 2; i++)
      if (sources[STREAM_SOURCES + i].revents != 0) move(&streams[i]);
  }
  drain_output();
  return status;
}
