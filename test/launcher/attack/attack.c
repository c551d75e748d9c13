// The attack: a tenant that tries to get out, and prints one line per attempt.
// "ok NAME", "FAIL NAME: DESCRIPTION", or "open NAME: DESCRIPTION" for an attempt that is known to succeed. Exits with
// EXIT_REFUSED, before any attempt, unless it is inside the walls.
#define _GNU_SOURCE
#include "check.h"
#include "facts.h"
#include "files.h"
#include "kernel.h"
#include "layers.h"
#include "network.h"
#include "processes.h"
#include "victim.h"

#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

// The log of gVisor's kernel names it.
static bool is_in_sandbox(void) {
  static char log[1 << 16];
  int length = klogctl(3 /* read all */, log, sizeof log - 1);
  return length > 0 && strstr(log, "gVisor") != NULL;
}

// A kernel chooses this identifier when it starts.
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

// When a wall fails the attack must not hit the host. So it needs an ordinary user, and either a kernel or namespaces
// other than the host's. In a machine the kernel decides, since its namespaces may have the numbers of the host's.
static bool is_inside(void) {
  if (getuid() == 0 || geteuid() == 0) return false;
  if (find_fact("sandbox") != NULL && !is_in_sandbox()) return false;
  return find_fact("host-boot-id") != NULL ? has_own_kernel() : has_own_namespaces();
}

// Some attempts would only end the tenant itself, before it has reported the others.
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
  const char *success = check->attempt(argument);
  if (success == NULL)
    printf("ok %s\n", check->name);
  else
    printf("%s %s: %s\n", check->known_open ? "open" : "FAIL", check->name, success);
  fflush(stdout);
}

int main(int argc, char **argv) {
  set_facts(argv + 1);
  if (argc > 1 && strcmp(argv[1], "report-user") == 0) return printf("%d\n", geteuid()) < 0;
  if (argc > 1 && strcmp(argv[1], "victim") == 0) return run_victim();
  if (!is_inside()) {
    fprintf(stderr, "attack: not behind walls, so nothing was tried\n");
    return EXIT_REFUSED;
  }
  const struct checks *const all[] = {&FILE_CHECKS, &PROCESS_CHECKS, &KERNEL_CHECKS, &NETWORK_CHECKS};
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < all[i]->count; j++) report(&all[i]->items[j]);
  // The other levels have no layers.
  for (int i = 0; find_fact("work") != NULL && i < LAYER_CHECKS.count; i++) report(&LAYER_CHECKS.items[i]);
  puts("done");
  return 0;
}
