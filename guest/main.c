// The agent: the first process of a virtual machine. Builds the application's view of files, starts it, lets requests
// in, carries out what it says and signals in, tells how it ended, and switches the machine off.
#define _GNU_SOURCE
#include "guest.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell_end(int status) {
  if (WIFSIGNALED(status))
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
  start_entry(&order);
  tell_end(supervise(app));
  power_off();
}
