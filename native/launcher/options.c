// The options of the command line: parsed strictly, so that a misspelt wall is not left out.
#include "options.h"
#include "failure.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum option_id {
  OPT_STATUS = 1,
  OPT_CGROUP,
  OPT_WALLS,
  OPT_ROOTLESS,
  OPT_UID,
  OPT_GID,
  OPT_SHOW,
  OPT_HIDE,
  OPT_READ,
  OPT_WRITE,
  OPT_READ_AT,
  OPT_WRITE_AT,
  OPT_STATE,
  OPT_LAYER,
  OPT_RUNTIME_DIR,
  OPT_TMP,
  OPT_GIVE,
  OPT_EMPTY,
  OPT_BIND_PORT,
  OPT_PROCESSES,
  OPT_CHDIR,
  OPT_HOSTNAME,
  OPT_PRIVATE_NET,
  OPT_FORWARD,
  OPT_DEVICE,
  OPT_VSOCK,
  OPT_SECCOMP,
  OPT_ATTACHED,
  OPT_TERMINAL,
};

static const struct option LONG_OPTIONS[] = {
  {"status", required_argument, NULL, OPT_STATUS},
  {"cgroup", required_argument, NULL, OPT_CGROUP},
  {"walls", no_argument, NULL, OPT_WALLS},
  {"rootless", no_argument, NULL, OPT_ROOTLESS},
  {"uid", required_argument, NULL, OPT_UID},
  {"gid", required_argument, NULL, OPT_GID},
  {"show", required_argument, NULL, OPT_SHOW},
  {"hide", required_argument, NULL, OPT_HIDE},
  {"read", required_argument, NULL, OPT_READ},
  {"write", required_argument, NULL, OPT_WRITE},
  {"read-at", required_argument, NULL, OPT_READ_AT},
  {"write-at", required_argument, NULL, OPT_WRITE_AT},
  {"state", required_argument, NULL, OPT_STATE},
  {"layer", required_argument, NULL, OPT_LAYER},
  {"runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR},
  {"tmp", required_argument, NULL, OPT_TMP},
  {"give", required_argument, NULL, OPT_GIVE},
  {"empty", required_argument, NULL, OPT_EMPTY},
  {"bind-port", required_argument, NULL, OPT_BIND_PORT},
  {"processes", required_argument, NULL, OPT_PROCESSES},
  {"chdir", required_argument, NULL, OPT_CHDIR},
  {"hostname", required_argument, NULL, OPT_HOSTNAME},
  {"private-net", no_argument, NULL, OPT_PRIVATE_NET},
  {"forward", required_argument, NULL, OPT_FORWARD},
  {"device", required_argument, NULL, OPT_DEVICE},
  {"vsock", required_argument, NULL, OPT_VSOCK},
  {"seccomp", required_argument, NULL, OPT_SECCOMP},
  {"attached", no_argument, NULL, OPT_ATTACHED},
  {"terminal", required_argument, NULL, OPT_TERMINAL},
  {NULL, 0, NULL, 0},
};

static _Noreturn void refuse(const char *subject, const char *reason) { fail_with(EXIT_USAGE, subject, reason); }

static unsigned parse_number(const char *text, const char *option, unsigned max) {
  char *end = NULL;
  errno = 0;
  unsigned long value = strtoul(text, &end, 10);
  bool digits = text[0] >= '0' && text[0] <= '9' && *end == 0;
  if (!digits || errno != 0 || value == 0 || value > max) refuse(option, "not a number in range");
  return (unsigned)value;
}

static const char *absolute(const char *path, const char *option) {
  bool climbs = strstr(path, "/../") != NULL || (strlen(path) >= 3 && !strcmp(path + strlen(path) - 3, "/.."));
  if (path[0] != '/' || path[1] == 0 || climbs) refuse(option, "not an absolute path below /");
  if (strlen(path) >= PATH_MAX) refuse(option, "the path is too long");
  return path;
}

static void append(struct list *list, const char *item, const char *option) {
  if (list->count == LIST_MAX) refuse(option, "given too often");
  if (list->items == NULL) list->items = calloc(LIST_MAX, sizeof *list->items);
  if (list->items == NULL) fail(option);
  list->items[list->count++] = item;
}

// Splits "FIRST:SECOND" at its last colon, and returns the second part.
static char *split_pair(char *pair, const char *option) {
  char *colon = strrchr(pair, ':');
  if (colon == NULL) refuse(option, "no colon in it");
  *colon = 0;
  return colon + 1;
}

static void add_mount(struct mounts *mounts, char *pair, const char *option) {
  const char *inside = split_pair(pair, option);
  append(&mounts->outsides, absolute(pair, option), option);
  append(&mounts->insides, absolute(inside, option), option);
}

static void set_layer(struct options *options, char *pair) {
  const char *path = split_pair(pair, "--layer");
  options->layer_dir = absolute(pair, "--layer");
  options->layer_path = absolute(path, "--layer");
}

static void append_port(struct ports *ports, const char *text) {
  if (ports->count == LIST_MAX) refuse("--bind-port", "given too often");
  if (ports->items == NULL) ports->items = calloc(LIST_MAX, sizeof *ports->items);
  if (ports->items == NULL) fail("--bind-port");
  ports->items[ports->count++] = (int)parse_number(text, "--bind-port", 65535);
}

static void set_given(struct options *options, char *pair) {
  const char *user = split_pair(pair, "--give");
  options->given = absolute(pair, "--give");
  options->given_to = parse_number(user, "--give", UINT_MAX - 1);
}

static void set_forward(struct options *options, char *pair) {
  const char *port = split_pair(pair, "--forward");
  options->forward_socket = absolute(pair, "--forward");
  options->forward_port = (int)parse_number(port, "--forward", 65535);
}

// Directly below /dev, since inside that directory is a new one.
static void add_device(struct options *options, const char *path) {
  if (strncmp(path, "/dev/", 5) != 0 || strchr(path + 5, '/') != NULL)
    refuse("--device", "not a device directly below /dev");
  append(&options->devices, absolute(path, "--device"), "--device");
}

// The service's setting by name, so that a launcher of another version refuses one that it does not know.
static bool is_permissive(const char *name) {
  if (strcmp(name, "permissive") == 0) return true;
  if (strcmp(name, "default") != 0) refuse("--seccomp", "neither default nor permissive");
  return false;
}

// "24x80": rows and columns.
static void set_terminal(struct options *options, char *size) {
  char *columns = strchr(size, 'x');
  if (columns == NULL) refuse("--terminal", "no x in it");
  *columns = 0;
  options->attached = options->terminal = true;
  options->terminal_size.ws_row = (unsigned short)parse_number(size, "--terminal", USHRT_MAX);
  options->terminal_size.ws_col = (unsigned short)parse_number(columns + 1, "--terminal", USHRT_MAX);
}

static void apply(struct options *o, int id, char *value) {
  switch (id) {
  case OPT_STATUS: o->status = value; break;
  case OPT_CGROUP: append(&o->cgroups, absolute(value, "--cgroup"), "--cgroup"); break;
  case OPT_WALLS: o->walls = true; break;
  case OPT_ROOTLESS: o->rootless = true; break;
  case OPT_UID: o->uid = parse_number(value, "--uid", UINT_MAX - 1); break;
  case OPT_GID: o->gid = parse_number(value, "--gid", UINT_MAX - 1); break;
  case OPT_SHOW: append(&o->shows, absolute(value, "--show"), "--show"); break;
  case OPT_HIDE: append(&o->hides, absolute(value, "--hide"), "--hide"); break;
  case OPT_READ: append(&o->reads, absolute(value, "--read"), "--read"); break;
  case OPT_WRITE: append(&o->writes, absolute(value, "--write"), "--write"); break;
  case OPT_READ_AT: add_mount(&o->read_mounts, value, "--read-at"); break;
  case OPT_WRITE_AT: add_mount(&o->write_mounts, value, "--write-at"); break;
  case OPT_STATE: add_mount(&o->state_mounts, value, "--state"); break;
  case OPT_LAYER: set_layer(o, value); break;
  case OPT_RUNTIME_DIR: o->runtime_dir = absolute(value, "--runtime-dir"); break;
  case OPT_TMP: o->tmp = absolute(value, "--tmp"); break;
  case OPT_EMPTY: append(&o->emptied, absolute(value, "--empty"), "--empty"); break;
  case OPT_GIVE: set_given(o, value); break;
  case OPT_PROCESSES: o->processes = parse_number(value, "--processes", INT_MAX); break;
  case OPT_BIND_PORT: append_port(&o->bindable, value); break;
  case OPT_CHDIR: o->directory = value; break;
  case OPT_HOSTNAME: o->hostname = value; break;
  case OPT_PRIVATE_NET: o->private_net = true; break;
  case OPT_FORWARD: set_forward(o, value); break;
  case OPT_DEVICE: add_device(o, value); break;
  case OPT_SECCOMP: o->permissive_calls = is_permissive(value); break;
  case OPT_ATTACHED: o->attached = true; break;
  case OPT_TERMINAL: set_terminal(o, value); break;
  case OPT_VSOCK: o->vsock = absolute(value, "--vsock"); break;
  default: _exit(EXIT_USAGE); // getopt has printed the reason
  }
}

static bool has_wall_options(const struct options *o) {
  return o->rootless || o->uid != 0 || o->gid != 0 || o->shows.count > 0 || o->hides.count > 0 || o->reads.count > 0 ||
         o->writes.count > 0 || o->read_mounts.insides.count > 0 || o->write_mounts.insides.count > 0 ||
         o->state_mounts.insides.count > 0 || o->layer_dir != NULL || o->tmp != NULL || o->bindable.count > 0 ||
         o->devices.count > 0 || o->permissive_calls || o->private_net;
}

// Refuses combinations that would leave a wall open.
static void check(const struct options *o) {
  if (o->command[0] == NULL) refuse("usage", "ten-launcher [OPTIONS] -- COMMAND [ARGUMENTS]");
  if (!o->walls && has_wall_options(o)) refuse("--walls", "needed by the other options");
  // The kernel counts processes per user and user namespace.
  if (o->processes != 0 && o->uid == 0 && !o->rootless) refuse("--processes", "needs --uid or --rootless");
  // As the first process of a sandbox the launcher has a network of its own already.
  if (o->forward_socket != NULL && !o->private_net && getpid() != 1) refuse("--forward", "needs --private-net");
  if (o->vsock != NULL && o->forward_socket == NULL) refuse("--vsock", "needs --forward");
  if (o->given != NULL && geteuid() != 0) refuse("--give", "needs root");
  if (!o->walls) return;
  bool root = geteuid() == 0;
  // The user map would make the tenant root of the host.
  if (o->rootless && root) refuse("--rootless", "not for root; give --uid and --gid");
  if (o->rootless && (o->uid != 0 || o->gid != 0)) refuse("--rootless", "keeps the user; takes no --uid, --gid");
  if (!o->rootless && !root) refuse("--walls", "needs root, or --rootless");
  if (root && (o->uid == 0 || o->gid == 0)) refuse("--walls", "as root needs --uid and --gid");
}

void parse_options(int argc, char **argv, struct options *options) {
  *options = (struct options){.hostname = "tenant"};
  int id;
  while ((id = getopt_long(argc, argv, "+", LONG_OPTIONS, NULL)) != -1) apply(options, id, optarg);
  options->command = argv + optind;
  check(options);
}
