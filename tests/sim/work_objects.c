/*
 * Workload "objects": random operations of daos_obj.h over so few keys that they keep meeting.
 *
 * Every operation is drawn as one of the model (spec_objects.h), carried out by work_obj_io.c, and
 * judged with what it brought. Three objects of different key types; four dkeys and three akeys
 * each, among them long ones with a common beginning; values from 1 byte to 70 KiB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "work_objects.h"

/* ---- Drawing ---- */

static uint8_t one_bit(struct work_client *c, uint32_t n)
{
    return (uint8_t)(1u << ob_below(c, n));
}

static const struct ob_mood *mood(struct work_client *c)
{
    return &((struct ob_client *)c->priv)->mood;
}

static void draw_place(struct work_client *c, struct ob_sub *s)
{
    const struct ob_mood *m = mood(c);

    memset(s, 0, sizeof(*s));
    s->obj = m->narrow ? m->obj : ob_below(c, OB_OBJS);
    s->dkeys = (uint8_t)(m->narrow ? 1u << m->dkey[ob_coin(c, 2)] : one_bit(c, OB_DKEYS));
}

/* One, two or many, ascending or not, never overlapping. */
static void draw_extents(struct work_client *c, struct ob_iod *iod)
{
    uint32_t want = ob_coin(c, 3) ? (ob_coin(c, 3) ? OB_RXS : 2) : 1;
    uint32_t longest = OB_RECS / want, at = 0;

    iod->rx_nr = 0;
    do {
        at += ob_below(c, 1 + (want > 2 ? 2 : OB_RECS - at));
        if (at >= OB_RECS)
            break;
        iod->rx[iod->rx_nr].from = (uint8_t)at;
        iod->rx[iod->rx_nr].nr = (uint8_t)(1 + ob_below(c, MIN(longest, OB_RECS - at)));
        at += iod->rx[iod->rx_nr++].nr;
    } while (iod->rx_nr < want);
    if (iod->rx_nr == 0)
        iod->rx[iod->rx_nr++] = (struct ob_rx){.from = ob_below(c, OB_RECS), .nr = 1};
    for (uint32_t i = iod->rx_nr; ob_coin(c, 3) && i > 1; i--) {
        uint32_t k = ob_below(c, i);
        struct ob_rx rx = iod->rx[k];

        iod->rx[k] = iod->rx[i - 1];
        iod->rx[i - 1] = rx;
    }
}

/* Mostly the same, so that writes meet: another one is refused while records are there. */
static uint8_t draw_rec(struct work_client *c, const struct ob_sub *s)
{
    if (!mood(c)->calm && ob_coin(c, 8))
        return (uint8_t)(1 + ob_below(c, OB_REC_CLASSES - 1));
    return (uint8_t)(1 + (s->obj + (uint32_t)__builtin_ctz(s->dkeys)) % (OB_REC_CLASSES - 1));
}

static void draw_update_iod(struct work_client *c, const struct ob_sub *s, struct ob_iod *iod)
{
    iod->array = iod->akey == OB_ARRAY && (mood(c)->calm || !ob_coin(c, 10));
    if (!mood(c)->calm && ob_coin(c, 4))
        iod->cond = ob_coin(c, 2) ? OB_A_INSERT : OB_A_UPDATE;
    if (iod->array) {
        draw_extents(c, iod);
        iod->rec = ob_coin(c, 4) ? 0 : draw_rec(c, s);
    }
    if (iod->array ? iod->rec != 0 : !ob_coin(c, 10))
        iod->id = value_id(&ob_work(c)->ids, &c->rng);
}

static void draw_fetch_iod(struct work_client *c, const struct ob_sub *s, struct ob_iod *iod)
{
    iod->array = iod->akey == OB_ARRAY ? !ob_coin(c, 8) : ob_coin(c, 30);
    if (ob_coin(c, 6))
        iod->cond = OB_A_FETCH;
    iod->size_only = ob_coin(c, 8);
    iod->room = ob_coin(c, 6)   ? 1 + (uint32_t)sim_rng_below(&c->rng, 100)
                : ob_coin(c, 2) ? OB_ROOM_MAX
                                : OB_ROOM_MOST;
    if (!iod->array)
        return;
    draw_extents(c, iod);
    iod->rec = ob_coin(c, 4) ? draw_rec(c, s) : 0;
    iod->room = 0;
    for (uint32_t i = 0; i < iod->rx_nr; i++)
        iod->room += iod->rx[i].nr * ob_rec_bytes[iod->rec ? iod->rec : OB_REC_CLASSES - 1];
}

/* Several akeys, each once, in any order. */
static void draw_iods(struct work_client *c, struct ob_sub *s,
                      void (*draw)(struct work_client *c, const struct ob_sub *s,
                                   struct ob_iod *iod))
{
    uint32_t first = ob_below(c, OB_AKEYS), step = 1u + ob_below(c, OB_AKEYS - 1);

    s->iod_nr = ob_coin(c, 2) ? 1 : (uint8_t)(1 + ob_below(c, OB_AKEYS));
    for (uint32_t i = 0; i < s->iod_nr; i++) {
        s->iod[i].akey = (uint8_t)((first + i * step) % OB_AKEYS);
        draw(c, s, &s->iod[i]);
    }
}

void ob_draw_change(struct work_client *c, struct ob_sub *s)
{
    uint32_t r = ob_below(c, 100);

    draw_place(c, s);
    if (r < 75) {
        s->what = OB_UPDATE;
        if (!mood(c)->calm && ob_coin(c, 4))
            s->cond = ob_coin(c, 2) ? OB_D_INSERT : OB_D_UPDATE;
        draw_iods(c, s, draw_update_iod);
        return;
    }
    s->cond = !mood(c)->calm && ob_coin(c, 2) ? OB_PUNCH_IF : 0;
    if (r < 80) {
        s->what = OB_PUNCH_OBJ;
        s->dkeys = 0;
    } else if (r < 90) {
        s->what = OB_PUNCH_DKEYS;
        s->dkeys |= ob_coin(c, 2) ? one_bit(c, OB_DKEYS) : 0;
    } else {
        s->what = OB_PUNCH_AKEYS;
        s->akeys = one_bit(c, OB_AKEYS);
        s->akeys |= ob_coin(c, 2) ? one_bit(c, OB_AKEYS) : 0;
    }
}

/* What the object's keys allow; false: nothing. */
static bool draw_query(struct work_client *c, struct ob_sub *s)
{
    const struct ob_obj *o = &ob_work(c)->obj[s->obj];
    uint32_t ask = 1 + ob_below(c, 7);

    if ((ask & 1 && !o->dkey_int) || (ask & 2 && !o->akey_int))
        return false;
    s->what = OB_QUERY;
    s->query = (uint8_t)(ask << 2 | (ob_coin(c, 2) ? DAOS_GET_MAX : DAOS_GET_MIN));
    s->akeys = one_bit(c, OB_AKEYS);
    return true;
}

void ob_draw_read(struct work_client *c, struct ob_sub *s)
{
    uint32_t r = ob_below(c, 100);

    draw_place(c, s);
    if (r < 15 && draw_query(c, s))
        return;
    if (r < 25) {
        s->what = OB_LIST_DKEYS;
        s->dkeys = 0;
    } else if (r < 35) {
        s->what = OB_LIST_AKEYS;
    } else if (r < 45) {
        s->what = OB_LIST_RECX;
        s->akeys = one_bit(c, OB_AKEYS);
    } else {
        s->what = OB_FETCH;
        s->cond = ob_coin(c, 6) ? OB_D_FETCH : 0;
        draw_iods(c, s, draw_fetch_iod);
    }
}

/* ---- Running ---- */

/* Counts a change of a dkey as begun, ended, or lost. */
static void count(struct work_client *c, const struct ob_op *op, int begun, int lost)
{
    struct ob_work *w = ob_work(c);

    for (uint32_t i = 0; i < op->nr; i++) {
        const struct ob_sub *s = &op->sub[i];

        for (uint32_t d = 0; s->what < OB_CHANGES && d < OB_DKEYS; d++) {
            if (s->what != OB_PUNCH_OBJ && !(s->dkeys >> d & 1))
                continue;
            w->changes[s->obj][d] += begun > 0;
            w->open[s->obj][d] += (uint32_t)begun;
            w->lost[s->obj][d] += (uint32_t)lost;
        }
    }
}

static void tell(struct work_client *c, const struct ob_op *op, bool known)
{
    char line[900];

    if (!c->work->telling)
        return;
    ob_spec.print_op(op, known, line, sizeof(line));
    work_tell(c, "%s%s", known ? "" : "... ", line);
}

uint32_t ob_begin(struct work_client *c, const struct ob_op *op)
{
    count(c, op, 1, 0);
    tell(c, op, false);
    return hist_call(ob_work(c)->h, c->index, op);
}

void ob_end(struct work_client *c, uint32_t id, const struct ob_op *op, int rc, enum work_verdict v)
{
    count(c, op, v == WORK_UNKNOWN ? 0 : -1, v == WORK_UNKNOWN);
    tell(c, op, true);
    work_end(c, ob_work(c)->h, id, op, rc, v);
}

static void end_plain(struct work_client *c, struct ob_call *k)
{
    const struct ob_sub *s = &k->op.sub[0];

    ob_end(c, k->id, &k->op, s->rc,
           s->rc == 1 ? WORK_FAILED : work_verdict(c->work, s->rc, ob_changes(s)));
}

bool ob_crowded(struct work_client *c, const struct ob_op *op)
{
    return work_crowded(ob_work(c)->h, op);
}

int ob_run(struct work_client *c, struct ob_sub *s)
{
    struct ob_call *k = &((struct ob_client *)c->priv)->call;
    struct ob_sub *mine = &k->op.sub[0];
    daos_handle_t th = DAOS_TX_NONE;
    int rc = 0;

    if (s->at > 0)
        rc = daos_tx_open_snap(c->coh, ob_work(c)->snap[s->at - 1].epoch, &th, NULL);
    if (rc != 0)
        return rc;
    k->op.kind = OB_PLAIN;
    k->op.nr = 1;
    if (s != mine)
        *mine = *s;
    k->id = ob_begin(c, &k->op);
    ob_do(c, mine, th);
    end_plain(c, k);
    if (s != mine)
        *s = *mine;
    if (s->at > 0)
        daos_tx_close(th, NULL);
    return s->rc;
}

/* Merges history, which nobody may see. */
static int aggregate(struct work_client *c)
{
    int rc;

    work_tell(c, "aggregates");
    rc = daos_cont_aggregate(c->coh, 0, NULL);
    if (rc != 0 && (work_verdict(c->work, rc, true) == WORK_ANSWERED ||
                    work_verdict(c->work, rc, true) == WORK_WRONG))
        work_wrong(c->work, "client %u: aggregation was answered %s (%d)", c->index, d_errstr(rc),
                   rc);
    return rc;
}

/* ---- Many at once ---- */

static int launch(struct work_client *c, struct work_flight *f)
{
    struct ob_call *k = CONTAINER_OF(f, struct ob_call, fl);
    struct ob_sub *s = &k->op.sub[0];

    k->op.kind = OB_PLAIN;
    k->op.nr = 1;
    if (ob_coin(c, 2))
        ob_draw_change(c, s);
    else
        ob_draw_read(c, s);
    if (ob_changes(s) && ob_crowded(c, &k->op))
        return 1;
    k->id = ob_begin(c, &k->op);
    return ob_start(c, k, s, DAOS_TX_NONE, &f->ev);
}

static void ended(struct work_client *c, struct work_flight *f, int rc)
{
    struct ob_call *k = CONTAINER_OF(f, struct ob_call, fl);

    ob_finish(c, k, &k->op.sub[0], rc);
    end_plain(c, k);
}

static int burst(struct work_client *c)
{
    static const struct work_burst_ops ops = {launch, ended};
    struct ob_client *oc = c->priv;
    struct work_flight *f[OB_FLIGHTS];

    for (uint32_t i = 0; i < OB_FLIGHTS; i++)
        f[i] = &oc->flight[i].fl;
    return work_burst(c, &ops, f, 2 + ob_below(c, OB_FLIGHTS - 1), 2 + ob_below(c, 12));
}

/* ---- The next step ---- */

static int plain(struct work_client *c)
{
    struct ob_client *oc = c->priv;
    struct ob_op *op = &oc->call.op;
    struct ob_sub *s = &op->sub[0];

    op->kind = OB_PLAIN;
    op->nr = 1;
    if (ob_below(c, 156) < 76)
        ob_draw_change(c, s);
    else
        ob_draw_read(c, s);
    if (ob_changes(s) && ob_crowded(c, op))
        ob_draw_read(c, s);
    return ob_run(c, s);
}

static int step(struct work_client *c)
{
    uint32_t r = ob_below(c, 200);
    bool pinned;
    int rc = ob_pin(c, &pinned);

    if (pinned)
        return work_over(rc);
    if (r < 26)
        rc = ob_tx(c);
    else if (r < 34)
        rc = ob_ahead(c);
    else if (r < 38)
        rc = ob_snap_make(c);
    else if (r < 40)
        rc = ob_snap_destroy(c);
    else if (r < 42)
        rc = ob_snap_list(c);
    else if (r < 52)
        rc = ob_snap_read(c);
    else if (r < 58)
        rc = ob_enumerate(c);
    else if (r == 58)
        rc = aggregate(c);
    else if (r < 70)
        rc = burst(c);
    else
        rc = plain(c);
    return work_over(rc);
}

/* ---- Setup ---- */

static void text_key(struct ob_key *k, const char *text)
{
    k->len = (uint8_t)strlen(text);
    memcpy(k->bytes, text, k->len);
}

static void int_key(struct ob_key *k, uint64_t value)
{
    k->len = sizeof(value);
    memcpy(k->bytes, &value, sizeof(value));
}

/* A long key; those of one prefix differ at their end only. */
static void long_key(struct ob_key *k, char first, uint8_t len, char last)
{
    k->len = len;
    memset(k->bytes, first, len);
    k->bytes[len - 1] = (unsigned char)last;
}

static void make_keys(struct ob_key *keys, uint32_t nr, bool integers)
{
    static const uint64_t ints[] = {1, 256, UINT64_C(1) << 33, UINT64_MAX - 1};

    if (integers) {
        for (uint32_t i = 0; i < nr; i++)
            int_key(&keys[i], ints[i]);
        return;
    }
    text_key(&keys[0], "a"); /* ascending: enumerations of byte-ordered keys */
    long_key(&keys[1], 'k', 60, 'x');
    long_key(&keys[2], 'k', 60, 'y');
    if (nr > 3)
        long_key(&keys[3], 'z', OB_KEY_MAX, '\0');
}

static int make_obj(struct work_client *c, struct ob_obj *o, uint64_t nr, bool upper,
                    enum daos_otype_t type)
{
    /* half of them differ in nothing but the upper bits that are the user's */
    o->oid = upper ? (daos_obj_id_t){.lo = 1, .hi = nr << 30} : (daos_obj_id_t){.lo = nr};
    o->dkey_int = daos_is_dkey_uint64_type(type);
    o->akey_int = daos_is_akey_uint64_type(type);
    o->dkey_ordered = o->dkey_int || daos_is_dkey_lexical_type(type);
    o->akey_ordered = o->akey_int || daos_is_akey_lexical_type(type);
    make_keys(o->dkey, OB_DKEYS, o->dkey_int);
    make_keys(o->akey, OB_AKEYS, o->akey_int);
    return daos_obj_generate_oid(c->coh, &o->oid, type, OC_UNKNOWN, 0, 0);
}

static int setup(struct work_client *c)
{
    static const enum daos_otype_t types[] = {
        DAOS_OT_MULTI_HASHED, DAOS_OT_MULTI_UINT64, DAOS_OT_MULTI_LEXICAL, DAOS_OT_DKEY_UINT64,
        DAOS_OT_AKEY_UINT64,  DAOS_OT_DKEY_LEXICAL, DAOS_OT_AKEY_LEXICAL};
    static const struct ob_state nothing;
    struct ob_work *w = work_priv(c->work, sizeof(*w));
    uint32_t first = ob_below(c, ARRAY_LEN(types));
    bool upper = ob_coin(c, 2), same;
    int rc = 0;

    w->ids.large_pct = c->work->large_pct;
    w->h = work_hist(c, &ob_spec, &nothing);
    same = upper && ob_coin(c, 2);
    for (uint32_t i = 0; i < OB_OBJS && rc == 0; i++)
        rc = make_obj(c, &w->obj[i], i + 1, upper,
                      types[(first + (same ? 0 : i)) % ARRAY_LEN(types)]);
    return rc;
}

static void detach(struct work_client *c)
{
    struct ob_client *oc = c->priv;

    if (oc == NULL)
        return;
    free(oc->memory);
    work_client_end(c, oc->oh, OB_OBJS, daos_obj_close);
}

static int attach(struct work_client *c)
{
    struct ob_client *oc = work_client_priv(c, sizeof(*oc));
    unsigned char *memory = malloc(OB_BUF * OB_AKEYS * (OB_FLIGHTS + 1));
    int rc = 0;

    ASSERT(memory != NULL);
    oc->memory = memory;
    for (uint32_t i = 0; i < OB_AKEYS; i++, memory += OB_BUF)
        oc->call.buf[i] = memory;
    for (uint32_t i = 0; i < OB_AKEYS * OB_FLIGHTS; i++, memory += OB_BUF)
        oc->flight[i / OB_AKEYS].buf[i % OB_AKEYS] = memory;
    for (uint32_t i = 0; i < OB_OBJS && rc == 0; i++)
        rc = daos_obj_open(c->coh, ob_work(c)->obj[i].oid, DAOS_OO_RW, &oc->oh[i], NULL);
    if (rc != 0)
        detach(c);
    return rc;
}

static void settle(struct work *w)
{
    struct ob_work *ow = w->priv;

    for (uint32_t o = 0; o < OB_OBJS; o++)
        for (uint32_t d = 0; d < OB_DKEYS; d++) {
            ow->open[o][d] -= ow->lost[o][d];
            ow->dirty[o][d] |= ow->lost[o][d] > 0;
            ow->lost[o][d] = 0;
        }
    for (uint32_t i = 0; i < OB_SNAPS; i++)
        ow->snap[i].settled = true;
}

static int verify(struct work_client *c)
{
    struct ob_work *w = ob_work(c);
    bool found = true;
    int rc = 0;

    while (rc == 0 && found)
        rc = ob_pin(c, &found);
    if (rc == 0)
        rc = ob_read_all(c, 0);
    if (rc == 0)
        rc = ob_snap_list(c);
    for (uint8_t i = 0; i < OB_SNAPS && rc == 0; i++)
        if (w->snap[i].is == SNAP_LIVE)
            rc = ob_read_all(c, (uint8_t)(i + 1));
    return rc;
}

WORKLOAD(objects, .one_clock = true, .settle = settle);
