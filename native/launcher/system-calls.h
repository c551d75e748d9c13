// The system calls by what the filter answers to each.
#ifndef TEN_SYSTEM_CALLS_H
#define TEN_SYSTEM_CALLS_H

#include <stddef.h>

struct call_list {
  const short *numbers;
  size_t count;
};

// The calls that applications need, in all arguments; the filter restricts some of them further.
extern const struct call_list ALLOWED_CALLS;
// The calls that change the host, gain privileges or reach risky parts of the kernel.
extern const struct call_list REFUSED_CALLS;

#endif
