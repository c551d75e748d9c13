// Deletes directories with their content.
#ifndef TEN_DELETE_H
#define TEN_DELETE_H

// Leaves what can't be deleted.
void empty_directory(const char *path);
// At low priority. Returns the exit code: 0 when nothing is left; else standard output has how much is left, and why.
int delete_trees(char **paths);

#endif
