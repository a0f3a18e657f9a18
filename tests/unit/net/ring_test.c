/*
 * Rings and places: plain use, every size, and another side that writes what it likes wherever it
 * can. The rings lie between pages that nobody may touch. Who meets whom when: tests/model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/hash.h"
#include "net/lend.h"
#include "net/ring.h"

#define PAGE 4096u

struct pair {
    struct ring_ctl *ctl;
    uint8_t *data, *map;
    uint32_t size;
    struct ring_tx tx;
    struct ring_rx rx;
};

/* The ctl at the end of its page and the data between two more that fault. */
static void pair_open(struct pair *p, uint32_t size)
{
    size_t len = 3 * PAGE + ROUND_UP(size, PAGE);

    p->map = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p->map, MAP_FAILED);
    assert_int_equal(mprotect(p->map, PAGE, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(mprotect(p->map + 2 * PAGE, size, PROT_READ | PROT_WRITE), 0);
    p->ctl = (struct ring_ctl *)(void *)(p->map + PAGE - sizeof(struct ring_ctl));
    p->data = p->map + 2 * PAGE;
    p->size = size;
    ring_tx_init(&p->tx, p->ctl, p->data, size);
    ring_rx_init(&p->rx, p->ctl, p->data, size);
}

static void pair_close(struct pair *p)
{
    munmap(p->map, 3 * PAGE + ROUND_UP(p->size, PAGE));
}

static uint8_t byte_of(uint64_t n, uint32_t i)
{
    return (uint8_t)mix64(n * 1000003 + i);
}

static int put(struct pair *p, uint64_t n, uint32_t len, bool more)
{
    uint8_t b[PAGE * 16];

    for (uint32_t i = 0; i < len; i++)
        b[i] = byte_of(n, i);
    return ring_put(&p->tx, b, len, more);
}

/* The n-th record is next. True: the writer is to be woken. */
static bool get(struct pair *p, uint64_t n, uint32_t len, bool more)
{
    const void *at;
    uint32_t got;
    bool m;

    assert_int_equal(ring_peek(&p->rx, &at, &got, &m), 1);
    assert_int_equal(got, len);
    assert_int_equal(m, more);
    for (uint32_t i = 0; i < len; i++)
        assert_int_equal(((const uint8_t *)at)[i], byte_of(n, i));
    return ring_next(&p->rx, got);
}

static bool is_empty(struct pair *p)
{
    const void *at;
    uint32_t got;
    bool m;

    return ring_peek(&p->rx, &at, &got, &m) == 0;
}

/* ---- Plain use ---- */

static void each_size_comes_through(void **state)
{
    struct pair p;
    uint64_t n = 0;

    pair_open(&p, PAGE);
    for (uint32_t len = 1; len <= ring_record_max(PAGE); len++)
        for (uint32_t k = 0; k < 3; k++, n++) {
            assert_true(is_empty(&p));
            assert_int_equal(put(&p, n, len, n % 2), RING_DONE);
            get(&p, n, len, n % 2);
        }
    assert_true(is_empty(&p));
    pair_close(&p);
}

/* As much as fits, then nothing; all comes out in order; what was freed is room again. */
static void full_and_empty(void **state)
{
    struct pair p;
    uint64_t in = 0, out = 0, seed = 7;
    uint32_t len[4096];
    unsigned most = 0;

    pair_open(&p, PAGE);
    for (int round = 0; round < 3000; round++) {
        int rc;

        for (;;) {
            len[in % 4096] = 1 + (uint32_t)(mix64(seed++) % ring_record_max(PAGE));
            if (round % 3 == 0)
                len[in % 4096] = 1 + len[in % 4096] % 60;
            rc = put(&p, in, len[in % 4096], false);
            if (rc != RING_DONE)
                break;
            in++;
        }
        assert_int_equal(rc, RING_FULL);
        most = MAX(most, (unsigned)(in - out));
        for (uint64_t some = 1 + mix64(seed++) % (in - out); some > 0; some--, out++)
            get(&p, out, len[out % 4096], false);
    }
    while (out < in) {
        get(&p, out, len[out % 4096], false);
        out++;
    }
    assert_true(is_empty(&p));
    assert_in_range(most, PAGE / RING_CELL - 2, PAGE / RING_CELL);
    pair_close(&p);
}

/* An empty ring takes the longest record wherever it stands. */
static void the_longest_always_fits(void **state)
{
    struct pair p;
    uint64_t n = 0;

    pair_open(&p, PAGE);
    for (uint32_t i = 0; i < 3 * PAGE / RING_CELL; i++) {
        assert_int_equal(put(&p, n, ring_record_max(PAGE), false), RING_DONE);
        get(&p, n++, ring_record_max(PAGE), false);
        assert_int_equal(put(&p, n, 1 + i % 3 * RING_CELL, false), RING_DONE);
        get(&p, n, 1 + i % 3 * RING_CELL, false);
        n++;
    }
    pair_close(&p);
}

static void counts_go_round(void **state)
{
    struct pair p;

    pair_open(&p, PAGE);
    p.tx.tail = p.tx.freed = p.rx.head = p.rx.told = p.ctl->freed = 0u - PAGE;
    for (uint64_t n = 0; n < 300; n++) {
        assert_int_equal(put(&p, n, 100 + (uint32_t)n, false), RING_DONE);
        get(&p, n, 100 + (uint32_t)n, false);
    }
    assert_in_range(p.tx.tail, 1, 1u << 20);
    pair_close(&p);
}

/* ---- Who sleeps is woken ---- */

static void a_sleeping_reader_is_woken_once(void **state)
{
    struct pair p;

    pair_open(&p, PAGE);
    assert_false(ring_doze(&p.rx));
    assert_int_equal(put(&p, 0, 10, false), RING_WAKE);
    assert_int_equal(put(&p, 1, 10, false), RING_DONE);
    assert_true(ring_doze(&p.rx)); /* there is something: it stays awake */
    assert_int_equal(put(&p, 2, 10, false), RING_DONE);
    for (uint64_t n = 0; n < 3; n++)
        get(&p, n, 10, false);
    assert_false(ring_doze(&p.rx));
    ring_awake(&p.rx);
    assert_int_equal(put(&p, 3, 10, false), RING_DONE);
    pair_close(&p);
}

static void a_starved_writer_is_woken_once(void **state)
{
    struct pair p;
    uint64_t in = 0, out = 0;
    unsigned woken = 0;

    pair_open(&p, PAGE);
    while (put(&p, in, 60, false) == RING_DONE)
        in++;
    assert_int_equal(ring_starve(&p.tx), 0);
    for (; out < in; out++)
        woken += get(&p, out, 60, false);
    assert_int_equal(woken, 1);
    while (put(&p, in, 60, false) == RING_DONE)
        in++;
    for (; out < in / 2 + out / 2; out++)
        assert_false(get(&p, out, 60, false));
    assert_int_equal(ring_starve(&p.tx), 1); /* he has freed some meanwhile */
    assert_int_equal(p.ctl->starved, 0);
    pair_close(&p);
}

/* ---- The other side is hostile ---- */

/* freed of a hostile reader: only what lies between the last and the tail is believed. */
static void freed_is_checked(void **state)
{
    struct pair p;
    uint32_t good;

    pair_open(&p, PAGE);
    for (uint64_t n = 0; n < 200; n++) {
        put(&p, n, 100, false);
        get(&p, n, 100, false);
    }
    while (put(&p, 0, 900, false) == RING_DONE)
        ;
    good = p.tx.freed;
    for (uint32_t k = 0; k < 100000; k++) {
        uint32_t v = k < 20000 ? good - 10000 + k : (uint32_t)mix64(k);
        struct ring_tx t = p.tx;
        bool fits = v - good <= t.tail - good;
        int rc;

        p.ctl->freed = v;
        rc = ring_put(&t, p.data, 900, false);
        if (!fits)
            assert_int_equal(rc, -DER_PROTO);
        else
            assert_true(rc == RING_FULL || rc == RING_DONE);
        t = p.tx;
        assert_int_equal(ring_starve(&t), !fits ? -DER_PROTO : v != good);
        assert_true(t.tail - t.freed <= t.size);
    }
    pair_close(&p);
}

/* Words of a hostile writer: what is given out lies in the ring. */
static void words_are_checked(void **state)
{
    struct pair p;

    pair_open(&p, PAGE);
    for (uint32_t k = 0; k < 400000; k++) {
        uint64_t r = mix64(k);
        uint32_t cells = PAGE / RING_CELL, v = (uint32_t)(r >> 32);
        const void *at;
        uint32_t len;
        bool more;
        int rc;

        switch (r % 5) {
        case 0:
            v %= 2 * PAGE;
            break;
        case 1:
            v = RING_WRAP;
            break;
        case 2:
            v = RING_MORE | v % 1100;
            break;
        case 3:
            v = ring_record_max(PAGE) - 2 + v % 5;
            break;
        }
        memcpy(p.data + (r >> 8) % cells * RING_CELL, &v, sizeof(v));
        if (r % 7 == 0)
            memcpy(p.data, &v, sizeof(v));
        rc = ring_peek(&p.rx, &at, &len, &more);
        if (rc == 1) {
            size_t off = (size_t)((const uint8_t *)at - p.data);

            assert_in_range(len, 1, ring_record_max(PAGE));
            assert_true(off < PAGE && len <= PAGE - off);
            assert_true(((const volatile uint8_t *)at)[len - 1] < 256);
            p.ctl->starved = (uint32_t)r;
            ring_next(&p.rx, len);
            continue;
        }
        assert_true(rc == 0 || rc == -DER_PROTO);
        p.rx.head = (uint32_t)(r >> 16) % cells * RING_CELL;
        p.rx.told = p.rx.head;
    }
    pair_close(&p);
}

/* Both at once, all words of it, while records go through: nothing outside is touched, and it ends.
 */
static void everything_at_once(void **state)
{
    struct pair p;
    unsigned refused = 0;

    pair_open(&p, PAGE);
    for (uint32_t k = 0; k < 300000; k++) {
        uint64_t r = mix64(k ^ UINT64_C(0x5555));
        const void *at;
        uint32_t len;
        bool more;
        int rc;

        if (r % 11 == 0)
            ((uint32_t *)p.data)[(r >> 9) % (PAGE / 4)] = (uint32_t)(r >> 20);
        if (r % 13 == 0)
            p.ctl->freed = (uint32_t)(r >> 21);
        p.ctl->asleep = (uint32_t)(r >> 7) % 3;
        p.ctl->starved = (uint32_t)(r >> 11) % 3;
        rc = put(&p, k, 1 + (uint32_t)(r >> 30) % ring_record_max(PAGE), r >> 40 & 1);
        if (rc == RING_FULL)
            rc = ring_starve(&p.tx);
        if (rc >= 0)
            rc = ring_peek(&p.rx, &at, &len, &more);
        if (rc == 1)
            ring_next(&p.rx, len);
        if (rc < 0) { /* the connection ends; another one */
            refused++;
            memset(p.ctl, 0, sizeof(*p.ctl));
            memset(p.data, 0, PAGE);
            ring_tx_init(&p.tx, p.ctl, p.data, PAGE);
            ring_rx_init(&p.rx, p.ctl, p.data, PAGE);
        }
    }
    assert_in_range(refused, 1000, 300000);
    pair_close(&p);
}

/* ---- Places ---- */

struct loan {
    uint64_t off, len;
};

static uint64_t class_bytes(uint64_t len)
{
    uint64_t n = LEND_LEAST;

    while (n < len)
        n *= 2;
    return n;
}

static void mark(uint8_t *map, const struct loan *l, bool lent)
{
    for (uint64_t i = l->off / LEND_LEAST; i < DIV_UP(l->off + l->len, LEND_LEAST); i++) {
        assert_int_equal(map[i], !lent);
        map[i] = lent;
    }
}

/* At random against a map of who has what: no place is lent twice, none lies outside. */
static void places_do_not_overlap(void **state)
{
    uint64_t room = UINT64_C(200) << 20, seed = 11;
    uint8_t *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint8_t *map = calloc(room / LEND_LEAST, 1);
    struct loan loan[300];
    struct lender l;
    unsigned nr = 0, refused = 0, idle = 0;

    assert_ptr_not_equal(base, MAP_FAILED);
    room -= 5000; /* no round size */
    assert_int_equal(lender_init(&l, base, room), 0);
    for (int k = 0; k < 300000; k++) {
        uint64_t r = mix64(seed++);
        bool grow = k / 1000 % 4 < 2;

        if (nr < ARRAY_LEN(loan) && (nr == 0 || r % 100 < (grow ? 60 : 30))) {
            struct loan *n = &loan[nr];
            int rc;

            n->len = (r >> 8) % (UINT64_C(1) << (r >> 40) % 27);
            rc = lender_take(&l, n->len, &n->off);
            if (rc == -DER_AGAIN) {
                assert_true(nr > 0);
                refused++;
                continue;
            }
            assert_int_equal(rc, 0);
            assert_true(n->off <= room && class_bytes(n->len) <= room - n->off);
            assert_int_equal(n->off % LEND_LEAST, 0);
            mark(map, n, true);
            nr++;
        } else if (nr > 0) {
            uint64_t i = (r >> 8) % nr;

            mark(map, &loan[i], false);
            lender_give(&l, loan[i].off, loan[i].len);
            loan[i] = loan[--nr];
            idle += nr == 0;
        }
    }
    assert_in_range(refused, 10, 300000);
    assert_in_range(idle, 10, 300000);
    while (nr > 0)
        lender_give(&l, loan[nr - 1].off, loan[nr - 1].len), nr--;
    lender_fini(&l);
    free(map);
    munmap(base, UINT64_C(200) << 20);
}

static void places_have_limits(void **state)
{
    uint64_t room = UINT64_C(64) << 20, off, other;
    uint8_t *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct lender l;

    assert_int_equal(lender_init(&l, base, room), 0);
    assert_int_equal(lender_take(&l, room + 1, &off), -DER_OVERFLOW);
    assert_int_equal(lender_take(&l, UINT64_MAX, &off), -DER_OVERFLOW);
    assert_int_equal(lender_take(&l, UINT64_C(1) << 35, &off), -DER_OVERFLOW);
    /* one small, then all of it only when nothing is lent */
    assert_int_equal(lender_take(&l, 1, &off), 0);
    assert_int_equal(lender_take(&l, room, &other), -DER_AGAIN);
    lender_give(&l, off, 1);
    assert_int_equal(lender_take(&l, room, &off), 0);
    assert_int_equal(off, 0);
    assert_int_equal(lender_take(&l, 1, &other), -DER_AGAIN);
    lender_give(&l, off, room);
    /* in pieces again */
    assert_int_equal(lender_take(&l, room / 2, &off), 0);
    assert_int_equal(lender_take(&l, room / 2, &other), 0);
    assert_int_equal(off + other, room / 2);
    lender_give(&l, off, room / 2);
    lender_give(&l, other, room / 2);
    lender_fini(&l);
    munmap(base, room);
}

/* What was touched far inside is given back when nothing is lent. */
static void memory_goes_back(void **state)
{
    uint64_t room = UINT64_C(128) << 20, off, other;
    uint8_t *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned char there;
    struct lender l;

    assert_int_equal(lender_init(&l, base, room), 0);
    assert_int_equal(lender_take(&l, 64 << 20, &other), 0);
    assert_int_equal(lender_take(&l, 1 << 20, &off), 0);
    assert_int_equal(off, 64 << 20);
    base[off] = 1;
    assert_int_equal(mincore(base + off, PAGE, &there), 0);
    assert_int_equal(there & 1, 1);
    lender_give(&l, off, 1 << 20);
    assert_int_equal(base[off], 1);
    lender_give(&l, other, 64 << 20);
    assert_int_equal(base[off], 0);
    lender_fini(&l);
    munmap(base, room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_size_comes_through),
        cmocka_unit_test(full_and_empty),
        cmocka_unit_test(the_longest_always_fits),
        cmocka_unit_test(counts_go_round),
        cmocka_unit_test(a_sleeping_reader_is_woken_once),
        cmocka_unit_test(a_starved_writer_is_woken_once),
        cmocka_unit_test(freed_is_checked),
        cmocka_unit_test(words_are_checked),
        cmocka_unit_test(everything_at_once),
        cmocka_unit_test(places_do_not_overlap),
        cmocka_unit_test(places_have_limits),
        cmocka_unit_test(memory_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
