#include "base/vrange.h"

#include <daos_errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fail.h"
#include "base/assert.h"

/* Kept ranges. A heap has a handful, of few sizes. */
struct kept {
    struct kept *next;
    char *base;
    size_t committed, max;
    size_t dirty; /* what lies behind was never written */
};

struct vrange_pool {
    struct kept *kept;
};

static bool take(struct vrange *r, size_t max, enum vrange_use use)
{
    for (struct kept **at = &r->pool->kept; *at != NULL; at = &(*at)->next) {
        struct kept *k = *at;

        if (k->max != max)
            continue;
        *at = k->next;
        r->base = k->base;
        r->committed = k->committed;
        r->max = max;
        r->used = use == VRANGE_ZERO ? 0 : k->dirty;
        if (use == VRANGE_ZERO)
            memset(k->base, 0, k->dirty);
        free(k);
        return true;
    }
    return false;
}

int vrange_open(struct vrange *r, size_t max, enum vrange_use use, struct vrange_pool *pool)
{
    void *p;

    *r = (struct vrange){.pool = pool};
    if (pool != NULL && take(r, max, use))
        return 0;
    p = mmap(NULL, max, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -DER_NOMEM;
    madvise(p, max, MADV_DONTDUMP); /* 1 TiB of nothing in every core file otherwise */
    r->base = p;
    r->max = max;
    return 0;
}

int vrange_commit(struct vrange *r, size_t bytes)
{
    size_t end = ROUND_UP(bytes, (size_t)1 << 20);

    r->used = MAX(r->used, MIN(bytes, r->max));
    if (bytes <= r->committed)
        return 0;
    if (bytes > r->max)
        return -DER_NOMEM;
    end = MIN(end, r->max);
    if (mprotect(r->base + r->committed, end - r->committed, PROT_READ | PROT_WRITE) != 0)
        return -DER_NOMEM;
    r->committed = end;
    return 0;
}

void vrange_huge(struct vrange *r, size_t from, size_t to)
{
    uintptr_t a = ROUND_UP((uintptr_t)r->base + from, VRANGE_HUGE),
              b = ROUND_DOWN((uintptr_t)r->base + MIN(to, r->max), VRANGE_HUGE);

    if (a < b)
        madvise((void *)a, b - a, MADV_HUGEPAGE); /* without them it is merely slower */
}

void vrange_close(struct vrange *r)
{
    struct kept *k = r->pool != NULL && r->base != NULL ? malloc(sizeof(*k)) : NULL;

    if (k != NULL) {
        *k =
            (struct kept){r->pool->kept, r->base, r->committed, r->max, MIN(r->used, r->committed)};
        r->pool->kept = k;
    } else if (r->base != NULL) {
        munmap(r->base, r->max);
    }
    *r = (struct vrange){0};
}

struct vrange_pool *vrange_pool_create(void)
{
    return calloc(1, sizeof(struct vrange_pool));
}

void vrange_pool_destroy(struct vrange_pool *pool)
{
    if (pool == NULL)
        return;
    while (pool->kept != NULL) {
        struct kept *k = pool->kept;

        pool->kept = k->next;
        munmap(k->base, k->max);
        free(k);
    }
    free(pool);
}
