// The seccomp filter: which system calls the application may use.
#ifndef TEN_SECCOMP_H
#define TEN_SECCOMP_H

#include <stdbool.h>

// Needs no_new_privs. `permissive`: calls that the filter does not list are allowed.
void filter_system_calls(bool permissive);

#endif
