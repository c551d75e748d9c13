// The application's side of the fork: raises the walls around the process and executes the program.
#define _GNU_SOURCE
#include "app.h"
#include "../shared/process.h"
#include "failure.h"
#include "landlock.h"
#include "limits.h"
#include "privileges.h"
#include "seccomp.h"
#include "walls.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void restrict_process(const struct options *options) {
  become_user(options);
  if (wall(WALL_NO_NEW_PRIVILEGES)) forbid_new_privileges();
  if (wall(WALL_LANDLOCK)) restrict_ports_and_scopes(&options->bindable);
  // Of all users inside only the instance's own may read its files.
  umask(077);
}

// As the user, so that it can lead nowhere that the user could not go. A tenant that misses it finds out by itself.
static void make_runtime_directory(const char *path) {
  if (path != NULL) mkdir(path, 0700);
}

// Comes after the change of user, since a directory of mode 0700 opens to its owner only. Behind walls it must not be
// left out: the current directory of the launcher may be a hidden one.
static void enter_directory(const struct options *options) {
  const char *directory = options->directory != NULL ? options->directory : options->walls ? "/" : NULL;
  if (directory != NULL && chdir(directory) < 0) fail(directory);
}

void run_application(const struct options *options) {
  setsid();
  if (options->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0) fail("take the terminal");
  if (wall(WALL_SIGNALS)) reset_signals();
  limit_files();
  if (options->walls) restrict_process(options);
  make_runtime_directory(options->runtime_dir);
  enter_directory(options);
  // Last, since it refuses calls that the steps above need.
  if (options->walls && wall(WALL_SECCOMP)) filter_system_calls(options->permissive_calls);
  execvp(options->command[0], options->command);
  fail_with(exit_code_of_error(errno), options->command[0], strerror(errno));
}
