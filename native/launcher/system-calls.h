// The system calls by what the filter answers to each.
#ifndef TEN_SYSTEM_CALLS_H
#define TEN_SYSTEM_CALLS_H

#include <stddef.h>

struct call_list {
  const short *numbers;
  size_t count;
};

// What applications need, in all arguments; the filter restricts some of them further.
extern const struct call_list ALLOWED_CALLS;
// What changes the host, gains privileges or reaches risky parts of the kernel.
extern const struct call_list REFUSED_CALLS;

#endif
