// The order: what to run and how, as the host put it into the initial file system. Records end in NUL.
#define _GNU_SOURCE
#include "guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void append(struct list *list, const char *item) {
  if (list->count == LIST_MAX) give_up_because("read the order", "a list is too long");
  list->items[list->count++] = item;
}

static void take(struct order *order, const char *name, const char *value) {
  if (!strcmp(name, "channel")) order->channel = !strcmp(value, "vsock") ? CHANNEL_VSOCK : CHANNEL_PORTS;
  else if (!strcmp(name, "uid")) order->uid = (uid_t)strtoul(value, NULL, 10);
  else if (!strcmp(name, "hostname")) order->hostname = value;
  else if (!strcmp(name, "directory")) order->directory = value;
  else if (!strcmp(name, "port")) order->port = atoi(value);
  else if (!strcmp(name, "socket")) order->socket = value;
  else if (!strcmp(name, "image")) order->image = value;
  else if (!strcmp(name, "data")) order->data = value;
  else if (!strcmp(name, "processes")) order->processes = strtoul(value, NULL, 10);
  else if (!strcmp(name, "system")) append(&order->systems, value);
  else if (!strcmp(name, "read")) append(&order->reads, value);
  else if (!strcmp(name, "write")) append(&order->writes, value);
  else if (!strcmp(name, "link")) append(&order->links, value);
  else if (!strcmp(name, "argument")) append(&order->arguments, value);
  else if (!strcmp(name, "env")) append(&order->environment, value);
  else give_up_because("read the order", name);
}

// It holds the application's secrets, so the file goes.
static char *read_away(const char *path, size_t *length) {
  struct stat facts;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &facts) < 0) give_up(path);
  char *text = malloc((size_t)facts.st_size + 1);
  size_t got = 0;
  ssize_t part = 1;
  while (text != NULL && part > 0 && got < (size_t)facts.st_size) {
    part = read(fd, text + got, (size_t)facts.st_size - got);
    if (part > 0) got += (size_t)part;
  }
  if (text == NULL || part < 0) give_up(path);
  text[got] = 0;
  *length = got;
  close(fd);
  unlink(path);
  return text;
}

void read_order(const char *path, struct order *order) {
  *order = (struct order){.hostname = "tenant", .directory = "/", .uid = 65534};
  size_t length;
  char *text = read_away(path, &length);
  for (char *record = text; record < text + length; record += strlen(record) + 1) {
    char *value = strchr(record, '=');
    if (value == NULL) give_up_because("read the order", record);
    char *name = strndup(record, (size_t)(value - record));
    if (name == NULL) give_up(path);
    take(order, name, value + 1);
    free(name);
  }
  if (order->arguments.count == 0 || order->uid == 0) give_up_because("read the order", "it is incomplete");
}

struct pair split_pair(const char *text) {
  char *copy = strdup(text);
  char *colon = copy == NULL ? NULL : strchr(copy, ':');
  if (colon == NULL) give_up_because("read the order", text);
  *colon = 0;
  return (struct pair){copy, colon + 1};
}
