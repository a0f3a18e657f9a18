/*
 * Quarantine: a freed extent is not used again before the transaction that freed it is durable
 * (else a crash would bring back a record whose bytes are gone) and before every read that may have
 * seen that record has ended.
 *
 * Reads are counted by ticket. All reads between two frees share a ticket; a free that finds reads
 * under way starts the next one. An extent waits until no read of its ticket or an older one is
 * left. 64 tickets can be out; beyond that the newest is shared on, which only makes extents wait
 * longer. Exhaustively checked: tests/model/quarantine_model.c.
 */
#include "heap/space_int.h"

#include <string.h>

uint64_t heap_space_read_get(struct heap *h)
{
    struct space *s = h->space;

    if (s == NULL)
        return 0;
    atomic_fetch_add_explicit(&s->readers[s->ticket % SPACE_TICKETS], 1, memory_order_relaxed);
    return s->ticket;
}

void heap_space_read_put(struct heap *h, uint64_t ticket)
{
    struct space *s = h->space;
    uint32_t before;

    if (s == NULL)
        return;
    before =
        atomic_fetch_sub_explicit(&s->readers[ticket % SPACE_TICKETS], 1, memory_order_release);
    ASSERT(before > 0);
}

/* The oldest ticket with a read under way; UINT64_MAX: none. */
static uint64_t oldest_read(struct space *s)
{
    for (; s->oldest <= s->ticket; s->oldest++) {
        if (atomic_load_explicit(&s->readers[s->oldest % SPACE_TICKETS], memory_order_acquire) > 0)
            return s->oldest;
    }
    s->oldest = s->ticket;
    return UINT64_MAX;
}

int space_quarantine_room(struct space *s, uint32_t more)
{
    uint32_t cap = MAX(64u, s->q_cap);
    struct space_quarantined *q;

    while (cap < s->q_nr + more)
        cap *= 2;
    if (cap == s->q_cap)
        return 0;
    q = base_alloc(cap * sizeof(*q));
    if (q == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < s->q_nr; i++)
        q[i] = s->q[(s->q_head + i) % s->q_cap];
    base_free(s->q);
    s->q = q;
    s->q_head = 0;
    s->q_cap = cap;
    return 0;
}

void space_quarantine_add(struct space *s, const struct space_extent *ext, uint64_t lsn)
{
    struct space_quarantined *e = &s->q[(s->q_head + s->q_nr) % s->q_cap];

    ASSERT(s->q_nr < s->q_cap);
    *e = (struct space_quarantined){.ext = *ext, .lsn = lsn};
    if (oldest_read(s) != UINT64_MAX) {
        bool now =
            atomic_load_explicit(&s->readers[s->ticket % SPACE_TICKETS], memory_order_relaxed) > 0;

        e->read = now ? s->ticket : s->ticket - 1;
        if (now && s->ticket + 1 - s->oldest < SPACE_TICKETS)
            s->ticket++;
    }
    s->q_nr++;
    s->q_blocks += ext->nr;
}

void space_quarantine_release(struct heap *h, struct space *s)
{
    uint64_t durable, oldest;

    if (s->q_nr == 0)
        return;
    durable = heap_durable_lsn(h);
    oldest = oldest_read(s);
    while (s->q_nr > 0) {
        const struct space_quarantined *e = &s->q[s->q_head];

        if ((e->lsn > durable && !MUTANT(SPACE_QUARANTINE_EARLY)) ||
            (oldest <= e->read && !MUTANT(SPACE_TICKET_IGNORED)))
            return;
        space_run_put(s, &e->ext);
        s->q_blocks -= e->ext.nr;
        s->q_head = (s->q_head + 1) % s->q_cap;
        s->q_nr--;
    }
}
