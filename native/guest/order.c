// The order from the host: the program to run, its user, its environment and its files.
// The host writes it into the initial file system, as records NAME=VALUE that each end with NUL.
#define _GNU_SOURCE
#include "order.h"
#include "failure.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct field {
  const char *name;
  size_t offset;
};

static const struct field TEXTS[] = {
  {"hostname", offsetof(struct order, hostname)},
  {"directory", offsetof(struct order, directory)},
  {"socket", offsetof(struct order, socket)},
  {"runtime", offsetof(struct order, runtime_dir)},
  {"user", offsetof(struct order, user_line)},
  {"group", offsetof(struct order, group_line)},
  {"image", offsetof(struct order, image)},
  {"data", offsetof(struct order, data)},
};
static const struct field LISTS[] = {
  {"system", offsetof(struct order, systems)},
  {"read", offsetof(struct order, reads)},
  {"write", offsetof(struct order, writes)},
  {"link", offsetof(struct order, links)},
  {"argument", offsetof(struct order, arguments)},
  {"env", offsetof(struct order, environment)},
};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS, LIST_COUNT = sizeof LISTS / sizeof *LISTS };

static void *find_field(const struct field *fields, int count, const char *name, struct order *order) {
  for (int i = 0; i < count; i++)
    if (strcmp(fields[i].name, name) == 0) return (char *)order + fields[i].offset;
  return NULL;
}

static void append(struct list *list, const char *item) {
  if (list->count == LIST_MAX) fail_because("read the order", "a list is too long");
  list->items[list->count++] = item;
}

static bool set_scalar(struct order *order, const char *name, const char *value) {
  if (strcmp(name, "channel") == 0)
    order->channel = strcmp(value, "vsock") == 0 ? CHANNEL_VSOCK : CHANNEL_PORTS;
  else if (strcmp(name, "uid") == 0)
    order->uid = (uid_t)strtoul(value, NULL, 10);
  else if (strcmp(name, "port") == 0)
    order->port = atoi(value);
  else if (strcmp(name, "processes") == 0)
    order->processes = strtoul(value, NULL, 10);
  else
    return false;
  return true;
}

static void set_field(struct order *order, const char *name, const char *value) {
  const char **text = find_field(TEXTS, TEXT_COUNT, name, order);
  struct list *list = find_field(LISTS, LIST_COUNT, name, order);
  if (text != NULL)
    *text = value;
  else if (list != NULL)
    append(list, value);
  else if (!set_scalar(order, name, value))
    fail_because("read the order", name);
}

// Removes the file, which contains the application's secrets.
static char *read_and_remove(const char *path, size_t *length) {
  struct stat facts;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &facts) < 0) fail(path);
  char *text = malloc((size_t)facts.st_size + 1);
  size_t got = 0;
  ssize_t part = 1;
  while (text != NULL && part > 0 && got < (size_t)facts.st_size) {
    part = read(fd, text + got, (size_t)facts.st_size - got);
    if (part > 0) got += (size_t)part;
  }
  if (text == NULL || part < 0) fail(path);
  text[got] = 0;
  *length = got;
  close(fd);
  unlink(path);
  return text;
}

void read_order(const char *path, struct order *order) {
  *order = (struct order){.hostname = "tenant", .directory = "/", .uid = 65534};
  size_t length;
  char *text = read_and_remove(path, &length);
  for (char *record = text; record < text + length;) {
    char *next = record + strlen(record) + 1;
    char *value = strchr(record, '=');
    if (value == NULL) fail_because("read the order", record);
    *value = 0;
    set_field(order, record, value + 1);
    record = next;
  }
  if (order->arguments.count == 0 || order->uid == 0) fail_because("read the order", "it is incomplete");
}

struct pair split_pair(const char *text) {
  char *copy = strdup(text);
  char *colon = copy == NULL ? NULL : strchr(copy, ':');
  if (colon == NULL) fail_because("read the order", text);
  *colon = 0;
  return (struct pair){copy, colon + 1};
}
