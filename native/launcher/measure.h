// Measures the disk space that directories take.
#ifndef TEN_MEASURE_H
#define TEN_MEASURE_H

// The first argument is the number of seconds after which it stops, the others are paths; one that does not exist
// takes no space. Writes "BYTES whole", or "BYTES part" when not all was seen. Returns the exit code.
int measure_trees(char **arguments);

#endif
