/* Transactions on a volatile heap: what commit keeps, what abort takes back, and faults in between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <daos_errno.h>
#include "base/fail.h"
#include "heap/heap.h"

static struct heap *open_volatile(struct heap_conf *conf)
{
    struct heap *h = NULL;

    assert_int_equal(heap_open(conf, &h, NULL), 0);
    return h;
}

static void commit_keeps_and_abort_restores(void **state)
{
    struct heap_conf conf = {0};
    struct heap *h = open_volatile(&conf);
    uint64_t off = 0, lsn = 0, lsn2 = 0, root = 1;
    char *p = NULL;

    heap_lock(h);
    assert_int_equal(heap_root_get(h, HEAP_ROOT_VOS, &root), 0);
    assert_int_equal(root, 0);
    assert_int_equal(heap_tx_begin(h, 1000), 0);
    assert_int_equal(heap_tx_alloc(h, 100, 0, &off, (void **)&p), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(p[i], 0);
    strcpy(p, "first");
    assert_int_equal(heap_tx_root_set(h, HEAP_ROOT_VOS, off), 0);
    heap_tx_commit(h, &lsn);
    assert_true(lsn > 0);
    assert_true(heap_durable_lsn(h) >= lsn);

    assert_int_equal(heap_tx_begin(h, 1000), 0);
    p = heap_tx_write(h, off, 6);
    assert_non_null(p);
    strcpy(p, "2nd");
    assert_non_null(heap_tx_write(h, off + 2, 10));
    memset(p + 2, 'x', 10);
    assert_int_equal(heap_tx_root_set(h, HEAP_ROOT_VOS, 0), 0);
    heap_tx_abort(h);
    assert_string_equal(heap_ptr(h, off, 6), "first");
    assert_int_equal(heap_root_get(h, HEAP_ROOT_VOS, &root), 0);
    assert_int_equal(root, off);

    /* nothing changed: the LSN of the last commit */
    assert_int_equal(heap_tx_begin(h, 1000), 0);
    heap_tx_commit(h, &lsn2);
    assert_int_equal(lsn2, lsn);
    heap_unlock(h);
    assert_int_equal(heap_close(h, true), 0);
}

static void ranges_cross_no_page_and_stay_in_the_heap(void **state)
{
    struct heap_conf conf = {0};
    struct heap *h = open_volatile(&conf);

    heap_lock(h);
    assert_null(heap_ptr(h, 0, 8));
    assert_int_equal(heap_rc(h), -DER_CSUM);
    assert_null(heap_ptr(h, 2 * HEAP_PAGE_SIZE - 4, 8));
    assert_int_equal(heap_rc(h), -DER_CSUM);
    assert_null(heap_ptr(h, UINT64_MAX - 3, 8));
    assert_int_equal(heap_rc(h), -DER_CSUM);
    assert_int_equal(heap_tx_begin(h, (size_t)HEAP_TX_MAX + 1), -DER_INVAL);
    heap_unlock(h);
    assert_int_equal(heap_close(h, true), 0);
}

static bool always(void *arg, uint64_t page)
{
    return true;
}

static void a_fault_ends_the_operation_and_the_retry_finds_the_page_pinned(void **state)
{
    struct heap_conf conf = {.spurious_fault = always};
    struct heap *h = open_volatile(&conf);
    struct heap_pins pins = HEAP_PINS_INIT;
    uint64_t off = 0;
    int rc, runs = 0, faults = 0;

    do {
        heap_lock(h);
        runs++;
        rc = heap_tx_begin(h, 1000);
        if (rc == 0)
            rc = heap_tx_alloc(h, 40, 0, &off, NULL);
        if (rc == 0 && heap_tx_write(h, off, 8) == NULL)
            rc = heap_rc(h);
        if (rc == 0)
            heap_tx_commit(h, NULL);
        else
            heap_tx_abort(h);
        faults += rc == HEAP_FAULT;
        heap_pins_take(h, &pins);
        heap_unlock(h);
    } while (heap_retry(h, &pins, &rc));
    heap_pins_drop(h, &pins);
    assert_int_equal(rc, 0);
    assert_int_equal(runs, faults + 1);
    assert_true(faults > 0);
    assert_int_equal(heap_close(h, true), 0);
}

/* The nth allocation of memory fails, for every n: the transaction says so, abort leaves nothing
 * behind, the next one works. */
static void memory_that_runs_out_changes_nothing(void **state)
{
    struct heap_conf conf = {0};
    struct heap_stat before, after;
    struct base_fail fail = {0};
    uint64_t off[200], n;
    bool done = false;
    int rc;

    for (n = 1; !done; n++) {
        struct heap *h = open_volatile(&conf);

        heap_lock(h);
        heap_stat(h, &before);
        fail = (struct base_fail){.fail_at = n};
        base_fail_set(&fail);
        rc = heap_tx_begin(h, 100000);
        assert_int_equal(rc, 0);
        for (uint32_t i = 0; i < 200 && rc == 0; i++)
            rc = heap_tx_alloc(h, 16 + i * 40, 0, &off[i], NULL);
        for (uint32_t i = 0; i < 200 && rc == 0; i += 2)
            rc = heap_tx_free(h, off[i]);
        base_fail_set(NULL);
        done = fail.failed == 0;
        assert_int_equal(rc, done ? 0 : -DER_NOMEM);
        heap_tx_abort(h);
        heap_stat(h, &after);
        assert_int_equal(before.alloc_bytes, after.alloc_bytes);
        assert_int_equal(before.pages_free, after.pages_free);
        assert_int_equal(heap_tx_begin(h, 1000), 0);
        assert_int_equal(heap_tx_alloc(h, 100, 0, &off[0], NULL), 0);
        heap_tx_commit(h, NULL);
        heap_unlock(h);
        assert_int_equal(heap_close(h, true), 0);
    }
    assert_true(n > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commit_keeps_and_abort_restores),
        cmocka_unit_test(ranges_cross_no_page_and_stay_in_the_heap),
        cmocka_unit_test(memory_that_runs_out_changes_nothing),
        cmocka_unit_test(a_fault_ends_the_operation_and_the_retry_finds_the_page_pinned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
