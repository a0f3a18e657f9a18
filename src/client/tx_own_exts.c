/* Extents over extents: what is left of an array when updates are laid over each other. */
#include <daos_errno.h>
#include <stdlib.h>
#include "base/fail.h"
#include "client/tx_own_int.h"

static int by_start(const void *x, const void *y)
{
    const struct own_ext *a = x, *b = y;

    return a->start < b->start ? -1 : a->start > b->start;
}

/* The extents of an update, by index. */
static int of_iod(struct arena *mem, struct own_exts *x, const daos_iod_t *iod,
                  const d_sg_list_t *sgl)
{
    uint64_t off = 0;

    x->nr = iod->iod_nr;
    x->e = arena_alloc(mem, x->nr * sizeof(*x->e));
    if (x->e == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < x->nr; i++) {
        const daos_recx_t *r = &iod->iod_recxs[i];

        x->e[i] = (struct own_ext){r->rx_idx, r->rx_idx + r->rx_nr, iod, sgl, off};
        off += r->rx_nr * iod->iod_size;
    }
    qsort(x->e, x->nr, sizeof(*x->e), by_start);
    return 0;
}

/* What begins at `start` of an extent. */
static struct own_ext from(struct own_ext e, uint64_t start)
{
    e.off += (start - e.start) * e.iod->iod_size;
    e.start = start;
    return e;
}

int own_exts_put(struct arena *mem, struct own_exts *x, const daos_iod_t *iod,
                 const d_sg_list_t *sgl)
{
    struct own_exts over, out = {0};
    uint32_t i = 0;
    int rc = of_iod(mem, &over, iod, sgl);

    if (rc != 0)
        return rc;
    /* each new one cuts an old one in two at most */
    out.e = arena_alloc(mem, (x->nr + 2 * (size_t)over.nr) * sizeof(*out.e));
    if (out.e == NULL)
        return -DER_NOMEM;
    for (uint32_t k = 0; k < over.nr; k++) {
        const struct own_ext *n = &over.e[k];

        while (i < x->nr && x->e[i].end <= n->start)
            out.e[out.nr++] = x->e[i++];
        if (i < x->nr && x->e[i].start < n->start) {
            out.e[out.nr] = x->e[i];
            out.e[out.nr++].end = n->start;
        }
        out.e[out.nr++] = *n;
        while (i < x->nr && x->e[i].end <= n->end)
            i++;
        if (i < x->nr && x->e[i].start < n->end)
            x->e[i] = from(x->e[i], n->end);
    }
    while (i < x->nr)
        out.e[out.nr++] = x->e[i++];
    *x = out;
    return 0;
}

uint32_t own_exts_at(const struct own_exts *x, uint64_t idx)
{
    uint32_t lo = 0, hi = x->nr;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (x->e[mid].end <= idx)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
