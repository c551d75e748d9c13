// Signals all descendants of this process.
#ifndef TEN_DESCENDANTS_H
#define TEN_DESCENDANTS_H

void signal_descendants(int signal);

#endif
