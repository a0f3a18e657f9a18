/*
 * Intrusive chained hash table that doubles when it holds more elements than slots.
 *
 * The caller hashes and compares: it walks the elements of one hash with htable_first/htable_next
 * and compares keys itself. Insertion never fails: when growing finds no memory the chains just get
 * longer. The order of a walk depends on hashes and on the order of insertion only, never on
 * addresses. Not thread-safe.
 */
#ifndef TARN_BASE_HTABLE_H
#define TARN_BASE_HTABLE_H

#include <stddef.h>
#include <stdint.h>
#include "base/assert.h"

struct hlink {
    struct hlink *next;
    uint64_t hash;
};

struct htable {
    struct hlink **slots; /* mask + 1 of them; &one until it first grows */
    uint64_t mask;
    uint64_t count;
    struct hlink *one;
};

/* A table must not be moved (slots may point into it). */
void htable_init(struct htable *t);
/* Frees the slots; the elements are the caller's. */
void htable_fini(struct htable *t);

void htable_insert(struct htable *t, struct hlink *l, uint64_t hash); /* duplicates allowed */
void htable_remove(struct htable *t, struct hlink *l);                /* ASSERTs that it is in */
/* Elements of one hash, newest first; NULL when there are no more. */
struct hlink *htable_first(const struct htable *t, uint64_t hash);
struct hlink *htable_next(const struct hlink *l);

/* A walk over all: while ((l = htable_walk(&t, &pos, l))) with pos = 0 and l = NULL at first. No
 * insertion during it. To remove l, fetch its successor first. */
struct hlink *htable_walk(const struct htable *t, uint64_t *pos, struct hlink *l);
/* Takes out and returns any element, NULL when empty: for tearing down. */
struct hlink *htable_pop(struct htable *t);

#endif
