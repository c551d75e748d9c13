// File systems of the kernel inside: /proc, the tenant's own control group, no firmware.
#ifndef TEN_KERNEL_FILES_H
#define TEN_KERNEL_FILES_H

void mount_kernel_files(void);

#endif
