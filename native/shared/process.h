// Processes: exit codes, signals, the limit on their number.
#ifndef TEN_PROCESS_H
#define TEN_PROCESS_H

#include <sys/types.h>

// Exit codes when the application did not run, as shells have them.
enum { EXIT_NOT_STARTED = 126, EXIT_NOT_FOUND = 127 };

// The exit code for the errno of a failed exec.
int exit_code_of_error(int error);
// The exit code for a wait status: the program's own, or 128 + its signal.
int exit_code_of(int wait_status);
// Unblocks all signals and restores their default actions.
void reset_signals(void);
// Signals the process group that `leader` leads, or `leader` alone while it has not made its group yet.
void signal_group(pid_t leader, int number);
// Limits the processes of the current user, threads included; 0: no limit. -1 with errno on failure.
int limit_processes(unsigned long max);

#endif
