/*
 * Memory order. A record's word is stored with release after its bytes and after the zero behind
 * it, and loaded with acquire: so the reader sees both, and never an old word where he looks next.
 * freed is stored with release after the last look at what it frees, and loaded with acquire before
 * it is written again. The two handshakes (asleep and publishing, starved and freeing) are the
 * classic pair of "write mine, full fence, read yours".
 */
#include "net/ring.h"

#include <string.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/mutant.h"

static uint32_t span(uint32_t len)
{
    return ROUND_UP(RING_WORD + len, RING_CELL);
}

static void set_word(uint8_t *at, uint32_t v, int order)
{
    if (order == __ATOMIC_RELEASE)
        __atomic_store_n((uint32_t *)(void *)at, v, __ATOMIC_RELEASE);
    else
        __atomic_store_n((uint32_t *)(void *)at, v, __ATOMIC_RELAXED);
}

/* TSan does not know fences and GCC says so; what it would miss here it sees in the words. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__) && __GNUC__ >= 11
#pragma GCC diagnostic ignored "-Wtsan"
#endif

static void fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void ring_tx_init(struct ring_tx *t, struct ring_ctl *ctl, void *data, uint32_t size)
{
    *t = (struct ring_tx){.ctl = ctl, .data = data, .size = size};
}

void ring_rx_init(struct ring_rx *r, struct ring_ctl *ctl, const void *data, uint32_t size)
{
    *r = (struct ring_rx){.ctl = ctl, .data = data, .size = size};
}

/* ---- The writer ---- */

/* Looks how far the reader has come: only ever forward, and not beyond the tail. -DER_PROTO. */
static int look_freed(struct ring_tx *t)
{
    uint32_t freed = __atomic_load_n(&t->ctl->freed, __ATOMIC_ACQUIRE);

    if (freed - t->freed > t->tail - t->freed)
        return -DER_PROTO;
    t->freed = freed;
    return 0;
}

/* Room for n bytes, and for a word behind them. -DER_PROTO. */
static int has_room(struct ring_tx *t, uint32_t n)
{
    if (n + RING_CELL <= t->size - (t->tail - t->freed))
        return 1;
    if (look_freed(t) != 0)
        return -DER_PROTO;
    return n + RING_CELL <= t->size - (t->tail - t->freed);
}

static uint8_t *cell(const struct ring_tx *t, uint32_t pos)
{
    return t->data + (pos & (t->size - 1));
}

int ring_put(struct ring_tx *t, const void *p, uint32_t len, bool more)
{
    uint32_t n = span(len), left = t->size - (t->tail & (t->size - 1)), skip = n > left ? left : 0;
    uint8_t *first = cell(t, t->tail), *at = cell(t, t->tail + skip);
    int rc = has_room(t, skip + n);

    if (rc != 1)
        return rc == 0 ? RING_FULL : rc;
    memcpy(at + RING_WORD, p, len);
    set_word(cell(t, t->tail + skip + n), 0, __ATOMIC_RELAXED);
    if (skip > 0)
        set_word(at, len | (more ? RING_MORE : 0), __ATOMIC_RELAXED);
    t->tail += skip + n;
    set_word(first, skip > 0 ? RING_WRAP : len | (more ? RING_MORE : 0), __ATOMIC_RELEASE);
    fence();
    if (__atomic_load_n(&t->ctl->asleep, __ATOMIC_RELAXED) == 0 || MUTANT(NET_RING_NO_BELL))
        return RING_DONE;
    __atomic_store_n(&t->ctl->asleep, 0, __ATOMIC_RELAXED);
    return RING_WAKE;
}

int ring_starve(struct ring_tx *t)
{
    uint32_t was = t->freed;

    __atomic_store_n(&t->ctl->starved, 1, __ATOMIC_RELAXED);
    fence();
    if (look_freed(t) != 0)
        return -DER_PROTO;
    if (t->freed == was)
        return 0;
    __atomic_store_n(&t->ctl->starved, 0, __ATOMIC_RELAXED);
    return 1;
}

/* ---- The reader ---- */

static uint32_t word(const struct ring_rx *r)
{
    return __atomic_load_n((const uint32_t *)(const void *)(r->data + (r->head & (r->size - 1))),
                           __ATOMIC_ACQUIRE);
}

static bool tell_freed(struct ring_rx *r)
{
    if (r->told == r->head)
        return false;
    r->told = r->head;
    __atomic_store_n(&r->ctl->freed, r->head, __ATOMIC_RELEASE);
    fence();
    if (__atomic_load_n(&r->ctl->starved, __ATOMIC_RELAXED) == 0)
        return false;
    __atomic_store_n(&r->ctl->starved, 0, __ATOMIC_RELAXED);
    return true;
}

int ring_peek(struct ring_rx *r, const void **p, uint32_t *len, bool *more)
{
    uint32_t w = word(r), left = r->size - (r->head & (r->size - 1));

    if (w == RING_WRAP) {
        r->head += left;
        left = r->size;
        w = word(r);
        if (w == 0) /* a record follows at once */
            return -DER_PROTO;
    }
    if (w == 0)
        return 0;
    *more = (w & RING_MORE) != 0;
    *len = w & ~RING_MORE;
    if (*len == 0 || *len > ring_record_max(r->size) || span(*len) > left)
        return -DER_PROTO;
    *p = r->data + (r->head & (r->size - 1)) + RING_WORD;
    return 1;
}

bool ring_next(struct ring_rx *r, uint32_t len)
{
    r->head += span(len);
    return r->head - r->told >= r->size / 4 && tell_freed(r);
}

bool ring_doze(struct ring_rx *r)
{
    __atomic_store_n(&r->ctl->asleep, 1, __ATOMIC_RELAXED);
    fence();
    if (word(r) == 0)
        return false;
    ring_awake(r);
    return true;
}

void ring_awake(struct ring_rx *r)
{
    __atomic_store_n(&r->ctl->asleep, 0, __ATOMIC_RELAXED);
}
