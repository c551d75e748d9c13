// The application's side of the fork: from the launcher's process to the program, with nothing left of the launcher.
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// What is blocked or ignored here would stay so in the program.
static void reset_signals(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void stand_behind_walls(const struct options *options) {
  become(options);
  if (wall(WALL_NO_NEW_PRIVILEGES)) forbid_new_privileges();
  if (wall(WALL_LANDLOCK)) restrict_ports_and_scopes(options->bind_port);
  // Only the instance's user exists here, so nobody is to read what it writes but itself.
  umask(077);
}

// A directory of mode 0700 opens only to its owner, so this comes after the change of user. It always comes: the
// directory that the launcher was started in may be one that is hidden.
static void enter_directory(const struct options *options) {
  const char *directory = options->directory != NULL ? options->directory : options->walls ? "/" : NULL;
  if (directory != NULL && chdir(directory) < 0) fail(directory);
}

void run_application(const struct options *options) {
  setsid();
  if (wall(WALL_SIGNALS)) reset_signals();
  if (options->walls) stand_behind_walls(options);
  enter_directory(options);
  // Last: it forbids calls that the steps above need.
  if (options->walls && wall(WALL_SECCOMP)) filter_system_calls();
  execvp(options->command[0], options->command);
  fail_with(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_LAUNCH, options->command[0], strerror(errno));
}
