#include <stdlib.h>

#include "base/vrange.h"
#include "rt/priv.h"

struct rt_keep *rt_keep_create(void)
{
    struct rt_keep *keep = calloc(1, sizeof(*keep));

    if (keep == NULL)
        return NULL;
    keep->ranges = vrange_pool_create();
    if (keep->ranges == NULL) {
        free(keep);
        return NULL;
    }
    return keep;
}

void rt_keep_destroy(struct rt_keep *keep)
{
    if (keep == NULL)
        return;
    fiber_pool_fini(&keep->stacks);
    vrange_pool_destroy(keep->ranges);
    free(keep);
}

struct vrange_pool *rt_keep_ranges(struct rt_keep *keep)
{
    return keep == NULL ? NULL : keep->ranges;
}
