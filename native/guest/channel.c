// The channel to the host: the application's output, its status, and orders.
// Under QEMU each has a serial port, and standard error one of its own. Under Firecracker output goes to the console,
// the status to a disk of one block, and orders arrive at a vsock.
#define _GNU_SOURCE
#include "channel.h"
#include "../shared/read.h"
#include "devices.h"
#include "failure.h"
#include "status.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
// Depends on the header above.
#include <linux/vm_sockets.h>
#include <termios.h>
#include <unistd.h>

enum { PORT_PATIENCE_MS = 5000, PORT_POLL_MS = 2 };
static const char STATUS_DEVICE[] = "/dev/vdc";

static enum channel kind;
static int output = -1, error = -1, orders = -1;

int output_port(void) { return output; }
int error_port(void) { return error; }
int order_fd(void) { return orders; }

// Finds the device of the serial port that the host has named.
static bool find_port(const char *name, char *device, size_t size) {
  DIR *ports = opendir("/sys/class/virtio-ports");
  bool found = false;
  for (struct dirent *entry; ports != NULL && !found && (entry = readdir(ports)) != NULL;) {
    char path[300], known[64];
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%.200s/name", entry->d_name);
    if (read_file(path, known, sizeof known) < 0) continue;
    known[strcspn(known, "\n")] = 0;
    found = strcmp(known, name) == 0;
    if (found) snprintf(device, size, "/dev/%.200s", entry->d_name);
  }
  if (ports != NULL) closedir(ports);
  return found;
}

static int open_port(const char *name, int flags) {
  char device[256];
  for (int waited = 0; waited < PORT_PATIENCE_MS; waited += PORT_POLL_MS) {
    int fd = find_port(name, device, sizeof device) ? open(device, flags | O_CLOEXEC) : -1;
    if (fd >= 0) return fd;
    poll(NULL, 0, PORT_POLL_MS);
  }
  fail_because(name, "there is no such port");
}

static void open_ports(void) {
  open_status(open_port("ten.status", O_WRONLY), STATUS_PORT);
  output = open_port("ten.output", O_WRONLY | O_NONBLOCK);
  error = open_port("ten.error", O_WRONLY | O_NONBLOCK);
  orders = open_port("ten.orders", O_RDONLY | O_NONBLOCK);
}

// In raw mode, so that the host gets the bytes unchanged.
static int open_console(void) {
  int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios mode;
  if (fd < 0) fail("/dev/console");
  if (tcgetattr(fd, &mode) == 0) {
    cfmakeraw(&mode);
    tcsetattr(fd, TCSANOW, &mode);
  }
  return fd;
}

static void open_disk(void) {
  wait_for_device(STATUS_DEVICE);
  int disk = open(STATUS_DEVICE, O_WRONLY | O_SYNC | O_CLOEXEC);
  if (disk < 0) fail(STATUS_DEVICE);
  open_status(disk, STATUS_DISK);
}

static void open_vsock(void) {
  open_disk();
  output = error = open_console();
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = ORDER_PORT};
  orders = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (orders < 0 || bind(orders, (struct sockaddr *)&address, sizeof address) < 0 || listen(orders, 8) < 0)
    fail("listen for orders");
}

void open_channel(enum channel channel) {
  kind = channel;
  if (channel == CHANNEL_PORTS)
    open_ports();
  else
    open_vsock();
}

static int parse_order(int fd) {
  char text[64];
  int number = 0;
  read_text(fd, text, sizeof text);
  return sscanf(text, "signal %d", &number) == 1 ? number : 0;
}

int read_signal(void) {
  if (kind == CHANNEL_PORTS) return parse_order(orders);
  int caller = accept4(orders, NULL, NULL, SOCK_CLOEXEC);
  if (caller < 0) return 0;
  int number = parse_order(caller);
  close(caller);
  return number;
}
