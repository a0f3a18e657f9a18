#include "place/slices.h"
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"

#define WHOLE (UINT64_C(1) << 48)

/* A piece of the interval while it is being dealt out; each owner's pieces form a list, newest
 * first. */
struct piece {
    uint64_t start, len;
    struct piece *next;
};

struct deal {
    struct piece **of; /* [position in owners] */
    uint64_t *share;   /* what it has now */
    struct piece *given;
    struct piece *spare;  /* list elements not in use */
    struct piece **block; /* their memory */
    uint32_t block_nr;
};

#define BLOCK_PIECES 1024u

static struct piece *piece_new(struct deal *d)
{
    struct piece *p = d->spare;

    if (p == NULL) {
        struct piece **blocks = base_realloc(d->block, (d->block_nr + 1) * sizeof(*blocks));
        struct piece *b;

        if (blocks == NULL)
            return NULL;
        d->block = blocks;
        b = base_alloc(BLOCK_PIECES * sizeof(*b));
        if (b == NULL)
            return NULL;
        d->block[d->block_nr++] = b;
        for (uint32_t i = 0; i < BLOCK_PIECES; i++) {
            b[i].next = d->spare;
            d->spare = &b[i];
        }
        p = d->spare;
    }
    d->spare = p->next;
    return p;
}

/* Moves len of the interval from one list to the other, whole pieces first. */
static int move(struct deal *d, struct piece **from, struct piece **to, uint64_t len)
{
    while (len > 0) {
        struct piece *p = *from;

        ASSERT(p != NULL);
        if (p->len <= len) {
            *from = p->next;
        } else {
            struct piece *cut = piece_new(d);

            if (cut == NULL)
                return -DER_NOMEM;
            p->len -= len;
            cut->start = p->start + p->len;
            cut->len = len;
            p = cut;
        }
        len -= p->len;
        p->next = *to;
        *to = p;
    }
    return 0;
}

/* Deals out a batch [first, end): earlier owners give, newcomers take. sum: weights of all up to
 * end. */
static int deal_batch(struct deal *d, const struct slice_owner *o, uint32_t first, uint32_t end,
                      uint64_t sum)
{
    uint64_t left = 0;
    int rc;

    for (uint32_t i = 0; i < first; i++) {
        uint64_t keep = (uint64_t)((unsigned __int128)WHOLE * o[i].weight / sum);

        if (keep >= d->share[i])
            continue;
        left += d->share[i] - keep;
        rc = move(d, &d->of[i], &d->given, d->share[i] - keep);
        if (rc != 0)
            return rc;
        d->share[i] = keep;
    }
    if (first == 0)
        left = WHOLE;
    for (uint32_t i = first; i < end; i++) {
        uint64_t want = (uint64_t)((unsigned __int128)WHOLE * o[i].weight / sum);

        if (i == end - 1 || want > left)
            want = left;
        left -= want;
        rc = move(d, &d->given, &d->of[i], want);
        if (rc != 0)
            return rc;
        d->share[i] = want;
    }
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* Pieces of all owners in order, neighbours of one owner merged. */
static int collect(struct slices *s, const struct deal *d, const struct slice_owner *o, uint32_t nr)
{
    uint32_t n = 0, out = 0;

    for (uint32_t i = 0; i < nr; i++)
        for (const struct piece *p = d->of[i]; p != NULL; p = p->next)
            n++;
    s->slice = base_alloc(MAX(n, 1u) * sizeof(*s->slice));
    if (s->slice == NULL)
        return -DER_NOMEM;
    n = 0;
    for (uint32_t i = 0; i < nr; i++)
        for (const struct piece *p = d->of[i]; p != NULL; p = p->next)
            s->slice[n++] = (struct slice){p->start, o[i].owner};
    qsort(s->slice, n, sizeof(*s->slice), by_start);
    for (uint32_t i = 0; i < n; i++)
        if (out == 0 || s->slice[out - 1].owner != s->slice[i].owner)
            s->slice[out++] = s->slice[i];
    s->nr = out;
    return 0;
}

static int make_hints(struct slices *s)
{
    uint32_t at = 0;

    s->hint_bits = 6;
    while (s->hint_bits < 20 && (1u << s->hint_bits) < 4 * s->nr)
        s->hint_bits++;
    s->hint = base_alloc((sizeof(*s->hint)) << s->hint_bits);
    if (s->hint == NULL)
        return -DER_NOMEM;
    for (uint64_t i = 0; i < 1u << s->hint_bits; i++) {
        while (at + 1 < s->nr && s->slice[at + 1].start <= i << (48 - s->hint_bits))
            at++;
        s->hint[i] = at;
    }
    return 0;
}

int slices_build(struct slices *s, const struct slice_owner *owners, uint32_t nr)
{
    struct deal d = {0};
    uint64_t sum = 0;
    int rc = -DER_NOMEM;

    memset(s, 0, sizeof(*s));
    if (nr == 0)
        return 0;
    d.of = base_calloc(nr, sizeof(struct piece *));
    d.share = base_calloc(nr, sizeof(uint64_t));
    d.given = d.of != NULL && d.share != NULL ? piece_new(&d) : NULL;
    if (d.given == NULL)
        goto out;
    *d.given = (struct piece){0, WHOLE, NULL};
    rc = 0;
    for (uint32_t first = 0, end; first < nr && rc == 0; first = end) {
        for (end = first; end < nr && owners[end].batch == owners[first].batch; end++)
            sum += owners[end].weight;
        rc = deal_batch(&d, owners, first, end, sum);
    }
    if (rc == 0)
        rc = collect(s, &d, owners, nr);
    if (rc == 0)
        rc = make_hints(s);
    if (rc != 0)
        slices_fini(s);
out:
    for (uint32_t i = 0; i < d.block_nr; i++)
        base_free(d.block[i]);
    base_free(d.block);
    base_free(d.of);
    base_free(d.share);
    return rc;
}

void slices_fini(struct slices *s)
{
    base_free(s->slice);
    base_free(s->hint);
    memset(s, 0, sizeof(*s));
}
