/*
 * proc: processes of this host. A pid alone may be given to another process later; with the time
 * when its process began it is a name for good, until the next boot.
 */
#ifndef TARN_BASE_PROC_H
#define TARN_BASE_PROC_H

#include <stdbool.h>
#include <stdint.h>

/* When it began, in clock ticks since the boot; 0: there is no such process, or none that we see.
 */
uint64_t proc_born(uint32_t pid);
/* False: the process with that name has ended for sure, or only waits to be reaped. */
bool proc_lives(uint32_t pid, uint64_t born);
/* What such names are valid in: this boot of this host, and our namespace of pids. Both 0: not
 * known, nobody is to be judged by a name. */
void proc_world(uint64_t *boot, uint64_t *space);

#endif
