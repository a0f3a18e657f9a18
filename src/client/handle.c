/*
 * The handle table: chunks of slots, made as they are needed and never moved, so that lookups need
 * no lock.
 *
 * A slot's word holds generation (high half) and references (low half). A lookup adds a reference
 * by compare-and-swap only while the generation is the cookie's; closing moves the generation on
 * and drops the name's reference in one step. The slot is reused when the references are gone.
 *
 * Exhaustively checked: tests/model/handle_model.c. No order below is stronger than it must be.
 */
#include "client/handle.h"

#include <daos_errno.h>
#include <sched.h>
#include <stdatomic.h>
#include "base/assert.h"
#include "base/fail.h"

#define CHUNK_SLOTS 1024u
#define CHUNKS      (HANDLE_MAX / CHUNK_SLOTS)
#define TYPE_BITS   4
#define SLOT_BITS   24
#define NO_SLOT     UINT32_MAX

struct slot {
    _Atomic uint64_t word;
    struct hobj *obj;
    uint32_t next_free;
};

struct handle_table {
    struct rt_mutex lock; /* free list, growth */
    uint32_t free_head;
    uint32_t slots;
    _Atomic(struct slot *) chunks[CHUNKS];
};

void lock_short(struct rt_mutex *m)
{
    if (rt_xs_self() == NULL || rt_fiber_self() != NULL) {
        rt_mutex_lock(m);
        return;
    }
    while (!rt_mutex_trylock(m))
        sched_yield();
}

static struct slot *slot_at(struct handle_table *t, uint32_t i)
{
    struct slot *chunk = atomic_load_explicit(&t->chunks[i / CHUNK_SLOTS], memory_order_acquire);

    return chunk ? &chunk[i % CHUNK_SLOTS] : NULL;
}

int handle_table_create(struct handle_table **out)
{
    struct handle_table *t = base_calloc(1, sizeof(*t));

    if (t == NULL)
        return -DER_NOMEM;
    rt_mutex_init(&t->lock);
    t->free_head = NO_SLOT;
    *out = t;
    return 0;
}

void handle_each(struct handle_table *t, uint32_t type, void (*fn)(struct hobj *o))
{
    for (uint32_t i = t->slots; i-- > 0;) {
        struct slot *s = slot_at(t, i);

        if ((uint32_t)atomic_load(&s->word) != 0 &&
            (s->obj->cookie & ((1u << TYPE_BITS) - 1)) == type)
            fn(s->obj);
    }
}

void handle_table_destroy(struct handle_table *t)
{
    uint32_t i;

    for (i = t->slots; i-- > 0;) {
        struct slot *s = slot_at(t, i);

        if ((uint32_t)atomic_load(&s->word) != 0)
            handle_close(s->obj);
    }
    for (i = 0; i < t->slots; i++)
        ASSERT((uint32_t)atomic_load(&slot_at(t, i)->word) == 0);
    for (i = 0; i < CHUNKS; i++)
        base_free(t->chunks[i]);
    base_free(t);
}

/* One more chunk, all its slots on the free list. Under the lock. */
static int grow(struct handle_table *t)
{
    struct slot *chunk;
    uint32_t i;

    if (t->slots == HANDLE_MAX)
        return -DER_NOMEM;
    chunk = base_calloc(CHUNK_SLOTS, sizeof(*chunk));
    if (chunk == NULL)
        return -DER_NOMEM;
    for (i = 0; i < CHUNK_SLOTS; i++) {
        chunk[i].word = UINT64_C(1) << 32;
        chunk[i].next_free = i + 1 < CHUNK_SLOTS ? t->slots + i + 1 : t->free_head;
    }
    t->free_head = t->slots;
    atomic_store_explicit(&t->chunks[t->slots / CHUNK_SLOTS], chunk, memory_order_release);
    t->slots += CHUNK_SLOTS;
    return 0;
}

int handle_open(struct handle_table *t, struct hobj *o, uint32_t type, daos_handle_t *h)
{
    struct slot *s;
    uint64_t gen;
    uint32_t i;
    int rc = 0;

    ASSERT(type < 1u << TYPE_BITS && type % 2 == 1);
    lock_short(&t->lock);
    if (t->free_head == NO_SLOT)
        rc = grow(t);
    if (rc == 0) {
        i = t->free_head;
        s = slot_at(t, i);
        t->free_head = s->next_free;
    }
    rt_mutex_unlock(&t->lock);
    if (rc)
        return rc;
    gen = atomic_load_explicit(&s->word, memory_order_relaxed) >> 32;
    o->table = t;
    o->cookie = gen << (TYPE_BITS + SLOT_BITS) | (uint64_t)i << TYPE_BITS | type;
    s->obj = o;
    atomic_store_explicit(&s->word, gen << 32 | 1, memory_order_release);
    h->cookie = o->cookie;
    return 0;
}

static struct slot *slot_of(const struct hobj *o)
{
    return slot_at(o->table, (uint32_t)(o->cookie >> TYPE_BITS) & ((1u << SLOT_BITS) - 1));
}

struct hobj *handle_get(struct handle_table *t, daos_handle_t h, uint32_t type)
{
    uint32_t i = (uint32_t)(h.cookie >> TYPE_BITS) & ((1u << SLOT_BITS) - 1);
    uint64_t gen = h.cookie >> (TYPE_BITS + SLOT_BITS);
    struct slot *s;
    uint64_t word;

    if ((h.cookie & ((1u << TYPE_BITS) - 1)) != type || i >= HANDLE_MAX)
        return NULL;
    s = slot_at(t, i);
    if (s == NULL)
        return NULL;
    word = atomic_load_explicit(&s->word, memory_order_relaxed);
    do {
        if (word >> 32 != gen || (uint32_t)word == 0)
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&s->word, &word, word + 1, memory_order_acquire,
                                                    memory_order_relaxed));
    /* The type is the cookie's, but a made-up cookie may carry another than the object has. */
    if (s->obj->cookie != h.cookie) {
        handle_put(s->obj);
        return NULL;
    }
    return s->obj;
}

void handle_ref(struct hobj *o)
{
    uint64_t old = atomic_fetch_add_explicit(&slot_of(o)->word, 1, memory_order_relaxed);

    ASSERT((uint32_t)old > 0);
}

/* The last reference is gone: frees the object, then its slot (the object's memory must not be
 * touched after). */
static void slot_free(struct handle_table *t, struct slot *s, uint32_t i)
{
    struct hobj *o = s->obj;

    s->obj = NULL;
    o->free(o);
    lock_short(&t->lock);
    s->next_free = t->free_head;
    t->free_head = i;
    rt_mutex_unlock(&t->lock);
}

void handle_put(struct hobj *o)
{
    struct slot *s = slot_of(o);
    uint64_t old = atomic_fetch_sub_explicit(&s->word, 1, memory_order_acq_rel);

    ASSERT((uint32_t)old > 0);
    if ((uint32_t)old == 1)
        slot_free(o->table, s, (uint32_t)(o->cookie >> TYPE_BITS) & ((1u << SLOT_BITS) - 1));
}

bool handle_close(struct hobj *o)
{
    struct slot *s = slot_of(o);
    uint64_t gen = o->cookie >> (TYPE_BITS + SLOT_BITS);
    uint64_t word = atomic_load_explicit(&s->word, memory_order_relaxed);
    uint64_t next = gen == UINT32_MAX ? 1 : gen + 1;

    do {
        if (word >> 32 != gen)
            return false;
        ASSERT((uint32_t)word > 0);
    } while (!atomic_compare_exchange_weak_explicit(&s->word, &word,
                                                    next << 32 | ((uint32_t)word - 1),
                                                    memory_order_acq_rel, memory_order_relaxed));
    if ((uint32_t)word == 1)
        slot_free(o->table, s, (uint32_t)(o->cookie >> TYPE_BITS) & ((1u << SLOT_BITS) - 1));
    return true;
}
