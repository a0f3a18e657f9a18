#include "dfs/dfs_int.h"

bool dfs_retry(uint32_t *attempt)
{
    uint32_t n = ++*attempt;

    if (n > DFS_RETRY_MAX)
        return false;
    /* The first restarts cost nothing; after that two clients that collide should drift apart. */
    if (n > 4)
        rt_sleep_ns(rt_random() % (1000ull << MIN(n - 4, 12u)));
    return true;
}
