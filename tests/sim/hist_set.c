/*
 * The set of possible states. States are kept once (equal states are one blob), so comparing two
 * possibilities compares pointers. Two that differ only in operations of unknown outcome: the one
 * in which fewer have happened is kept, because they may still happen there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "hist_int.h"

#define INDEX_FROM 16u

void *hist_alloc(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL) {
        fprintf(stderr, "hist: out of memory (%zu bytes)\n", size);
        abort();
    }
    return p;
}

/* Room for one more; new bytes are not zero. */
static void *grow(void *old, uint32_t nr, uint32_t *max, size_t size)
{
    void *p;

    if (nr < *max)
        return old;
    *max = *max ? *max * 2 : 16;
    p = realloc(old, *max * size);
    ASSERT(p != NULL);
    return p;
}

/* ---- States ---- */

static void rehash(struct hist *h)
{
    uint32_t old_nr = h->buckets_nr;
    struct blob **old = h->buckets;

    h->buckets_nr = old_nr ? old_nr * 2 : 64;
    h->buckets = hist_alloc(h->buckets_nr * sizeof(*h->buckets));
    for (uint32_t i = 0; i < old_nr; i++) {
        while (old[i] != NULL) {
            struct blob *b = old[i], **to = &h->buckets[b->hash & (h->buckets_nr - 1)];

            old[i] = b->next;
            b->next = *to;
            *to = b;
        }
    }
    free(old);
}

struct blob *blob_get(struct hist *h, const void *bytes)
{
    uint64_t hash = hash_bytes(bytes, h->spec.state_bytes);
    struct blob *b, **to;

    if (h->blobs_nr >= h->buckets_nr)
        rehash(h);
    to = &h->buckets[hash & (h->buckets_nr - 1)];
    for (b = *to; b != NULL; b = b->next) {
        if (b->hash == hash && memcmp(b->bytes, bytes, h->spec.state_bytes) == 0) {
            b->refs++;
            return b;
        }
    }
    b = h->free;
    if (b != NULL)
        h->free = b->next;
    else
        b = hist_alloc(sizeof(*b) + h->spec.state_bytes);
    memcpy(b->bytes, bytes, h->spec.state_bytes);
    b->hash = hash;
    b->nr = h->blob_nr++;
    b->refs = 1;
    b->next = *to;
    *to = b;
    h->blobs_nr++;
    return b;
}

void blob_ref(struct blob *b)
{
    b->refs++;
}

void blob_put(struct hist *h, struct blob *b)
{
    struct blob **at;

    ASSERT(b->refs > 0);
    if (--b->refs > 0)
        return;
    for (at = &h->buckets[b->hash & (h->buckets_nr - 1)]; *at != b; at = &(*at)->next)
        ;
    *at = b->next;
    b->next = h->free;
    h->free = b;
    h->blobs_nr--;
}

/* ---- The set ---- */

void set_begin(struct set *s, struct blob *st, uint64_t done)
{
    s->c = grow(s->c, s->nr, &s->max, sizeof(*s->c));
    s->c[s->nr] = (struct conf){.st = st, .done = done, .past_at = s->pool_nr};
}

/* Into the list of c, which lies at the end of the pool. */
static void past_add(struct set *s, struct conf *c, struct blob *st, uint64_t ops)
{
    struct past *p;
    uint32_t i;

    s->pool = grow(s->pool, c->past_at + c->past_nr, &s->pool_max, sizeof(*s->pool));
    p = s->pool + c->past_at;
    for (i = c->past_nr; i > 0 && p[i - 1].st->nr >= st->nr; i--)
        ;
    if (i < c->past_nr && p[i].st == st) {
        p[i].ops |= ops;
        return;
    }
    memmove(&p[i + 1], &p[i], (c->past_nr - i) * sizeof(*p));
    p[i] = (struct past){st, ops};
    c->past_nr++;
}

void set_past(struct set *s, struct blob *st, uint64_t ops)
{
    if (ops != 0)
        past_add(s, &s->c[s->nr], st, ops);
}

/* Equal but for operations of unknown outcome. */
static bool alike(const struct hist *h, const struct set *s, const struct conf *a,
                  const struct conf *b)
{
    if (a->hash != b->hash || a->st != b->st || ((a->done ^ b->done) & ~h->unknown) != 0 ||
        a->past_nr != b->past_nr)
        return false;
    for (uint32_t i = 0; i < a->past_nr; i++)
        if (s->pool[a->past_at + i].st != s->pool[b->past_at + i].st ||
            s->pool[a->past_at + i].ops != s->pool[b->past_at + i].ops)
            return false;
    return true;
}

/* 0: neither says all of the other; 1: old makes c superfluous; 2: c replaced old. */
static int compare(const struct hist *h, struct set *s, struct conf *old, const struct conf *c)
{
    if (!alike(h, s, old, c))
        return 0;
    if ((old->done & ~c->done) == 0)
        return 1;
    if ((c->done & ~old->done) != 0)
        return 0;
    old->done = c->done;
    return 2;
}

static void index_add(struct set *s, uint32_t i)
{
    uint32_t at = (uint32_t)s->c[i].hash & (s->index_max - 1);

    while (s->index[at] != 0)
        at = (at + 1) & (s->index_max - 1);
    s->index[at] = i + 1;
}

static void index_build(struct set *s)
{
    if (s->index_max < s->max * 2) {
        free(s->index);
        s->index_max = s->max * 2;
        s->index = hist_alloc(s->index_max * sizeof(*s->index));
    } else {
        memset(s->index, 0, s->index_max * sizeof(*s->index));
    }
    s->indexed = true;
    for (uint32_t i = 0; i < s->nr; i++)
        index_add(s, i);
}

/* The pasts of c, which lies at the end of the pool, are those of old too. */
static void merge(struct set *s, struct conf *old, const struct conf *c)
{
    uint32_t to = c->past_at + c->past_nr, nr = 0, a = 0, b = 0;

    while (s->pool_max < to + old->past_nr + c->past_nr)
        s->pool = grow(s->pool, s->pool_max, &s->pool_max, sizeof(*s->pool));
    while (a < old->past_nr || b < c->past_nr) {
        const struct past *x = &s->pool[old->past_at + a], *y = &s->pool[c->past_at + b];
        struct past *into = &s->pool[to + nr++];

        if (b == c->past_nr || (a < old->past_nr && x->st->nr < y->st->nr)) {
            *into = *x;
            a++;
        } else if (a < old->past_nr && x->st == y->st) {
            *into = (struct past){x->st, x->ops | y->ops};
            a++;
            b++;
        } else {
            *into = *y;
            blob_ref(y->st);
            b++;
        }
    }
    old->past_at = to;
    old->past_nr = nr;
    s->pool_nr = to + nr;
}

static bool merged(struct set *s, struct conf *old, const struct conf *c)
{
    if (!s->merging || old->hash != c->hash || old->st != c->st || old->done != c->done)
        return false;
    merge(s, old, c);
    return true;
}

static bool superfluous(const struct hist *h, struct set *s, const struct conf *c)
{
    if (!s->indexed) {
        for (uint32_t i = 0; i < s->nr; i++)
            if (merged(s, &s->c[i], c) || compare(h, s, &s->c[i], c))
                return true;
        return false;
    }
    for (uint32_t at = (uint32_t)c->hash & (s->index_max - 1); s->index[at] != 0;
         at = (at + 1) & (s->index_max - 1))
        if (merged(s, &s->c[s->index[at] - 1], c) || compare(h, s, &s->c[s->index[at] - 1], c))
            return true;
    return false;
}

static uint64_t conf_hash(const struct hist *h, const struct set *s, const struct conf *c)
{
    uint64_t hash = mix128(c->st->nr, c->done & ~h->unknown);

    for (uint32_t i = 0; i < c->past_nr && !s->merging; i++)
        hash = mix128(hash + s->pool[c->past_at + i].st->nr, s->pool[c->past_at + i].ops);
    return hash;
}

/* Of those that are alike now the first stays. */
static void start_merging(struct hist *h, struct set *s)
{
    struct set old = *s;

    *s = h->spare;
    s->merging = true;
    for (uint32_t i = 0; i < old.nr; i++) {
        const struct conf *c = &old.c[i];

        set_begin(s, c->st, c->done);
        for (uint32_t k = 0; k < c->past_nr; k++)
            set_past(s, old.pool[c->past_at + k].st, old.pool[c->past_at + k].ops);
        set_end(h, s);
    }
    set_clear(h, &old);
    h->spare = old;
}

void set_end(struct hist *h, struct set *s)
{
    struct conf *c = &s->c[s->nr];

    c->hash = conf_hash(h, s, c);
    if (superfluous(h, s, c))
        return;
    if (s->nr == HIST_STATES_MAX) {
        h->overflow = true;
        return;
    }
    blob_ref(c->st);
    for (uint32_t i = 0; i < c->past_nr; i++)
        blob_ref(s->pool[c->past_at + i].st);
    s->pool_nr = c->past_at + c->past_nr;
    s->nr++;
    if (s->nr < INDEX_FROM)
        ;
    else if (!s->indexed || s->nr * 2 > s->index_max)
        index_build(s);
    else
        index_add(s, s->nr - 1);
    if (s->nr >= h->merge_from && !s->merging)
        start_merging(h, s);
}

void set_clear(struct hist *h, struct set *s)
{
    for (uint32_t i = 0; i < s->nr; i++) {
        blob_put(h, s->c[i].st);
        for (uint32_t k = 0; k < s->c[i].past_nr; k++)
            blob_put(h, s->pool[s->c[i].past_at + k].st);
    }
    s->nr = s->pool_nr = 0;
    s->indexed = s->merging = false;
}

void set_free(struct set *s)
{
    free(s->c);
    free(s->pool);
    free(s->index);
}

static void note_most(struct hist *h)
{
    if (h->cur->nr > h->most)
        h->most = h->cur->nr;
}

void set_swap_merged(struct hist *h)
{
    struct set *from = h->next, *to = h->cur;

    set_clear(h, to);
    to->merging = true;
    for (uint32_t i = 0; i < from->nr; i++) {
        const struct conf *c = &from->c[i];

        set_begin(to, c->st, c->done);
        for (uint32_t k = 0; k < c->past_nr; k++)
            set_past(to, from->pool[c->past_at + k].st, from->pool[c->past_at + k].ops);
        set_end(h, to);
    }
    set_clear(h, from);
    note_most(h);
}

void set_swap(struct hist *h)
{
    struct set *s = h->cur;

    set_clear(h, s);
    h->cur = h->next;
    h->next = s;
    note_most(h);
}
