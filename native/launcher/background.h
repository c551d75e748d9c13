// Work for the server beside that of tenants.
#ifndef TEN_BACKGROUND_H
#define TEN_BACKGROUND_H

// Lets every other process have the processor and the disk first.
void work_in_background(void);

#endif
