// Limits that need no control group: open files, core files, and which process the kernel kills first.
#ifndef TEN_LIMITS_H
#define TEN_LIMITS_H

// For the application alone. Never raises a limit that the launcher was started with.
void limit_files(void);
// For the launcher and all that it starts: when memory runs out, the kernel kills them before the server.
void yield_memory_to_server(void);

#endif
