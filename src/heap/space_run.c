/*
 * The volatile side of data space: finding runs of free blocks.
 *
 * First fit, going on after the last reservation of the group, so that what is written together
 * lies together. A group that was searched in vain remembers the longest run it has, and is not
 * searched again for longer ones until something in it becomes free.
 */
#include "heap/space_int.h"

#include <string.h>

/* ---- Bits ---- */

/* The bits of word w that lie in [from, end). */
static uint64_t word_mask(uint32_t w, uint32_t from, uint32_t end)
{
    uint64_t mask = ~0ull;

    if (from > w * 64)
        mask <<= from - w * 64;
    if (end < (w + 1) * 64)
        mask &= ~(~0ull << (end - w * 64));
    return mask;
}

void bits_set(uint64_t *bits, uint32_t from, uint32_t nr)
{
    for (uint32_t w = from / 64; w * 64 < from + nr; w++)
        bits[w] |= word_mask(w, from, from + nr);
}

void bits_clear(uint64_t *bits, uint32_t from, uint32_t nr)
{
    for (uint32_t w = from / 64; w * 64 < from + nr; w++)
        bits[w] &= ~word_mask(w, from, from + nr);
}

uint32_t bits_count(const uint64_t *bits, uint32_t from, uint32_t nr)
{
    uint32_t count = 0;

    for (uint32_t w = from / 64; w * 64 < from + nr; w++)
        count += (uint32_t)__builtin_popcountll(bits[w] & word_mask(w, from, from + nr));
    return count;
}

/* The first bit that is set (or clear) at or after from, end if none before it. */
static uint32_t bits_next(const uint64_t *bits, uint32_t from, uint32_t end, bool set)
{
    while (from < end) {
        uint64_t word = (set ? bits[from / 64] : ~bits[from / 64]) & ~0ull << from % 64;

        if (word != 0)
            return MIN(end, from / 64 * 64 + (uint32_t)__builtin_ctzll(word));
        from = (from / 64 + 1) * 64;
    }
    return end;
}

/* ---- Groups ---- */

bool space_extent_ok(const struct space *s, const struct space_extent *ext)
{
    return ext->nr > 0 && ext->block < s->blocks && ext->nr <= SPACE_GROUP &&
           ext->block % SPACE_GROUP + ext->nr <= s->group[ext->block / SPACE_GROUP].blocks;
}

int space_resize(struct space *s, uint64_t blocks)
{
    uint32_t groups;
    struct space_group *g;

    blocks = MIN(blocks, SPACE_BLOCKS_MAX);
    groups = (uint32_t)DIV_UP(blocks, SPACE_GROUP);
    if (blocks <= s->blocks)
        return 0;
    if (groups > s->groups) {
        g = base_realloc(s->group, groups * sizeof(*g));
        if (g == NULL)
            return -DER_NOMEM;
        memset(g + s->groups, 0, (groups - s->groups) * sizeof(*g));
        s->group = g;
    }
    for (uint32_t i = s->groups > 0 ? s->groups - 1 : 0; i < groups; i++) {
        uint32_t now = (uint32_t)MIN((uint64_t)SPACE_GROUP, blocks - (uint64_t)i * SPACE_GROUP);

        g = &s->group[i];
        if (g->busy != NULL)
            bits_clear(g->busy, g->blocks, now - g->blocks);
        g->free += now - g->blocks;
        g->blocks = now;
        g->run_max = UINT32_MAX;
    }
    s->groups = groups;
    s->blocks = blocks;
    return 0;
}

int space_group_load(struct heap *h, struct space *s, uint32_t group)
{
    struct space_group *g = &s->group[group];
    const uint64_t *bits;
    uint64_t *mem;
    int rc;

    if (g->busy != NULL)
        return 0;
    rc = space_map_bits(h, group, &bits);
    if (rc != 0)
        return rc;
    mem = base_calloc(2 * SPACE_WORDS, sizeof(*mem));
    if (mem == NULL)
        return -DER_NOMEM;
    if (bits != NULL)
        memcpy(mem, bits, SPACE_WORDS * sizeof(*mem));
    bits_set(mem, g->blocks, SPACE_GROUP - g->blocks);
    g->busy = mem;
    g->resv = mem + SPACE_WORDS;
    g->free = SPACE_GROUP - bits_count(mem, 0, SPACE_GROUP);
    g->run_max = UINT32_MAX;
    return 0;
}

/* A free run of want blocks in [from, end); *longest grows by what was seen. */
static bool run_find(const struct space_group *g, uint32_t from, uint32_t end, uint32_t want,
                     uint32_t *at, uint32_t *longest)
{
    while (from < end) {
        uint32_t start = bits_next(g->busy, from, end, false);
        uint32_t stop = bits_next(g->busy, start, MIN(g->blocks, start + want), true);

        if (start == end)
            return false;
        *longest = MAX(*longest, stop - start);
        if (stop - start >= want) {
            *at = start;
            return true;
        }
        from = stop;
    }
    return false;
}

static bool group_take(struct space_group *g, uint32_t want, uint32_t *at)
{
    uint32_t longest = 0;

    if (!run_find(g, g->cursor, g->blocks, want, at, &longest) &&
        !run_find(g, 0, g->cursor, want, at, &longest)) {
        g->run_max = longest;
        return false;
    }
    bits_set(g->busy, *at, want);
    bits_set(g->resv, *at, want);
    g->free -= want;
    g->cursor = (*at + want) % SPACE_GROUP;
    return true;
}

/* A group whose bitmap is damaged has no room for anything new. Where not even its summary can be
 * had, neither can many others', and growing in search of one would find no end. What the device
 * cannot read now it may read the next time: no reason to grow either. */
static int group_passed(struct heap *h, uint32_t group, int rc)
{
    struct space_sum sum;

    return rc == -DER_CSUM ? space_map_sum(h, group, &sum) : rc;
}

int space_run_take(struct heap *h, struct space *s, uint32_t want, struct space_extent *ext)
{
    int passed = 0;

    for (uint32_t i = 0; i < s->groups; i++) {
        uint32_t group = (s->current + i) % s->groups, at;
        struct space_group *g = &s->group[group];
        int rc;

        if (g->free < want || g->run_max < want)
            continue;
        rc = space_group_load(h, s, group);
        if (rc == -DER_CSUM || rc == -DER_IO) {
            rc = group_passed(h, group, rc);
            passed = rc != 0 ? rc : passed;
            if (rc <= 0)
                continue;
        }
        if (rc != 0)
            return rc;
        if (g->free < want || !group_take(g, want, &at))
            continue;
        s->current = group;
        *ext = (struct space_extent){(uint64_t)group * SPACE_GROUP + at, want};
        return 0;
    }
    return passed != 0 ? passed : -DER_NONEXIST;
}

void space_run_put(struct space *s, const struct space_extent *ext)
{
    struct space_group *g = &s->group[ext->block / SPACE_GROUP];
    uint32_t from = (uint32_t)(ext->block % SPACE_GROUP);

    ASSERT(g->busy != NULL && bits_count(g->busy, from, ext->nr) == ext->nr);
    bits_clear(g->busy, from, ext->nr);
    g->free += ext->nr;
    g->run_max = UINT32_MAX;
}

static void group_runs(const struct space_group *g, uint64_t *runs, uint64_t *longest)
{
    uint32_t at = 0;

    while (at < g->blocks) {
        uint32_t start = bits_next(g->busy, at, g->blocks, false);
        uint32_t stop = bits_next(g->busy, start, g->blocks, true);

        *runs += stop > start;
        *longest = MAX(*longest, (uint64_t)(stop - start));
        at = stop;
    }
}

void space_runs(const struct space *s, uint64_t *runs, uint64_t *longest)
{
    *runs = *longest = 0;
    for (uint32_t i = 0; i < s->groups; i++) {
        const struct space_group *g = &s->group[i];

        if (g->busy != NULL) {
            group_runs(g, runs, longest);
        } else if (g->free > 0) {
            *runs += 1;
            *longest = MAX(*longest, (uint64_t)g->free);
        }
    }
}
