// The agent: the first process of a virtual machine. Builds the application's view of files, starts it, lets requests
// in, carries out what it says and signals in, tells how it ended, and switches the machine off.
#define _GNU_SOURCE
#include "guest.h"

#include <signal.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

// How often this kernel has killed for lack of memory.
static long count_memory_kills(void) {
  FILE *file = fopen("/proc/vmstat", "re");
  char line[128];
  long count = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (sscanf(line, "oom_kill %ld", &count) == 1) break;
  if (file != NULL) fclose(file);
  return count;
}

static void tell_end(int status) {
  struct sysinfo machine;
  // What shells end with when their last command was killed.
  bool killed = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 128 + SIGKILL;
  if (killed && count_memory_kills() > 0 && sysinfo(&machine) == 0)
    tell("memory %llu", (unsigned long long)machine.totalram * machine.mem_unit);
  else if (WIFSIGNALED(status))
    tell("signal %d", WTERMSIG(status));
  else
    tell("exit %d", WEXITSTATUS(status));
}

int main(void) {
  static struct order order;
  signal(SIGPIPE, SIG_IGN);
  mount_devices();
  load_modules("/modules");
  read_order("/order", &order);
  open_channel(order.channel);
  if (sethostname(order.hostname, __builtin_strlen(order.hostname)) < 0) give_up("set the host name");
  raise_network();
  build_root(&order);
  struct app app = start_app(&order);
  tell("started");
  start_entry(&order);
  tell_end(supervise(app));
  power_off();
}
