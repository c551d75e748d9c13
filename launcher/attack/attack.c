// The attack: a tenant that tries to get out, and prints one line per attempt: "ok NAME", "FAIL NAME: what got
// through", "open NAME: …" for what is known to be open. Refuses to start (99) unless it is really inside.
#define _GNU_SOURCE
#include "attack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_REFUSED = 99 };

static char **facts;

static const char *find_fact(const char *name) {
  size_t length = strlen(name);
  for (char **item = facts; *item != NULL; item++)
    if (strncmp(*item, name, length) == 0 && (*item)[length] == '=') return *item + length + 1;
  return NULL;
}

const char *fact(const char *name) {
  const char *value = find_fact(name);
  if (value != NULL && *value != 0) return value;
  fprintf(stderr, "attack: no fact %s\n", name);
  exit(EXIT_REFUSED);
}

int number_fact(const char *name) { return atoi(fact(name)); }

const char *failed(long result) { return result < 0 ? NULL : "succeeded"; }

const char *failed_with(long result, int error) {
  static char detail[128];
  int found = errno;
  if (result >= 0) return "succeeded";
  if (found == error) return NULL;
  snprintf(detail, sizeof detail, "failed with \"%s\"", strerror(found));
  return detail;
}

bool succeeds_in_child(bool (*step)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) _exit(step() ? 0 : 1);
  int status = 1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

const char *status_line(const char *name) {
  static char line[512];
  size_t length = strlen(name);
  FILE *file = fopen("/proc/self/status", "re");
  char *value = NULL;
  while (file != NULL && value == NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, length) == 0 && line[length] == ':') value = line + length + 1;
  if (file != NULL) fclose(file);
  if (value == NULL) return "";
  value += strspn(value, " \t");
  value[strcspn(value, "\n")] = 0;
  while (*value != 0 && value[strlen(value) - 1] == ' ') value[strlen(value) - 1] = 0;
  return value;
}

// gVisor's own kernel says so when it starts; the host's does not.
static bool is_in_sandbox(void) {
  static char log[1 << 16];
  int length = klogctl(3 /* read all */, log, sizeof log - 1);
  return length > 0 && strstr(log, "gVisor") != NULL;
}

// The identifier that a kernel makes up when it starts.
static bool has_own_kernel(void) {
  char id[64] = "";
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  bool known = file != NULL && fgets(id, sizeof id, file) != NULL;
  if (file != NULL) fclose(file);
  id[strcspn(id, "\n")] = 0;
  return known && id[0] != 0 && strcmp(id, fact("host-boot-id")) != 0;
}

static bool has_own_namespaces(void) {
  const char *const kinds[] = {"pid", "mnt"};
  for (int i = 0; i < 2; i++) {
    char path[64], outside[64], name[64] = "";
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    snprintf(outside, sizeof outside, "host-%s", kinds[i]);
    if (readlink(path, name, sizeof name - 1) <= 0 || strcmp(name, fact(outside)) == 0) return false;
  }
  return true;
}

// On the day that a wall falls the attack must not hit the machine that it runs on: so it has to be an ordinary user,
// and in a kernel that is not the host's, or else in namespaces that are not. Those of a guest may bear the host's numbers.
static bool is_inside(void) {
  if (getuid() == 0 || geteuid() == 0) return false;
  if (find_fact("sandbox") != NULL && !is_in_sandbox()) return false;
  return find_fact("host-boot-id") != NULL ? has_own_kernel() : has_own_namespaces();
}

// What would only end the tenant itself, before it has told of the other attempts.
static bool is_skipped(const char *name) {
  char wrapped[128];
  snprintf(wrapped, sizeof wrapped, " %s ", name);
  const char *skipped = find_fact("skip");
  return skipped != NULL && strstr(skipped, wrapped) != NULL;
}

static void report(const struct check *check) {
  if (is_skipped(check->name)) return;
  const char *argument = check->argument;
  if (argument != NULL && argument[0] == '@') argument = fact(argument + 1);
  const char *through = check->attempt(argument);
  if (through == NULL)
    printf("ok %s\n", check->name);
  else
    printf("%s %s: %s\n", check->known_open ? "open" : "FAIL", check->name, through);
  fflush(stdout);
}

int main(int argc, char **argv) {
  facts = argv + 1;
  if (argc > 1 && strcmp(argv[1], "report-user") == 0) return printf("%d\n", geteuid()) < 0;
  if (argc > 1 && strcmp(argv[1], "victim") == 0) return play_victim();
  if (!is_inside()) {
    fprintf(stderr, "attack: not behind walls, so nothing was tried\n");
    return EXIT_REFUSED;
  }
  const struct checks *const all[] = {&FILE_CHECKS, &PROCESS_CHECKS, &KERNEL_CHECKS, &NETWORK_CHECKS};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < all[i]->count; j++) report(&all[i]->items[j]);
  puts("done");
  return 0;
}
