// Landlock: restricts the ports that may be bound, abstract sockets and signals.
// The status file names each restriction that this kernel lacks; the other walls do not depend on it.
#define _GNU_SOURCE
#include "landlock.h"
#include "failure.h"
#include "status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

// From linux/landlock.h, which is too old on many build systems.
enum { CREATE_RULESET_VERSION = 1, RULE_NET_PORT = 2, ACCESS_NET_BIND_TCP = 1 };
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1, SCOPE_SIGNAL = 2 };
enum { ABI_NET = 4, ABI_SCOPE = 6 };
enum { SYSCALL_CREATE_RULESET = 444, SYSCALL_ADD_RULE = 445, SYSCALL_RESTRICT_SELF = 446 };

struct ruleset_attributes {
  uint64_t handled_access_fs, handled_access_net, scoped;
};
struct port_rule {
  uint64_t allowed_access, port;
};

static void allow_bind(int ruleset, int port) {
  struct port_rule rule = {ACCESS_NET_BIND_TCP, (uint64_t)port};
  if (syscall(SYSCALL_ADD_RULE, ruleset, RULE_NET_PORT, &rule, 0) < 0) fail("allow a port");
}

void restrict_ports_and_scopes(const struct ports *bindable) {
  bool restricts_ports = bindable->count > 0;
  long abi = syscall(SYSCALL_CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
  if (restricts_ports && abi < ABI_NET) note("missing landlock-net");
  if (abi < ABI_SCOPE) note("missing landlock-scope");
  struct ruleset_attributes attributes = {
    .handled_access_net = restricts_ports && abi >= ABI_NET ? ACCESS_NET_BIND_TCP : 0,
    .scoped = abi >= ABI_SCOPE ? SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL : 0,
  };
  if (attributes.handled_access_net == 0 && attributes.scoped == 0) return;
  // An older kernel refuses unknown fields.
  size_t size = abi >= ABI_SCOPE ? sizeof attributes : 2 * sizeof(uint64_t);
  int ruleset = (int)syscall(SYSCALL_CREATE_RULESET, &attributes, size, 0);
  if (ruleset < 0) fail("create a Landlock ruleset");
  if (attributes.handled_access_net != 0) {
    for (int at = 0; at < bindable->count; at++) allow_bind(ruleset, bindable->items[at]);
    allow_bind(ruleset, 0); // an ephemeral port, which clients and test servers ask for
  }
  if (syscall(SYSCALL_RESTRICT_SELF, ruleset, 0) < 0) fail("apply the Landlock ruleset");
  close(ruleset);
}
