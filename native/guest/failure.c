// Failures of the agent: reports the reason to the host and powers the machine off.
#define _GNU_SOURCE
#include "failure.h"
#include "status.h"

#include <errno.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

// The hypervisor ends at a reboot, which is faster than to power off by ACPI.
void power_off(void) {
  sync();
  reboot(RB_AUTOBOOT);
  for (;;) pause();
}

void fail_because(const char *subject, const char *reason) {
  note("error in the virtual machine: %s: %s", subject, reason);
  power_off();
}

void fail(const char *subject) { fail_because(subject, strerror(errno)); }
