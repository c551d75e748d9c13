// Devices of the machine: the kernel's file systems, drivers, disks and the network.
#ifndef TEN_DEVICES_H
#define TEN_DEVICES_H

void mount_kernel_files(void);
// In the order of their names. Without the directory the kernel needs none.
void load_modules(const char *directory);
// Drivers create their devices a moment after they are loaded.
void wait_for_device(const char *path);
void bring_up_network(void);

#endif
