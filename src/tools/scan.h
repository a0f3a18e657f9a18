/* Counts what there is to do, beside the work itself, so that progress can tell how much is left.
 */
#ifndef TARN_TOOLS_SCAN_H
#define TARN_TOOLS_SCAN_H

#include <pthread.h>

#include "tools/progress.h"
#include "tools/tree.h"

struct scan {
    struct tree *tree;
    struct progress *progress;
    atomic_bool *stop;
    pthread_t thread;
    bool started;
};

/* Starts counting the tree's regular files and their bytes into progress->total*. Does nothing when
 * progress is not on a terminal. */
void scan_start(struct scan *s, struct tree *tree, struct progress *p, atomic_bool *stop);
void scan_join(struct scan *s);

#endif
