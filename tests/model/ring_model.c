/*
 * A ring between two processes, with the sleep of both sides around it as in net/shm.c: nothing is
 * lost, the order is kept, what a record holds is visible, and nobody sleeps while there is
 * something to read, or room. Small cells, so that few records go round.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "interleave.h"
#include "rt/priv.h"

/* The checker watches what the program's own code does. */
static void *copy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
    return to;
}

#define RING_CELL       8u
#define memcpy(t, f, n) copy(t, f, n)
#include "net/ring.c" /* NOLINT */
#undef memcpy

#define SIZE    64u /* 8 cells; records of up to 12 bytes */
#define RECORDS 6

static struct ring_ctl ctl;
static uint8_t data[SIZE] __attribute__((aligned(64)));
static struct ring_tx tx;
static struct ring_rx rx;
static uint32_t to_reader, to_writer; /* a bell: 1 once it was rung */
static uint32_t nr, len[RECORDS];
static uint32_t there; /* records that are in it at the beginning */
static bool may_be_early;

static void begin(uint32_t at, uint32_t n, const uint32_t *lens)
{
    ctl.freed = at;
    ctl.asleep = ctl.starved = 0;
    for (uint32_t i = 0; i < SIZE; i++)
        data[i] = 0;
    tx = (struct ring_tx){.ctl = &ctl, .data = data, .size = SIZE, .tail = at, .freed = at};
    rx = (struct ring_rx){.ctl = &ctl, .data = data, .size = SIZE, .head = at, .told = at};
    to_reader = to_writer = 0;
    nr = n;
    may_be_early = false;
    there = 0;
    for (uint32_t i = 0; i < n; i++)
        len[i] = lens[i];
}

/* ---- The socket: a message stays in it until it is read ---- */

static void bell(uint32_t *b)
{
    __atomic_store_n(b, 1, __ATOMIC_RELEASE);
    futex_wake_all(b);
}

/* Once it may be something else that wakes: a timer, another wire. */
static void listen_for(uint32_t *b, bool *early)
{
    if (*early && il_choose(2) == 0) {
        *early = false;
        return;
    }
    while (__atomic_exchange_n(b, 0, __ATOMIC_ACQUIRE) == 0)
        futex_wait(b, 0, UINT64_MAX);
}

/* ---- Actors ---- */

static uint8_t byte_of(uint32_t record, uint32_t i)
{
    return (uint8_t)(16 * record + i + 1);
}

/* Before the actors: n records are in it. */
static void fill(uint32_t n)
{
    uint8_t b[12];

    for (; there < n; there++) {
        for (uint32_t i = 0; i < len[there]; i++)
            b[i] = byte_of(there, i);
        IL_CHECK(ring_put(&tx, b, len[there], there % 2) == RING_DONE);
    }
}

static void writer(void)
{
    bool early = may_be_early;
    uint8_t b[12];

    for (uint32_t k = there; k < nr; k++) {
        int rc;

        for (uint32_t i = 0; i < len[k]; i++)
            b[i] = byte_of(k, i);
        while ((rc = ring_put(&tx, b, len[k], k % 2)) == RING_FULL)
            if (ring_starve(&tx) == 0)
                listen_for(&to_writer, &early);
        IL_CHECK(rc == RING_DONE || rc == RING_WAKE);
        if (rc == RING_WAKE)
            bell(&to_reader);
    }
}

static void take(uint32_t k, const uint8_t *p, uint32_t n, bool more)
{
    IL_CHECK(n == len[k]);
    IL_CHECK(more == (k % 2 != 0));
    for (uint32_t i = 0; i < n; i++)
        IL_CHECK(p[i] == byte_of(k, i));
    if (ring_next(&rx, n))
        bell(&to_writer);
}

static void reader(void)
{
    bool early = may_be_early;

    for (uint32_t k = 0; k < nr;) {
        const void *p;
        uint32_t n;
        bool more;
        int rc = ring_peek(&rx, &p, &n, &more);

        IL_CHECK(rc >= 0);
        if (rc == 1) {
            take(k++, p, n, more);
        } else if (!ring_doze(&rx)) {
            listen_for(&to_reader, &early);
            ring_awake(&rx);
        }
    }
}

/* What goes wrong without the second look. */
static void hasty_reader(void)
{
    bool early = false;

    for (uint32_t k = 0; k < nr;) {
        const void *p;
        uint32_t n;
        bool more;

        if (ring_peek(&rx, &p, &n, &more) == 1) {
            take(k++, p, n, more);
        } else {
            __atomic_store_n(&ctl.asleep, 1, __ATOMIC_SEQ_CST);
            listen_for(&to_reader, &early);
        }
    }
}

static void hasty_writer(void)
{
    bool early = false;
    uint8_t b[12] = {0};

    for (uint32_t k = there; k < nr; k++) {
        int rc;

        for (uint32_t i = 0; i < len[k]; i++)
            b[i] = byte_of(k, i);
        while ((rc = ring_put(&tx, b, len[k], k % 2)) == RING_FULL) {
            __atomic_store_n(&ctl.starved, 1, __ATOMIC_SEQ_CST);
            listen_for(&to_writer, &early);
        }
        if (rc == RING_WAKE)
            bell(&to_reader);
    }
}

/* Both sides know the same at the end. */
static void all_is_read(void)
{
    IL_CHECK(rx.head == tx.tail);
    IL_CHECK(rx.head - ctl.freed < SIZE / 4);
}

/* ---- Scenes ---- */

static void small_ones(void)
{
    begin(0, 2, (const uint32_t[]){1, 4});
}

static void small_early(void)
{
    small_ones();
    may_be_early = true;
}

static void round_the_end(void) /* the first ends at the end, the next begins there */
{
    begin(2 * SIZE - 16, 3, (const uint32_t[]){12, 3, 5});
    fill(1);
}

static void over_the_end(void) /* the first does not fit before the end */
{
    begin(SIZE - 8, 2, (const uint32_t[]){12, 4});
}

static void counts_over(void)
{
    begin(0u - 16, 3, (const uint32_t[]){4, 12, 4});
    fill(1);
}

static void too_many(void) /* three fit */
{
    begin(0, 4, (const uint32_t[]){12, 12, 12, 12});
    fill(3);
}

static void too_many_early(void)
{
    too_many();
    may_be_early = true;
}

static void
too_many_over(void) /* and one does not fit before the end: it takes cells that were read */
{
    begin(8, 4, (const uint32_t[]){12, 12, 12, 12});
    fill(3);
}

static void too_many_small(void) /* seven would fit; he tells every second that he frees */
{
    begin(8, 6, (const uint32_t[]){12, 4, 12, 4, 12, 4});
    fill(4);
}

#define SCENE(title, fn, w, r)                                                                     \
    {                                                                                              \
        .name = title, .setup = fn, .check = all_is_read, .actor = {w, r}, .actor_name = {         \
            "writer",                                                                              \
            "reader"                                                                               \
        }                                                                                          \
    }
static const struct il_scene small = SCENE("two small records", small_ones, writer, reader);
static const struct il_scene early = SCENE("woken for nothing", small_early, writer, reader);
static const struct il_scene full_early =
    SCENE("full, woken for nothing", too_many_early, writer, reader);
static const struct il_scene ends = SCENE("up to the end", round_the_end, writer, reader);
static const struct il_scene wraps = SCENE("over the end", over_the_end, writer, reader);
static const struct il_scene counts = SCENE("counts go round", counts_over, writer, reader);
static const struct il_scene full = SCENE("full", too_many, writer, reader);
static const struct il_scene full_wraps =
    SCENE("full, over the end", too_many_over, writer, reader);
static const struct il_scene full_small =
    SCENE("full of large and small", too_many_small, writer, reader);
static const struct il_scene no_look =
    SCENE("a reader that does not look again", small_ones, writer, hasty_reader);
static const struct il_scene no_look_full =
    SCENE("a writer that does not look again", too_many, hasty_writer, reader);

static void records_come_through(void **state)
{
    il_holds(&small);
    il_holds(&early);
    il_holds(&ends);
    il_holds(&wraps);
    il_holds(&counts);
}

static void a_full_ring_empties(void **state)
{
    il_holds(&full);
    il_holds(&full_early);
    il_holds(&full_wraps);
    if (getenv("TARN_CHECK_LONG")) /* half a million states */
        il_holds(&full_small);
}

static void both_look_again(void **state)
{
    il_breaks(&no_look, "waits for ever: reader");
    il_breaks(&no_look_full, "waits for ever"); /* both do */
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&small, &ends, &wraps, &full, &full_wraps};
    static const char *const functions[] = {"set_word",   "fence",      "look_freed",  "ring_put",
                                            "word",       "tell_freed", "ring_starve", "ring_doze",
                                            "ring_awake", NULL};
    static const struct il_excuse excuses[] = {
        {"ring_doze > word: load #1: does not acquire",
         "whether there is anything; peeking looks again"},
    };

    il_bites(scenes, ARRAY_LEN(scenes), functions, excuses, ARRAY_LEN(excuses));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_through),
        cmocka_unit_test(a_full_ring_empties),
        cmocka_unit_test(both_look_again),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&ctl.freed, "freed");
    il_name(&ctl.asleep, "asleep");
    il_name(&ctl.starved, "starved");
    il_name(&to_reader, "bell to the reader");
    il_name(&to_writer, "bell to the writer");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
