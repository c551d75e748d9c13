// The seccomp filter: refuses system calls that change the host, gain privileges or reach risky parts of the kernel.
#ifndef TEN_SECCOMP_H
#define TEN_SECCOMP_H

// Needs no_new_privs.
void filter_system_calls(void);

#endif
