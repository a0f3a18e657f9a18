/*
 * Bits flip on the device, anywhere: in checkpoint records, log groups, heap page, descriptors,
 * slot pages, value pages. Whatever happens then, nobody reads a wrong byte: the heap opens with
 * exactly the state of a transaction, or says that it is damaged. What was acknowledged is only
 * missing where nothing can tell: in the last group of a log after a crash.
 */
#include "heap_rig.h"

#include "heap/layout.h"
#include "heap/wal.h"
#include "io/super.h"

struct image {
    uint64_t wal_off, meta_off; /* on the device */
    uint64_t lo, hi;            /* ring bytes that hold groups */
    uint32_t before_last;       /* transactions durable without the last group */
};

/* Opens and reads everything; true: it opened. Wrong content ends the program. */
static bool judge(struct rig *r, uint32_t least, bool *damaged)
{
    struct heap_pins pins = HEAP_PINS_INIT;
    const char *why = NULL;
    uint64_t count = 0;
    struct err e = {0};
    int rc;

    *damaged = false;
    rc = rig_attach(r);
    if (rc == 0)
        rc = rig_open(r, &e);
    if (rc != 0) {
        if (rc != -DER_CSUM && rc != -DER_DF_INVAL && rc != -DER_DF_INCOMPT)
            fprintf(stderr, "open: rc %d: %s: %s [%s]\n", rc, e.what, e.why, rig_context);
        CHECK(rc == -DER_CSUM || rc == -DER_DF_INVAL || rc == -DER_DF_INCOMPT);
        *damaged = true;
        rig_detach(r);
        return false;
    }
    do {
        heap_lock(r->h);
        rc = state_check(r, &count, &why);
        heap_pins_take(r->h, &pins);
        heap_unlock(r->h);
    } while (heap_retry(r->h, &pins, &rc));
    heap_pins_drop(r->h, &pins);
    *damaged = rc != 0;
    if (rc != 0 && rc != -DER_CSUM)
        fprintf(stderr, "read: rc %d [%s]\n", rc, rig_context);
    CHECK(rc == 0 || rc == -DER_CSUM);
    if (why != NULL || (rc == 0 && count < least))
        fprintf(stderr, "%s; count %llu, least %u, acked %u [%s]\n", why ? why : "-",
                (unsigned long long)count, least, r->acked, rig_context);
    CHECK(rc != 0 || (why == NULL && count >= least));
    heap_close(r->h, false);
    rig_detach(r);
    return true;
}

static void try_flip(struct rig *r, const char *what, uint64_t at, uint32_t bit, uint32_t least,
                     uint32_t *found, uint32_t *total)
{
    uint32_t acked = r->acked;
    bool damaged;

    snprintf(rig_context, sizeof(rig_context), "%s, byte %llu, bit %u", what,
             (unsigned long long)at, bit);
    CHECK(sim_dev_flip(r->sd, "shard", at, bit) == 0);
    r->acked = MIN(r->acked, least);
    judge(r, least, &damaged);
    r->acked = acked;
    *found += damaged;
    (*total)++;
    CHECK(sim_dev_flip(r->sd, "shard", at, bit) == 0); /* read-only attempts change nothing else */
}

/* Work, then an end: orderly, or killed with everything durable. */
static void prepare(struct rig *r, uint64_t seed, bool clean, uint32_t txs, struct image *im)
{
    struct heap_stat st;

    r->seed = seed;
    r->wal_size = 512u << 10;
    r->meta_size = 256u << 10;
    rig_format(r, &(struct sim_dir_conf){.seed = seed, .cut = SIM_CUT_KEEP_ALL});
    CHECK(rig_open(r, NULL) == 0);
    CHECK(rig_work(r, txs) == 0);
    CHECK(heap_checkpoint(r->h) == 0);
    CHECK(rig_work(r, 12) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    rig_ack(r);
    CHECK(r->acked == r->committed);
    im->before_last = r->acked;
    heap_lock(r->h);
    heap_stat(r->h, &st);
    heap_unlock(r->h);
    while (r->committed == r->acked)
        CHECK(rig_tx(r) == 0);
    CHECK(heap_wait_durable(r->h, r->lsn[r->committed]) == 0);
    rig_ack(r);
    CHECK(r->acked == r->committed);
    im->hi = r->lsn[r->committed];
    im->lo = im->hi > st.wal_used + 16384 ? im->hi - st.wal_used - 16384 : WAL_FIRST_LSN;
    heap_close(r->h, clean);
    im->wal_off = SUPER_AREA;
    im->meta_off = SUPER_AREA + r->wal_size;
    r->conf.readonly = true;
    rig_detach(r);
}

static void done(struct rig *r)
{
    r->conf.readonly = false;
    sim_dir_destroy(r->sd);
    r->sd = NULL;
    r->committed = r->acked = 0;
}

static void flips_in_log(struct rig *r, bool clean)
{
    struct image im = {0};
    uint32_t found = 0, total = 0;
    uint64_t size;

    prepare(r, 77, clean, 40, &im);
    size = r->wal_size - WAL_RING_OFF;
    /* checkpoint records: every field */
    for (uint32_t block = 0; block < 2; block++) {
        for (uint32_t byte = 0; byte < sizeof(struct wal_mark); byte += 3)
            try_flip(r, "checkpoint record", im.wal_off + block * WAL_BLOCK + byte, byte % 8,
                     clean ? r->acked : im.before_last, &found, &total);
    }
    /* group headers, and a byte in some */
    for (uint64_t pos = im.lo / WAL_BLOCK * WAL_BLOCK; pos < im.hi; pos += WAL_BLOCK) {
        for (uint32_t byte = (uint32_t)(pos / WAL_BLOCK % 5); byte < 64; byte += 5)
            try_flip(r, "group", im.wal_off + WAL_RING_OFF + pos % size + byte, (byte + 3) % 8,
                     clean ? r->acked : im.before_last, &found, &total);
        for (uint32_t byte = 64; byte < WAL_BLOCK; byte += 811)
            try_flip(r, "group", im.wal_off + WAL_RING_OFF + pos % size + byte, byte % 8,
                     clean ? r->acked : im.before_last, &found, &total);
    }
    print_message("%s log: %u of %u flips answered with an error, no other was wrong\n",
                  clean ? "closed" : "open", found, total);
    CHECK(found > total / 6);
    done(r);
}

static void flips_in_clean_log(struct rig *r)
{
    flips_in_log(r, true);
}

static void flips_in_open_log(struct rig *r)
{
    flips_in_log(r, false);
}

/* Pages; after a checkpoint that the log does not overlap, and with the log's changes on top. */
static void flips_in_pages(struct rig *r)
{
    for (uint32_t round = 0; round < 2; round++) {
        struct image im = {0};
        uint32_t found = 0, total = 0;

        prepare(r, 78 + round, round == 0, 40, &im);
        for (uint64_t page = 0; page < 16; page++) {
            for (uint32_t byte = 0; byte < HEAP_PAGE_SIZE; byte += byte < 192 ? 7 : 4093)
                try_flip(r, "page", im.meta_off + page * HEAP_PAGE_SIZE + byte,
                         (uint32_t)(byte + page) % 8, r->acked, &found, &total);
        }
        print_message("pages: %u of %u flips answered with an error, no other was wrong\n", found,
                      total);
        CHECK(found > 0);
        done(r);
    }
}

static void t_flips_in_clean_log(void **state)
{
    rig_run(flips_in_clean_log);
}

static void t_flips_in_open_log(void **state)
{
    rig_run(flips_in_open_log);
}

static void t_flips_in_pages(void **state)
{
    rig_run(flips_in_pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_flips_in_clean_log),
        cmocka_unit_test(t_flips_in_open_log),
        cmocka_unit_test(t_flips_in_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
