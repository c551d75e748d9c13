// The relay of an attached application: its streams are pipes or a terminal of its own, which can be opened by name,
// and bytes pass between them and the sockets that the launcher was started with.
#define _GNU_SOURCE
#include "attach.h"
#include "../shared/process.h"
#include "failure.h"
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

// A pipe holds as much, so a larger buffer would not save a turn.
enum { BUFFER_BYTES = 65536 };
// In the input of a terminal: the kind, and the length in two bytes.
enum { HEAD_BYTES = 3, SIZE_BYTES = 4 };

struct channel {
  int from; // -1: it has ended
  int to;   // -1: nobody reads any more
  bool is_framed;
  size_t filled;
  unsigned char bytes[BUFFER_BYTES];
};

static struct channel channels[3]; // input, output, error

static void end_channel(struct channel *channel) {
  if (channel->from >= 0) close(channel->from);
  if (channel->to >= 0) close(channel->to);
  channel->from = channel->to = -1;
  channel->filled = 0;
}

static void drop(struct channel *channel, size_t count) {
  channel->filled -= count;
  memmove(channel->bytes, channel->bytes + count, channel->filled);
}

// -1: the reader has gone.
static ssize_t put(int to, const unsigned char *bytes, size_t count) {
  ssize_t written = write(to, bytes, count);
  return written < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : written;
}

static void resize(int terminal, const unsigned char *size) {
  struct winsize window = {
    .ws_row = (unsigned short)(size[0] << 8 | size[1]), .ws_col = (unsigned short)(size[2] << 8 | size[3])};
  ioctl(terminal, TIOCSWINSZ, &window);
}

static size_t length_of(const unsigned char *head) { return (size_t)head[1] << 8 | head[2]; }

static bool has_frame(const struct channel *channel) {
  return channel->filled >= HEAD_BYTES && channel->filled >= HEAD_BYTES + length_of(channel->bytes);
}

// Frames are 'd' for what is typed and 's' for the terminal's size: rows and columns, two bytes each.
static ssize_t put_frame(struct channel *channel) {
  unsigned char *bytes = channel->bytes;
  size_t length = length_of(bytes);
  bool is_size = bytes[0] == 's' && length == SIZE_BYTES;
  if (is_size) resize(channel->to, bytes + HEAD_BYTES);
  ssize_t taken = is_size ? (ssize_t)length : put(channel->to, bytes + HEAD_BYTES, length);
  if (taken < 0) return -1;
  size_t rest = length - (size_t)taken;
  if (rest == 0) {
    drop(channel, HEAD_BYTES + length);
    return 1;
  }
  drop(channel, (size_t)taken);
  channel->bytes[0] = 'd';
  channel->bytes[1] = (unsigned char)(rest >> 8);
  channel->bytes[2] = (unsigned char)rest;
  return 0;
}

static void write_on(struct channel *channel) {
  ssize_t result = 1;
  if (channel->is_framed)
    while (result > 0 && has_frame(channel)) result = put_frame(channel);
  else if ((result = put(channel->to, channel->bytes, channel->filled)) > 0)
    drop(channel, (size_t)result);
  if (result < 0) end_channel(channel);
}

static bool is_pending(const struct channel *channel) {
  return channel->is_framed ? has_frame(channel) : channel->filled > 0;
}

// The end of a terminal is an error of its other side.
static void read_on(struct channel *channel) {
  ssize_t count = read(channel->from, channel->bytes + channel->filled, BUFFER_BYTES - channel->filled);
  if (count > 0)
    channel->filled += (size_t)count;
  else if (count == 0 || (errno != EAGAIN && errno != EINTR))
    end_channel(channel);
}

// Returns whether something could pass.
static bool pass(struct channel *channel, short events) {
  if (channel->from < 0 || events == 0) return false;
  if (is_pending(channel))
    write_on(channel);
  else
    read_on(channel);
  return true;
}

static struct pollfd wish_of(const struct channel *channel) {
  if (channel->from < 0) return (struct pollfd){-1, 0, 0};
  if (is_pending(channel)) return (struct pollfd){channel->to, POLLOUT, 0};
  return (struct pollfd){channel->from, POLLIN, 0};
}

// False: everything is to end at once.
static bool forward_signals(int signals, pid_t launcher) {
  bool goes_on = true;
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == ORDER_KILL_ALL) goes_on = false;
    if (info.ssi_signo != SIGCHLD && launcher > 0) kill(launcher, (int)info.ssi_signo);
  }
  return goes_on;
}

// Passes on what the application has written; a descriptor that another process still holds has no end.
static void drain(int signals) {
  for (bool passes = true; passes;) {
    passes = false;
    for (int i = 1; i < 3; i++) {
      struct pollfd wishes[] = {wish_of(&channels[i]), {signals, POLLIN, 0}};
      poll(wishes, 2, wishes[0].events == POLLOUT ? -1 : 0);
      if (wishes[1].revents != 0 && !forward_signals(signals, 0)) return;
      passes |= pass(&channels[i], wishes[0].revents);
    }
  }
}

static _Noreturn void relay(pid_t launcher) {
  sigset_t all;
  sigfillset(&all);
  int signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("listen for signals");
  for (;;) {
    struct pollfd wishes[] = {
      wish_of(&channels[0]), wish_of(&channels[1]), wish_of(&channels[2]), {signals, POLLIN, 0}};
    poll(wishes, 4, -1);
    forward_signals(signals, launcher);
    int status;
    if (waitpid(launcher, &status, WNOHANG) == launcher) {
      drain(signals);
      _exit(exit_code_of(status));
    }
    for (int i = 0; i < 3; i++) pass(&channels[i], wishes[i].revents);
  }
}

static void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

static void connect_channel(int stream, int from, int to) {
  channels[stream] = (struct channel){.from = from, .to = to};
  if (from >= 0) set_nonblocking(from);
  if (to >= 0) set_nonblocking(to);
}

// Its owner can open a stream by name.
static void give_stream(int fd, const struct options *options) {
  if (options->uid != 0 && fchown(fd, options->uid, options->gid) < 0) fail("give a stream");
}

static void open_pipes(const struct options *options, int inner[3]) {
  for (int i = 0; i < 3; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) fail("create a pipe");
    bool is_input = i == STDIN_FILENO;
    inner[i] = is_input ? ends[0] : ends[1];
    give_stream(inner[i], options);
    if (is_input)
      connect_channel(i, STDIN_FILENO, ends[1]);
    else
      connect_channel(i, ends[0], i);
  }
}

static void open_terminal(const struct options *options, int inner[3]) {
  int outside = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (outside < 0 || grantpt(outside) < 0 || unlockpt(outside) < 0) fail("open a terminal");
  int inside = open(ptsname(outside), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (inside < 0) fail("open a terminal");
  give_stream(inside, options);
  ioctl(outside, TIOCSWINSZ, &options->terminal_size);
  for (int i = 0; i < 3; i++) inner[i] = inside;
  connect_channel(STDIN_FILENO, STDIN_FILENO, outside);
  channels[STDIN_FILENO].is_framed = true;
  connect_channel(STDOUT_FILENO, fcntl(outside, F_DUPFD_CLOEXEC, 3), STDOUT_FILENO);
  connect_channel(STDERR_FILENO, -1, -1);
}

static void die_with_parent(int number) {
  if (prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) < 0) fail("set the parent death signal");
}

// A side of a pipe that stayed open here would keep the other from its end.
static void close_above_streams(int fd) {
  if (fd > STDERR_FILENO) close(fd);
}

void relay_streams(const struct options *options) {
  int inner[3];
  die_with_parent(SIGKILL);
  if (options->terminal)
    open_terminal(options, inner);
  else
    open_pipes(options, inner);
  sigset_t all, former;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &former);
  pid_t relaying = getpid();
  pid_t launcher = fork();
  if (launcher < 0) fail("fork");
  if (launcher > 0) {
    for (int i = 0; i < 3; i++)
      if (!options->terminal || i == 0) close(inner[i]);
    relay(launcher);
  }
  sigprocmask(SIG_SETMASK, &former, NULL);
  die_with_parent(ORDER_KILL_ALL);
  if (getppid() != relaying) _exit(EXIT_NOT_STARTED);
  for (int i = 0; i < 3; i++)
    if (dup2(inner[i], i) < 0) fail("connect the streams");
  for (int i = 0; i < 3; i++) {
    close_above_streams(channels[i].from);
    close_above_streams(channels[i].to);
    if (!options->terminal || i == 0) close(inner[i]);
  }
}
