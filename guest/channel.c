// The channel to the host. With serial ports: one for what the application says, one for its errors, one for the
// status, one for orders. With a vsock: the console, a disk of one block for the status, and a listener for orders.
#define _GNU_SOURCE
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
// Needs what the line above declares.
#include <linux/vm_sockets.h>
#include <termios.h>
#include <unistd.h>

enum { PORT_PATIENCE_MS = 5000, PORT_POLL_MS = 2 };
static const char STATUS_DISK[] = "/dev/vdc";
enum { STATUS_BYTES = 512 };

static enum channel kind;
static int status = -1, output = -1, error = -1, orders = -1;

int output_port(void) { return output; }
int error_port(void) { return error; }
int order_fd(void) { return orders; }

// The device of the serial port that the host has given a name.
static bool find_port(const char *name, char *device, size_t size) {
  DIR *ports = opendir("/sys/class/virtio-ports");
  bool found = false;
  for (struct dirent *entry; ports != NULL && !found && (entry = readdir(ports)) != NULL;) {
    char path[300], known[64] = "";
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%.200s/name", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t length = read(fd, known, sizeof known - 1);
    close(fd);
    known[length > 0 ? length : 0] = 0;
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
  give_up_because(name, "there is no such port");
}

static void open_ports(void) {
  status = open_port("ten.status", O_WRONLY);
  output = open_port("ten.output", O_WRONLY | O_NONBLOCK);
  error = open_port("ten.error", O_WRONLY | O_NONBLOCK);
  orders = open_port("ten.orders", O_RDONLY | O_NONBLOCK);
}

// The host wants bytes as they were written, not those of a terminal.
static int open_console(void) {
  int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios mode;
  if (fd < 0) give_up("/dev/console");
  if (tcgetattr(fd, &mode) == 0) {
    cfmakeraw(&mode);
    tcsetattr(fd, TCSANOW, &mode);
  }
  return fd;
}

static void open_vsock(void) {
  wait_for_device(STATUS_DISK);
  status = open(STATUS_DISK, O_WRONLY | O_SYNC | O_CLOEXEC);
  output = error = open_console();
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = ORDER_PORT};
  orders = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (status < 0) give_up(STATUS_DISK);
  if (orders < 0 || bind(orders, (struct sockaddr *)&address, sizeof address) < 0 || listen(orders, 8) < 0)
    give_up("listen for orders");
}

void open_channel(enum channel channel) {
  kind = channel;
  if (channel == CHANNEL_PORTS)
    open_ports();
  else
    open_vsock();
}

// A line. On the disk of one block it takes the place of the one before.
void tell(const char *format, ...) {
  char line[STATUS_BYTES] = {0};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  line[strcspn(line, "\n")] = 0;
  strcat(line, "\n");
  if (status < 0)
    dprintf(2, "ten: %s", line);
  else if (kind == CHANNEL_PORTS ? write(status, line, strlen(line)) < 0 : pwrite(status, line, sizeof line, 0) < 0)
    dprintf(2, "ten: the host does not hear: %s", line);
}

void give_up(const char *where) { give_up_because(where, strerror(errno)); }

void give_up_because(const char *where, const char *reason) {
  tell("error in the virtual machine: %s: %s", where, reason);
  power_off();
}

// The hypervisor takes a reboot for the end, which is quicker than switching off by ACPI.
void power_off(void) {
  sync();
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

static int number_of(int fd) {
  char text[64] = "";
  int number = 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  text[length > 0 ? length : 0] = 0;
  return sscanf(text, "signal %d", &number) == 1 ? number : 0;
}

int read_signal(void) {
  if (kind == CHANNEL_PORTS) return number_of(orders);
  int caller = accept4(orders, NULL, NULL, SOCK_CLOEXEC);
  if (caller < 0) return 0;
  int number = number_of(caller);
  close(caller);
  return number;
}
