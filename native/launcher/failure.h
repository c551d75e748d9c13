// Failures of the launcher: reports the reason and ends the process.
#ifndef TEN_FAILURE_H
#define TEN_FAILURE_H

enum { EXIT_USAGE = 125 };

// Ends the process with EXIT_NOT_STARTED and the text of errno.
_Noreturn void fail(const char *subject);
_Noreturn void fail_with(int code, const char *subject, const char *reason);

#endif
