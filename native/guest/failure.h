// Failures of the agent: reports the reason to the host and powers the machine off.
#ifndef TEN_FAILURE_H
#define TEN_FAILURE_H

_Noreturn void power_off(void);
// Reports the text of errno.
_Noreturn void fail(const char *subject);
_Noreturn void fail_because(const char *subject, const char *reason);

#endif
