// Reads short texts from descriptors and files.
#include "read.h"

#include <fcntl.h>
#include <unistd.h>

ssize_t read_text(int fd, char *text, size_t size) {
  ssize_t length = read(fd, text, size - 1);
  text[length > 0 ? length : 0] = 0;
  return length;
}

ssize_t read_file(const char *path, char *text, size_t size) {
  text[0] = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t length = read_text(fd, text, size);
  close(fd);
  return length;
}
