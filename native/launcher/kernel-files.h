// File systems of the kernel inside: /proc, the tenant's own control group, no firmware.
#ifndef TEN_KERNEL_FILES_H
#define TEN_KERNEL_FILES_H

void mount_processes(void);
// Only the tenant's control group, and no firmware.
void close_system_files(void);

#endif
