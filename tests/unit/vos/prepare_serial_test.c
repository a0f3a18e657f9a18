/*
 * Transactions with epochs of their own, as other shards draw them: several open at a time, before
 * and behind the clock, between changes that are published at once, over restarts. What was
 * committed must be a history: in the order of the epochs each has read what those before it wrote.
 * SERIAL_SEED (the first) and SERIAL_NR ask for more.
 */
#include "prepare_rig.h"

#define KEYS  6u
#define OPEN  5u
#define STEPS 600u
#define MS    UINT64_C(16000000) /* a millisecond of the clock */

struct deed {
    uint64_t epoch, seq;
    uint32_t reads, key[3], saw[3]; /* 0: nothing there */
    uint32_t writes, to[2], value;
    enum { FREE, BEGUN, PREPARED_, DONE } state;
};

struct world {
    struct rig r;
    struct deed open[OPEN], *done;
    uint32_t done_nr, value;
    uint64_t seq, seed, restarts, met, committed;
    char name[KEYS][8];
};

static uint32_t value_at(struct world *w, uint64_t epoch, uint32_t key, bool *failed)
{
    const char *s = get_s(&w->r, epoch, kv(), w->name[key], "a");

    *failed |= *s == '!';
    return *s == '-' || *s == '!' ? 0 : (uint32_t)strtoul(s, NULL, 10);
}

/* Reads at its epoch. */
static void begin(struct world *w, struct deed *d)
{
    bool failed = false;

    memset(d, 0, sizeof *d);
    d->epoch = hlc_peek(&w->r.clock) + MS * 4 - rig_draw(&w->r, MS * 8);
    d->seq = ++w->seq;
    d->reads = (uint32_t)rig_draw(&w->r, 3);
    d->writes = 1 + (uint32_t)rig_draw(&w->r, 2);
    d->value = ++w->value;
    for (uint32_t i = 0; i < d->reads; i++) {
        d->key[i] = (uint32_t)rig_draw(&w->r, KEYS);
        d->saw[i] = value_at(w, d->epoch, d->key[i], &failed);
    }
    d->to[0] = (uint32_t)rig_draw(&w->r, KEYS);
    d->to[1] = (d->to[0] + 1 + (uint32_t)rig_draw(&w->r, KEYS - 1)) % KEYS;
    d->state = failed ? FREE : BEGUN;
    w->met += failed;
}

/* Checks of what it read, then its writes; a value of which the number is divisible by five is a
 * punch. at 0: published now. */
static int change(struct world *w, struct deed *d, uint64_t at)
{
    struct vos_op ops[5];
    struct one o[2];
    char text[16];
    uint32_t nr = 0;

    snprintf(text, sizeof text, "%u", d->value);
    for (uint32_t i = 0; i < d->reads; i++)
        ops[nr++] = (struct vos_op){.kind = VOS_OP_CHECK,
                                    .level = VOS_DKEY,
                                    .check = VOS_CHECK_UNCHANGED,
                                    .seen = d->epoch,
                                    .oid = kv(),
                                    .dkey = K(w->name[d->key[i]])};
    for (uint32_t i = 0; i < d->writes; i++)
        ops[nr++] = d->value % 5 ? *text_op(&o[i], w->name[d->to[i]], text)
                                 : (struct vos_op){.kind = VOS_OP_PUNCH,
                                                   .level = VOS_DKEY,
                                                   .oid = kv(),
                                                   .dkey = K(w->name[d->to[i]])};
    w->r.txid.seq = d->seq;
    w->r.txid.acked = 0;
    return at ? rig_prepare(&w->r, ops, nr, at, "leader", &d->epoch)
              : rig_apply(&w->r, ops, nr, 0, &d->epoch);
}

static void keep(struct world *w, struct deed *d)
{
    w->done[w->done_nr++] = *d;
    d->state = FREE;
    w->committed++;
}

static void one_step(struct world *w, struct deed *d)
{
    int rc;

    switch (d->state) {
    case FREE:
        begin(w, d);
        if (d->state == BEGUN && rig_draw(&w->r, 3) == 0) { /* of this shard alone */
            rc = change(w, d, 0);
            CHECK(rc == 0 || rc == -DER_TX_RESTART || rc == -DER_INPROGRESS);
            d->state = FREE;
            if (rc == 0)
                keep(w, d);
        }
        break;
    case BEGUN:
        rc = change(w, d, d->epoch);
        CHECK(rc == 0 || rc == -DER_TX_RESTART || rc == -DER_AGAIN || rc == -DER_INPROGRESS);
        w->restarts += rc == -DER_TX_RESTART || rc == -DER_AGAIN;
        w->met += rc == -DER_INPROGRESS;
        d->state = rc ? FREE : PREPARED_;
        break;
    default: {
        bool commit = rig_draw(&w->r, 4) != 0;

        CHECK_EQ(rig_resolve(&w->r, d->seq, commit, NULL), 0);
        if (commit)
            keep(w, d);
        d->state = FREE;
    }
    }
}

static int by_epoch(const void *x, const void *y)
{
    const struct deed *a = x, *b = y;

    return a->epoch < b->epoch ? -1 : a->epoch > b->epoch;
}

/* In the order of their epochs. */
static void is_a_history(struct world *w)
{
    uint32_t now[KEYS] = {0};
    bool failed = false;

    qsort(w->done, w->done_nr, sizeof *w->done, by_epoch);
    for (uint32_t i = 0; i < w->done_nr; i++) {
        const struct deed *d = &w->done[i];

        for (uint32_t k = 0; k < d->reads; k++)
            CHECK_EQ(d->saw[k], now[d->key[k]]);
        for (uint32_t k = 0; k < d->writes; k++)
            now[d->to[k]] = d->value % 5 ? d->value : 0;
        /* and who reads back then sees that */
        if (i + 1 == w->done_nr || w->done[i + 1].epoch > d->epoch)
            for (uint32_t k = 0; k < KEYS; k++)
                CHECK_EQ(value_at(w, d->epoch, k, &failed), now[k]);
    }
    for (uint32_t k = 0; k < KEYS; k++)
        CHECK_EQ(value_at(w, LATEST, k, &failed), now[k]);
    CHECK(!failed);
}

static void live(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);

    w->done = calloc(STEPS + OPEN, sizeof *w->done);
    rig_start(&w->r, NULL, seed, 2);
    CHECK_EQ(vos_hold(w->r.c, 1), 0); /* every version stays */
    begin_session(&w->r);
    for (uint32_t i = 0; i < KEYS; i++)
        snprintf(w->name[i], sizeof w->name[i], "k%u", i);
    for (uint32_t step = 0; step < STEPS; step++) {
        w->r.wall_ns += rig_draw(&w->r, 500000);
        if (w->seq == 200) { /* its slots are used up */
            for (uint32_t i = 0; i < OPEN; i++) {
                if (w->open[i].state == PREPARED_)
                    one_step(w, &w->open[i]);
                w->open[i].state = FREE;
            }
            begin_session(&w->r);
            w->seq = 0;
        }
        one_step(w, &w->open[rig_draw(&w->r, OPEN)]);
        if (rig_draw(&w->r, 200) == 0) {
            rig_reopen(&w->r, true);
            CHECK_EQ(vos_hold(w->r.c, 1), 0);
            for (uint32_t i = 0; i < OPEN; i++) /* who was reading begins again */
                if (w->open[i].state == BEGUN)
                    w->open[i].state = FREE;
        }
    }
    for (uint32_t i = 0; i < OPEN; i++)
        if (w->open[i].state == PREPARED_)
            one_step(w, &w->open[i]);
    CHECK(w->committed > 50 && w->restarts > 5 && w->met > 5);
    is_a_history(w);
    check_clean(&w->r);
    rig_stop(&w->r);
    free(w->done);
    free(w);
}

static void committed_is_a_history(void **state)
{
    const char *from = getenv("SERIAL_SEED"), *nr = getenv("SERIAL_NR");
    uint64_t first = from ? strtoull(from, NULL, 0) : 1, n = nr ? strtoull(nr, NULL, 0) : 40;

    (void)state;
    for (uint64_t seed = first; seed < first + n; seed++)
        live(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(committed_is_a_history)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
