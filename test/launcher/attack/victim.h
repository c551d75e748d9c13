// The other tenant, which the attack tries to reach.
#ifndef TEN_VICTIM_H
#define TEN_VICTIM_H

// Prints "ready" once all targets exist, and runs until it is killed.
int run_victim(void);

#endif
