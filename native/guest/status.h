// The status of the application, as lines for the host.
#ifndef TEN_STATUS_H
#define TEN_STATUS_H

enum status_device { STATUS_PORT, STATUS_DISK };

// Until it is called, lines go to standard error.
void open_status(int fd, enum status_device device);
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
