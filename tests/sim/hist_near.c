/* Which operations have anything to do with each other. */
#include <string.h>
#include "hist_int.h"

const void *hist_op(const struct hist *h, uint32_t slot)
{
    return h->ops + slot * h->spec.op_bytes;
}

void hist_op_copy(const struct hist *h, void *to, const void *op)
{
    memcpy(to, op, h->spec.op_used ? h->spec.op_used(op) : h->spec.op_bytes);
}

uint64_t hist_touches(const struct hist *h, const void *op)
{
    return h->spec.touches ? h->spec.touches(op) : UINT64_MAX;
}

/* Those of mask that are connected with bits, over others of mask if need be. */
static uint64_t connected(const struct hist *h, uint64_t bits, uint64_t mask)
{
    uint64_t in = 0, more;

    do {
        more = 0;
        FOR_BITS(i, mask & ~in)
        {
            if (h->touches[i] & bits)
                more |= BIT(i);
        }
        FOR_BITS(i, more)
        {
            bits |= h->touches[i];
        }
        in |= more;
    } while (more != 0);
    return in;
}

/* The open read in mask that touches most; NO_SLOT: none. */
static uint32_t widest(const struct hist *h, uint64_t mask)
{
    uint32_t which = NO_SLOT;
    int most = -1;

    FOR_BITS(i, mask)
    {
        if (__builtin_popcountll(h->touches[i]) > most) {
            most = __builtin_popcountll(h->touches[i]);
            which = i;
        }
    }
    return which;
}

uint64_t hist_before(struct hist *h, uint64_t bits, uint64_t but)
{
    for (;;) {
        uint64_t in = connected(h, bits, h->open & ~but & ~h->let_off);
        uint32_t read = widest(h, in & h->reads);

        if (__builtin_popcountll(in & ~h->reads) <= (int)HIST_BEFORE_MAX || read == NO_SLOT)
            return in & ~h->reads;
        h->let_off |= BIT(read);
        h->let_off_nr++;
    }
}

uint32_t hist_near(const struct hist *h, const void *op)
{
    uint64_t in = connected(h, hist_touches(h, op), h->open & ~h->let_off);

    return (uint32_t)__builtin_popcountll(in & ~h->reads);
}

uint32_t hist_open(const struct hist *h)
{
    return (uint32_t)__builtin_popcountll(h->open & ~h->reads);
}
