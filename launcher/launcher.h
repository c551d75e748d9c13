// What the launcher's parts share: the options, and the functions that each part offers.
#ifndef TEN_LAUNCHER_H
#define TEN_LAUNCHER_H

#include <stdbool.h>
#include <sys/types.h>

// Exit codes of the launcher itself; otherwise it ends with the application's code, or 128 + its signal.
enum { EXIT_USAGE = 125, EXIT_LAUNCH = 126, EXIT_NOT_FOUND = 127 };

// A real-time signal that no application expects: kill everything, record the end, then exit.
enum { ORDER_KILL_ALL = 64 };

// Far more than a service can list; a longer list is a mistake of the caller.
enum { LIST_MAX = 64 };

struct list {
  const char *items[LIST_MAX];
  int count;
};

struct options {
  const char *status;
  struct list cgroups;
  bool walls;
  bool rootless;
  uid_t uid; // 0: not given
  gid_t gid; // 0: not given
  struct list hides;
  struct list reads;
  struct list writes;
  struct list devices; // shown inside, to a group of theirs that the application is put in
  struct list socket_outsides; // bound at the inside path of the same index
  struct list socket_insides;
  const char *tmp;       // NULL: a tmpfs
  int bind_port;         // 0: any
  unsigned processes;    // of the user, threads included; 0: no limit
  const char *directory; // NULL: "/" behind walls, unchanged without
  const char *hostname;
  bool private_net;
  const char *forward_socket; // NULL: none
  int forward_port;
  const char *vsock; // the port is that of a virtual machine, behind this socket of its hypervisor; NULL: of this network
  char **command;
};

// The walls, so that a test can build a launcher without one of them: -DTEN_WITHOUT=WALL_SECCOMP.
// Nothing of this is left in a normal build.
enum wall {
  WALL_SECCOMP = 1 << 0,
  WALL_LANDLOCK = 1 << 1,
  WALL_UID = 1 << 2,
  WALL_GROUPS = 1 << 3,
  WALL_CAPABILITIES = 1 << 4,
  WALL_NO_NEW_PRIVILEGES = 1 << 5,
  WALL_HIDE = 1 << 6,
  WALL_READ_ONLY = 1 << 7,
  WALL_NO_SETUID = 1 << 8,
  WALL_DEVICES = 1 << 9,
  WALL_PRIVATE_TMP = 1 << 10,
  WALL_SEALS = 1 << 11,
  WALL_SYS = 1 << 12,
  WALL_PID = 1 << 13,
  WALL_IPC = 1 << 14,
  WALL_UTS = 1 << 15,
  WALL_CGROUP = 1 << 16,
  WALL_INIT_SECRECY = 1 << 17,
  WALL_DESCRIPTORS = 1 << 18,
  WALL_SIGNALS = 1 << 19,
};

#ifndef TEN_WITHOUT
#define TEN_WITHOUT 0
#endif

static inline bool wall(enum wall which) { return (TEN_WITHOUT & which) == 0; }

// options.c
void parse_options(int argc, char **argv, struct options *options);

// status.c: one line per fact, appended; also says failures on standard error.
void open_status(const char *path);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void note_process(const char *name, pid_t pid);
void note_end(int wait_status);
int exit_code_of(int wait_status);
// Ends the process with EXIT_LAUNCH and the text of errno.
_Noreturn void fail(const char *where);
_Noreturn void fail_with(int code, const char *where, const char *message);

// namespaces.c
pid_t enter_namespaces(const struct options *options);
void map_user(pid_t child);
void name_host(const struct options *options);
void raise_loopback(void);

// mounts.c
void build_view(const struct options *options);

// volumes.c
void let_go_of_volumes(const struct options *options);

// paths.c
bool is_under(const char *path, const char *directory);
int depth_of(const char *path);
char *resolve(const char *path);
char *resolve_inside(const char *path);
int open_mount_point(const char *path, bool directory, bool create);

// privileges.c
void become(const struct options *options);
void drop_capabilities(unsigned keep);
void forbid_new_privileges(void);

// landlock.c, seccomp.c
void restrict_ports_and_scopes(int bind_port);
void filter_system_calls(void);

// forward.c: carries connections of a Unix socket to a port inside a private network.
int listen_for_forward(const char *path);
void start_forwarder(const struct options *options, int listener);

// app.c
_Noreturn void run_application(const struct options *options);

// init.c: waits, reaps and passes signals on; returns the application's wait status.
struct supervision {
  pid_t app;
  int lifeline; // hangs up when the launcher outside dies; -1: none
  bool namespaced; // the end of this process ends everything
};
int supervise(struct supervision supervision);
void block_signals(void);

// descendants.c
// The end of the name, which may hold anything, in /proc/PID/stat: the 2nd field. NULL: the process has gone.
const char *read_stat(pid_t pid, char *text, size_t size);
void signal_descendants(int signal);

#endif
