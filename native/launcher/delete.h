// Deletes directories with their content, at low priority.
#ifndef TEN_DELETE_H
#define TEN_DELETE_H

// Returns the exit code: 0 when nothing is left; else standard output has how much is left, and why.
int delete_trees(char **paths);

#endif
