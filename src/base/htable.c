#include "base/htable.h"

#include "base/fail.h"
#include "base/mutant.h"

#define FIRST_SLOTS 16

void htable_init(struct htable *t)
{
    t->slots = &t->one;
    t->mask = 0;
    t->count = 0;
    t->one = NULL;
}

void htable_fini(struct htable *t)
{
    if (t->slots != &t->one)
        base_free(t->slots);
    htable_init(t);
}

/* Appends, so that chains keep their order and with it the order of walks. */
static void grow(struct htable *t)
{
    uint64_t n = t->mask ? (t->mask + 1) * 2 : FIRST_SLOTS;
    struct hlink **slots = base_calloc(n, sizeof(*slots));

    if (!slots)
        return;
    for (uint64_t i = 0; i <= t->mask; i++) {
        struct hlink *l = t->slots[i];

        while (l) {
            struct hlink *next = l->next;
            struct hlink **at = &slots[l->hash & (n - 1)];

            while (*at && !MUTANT(HTABLE_GROW_CHAIN))
                at = &(*at)->next;
            l->next = NULL;
            *at = l;
            l = next;
        }
    }
    if (t->slots != &t->one)
        base_free(t->slots);
    t->slots = slots;
    t->mask = n - 1;
}

void htable_insert(struct htable *t, struct hlink *l, uint64_t hash)
{
    struct hlink **slot;

    if (t->count > t->mask)
        grow(t);
    slot = &t->slots[hash & t->mask];
    l->hash = hash;
    l->next = *slot;
    *slot = l;
    t->count++;
}

void htable_remove(struct htable *t, struct hlink *l)
{
    struct hlink **at = &t->slots[l->hash & t->mask];

    while (*at && *at != l)
        at = &(*at)->next;
    ASSERT(*at == l);
    *at = l->next;
    l->next = NULL;
    t->count--;
}

struct hlink *htable_first(const struct htable *t, uint64_t hash)
{
    struct hlink *l = t->slots[hash & t->mask];

    while (l && l->hash != hash)
        l = l->next;
    return l;
}

struct hlink *htable_next(const struct hlink *l)
{
    struct hlink *n = l->next;

    while (n && n->hash != l->hash)
        n = n->next;
    return n;
}

struct hlink *htable_walk(const struct htable *t, uint64_t *pos, struct hlink *l)
{
    if (l && l->next)
        return l->next;
    while (*pos <= t->mask) {
        struct hlink *first = t->slots[(*pos)++];

        if (first)
            return first;
    }
    return NULL;
}

struct hlink *htable_pop(struct htable *t)
{
    uint64_t pos = 0;
    struct hlink *l = t->count ? htable_walk(t, &pos, NULL) : NULL;

    if (l)
        htable_remove(t, l);
    return l;
}
