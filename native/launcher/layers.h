// Directories of the tenant's own in its directory, and the writable layer over the working directory.
#ifndef TEN_LAYERS_H
#define TEN_LAYERS_H

#include "options.h"

// Before the namespaces, since only a process of the host's can map users.
void prepare_layer(const struct options *options);
// A detached copy of a directory, which is made for the application's user where it is missing. Follows no link.
int need_own_tree(const char *path, const struct options *options);
// A detached overlay of `layer_path`, with the upper layer in `layer_dir`.
int need_layer(const struct options *options);

#endif
