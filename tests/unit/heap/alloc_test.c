/* The allocator against a model: random allocations and frees, some of them aborted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <daos_errno.h>
#include "base/hash.h"
#include "heap/heap.h"

#define LIVE_MAX 4000

struct live {
    uint64_t off;
    size_t size;
    uint64_t mark;
};

struct model {
    struct heap *h;
    struct live live[LIVE_MAX], saved[LIVE_MAX];
    uint32_t nr, saved_nr;
    uint64_t seed;
};

static uint64_t draw(struct model *m, uint64_t n)
{
    return mix64(++m->seed) % n;
}

static size_t draw_size(struct model *m)
{
    static const size_t top[] = {64, 400, 2048, 2100, 4096, 5000, 8192};

    return 1 + draw(m, top[draw(m, 7)]);
}

static void add(struct model *m)
{
    uint64_t near = m->nr > 0 && draw(m, 2) ? m->live[draw(m, m->nr)].off : 0;
    struct live *l = &m->live[m->nr];
    size_t usable = 0;
    char *p = NULL;

    l->size = draw_size(m);
    assert_int_equal(heap_tx_alloc(m->h, l->size, near, &l->off, (void **)&p), 0);
    assert_int_equal(l->off % 8, 0);
    for (size_t i = 0; i < l->size; i++)
        assert_int_equal(p[i], 0);
    l->mark = draw(m, UINT64_MAX);
    memset(p, (int)(l->mark & 0xff), l->size);
    assert_int_equal(heap_alloc_size(m->h, l->off, &usable), 0);
    assert_true(usable >= l->size);
    assert_true(usable <=
                l->size + (l->size <= HEAP_VALUE_MIN ? l->size / 7 + 16 : l->size / 2 + 8));
    m->nr++;
}

static void del(struct model *m)
{
    uint32_t i = (uint32_t)draw(m, m->nr);

    assert_int_equal(heap_tx_free(m->h, m->live[i].off), 0);
    m->live[i] = m->live[--m->nr];
}

static int by_off(const void *a, const void *b)
{
    const struct live *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

/* Everything live has its bytes, nothing overlaps, the totals agree. */
static void verify(struct model *m)
{
    struct heap_stat st;
    uint64_t bytes = 0, end = 0;
    bool is_live = false;

    qsort(m->live, m->nr, sizeof(m->live[0]), by_off);
    for (uint32_t i = 0; i < m->nr; i++) {
        const unsigned char *p = heap_ptr(m->h, m->live[i].off, m->live[i].size);
        size_t usable = 0;

        assert_non_null(p);
        assert_true(m->live[i].off >= end);
        for (size_t b = 0; b < m->live[i].size; b++)
            assert_int_equal(p[b], m->live[i].mark & 0xff);
        assert_int_equal(heap_alloc_size(m->h, m->live[i].off, &usable), 0);
        end = m->live[i].off + usable;
        bytes += usable;
        assert_int_equal(heap_alloc_is_live(m->h, m->live[i].off, &is_live), 0);
        assert_true(is_live);
    }
    heap_stat(m->h, &st);
    assert_int_equal(st.alloc_count, m->nr);
    assert_int_equal(st.alloc_bytes, bytes);
}

static void random_work_matches_the_model(void **state)
{
    struct heap_conf conf = {0};
    struct model *m = calloc(1, sizeof(*m));
    struct heap_stat st;
    uint64_t pages_free;

    m->seed = 7;
    assert_int_equal(heap_open(&conf, &m->h, NULL), 0);
    heap_lock(m->h);
    heap_stat(m->h, &st);
    pages_free = st.pages_free;
    for (uint32_t round = 0; round < 3000; round++) {
        bool abort = draw(m, 4) == 0;
        uint32_t ops = 1 + (uint32_t)draw(m, 20);
        bool grow = (round / 500) % 2 == 0;

        memcpy(m->saved, m->live, sizeof(m->live));
        m->saved_nr = m->nr;
        assert_int_equal(heap_tx_begin(m->h, 200000), 0);
        for (uint32_t i = 0; i < ops; i++) {
            if (m->nr < LIVE_MAX && (m->nr == 0 || draw(m, 3) < (grow ? 2u : 1u)))
                add(m);
            else
                del(m);
        }
        if (abort) {
            heap_tx_abort(m->h);
            memcpy(m->live, m->saved, sizeof(m->live));
            m->nr = m->saved_nr;
        } else {
            heap_tx_commit(m->h, NULL);
        }
        if (round % 100 == 99)
            verify(m);
    }
    while (m->nr > 0) {
        assert_int_equal(heap_tx_begin(m->h, 1000), 0);
        del(m);
        heap_tx_commit(m->h, NULL);
    }
    verify(m);
    heap_stat(m->h, &st);
    assert_int_equal(st.pages_free, pages_free); /* every page came back */
    heap_unlock(m->h);
    assert_int_equal(heap_close(m->h, true), 0);
    free(m);
}

static void bad_offsets_are_refused(void **state)
{
    struct heap_conf conf = {0};
    struct heap *h = NULL;
    uint64_t off = 0;
    size_t size;
    bool live = true;

    assert_int_equal(heap_open(&conf, &h, NULL), 0);
    heap_lock(h);
    assert_int_equal(heap_tx_begin(h, 1000), 0);
    assert_int_equal(heap_tx_alloc(h, 0, 0, &off, NULL), -DER_INVAL);
    assert_int_equal(heap_tx_alloc(h, HEAP_ALLOC_MAX + 1, 0, &off, NULL), -DER_INVAL);
    assert_int_equal(heap_tx_alloc(h, 24, 0, &off, NULL), 0);
    assert_int_equal(heap_tx_free(h, off + 8), -DER_CSUM);
    assert_int_equal(heap_tx_free(h, 0), -DER_CSUM);
    assert_int_equal(heap_tx_free(h, UINT64_MAX), -DER_CSUM);
    assert_int_equal(heap_tx_free(h, HEAP_PAGE_SIZE + 64), -DER_CSUM); /* a descriptor page */
    assert_int_equal(heap_tx_free(h, off + 24), -DER_CSUM);            /* a slot that is not live */
    assert_int_equal(heap_alloc_size(h, off + 24, &size), -DER_CSUM);
    assert_int_equal(heap_alloc_is_live(h, off + 24, &live), 0);
    assert_false(live);
    heap_tx_abort(h);
    heap_unlock(h);
    assert_int_equal(heap_close(h, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_matches_the_model),
        cmocka_unit_test(bad_offsets_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
