// Reads short texts from descriptors and files.
#ifndef TEN_READ_H
#define TEN_READ_H

#include <sys/types.h>

// One read of at most `size` - 1 bytes, terminated with NUL. The length; on failure -1 with errno, and an empty text.
ssize_t read_text(int fd, char *text, size_t size);
ssize_t read_file(const char *path, char *text, size_t size);

#endif
