/*
 * The unit interval, cut into slices with one owner each, in proportion to weights: a point drawn
 * at random falls on owner i with probability weight i / sum of weights. (Random slicing: Miranda
 * et al., "Reliable and Randomized Data Distribution Strategies for Large Scale Storage Systems",
 * HiPC 2011.)
 *
 * Owners come in batches, in the order they joined. The first batch lies side by side in one slice
 * each. A later batch takes from every earlier owner exactly what it must give up, so the share of
 * the interval that changes hands is the share of the newcomers, the least possible. The result
 * depends on the sequence of batches alone.
 */
#ifndef TARN_PLACE_SLICES_H
#define TARN_PLACE_SLICES_H

#include <stdint.h>

#define SLICES_NO_OWNER UINT32_MAX

struct slice {
    uint64_t start; /* in units of 2^-48 of the interval; it ends where the next starts */
    uint32_t owner;
};

struct slices {
    struct slice *slice;
    uint32_t nr;
    uint32_t *hint; /* [top bits of a point]: slice in which that stretch starts */
    uint32_t hint_bits;
};

struct slice_owner {
    uint32_t owner;
    uint32_t weight; /* > 0 */
    uint32_t batch;  /* owners are given by ascending batch */
};

/* -DER_NOMEM. No owners: no slices. */
int slices_build(struct slices *s, const struct slice_owner *owners, uint32_t nr);
void slices_fini(struct slices *s);

/* The owner of a point (all 64 bits count as a fraction). */
static inline uint32_t slices_owner(const struct slices *s, uint64_t point)
{
    uint64_t at = point >> 16;
    uint32_t i;

    if (s->nr == 0)
        return SLICES_NO_OWNER;
    i = s->hint[point >> (64 - s->hint_bits)];
    while (i + 1 < s->nr && s->slice[i + 1].start <= at)
        i++;
    return s->slice[i].owner;
}

#endif
