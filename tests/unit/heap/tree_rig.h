/* What the tests of trees and maps share: a heap in memory whose pages vanish at random, and the
 * retry loop around it. */
#ifndef TESTS_UNIT_HEAP_TREE_RIG_H
#define TESTS_UNIT_HEAP_TREE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <daos_errno.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/hash.h"
#include "heap/heap_int.h"
#include "heap/tree.h"

struct rig {
    struct heap *h;
    uint64_t seed;
    uint32_t fault_every; /* one access in so many faults; 0: none */
    uint64_t fault_at;    /* the so many'th access from now faults; 0: none */
    uint64_t faults;
    uint64_t owner; /* a record of 64 bytes; the tree's root is at owner + 16 */
    size_t redo_max;
};

static inline uint64_t rig_rand(struct rig *r)
{
    return mix64(r->seed++ * UINT64_C(0x9e3779b97f4a7c15) + 1);
}

static inline bool rig_fault(void *arg, uint64_t page)
{
    struct rig *r = arg;

    (void)page;
    if (r->fault_at > 0 && --r->fault_at == 0) {
        r->faults++;
        return true;
    }
    if (r->fault_every == 0 || rig_rand(r) % r->fault_every != 0)
        return false;
    r->faults++;
    return true;
}

/* Runs fn in a transaction (if tx) until it meets no fault; commits when it returns 0 and keep is
 * set. */
static inline int rig_run(struct rig *r, int (*fn)(struct rig *r, void *arg), void *arg, bool tx,
                          bool keep)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    int rc;

    do {
        heap_lock(r->h);
        rc = tx ? heap_tx_begin(r->h, r->redo_max) : 0;
        if (rc == 0) {
            rc = fn(r, arg);
            if (tx && rc == 0 && keep)
                heap_tx_commit(r->h, NULL);
            else if (tx)
                heap_tx_abort(r->h);
        }
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    return rc;
}

static inline int rig_make_owner(struct rig *r, void *arg)
{
    (void)arg;
    return heap_tx_alloc(r->h, 64, 0, &r->owner, NULL);
}

/* Has the heap outgrown its memory, as far as trees can tell? */
static inline void rig_crowd(struct rig *r, bool yes)
{
    r->h->frames.budget = yes ? 1 : UINT32_MAX;
}

static inline void rig_open(struct rig *r, uint64_t seed, uint32_t fault_every)
{
    struct heap_conf conf = {.spurious_fault = rig_fault, .arg = r};
    struct err e = {0};

    *r = (struct rig){.seed = seed, .fault_every = fault_every, .redo_max = 2u << 20};
    assert_int_equal(heap_open(&conf, &r->h, &e), 0);
    rig_crowd(r, seed % 2 != 0);
    assert_int_equal(rig_run(r, rig_make_owner, NULL, true, true), 0);
}

static inline void rig_close(struct rig *r)
{
    assert_int_equal(heap_close(r->h, true), 0);
}

static inline uint64_t rig_root(const struct rig *r)
{
    return r->owner + 16;
}

static inline struct heap_stat rig_stat(struct rig *r)
{
    struct heap_stat st;

    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    return st;
}

static inline void rig_report(void *arg, const char *text)
{
    (void)arg;
    print_message("%s\n", text);
}

struct rig_check {
    struct tree_checker k;
    bool done;
};

static inline int rig_check_step(struct rig *r, void *arg)
{
    struct rig_check *k = arg;

    return tree_check_step(r->h, &k->k, &k->done);
}

/* Checks a tree step by step; how many problems there are. */
static inline uint64_t rig_problems(struct rig *r, const struct tree_class *c,
                                    void (*report)(void *arg, const char *text))
{
    struct rig_check k = {.done = false};

    tree_check_start(&k.k, c, rig_root(r), report, NULL);
    while (!k.done)
        assert_int_equal(rig_run(r, rig_check_step, &k, false, false), 0);
    return k.k.problems;
}

static inline void rig_check(struct rig *r, const struct tree_class *c)
{
    assert_int_equal(rig_problems(r, c, rig_report), 0);
}

#endif
