/* The rows that every contender runs. Contenders take turns, repetition by repetition, so that a
 * machine that gets slower meanwhile does so for all of them. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

bool wanted(const struct bench *b, enum row_id row)
{
    const char *id = b->rows[row].id, *at = b->conf.only;
    size_t len = strlen(id);

    if (at == NULL)
        return true;
    while ((at = strstr(at, id)) != NULL) {
        bool begins = at == b->conf.only || at[-1] == ',';

        if (begins && (at[len] == ',' || at[len] == '\0'))
            return true;
        at += len;
    }
    return false;
}

static void must(bool ok, const char *who, const char *why)
{
    if (!ok)
        die(who, why, "what was read is wrong: report it");
}

/* ---- Puts ---- */

struct open_store {
    const struct contender *c;
    struct store *s;
    char dir[4200];
};

static void begin(struct bench *b, struct open_store *o, enum who who)
{
    o->c = contender_get(who);
    dir_make(o->dir, b->conf.dir, o->c->name);
    o->s = o->c->open(o->dir, b->conf.pairs, false);
}

static void end(struct open_store *o)
{
    o->c->close(o->s);
    dir_remove(o->dir);
}

static void both_samples(struct bench *b, enum row_id row, enum who who, double cpu, double wall,
                         uint64_t nr)
{
    sample(&b->rows[row].who[who], cpu * 1e6 / (double)nr);
    sample(&b->rows[row].beside[who], wall * 1e6 / (double)nr);
}

static void load(struct bench *b, struct open_store *o, enum who who, enum row_id row,
                 uint32_t batch)
{
    double t0, s;

    begin(b, o, who);
    t0 = now_s();
    s = o->c->put(o->s, &b->work.load, 0, b->work.pairs, batch);
    both_samples(b, row, who, s, now_s() - t0, b->work.pairs);
}

static void puts_rep(struct bench *b, enum row_id row, uint32_t batch)
{
    for (enum who who = 0; who < WHO_NR; who++) {
        struct open_store o;

        if (contender_get(who) == NULL)
            continue;
        load(b, &o, who, row, batch);
        end(&o);
    }
}

/* ---- Reads ---- */

static void get_rep(struct bench *b, struct open_store *o, enum who who, bool count)
{
    uint64_t sum = 0;
    double t0 = now_s(), s = o->c->get(o->s, &b->work.gets, 0, b->work.gets.nr, &sum);

    t0 = now_s() - t0;
    must(sum == b->work.gets.sum, o->c->name, "the values got are not those that were put");
    if (count)
        both_samples(b, ROW_GET, who, s, t0, b->work.gets.nr);
}

static void scan_rep(struct bench *b, struct open_store *o, enum who who, enum row_id row)
{
    uint64_t nr = 0, keys = 0, sum = 0, want = 0;
    bool values = row == ROW_SCAN;
    double t0 = now_s(), s = o->c->scan(o->s, values, &nr, &keys, &sum);

    t0 = now_s() - t0;
    for (uint64_t i = 0; i < b->work.load.nr; i++)
        want += key_sum(b->work.load.key[i]);
    must(nr == b->work.pairs && keys == want, o->c->name, "the keys scanned are not those put");
    must(!values || sum == b->work.load.sum, o->c->name,
         "the values scanned are not those that were put");
    both_samples(b, row, who, s, t0, nr);
}

static void reads(struct bench *b, struct open_store *o)
{
    for (uint32_t rep = 0; rep <= b->conf.reps; rep++)
        for (enum who who = 0; who < WHO_NR; who++) {
            if (o[who].s == NULL)
                continue;
            if (wanted(b, ROW_GET)) /* the first time warms up */
                get_rep(b, &o[who], who, rep > 0);
            if (rep > 0 && wanted(b, ROW_SCAN))
                scan_rep(b, &o[who], who, ROW_SCAN);
            if (rep > 0 && wanted(b, ROW_SCAN_KEYS))
                scan_rep(b, &o[who], who, ROW_SCAN_KEYS);
        }
}

void rows_shared(struct bench *b)
{
    struct open_store o[WHO_NR] = {0};

    for (uint32_t rep = 0; rep < b->conf.reps; rep++) {
        if (wanted(b, ROW_BATCH))
            puts_rep(b, ROW_BATCH, BATCH);
        if (wanted(b, ROW_PUT) && rep + 1 < b->conf.reps)
            puts_rep(b, ROW_PUT, 1);
    }
    if (!wanted(b, ROW_PUT) && !wanted(b, ROW_GET) && !wanted(b, ROW_SCAN) &&
        !wanted(b, ROW_SCAN_KEYS) && !wanted(b, ROW_OVERHEAD))
        return;
    /* the last load of single puts is what is read; nobody works in the background then */
    for (enum who who = 0; who < WHO_NR; who++)
        if (contender_get(who) != NULL) {
            load(b, &o[who], who, ROW_PUT, 1);
            o[who].c->settle(o[who].s);
            sample(&b->rows[ROW_OVERHEAD].who[who],
                   (double)o[who].c->overhead(o[who].s, b->work.pairs) / (double)b->work.pairs);
        }
    reads(b, o);
    for (enum who who = 0; who < WHO_NR; who++)
        if (o[who].s != NULL)
            end(&o[who]);
}

/* ---- Durable puts ---- */

/* The faster of the contender's forms, by a first share of the keys; the rest by that one. */
static void durable(struct bench *b, enum who who, uint64_t share)
{
    const struct contender *c = contender_get(who);
    struct durable_result res, best = {0};
    struct row *r = &b->rows[ROW_DURABLE];
    uint32_t best_form = 0;
    uint64_t from = 0, sum = 0;
    struct open_store o;

    o.c = c;
    dir_make(o.dir, b->conf.disk, c->name);
    o.s = c->open(o.dir, b->conf.durable, true);
    for (uint32_t form = 0; c->put_durable(o.s, &b->work.durable, from, from + share, form, &res);
         form++, from += share)
        if (form == 0 || res.seconds < best.seconds) {
            best = res;
            best_form = form;
        }
    for (uint32_t rep = 0; rep < b->conf.reps; rep++, from += share) {
        c->put_durable(o.s, &b->work.durable, from, from + share, best_form, &res);
        sample(&r->who[who], (double)share / res.seconds / 1e3);
        r->form[who] = res.form;
        if (who == TARN)
            sample(&r->extra, (double)share / (double)res.flushes);
        else if (rep == 0)
            fprintf(stderr, "  %s: %s, %.1f puts a flush\n", c->name, res.form,
                    (double)share / (double)(res.flushes != 0 ? res.flushes : 1));
    }
    c->get(o.s, &b->work.durable, 0, from, &sum);
    for (uint64_t i = from; i < b->work.durable.nr; i++) {
        uint8_t value[VALUE_BYTES];

        value_make(b->work.durable.id[i], value);
        sum += value_sum(value);
    }
    must(sum == b->work.durable.sum, c->name, "durable puts are not what was put");
    c->close(o.s);
    dir_remove(o.dir);
}

void rows_durable(struct bench *b)
{
    uint64_t share = b->conf.durable / (b->conf.reps + 2);

    if (!wanted(b, ROW_DURABLE))
        return;
    for (enum who who = 0; who < WHO_NR; who++)
        if (contender_get(who) != NULL)
            durable(b, who, share);
}
