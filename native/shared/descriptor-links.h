// The links /dev/fd, /dev/stdin, /dev/stdout and /dev/stderr.
#ifndef TEN_DESCRIPTOR_LINKS_H
#define TEN_DESCRIPTOR_LINKS_H

// Makes the links that are missing. -1 with errno on failure.
int make_descriptor_links(void);

#endif
