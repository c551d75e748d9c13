// The agent, the first process of a machine: prepares it, runs the application, reports its end, powers it off.
#define _GNU_SOURCE
#include "app.h"
#include "channel.h"
#include "devices.h"
#include "entry.h"
#include "failure.h"
#include "order.h"
#include "root.h"
#include "status.h"
#include "supervise.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

// How often this kernel has killed a process for lack of memory.
static long count_memory_kills(void) {
  FILE *file = fopen("/proc/vmstat", "re");
  char line[128];
  long count = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "oom_kill %ld", &count) == 1) break;
  if (file != NULL) fclose(file);
  return count;
}

static void note_end(int status) {
  struct sysinfo machine;
  // A shell exits with 128 + SIGKILL when its last command was killed.
  bool killed = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 128 + SIGKILL;
  if (killed && count_memory_kills() > 0 && sysinfo(&machine) == 0)
    note("memory %llu", (unsigned long long)machine.totalram * machine.mem_unit);
  else if (WIFSIGNALED(status))
    note("signal %d", WTERMSIG(status));
  else
    note("exit %d", WEXITSTATUS(status));
}

int main(void) {
  static struct order order;
  signal(SIGPIPE, SIG_IGN);
  mount_kernel_files();
  load_modules("/modules");
  read_order("/order", &order);
  open_channel(order.channel);
  if (sethostname(order.hostname, strlen(order.hostname)) < 0) fail("set the hostname");
  bring_up_network();
  build_root(&order);
  struct app app = start_app(&order);
  note("started");
  start_entry(&order);
  note_end(supervise(app));
  power_off();
}
