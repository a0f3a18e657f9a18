/*
 * Random operations against a model that is obviously right: the whole state in plain arrays,
 * copied for every epoch that may be read again.
 *
 * A read at the latest epoch, at a snapshot or at a held epoch must match exactly; at any other old
 * epoch it must match or say -DER_TX_RESTART. Pages vanish at random, the store is closed and
 * opened in the middle, background work runs in between. Some changes are prepared and resolved
 * later: until then a read at their epoch or after it may say -DER_INPROGRESS, and must if it is of
 * what they change. VOS_MODEL_OPS and VOS_MODEL_SEED ask for
 * more or for one seed again.
 */
#include "rig.h"

#define OBJS   5u
#define DKEYS  5u
#define AKEYS  3u
#define RECS   48u
#define RING   64u
#define SNAPS  4u
#define LATEST DAOS_EPOCH_MAX

struct ak {
    uint8_t type; /* what it holds now, 0 nothing */
    uint32_t single, rec_size, rec[RECS];
};

struct state {
    struct ak ak[OBJS][DKEYS][AKEYS];
};

struct past {
    uint64_t epoch;
    struct state *s;
};

struct model {
    struct rig r;
    struct state now;
    struct past ring[RING];
    uint32_t ring_nr;
    struct past snap[SNAPS], hold[SNAPS];
    uint32_t vid;
    uint64_t ops, changes, restarts, refused, rollbacks, values, session;
    uint64_t session_nr;
    uint64_t doubt; /* epoch of what is prepared, 0: nothing is */
    uint64_t picked, committed, aborted, met;
    uint64_t rolled_to, rolled_at; /* the epochs that the last rollback took back */
    bool big;                      /* data extents too */
    char keys[2][DKEYS][100];
    uint64_t ints[DKEYS];
};

/* ---- Names ---- */

static const enum daos_otype_t TYPES[OBJS] = {DAOS_OT_MULTI_HASHED, DAOS_OT_MULTI_LEXICAL,
                                              DAOS_OT_MULTI_UINT64, DAOS_OT_ARRAY_BYTE,
                                              DAOS_OT_KV_HASHED};

static daos_obj_id_t oid_of(uint32_t o)
{
    return OID(TYPES[o], o + 1);
}

static struct vos_key key_of(struct model *m, bool integer, bool akey, uint32_t i)
{
    if (integer)
        return (struct vos_key){&m->ints[i], 8};
    return K(m->keys[akey][i]);
}

static struct vos_key dkey_of(struct model *m, uint32_t o, uint32_t d)
{
    return key_of(m, daos_is_dkey_uint64(oid_of(o)), false, d);
}

static struct vos_key akey_of(struct model *m, uint32_t o, uint32_t a)
{
    return key_of(m, daos_is_akey_uint64(oid_of(o)), true, a);
}

static void keys_init(struct model *m)
{
    for (uint32_t i = 0; i < DKEYS; i++) {
        /* some longer than an anchor holds, with a common beginning */
        for (uint32_t k = 0; k < 2; k++)
            snprintf(m->keys[k][i], sizeof m->keys[k][i],
                     i < 2 ? "%s-key-number-%u"
                           : "%s-a-name-that-is-quite-a-bit-longer-than-an-anchor-has-room-for-%u",
                     k ? "ak" : "dk", i);
        m->ints[i] = i * 1000 + (i == 4 ? UINT64_C(1) << 63 : 0);
    }
}

/* ---- Values ---- */

static uint64_t single_len(struct model *m, uint32_t vid)
{
    uint64_t x = mix64(vid);

    if (m->big && x % 11 == 0)
        return 4000 + x / 11 % 40000;
    return x % 7 == 0 ? 1 + x / 7 % 4000 : 1 + x / 7 % 60;
}

static void fill(uint8_t *p, uint32_t vid, uint64_t at, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++)
        p[i] = (uint8_t)(mix64(vid * UINT64_C(1000003) + (at + i) / 8) >> (at + i) % 8 * 8);
}

static bool is_fill(const uint8_t *p, uint32_t vid, uint64_t at, uint64_t len)
{
    for (uint64_t i = 0; i < len; i++)
        if (p[i] != (uint8_t)(mix64(vid * UINT64_C(1000003) + (at + i) / 8) >> (at + i) % 8 * 8))
            return false;
    return true;
}

/* ---- State ---- */

static bool ak_is(const struct ak *a)
{
    if (a->type == DAOS_IOD_SINGLE)
        return true;
    for (uint32_t i = 0; a->type == DAOS_IOD_ARRAY && i < RECS; i++)
        if (a->rec[i])
            return true;
    return false;
}

static bool dk_is(const struct state *s, uint32_t o, uint32_t d)
{
    for (uint32_t a = 0; a < AKEYS; a++)
        if (ak_is(&s->ak[o][d][a]))
            return true;
    return false;
}

static bool ob_is(const struct state *s, uint32_t o)
{
    for (uint32_t d = 0; d < DKEYS; d++)
        if (dk_is(s, o, d))
            return true;
    return false;
}

static void remember(struct model *m, uint64_t epoch)
{
    struct past *p = &m->ring[m->ring_nr++ % RING];

    if (p->s == NULL)
        p->s = malloc(sizeof *p->s);
    p->epoch = epoch;
    *p->s = m->now;
}

/* An epoch to read at, the state then, and whether a cut is an acceptable answer. */
static uint64_t draw_epoch(struct model *m, const struct state **s, bool *cut_ok)
{
    uint32_t kind = (uint32_t)rig_draw(&m->r, 4), i = (uint32_t)rig_draw(&m->r, SNAPS);

    *cut_ok = false;
    if (kind == 1 && m->snap[i].epoch) {
        *s = m->snap[i].s;
        return m->snap[i].epoch;
    }
    if (kind == 2 && m->hold[i].epoch) {
        *s = m->hold[i].s;
        return m->hold[i].epoch;
    }
    if (kind == 3 && m->ring_nr > 1) {
        uint32_t n = MIN(m->ring_nr, RING), k = m->ring_nr - 1 - (uint32_t)rig_draw(&m->r, n);
        const struct past *p = &m->ring[k % RING];
        uint64_t oldest = LATEST;

        *s = p->s;
        for (uint32_t j = 0; j < SNAPS; j++)
            if (m->hold[j].epoch)
                oldest = MIN(oldest, m->hold[j].epoch);
        *cut_ok = p->epoch < oldest || (p->epoch >= m->rolled_to && p->epoch <= m->rolled_at);
        /* at its epoch, or at the last one before the next change */
        if (k + 1 < m->ring_nr && rig_draw(&m->r, 2))
            return m->ring[(k + 1) % RING].epoch - 1;
        return p->epoch;
    }
    *s = &m->now;
    return LATEST;
}

static uint64_t pick_epoch(struct model *m, const struct state **s, bool *cut_ok)
{
    return m->picked = draw_epoch(m, s, cut_ok);
}

/* ---- Drawing changes and applying them to the model ---- */

#define PARTS 3u
struct drawn { /* one operation with the memory it points to */
    uint32_t o, d, a;
    uint32_t vid, rec_size, recx_nr;
    daos_recx_t recx[PARTS];
    struct iovec iov[3];
    struct vos_iod iod;
    struct vos_key akey;
    uint8_t *buf;
};

static uint64_t recx_bytes(const struct drawn *d)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < d->recx_nr; i++)
        n += d->recx[i].rx_nr * d->rec_size;
    return n;
}

static void draw_recxs(struct model *m, struct drawn *d, bool hole)
{
    uint64_t at = rig_draw(&m->r, RECS);

    d->recx_nr = 0;
    while (d->recx_nr < PARTS && at < RECS) {
        uint64_t nr = 1 + rig_draw(&m->r, rig_draw(&m->r, 3) ? 8 : RECS);

        nr = MIN(nr, RECS - at);
        d->recx[d->recx_nr++] = (daos_recx_t){at, nr};
        if (rig_draw(&m->r, 3))
            break;
        at += nr + rig_draw(&m->r, 6);
    }
    if (hole && rig_draw(&m->r, 4) == 0)
        d->recx[d->recx_nr - 1].rx_nr = rig_draw(&m->r, 2)
                                            ? (UINT64_C(1) << 63) - d->recx[d->recx_nr - 1].rx_idx
                                            : UINT64_C(1) << 21;
    if (d->recx_nr > 1 && rig_draw(&m->r, 2)) { /* any order */
        daos_recx_t t = d->recx[0];

        d->recx[0] = d->recx[1];
        d->recx[1] = t;
    }
}

static void draw_update(struct model *m, struct vos_op *op, struct drawn *d)
{
    const struct ak *a = &m->now.ak[d->o][d->d][d->a];
    uint64_t len, cut;

    d->vid = ++m->vid;
    op->kind = VOS_OP_UPDATE;
    op->akey_nr = 1;
    op->iods = &d->iod;
    d->iod.akey = d->akey;
    d->iod.type = a->type && rig_draw(&m->r, 50) ? a->type
                  : rig_draw(&m->r, 2)           ? DAOS_IOD_SINGLE
                                                 : DAOS_IOD_ARRAY;
    if (rig_draw(&m->r, 6) == 0)
        op->cond = rig_draw(&m->r, 2) ? DAOS_COND_DKEY_INSERT : DAOS_COND_DKEY_UPDATE;
    if (rig_draw(&m->r, 6) == 0)
        d->iod.cond = rig_draw(&m->r, 2) ? DAOS_COND_AKEY_INSERT : DAOS_COND_AKEY_UPDATE;
    if (d->iod.type == DAOS_IOD_SINGLE) {
        len = rig_draw(&m->r, 12) ? single_len(m, d->vid) : 0;
        d->iod.rec_size = len;
        d->buf = malloc(MAX(len, 1));
        fill(d->buf, d->vid, 0, len);
    } else {
        static const uint32_t sizes[] = {1, 4, 12, 64, 700, 4096};
        bool hole = rig_draw(&m->r, 4) == 0;

        draw_recxs(m, d, hole);
        d->rec_size = hole ? 0
                      : a->type == DAOS_IOD_ARRAY && ak_is(a) && rig_draw(&m->r, 40)
                          ? a->rec_size
                          : sizes[rig_draw(&m->r, m->big ? 6 : 4)];
        d->iod.rec_size = d->rec_size;
        d->iod.recxs = d->recx;
        d->iod.recx_nr = d->recx_nr;
        len = hole ? 0 : recx_bytes(d);
        d->buf = malloc(MAX(len, 1));
        cut = 0;
        for (uint32_t i = 0; i < d->recx_nr && !hole; i++) {
            fill(d->buf + cut, d->vid, d->recx[i].rx_idx * d->rec_size,
                 d->recx[i].rx_nr * d->rec_size);
            cut += d->recx[i].rx_nr * d->rec_size;
        }
    }
    cut = rig_draw(&m->r, len + 1);
    d->iov[0] = (struct iovec){d->buf, cut};
    d->iov[1] = (struct iovec){d->buf + cut, len - cut};
    d->iod.iov = d->iov;
    d->iod.iov_nr = 2;
}

static void draw_op(struct model *m, struct vos_op *op, struct drawn *d)
{
    uint32_t kind = (uint32_t)rig_draw(&m->r, 20);

    memset(op, 0, sizeof *op);
    memset(d, 0, sizeof *d);
    d->o = (uint32_t)rig_draw(&m->r, OBJS);
    d->d = (uint32_t)rig_draw(&m->r, DKEYS);
    d->a = (uint32_t)rig_draw(&m->r, AKEYS);
    d->akey = akey_of(m, d->o, d->a);
    op->oid = oid_of(d->o);
    op->dkey = dkey_of(m, d->o, d->d);
    if (kind < 14) {
        draw_update(m, op, d);
        return;
    }
    op->kind = kind < 19 ? VOS_OP_PUNCH : VOS_OP_CHECK;
    op->level = rig_draw(&m->r, 8) == 0 ? VOS_OBJ : rig_draw(&m->r, 3) == 0 ? VOS_DKEY : VOS_AKEY;
    op->akey_nr = 1;
    op->akeys = &d->akey;
    if (op->kind == VOS_OP_PUNCH)
        op->cond = rig_draw(&m->r, 3) ? 0 : DAOS_COND_PUNCH;
    else
        op->check = rig_draw(&m->r, 2)   ? VOS_CHECK_EXISTS
                    : rig_draw(&m->r, 2) ? VOS_CHECK_EMPTY
                                         : VOS_CHECK_ABSENT;
}

static bool there(const struct state *s, const struct vos_op *op, const struct drawn *d,
                  enum vos_level level)
{
    (void)op;
    return level == VOS_OBJ    ? ob_is(s, d->o)
           : level == VOS_DKEY ? dk_is(s, d->o, d->d)
                               : ak_is(&s->ak[d->o][d->d][d->a]);
}

static int expect_cond(const struct state *s, const struct vos_op *op, const struct drawn *d)
{
    bool yes = there(s, op, d, op->level);

    if (op->kind == VOS_OP_PUNCH)
        return op->cond && !yes ? -DER_NONEXIST : 0;
    if (op->kind == VOS_OP_CHECK) {
        if (op->check == VOS_CHECK_EXISTS)
            return yes ? 0 : -DER_NONEXIST;
        return !yes ? 0 : op->check == VOS_CHECK_EMPTY ? VOS_NOTEMPTY : -DER_EXIST;
    }
    yes = there(s, op, d, VOS_DKEY);
    if (op->cond == DAOS_COND_DKEY_INSERT && yes)
        return -DER_EXIST;
    if (op->cond == DAOS_COND_DKEY_UPDATE && !yes)
        return -DER_NONEXIST;
    yes = there(s, op, d, VOS_AKEY);
    if (d->iod.cond == DAOS_COND_AKEY_INSERT && yes)
        return -DER_EXIST;
    return d->iod.cond == DAOS_COND_AKEY_UPDATE && !yes ? -DER_NONEXIST : 0;
}

static int model_op(struct state *s, const struct vos_op *op, const struct drawn *d)
{
    struct ak *a = &s->ak[d->o][d->d][d->a];

    if (op->kind == VOS_OP_CHECK)
        return 0;
    if (op->kind == VOS_OP_PUNCH) {
        if (op->level == VOS_OBJ)
            memset(s->ak[d->o], 0, sizeof s->ak[d->o]);
        else if (op->level == VOS_DKEY)
            memset(s->ak[d->o][d->d], 0, sizeof s->ak[d->o][d->d]);
        else
            memset(a, 0, sizeof *a);
        return 0;
    }
    if (d->iod.type == DAOS_IOD_SINGLE && d->iod.rec_size == 0) {
        memset(a, 0, sizeof *a);
        return 0;
    }
    if (d->iod.rec_size && ak_is(a) && a->type != d->iod.type)
        return -DER_INVAL;
    if (d->iod.type == DAOS_IOD_SINGLE) {
        memset(a, 0, sizeof *a);
        a->type = DAOS_IOD_SINGLE;
        a->single = d->vid;
        return 0;
    }
    if (d->rec_size == 0) {
        if (a->type != DAOS_IOD_ARRAY)
            return 0;
    } else {
        if (ak_is(a) && a->rec_size != d->rec_size)
            return -DER_REC_SIZE;
        a->type = DAOS_IOD_ARRAY;
        a->rec_size = d->rec_size;
    }
    for (uint32_t i = 0; i < d->recx_nr; i++)
        for (uint64_t k = d->recx[i].rx_idx; k < MIN(RECS, d->recx[i].rx_idx + d->recx[i].rx_nr);
             k++)
            a->rec[k] = d->rec_size ? d->vid : 0;
    if (!ak_is(a))
        memset(a, 0, sizeof *a);
    return 0;
}

/* ---- Reading ---- */

static void dump_line(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void fail_at(struct model *m, const char *what, uint64_t epoch, uint32_t o, uint32_t d,
                    uint32_t a, long rc)
{
    fprintf(stderr,
            "op %llu: %s differs at epoch %llx (clock %llx), object %u dkey %u akey %u: %ld\n",
            (unsigned long long)m->ops, what, (unsigned long long)epoch,
            (unsigned long long)hlc_peek(&m->r.clock), o, d, a, rc);
    for (uint32_t i = 0; i < SNAPS; i++)
        fprintf(stderr, "snapshot %llx hold %llx\n", (unsigned long long)m->snap[i].epoch,
                (unsigned long long)m->hold[i].epoch);
    m->r.fault_pct = 0;
    heap_lock(m->r.h);
    vos_dump(m->r.c, oid_of(o), dump_line, NULL);
    abort();
}

static bool restarted(struct model *m, long rc, bool cut_ok)
{
    if (rc == -DER_INPROGRESS && m->doubt && m->picked >= m->doubt) {
        m->met++;
        return true;
    }
    if (rc != -DER_TX_RESTART || !cut_ok)
        return false;
    m->restarts++;
    return true;
}

static void read_one(struct model *m)
{
    const struct state *s;
    bool cut_ok;
    uint64_t epoch = pick_epoch(m, &s, &cut_ok);
    uint32_t o = (uint32_t)rig_draw(&m->r, OBJS), d = (uint32_t)rig_draw(&m->r, DKEYS),
             a = (uint32_t)rig_draw(&m->r, AKEYS);
    const struct ak *ak = &s->ak[o][d][a];
    static uint8_t buf[RECS * 4096 + 4096];
    uint64_t from, nr;
    long rc;

    if (ak->type != DAOS_IOD_ARRAY) {
        rc = get(&m->r, epoch, oid_of(o), dkey_of(m, o, d), akey_of(m, o, a), buf, sizeof buf, 0);
        if (restarted(m, rc, cut_ok))
            return;
        if (ak->type == 0 ? rc != 0
                          : rc != (long)single_len(m, ak->single) ||
                                !is_fill(buf, ak->single, 0, (uint64_t)rc))
            fail_at(m, "single value", epoch, o, d, a, rc);
        return;
    }
    from = rig_draw(&m->r, RECS);
    nr = 1 + rig_draw(&m->r, RECS - from);
    memset(buf, 0xee, nr * ak->rec_size);
    rc = read_arr(&m->r, epoch, oid_of(o), dkey_of(m, o, d), akey_of(m, o, a), from, nr, buf,
                  sizeof buf, NULL, NULL);
    if (restarted(m, rc, cut_ok))
        return;
    for (uint64_t i = 0; i < nr; i++) {
        const uint8_t *p = buf + i * ak->rec_size;

        if (ak->rec[from + i]) {
            if (rc != ak->rec_size ||
                !is_fill(p, ak->rec[from + i], (from + i) * ak->rec_size, ak->rec_size))
                fail_at(m, "array record", epoch, o, d, a, rc < 0 ? rc : (long)(from + i));
        } else {
            for (uint32_t k = 0; k < ak->rec_size; k++)
                if (p[k] != 0xee)
                    fail_at(m, "hole", epoch, o, d, a, (long)(from + i));
        }
    }
}

struct seen {
    struct model *m;
    uint32_t o, d, a;
    const struct state *st;
    enum vos_level what;
    uint32_t hit[RECS], nr;
    uint32_t stop_in;
    const struct ak *ak;
    uint32_t covered;
    bool bad;
};

/* The value that came with dkey d. */
static bool value_ok(struct seen *s, uint32_t d, const struct vos_entry *e)
{
    const struct ak *ak = &s->st->ak[s->o][d][s->a];

    if (e->value == NULL)
        return true;
    s->m->values++;
    return ak->type == DAOS_IOD_SINGLE && e->value_len == single_len(s->m, ak->single) &&
           is_fill(e->value, ak->single, 0, e->value_len);
}

static int on_entry(void *arg, const struct vos_entry *e)
{
    struct seen *s = arg;
    uint32_t max = s->what == VOS_OBJ ? OBJS : s->what == VOS_DKEY ? DKEYS : AKEYS;

    if (s->stop_in && --s->stop_in == 0)
        return 1;
    s->nr++;
    if (s->what == VOS_RECX) {
        for (uint64_t i = e->recx.rx_idx; i < e->recx.rx_idx + e->recx.rx_nr; i++) {
            if (i >= RECS || s->ak->rec[i] == 0 || s->hit[i]++)
                s->bad = true;
        }
        return 0;
    }
    for (uint32_t i = 0; i < max; i++) {
        struct vos_key k = s->what == VOS_DKEY   ? dkey_of(s->m, s->o, i)
                           : s->what == VOS_AKEY ? akey_of(s->m, s->o, i)
                                                 : (struct vos_key){0};
        daos_obj_id_t oid = oid_of(i);

        if (s->what == VOS_OBJ ? oid.hi == e->oid.hi && oid.lo == e->oid.lo
                               : k.len == e->key.len && memcmp(k.buf, e->key.buf, k.len) == 0) {
            s->hit[i]++;
            s->bad |= s->what == VOS_DKEY && !value_ok(s, i, e);
            return 0;
        }
    }
    s->bad = true;
    return 0;
}

static void list_one(struct model *m)
{
    const struct state *st;
    bool cut_ok;
    uint64_t epoch = pick_epoch(m, &st, &cut_ok), lsn;
    struct seen s = {.m = m,
                     .o = (uint32_t)rig_draw(&m->r, OBJS),
                     .d = (uint32_t)rig_draw(&m->r, DKEYS),
                     .what = (enum vos_level)rig_draw(&m->r, 4)};
    uint32_t a = (uint32_t)rig_draw(&m->r, AKEYS), max = s.what == VOS_OBJ    ? OBJS
                                                         : s.what == VOS_DKEY ? DKEYS
                                                         : s.what == VOS_AKEY ? AKEYS
                                                                              : RECS;
    struct vos_key dk = dkey_of(m, s.o, s.d), ak = akey_of(m, s.o, a);
    struct vos_anchor at = {{0}, 0};
    bool down = rig_draw(&m->r, 2);

    s.a = a;
    s.st = st;
    s.ak = &st->ak[s.o][s.d][a];
    if (s.what == VOS_RECX && s.ak->type == DAOS_IOD_SINGLE)
        return;
    while (!at.eof) {
        int rc;

        s.stop_in = rig_draw(&m->r, 2) ? 2 + (uint32_t)rig_draw(&m->r, 3) : 0;
        {
            struct heap_pins pins = HEAP_PINS_INIT;

            do { /* what a failed attempt emitted does not count: nothing is emitted before a fault
                  */
                heap_lock(m->r.h);
                rc = vos_list(m->r.c, epoch, s.what, oid_of(s.o), &dk, &ak, down, &at, on_entry, &s,
                              &lsn);
                heap_pins_take(m->r.h, &pins);
                heap_unlock(m->r.h);
            } while (heap_retry(m->r.h, &pins, &rc));
            heap_pins_drop(m->r.h, &pins);
        }
        if (restarted(m, rc, cut_ok))
            return;
        if (rc) {
            fprintf(stderr, "listing of level %d\n", s.what);
            fail_at(m, "list", epoch, s.o, s.d, a, rc);
        }
    }
    for (uint32_t i = 0; i < max; i++) {
        bool want = s.what == VOS_OBJ    ? ob_is(st, i)
                    : s.what == VOS_DKEY ? dk_is(st, s.o, i)
                    : s.what == VOS_AKEY ? ak_is(&st->ak[s.o][s.d][i])
                                         : s.ak->rec[i] != 0;

        if (s.bad || s.hit[i] != want) {
            fprintf(stderr, "level %d entry %u reported %u times, expected %d\n", s.what, i,
                    s.hit[i], want);
            fail_at(m, "list", epoch, s.o, s.d, a, i);
        }
    }
}

static void probe_one(struct model *m)
{
    const struct state *st;
    bool cut_ok;
    uint64_t epoch = pick_epoch(m, &st, &cut_ok), lsn, changed;
    uint32_t o = (uint32_t)rig_draw(&m->r, OBJS), d = (uint32_t)rig_draw(&m->r, DKEYS),
             a = (uint32_t)rig_draw(&m->r, AKEYS), level = (uint32_t)rig_draw(&m->r, 3);
    struct vos_key dk = dkey_of(m, o, d), ak = akey_of(m, o, a);
    bool want = level == VOS_OBJ    ? ob_is(st, o)
                : level == VOS_DKEY ? dk_is(st, o, d)
                                    : ak_is(&st->ak[o][d][a]);
    int rc = RIG_RETRY(&m->r, vos_probe(m->r.c, epoch, (enum vos_level)level, oid_of(o), &dk, &ak,
                                        &changed, &lsn));

    if (restarted(m, rc, cut_ok))
        return;
    if (rc != (want ? 0 : -DER_NONEXIST))
        fail_at(m, "probe", epoch, o, d, a, rc);
}

/* The largest or smallest dkey with records, and its last or first record: how arrays find their
 * size. */
static void query_one(struct model *m)
{
    const struct state *st;
    bool cut_ok, max = rig_draw(&m->r, 2);
    uint64_t epoch = pick_epoch(m, &st, &cut_ok), lsn, dkey = 0, rec_size, want_d = 0, want_r = 0;
    uint32_t o = 2 + (uint32_t)rig_draw(&m->r, 2), a = (uint32_t)rig_draw(&m->r, AKEYS);
    struct vos_key ak = akey_of(m, o, a);
    daos_recx_t recx;
    daos_epoch_t newest;
    bool found = false;
    int rc;

    for (uint32_t i = 0; i < DKEYS && !found; i++) {
        uint32_t d = max ? DKEYS - 1 - i : i;
        const struct ak *k = &st->ak[o][d][a];

        for (uint32_t j = 0; j < RECS && !found && k->type == DAOS_IOD_ARRAY; j++) {
            uint32_t x = max ? RECS - 1 - j : j;

            if (k->rec[x]) {
                found = true;
                want_d = m->ints[d];
                want_r = x;
            }
        }
    }
    rc = RIG_RETRY(
        &m->r, vos_query_key(m->r.c, epoch,
                             (max ? DAOS_GET_MAX : DAOS_GET_MIN) | DAOS_GET_DKEY | DAOS_GET_RECX,
                             oid_of(o), &dkey, NULL, NULL, &ak, &recx, &rec_size, &newest, &lsn));
    if (restarted(m, rc, cut_ok))
        return;
    if (rc != (found ? 0 : -DER_NONEXIST) ||
        (found && (dkey != want_d || (max ? recx.rx_idx + recx.rx_nr - 1 : recx.rx_idx) != want_r)))
        fail_at(m, "query", epoch, o, 0, a, rc);
}

/* ---- Everything else ---- */

static void snapshots(struct model *m)
{
    uint32_t i = (uint32_t)rig_draw(&m->r, SNAPS);
    struct past *p = rig_draw(&m->r, 2) ? &m->snap[i] : &m->hold[i];
    bool snap = p == &m->snap[i];

    if (p->epoch) {
        CHECK_EQ(snap ? RIG_RETRY(&m->r, vos_snap_del(m->r.c, p->epoch))
                      : vos_release(m->r.c, p->epoch),
                 0);
        p->epoch = 0;
        return;
    }
    if (rig_draw(&m->r, 3))
        return;
    p->epoch = hlc_get(&m->r.clock, m->r.wall_ns);
    if (p->s == NULL)
        p->s = malloc(sizeof *p->s);
    *p->s = m->now;
    CHECK_EQ(snap ? RIG_RETRY(&m->r, vos_snap_add(m->r.c, p->epoch)) : vos_hold(m->r.c, p->epoch),
             0);
}

static void background(struct model *m)
{
    struct vos_anchor at = {{0}, 0};
    uint32_t steps = (uint32_t)rig_draw(&m->r, 40);
    bool more = true;

    if (rig_draw(&m->r,
                 2)) { /* hours pass: the session may be forgotten, its client opens another */
        m->r.wall_ns += UINT64_C(7200) * 1000000000;
        m->session = hlc_get(&m->r.clock, m->r.wall_ns);
        m->session_nr++; /* the clock may come by here again after a restart */
        m->changes = 0;
    }
    for (uint32_t i = 0; i < steps && more; i++)
        CHECK_EQ(RIG_RETRY(&m->r, vos_reclaim(m->r.v, &more)), 0);
    more = true;
    if (rig_draw(&m->r, 2))
        steps = 1000;
    for (uint32_t i = 0; i < steps && more; i++)
        CHECK_EQ(RIG_RETRY(&m->r, vos_aggregate(m->r.c, 0, &at, &more)), 0);
}

static void reopen(struct model *m)
{
    uint64_t before =
        m->ring_nr ? m->ring[(m->ring_nr - 1) % RING].epoch : 0; /* the newest in any record */

    for (uint32_t i = 0; i < SNAPS; i++) /* volatile */
        m->hold[i].epoch = 0;
    m->r.wall_ns -= UINT64_C(3600) * 1000000000; /* the wall clock was set back: nothing is lost */
    rig_reopen(&m->r, rig_draw(&m->r, 2));
    CHECK(hlc_peek(&m->r.clock) >= before);
    for (uint32_t i = 0; i < SNAPS; i++)
        CHECK(hlc_peek(&m->r.clock) >= m->snap[i].epoch);
}

static void check_all(struct model *m)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(&m->r, vos_check(m->r.v, &at,
                                            &(struct vos_check_ops){
                                                .report = rig_problem, .data = NULL, .arg = NULL},
                                            &problems, &more)),
                 0);
    CHECK_EQ(problems, 0);
}

/* Back to the newest snapshot; whoever asks while the rest is being taken back sees the snapshot
 * already, after a crash too. */
static void rollback(struct model *m)
{
    struct vos_txid none = {0};
    struct past *to = NULL;
    bool busy = false, more, again;
    uint64_t lsn;

    for (uint32_t i = 0; i < SNAPS; i++)
        if (m->snap[i].epoch && (to == NULL || m->snap[i].epoch > to->epoch))
            to = &m->snap[i];
    for (uint32_t i = 0; i < SNAPS && to; i++)
        busy = busy || m->hold[i].epoch > to->epoch;
    if (to == NULL)
        return;
    CHECK_EQ(RIG_RETRY(&m->r, vos_rollback(m->r.c, to->epoch, &none, &lsn, &again)),
             busy ? -DER_BUSY : 0);
    if (busy)
        return;
    m->now = *to->s;
    m->rolled_to = to->epoch;
    m->rolled_at = hlc_peek(&m->r.clock);
    for (uint32_t i = 0; i < MIN(m->ring_nr, RING); i++)
        if (m->ring[i].epoch > to->epoch)
            *m->ring[i].s = *to->s;
    while (vos_rollback_pending(m->r.c)) {
        read_one(m);
        list_one(m);
        probe_one(m);
        query_one(m);
        CHECK_EQ(RIG_RETRY(&m->r, vos_snap_add(m->r.c, hlc_get(&m->r.clock, m->r.wall_ns))),
                 -DER_AGAIN);
        if (rig_draw(&m->r, 20) == 0)
            reopen(m);
        CHECK_EQ(RIG_RETRY(&m->r, vos_reclaim(m->r.v, &more)), 0);
    }
    m->rolled_at = hlc_peek(&m->r.clock);
    m->rollbacks++;
    check_all(m);
}

/* In the end everything is punched, and nothing but what is documented to linger remains. */
static void empty_out(struct model *m)
{
    struct heap_stat hs;
    struct vos_stat st;
    bool more = true;

    for (uint32_t i = 0; i < SNAPS; i++) {
        if (m->snap[i].epoch)
            CHECK_EQ(RIG_RETRY(&m->r, vos_snap_del(m->r.c, m->snap[i].epoch)), 0);
        if (m->hold[i].epoch)
            CHECK_EQ(vos_release(m->r.c, m->hold[i].epoch), 0);
    }
    memset(&m->r.txid, 0, sizeof m->r.txid);
    for (uint32_t o = 0; o < OBJS; o++) {
        struct vos_op op = {.kind = VOS_OP_PUNCH, .level = VOS_OBJ, .oid = oid_of(o)};

        CHECK_EQ(rig_apply(&m->r, &op, 1, 0, NULL), 0);
    }
    m->r.wall_ns = hlc_to_unix_ns(hlc_peek(&m->r.clock)) + UINT64_C(3 * 3600) * 1000000000;
    (void)hlc_get(&m->r.clock, m->r.wall_ns);
    for (uint32_t round = 0; round < 4; round++) {
        struct vos_anchor at = {{0}, 0};

        more = true;
        while (more)
            CHECK_EQ(RIG_RETRY(&m->r, vos_aggregate(m->r.c, 0, &at, &more)), 0);
        more = true;
        while (more)
            CHECK_EQ(RIG_RETRY(&m->r, vos_reclaim(m->r.v, &more)), 0);
    }
    vos_stat(m->r.v, &st);
    CHECK_EQ(st.objects, 0);
    CHECK_EQ(st.dkeys, 0);
    CHECK_EQ(st.akeys, 0);
    CHECK_EQ(st.singles, 0);
    CHECK_EQ(st.extents, 0);
    CHECK_EQ(st.value_heap_bytes, 0);
    CHECK_EQ(st.value_data_bytes, 0);
    heap_lock(m->r.h);
    heap_stat(m->r.h, &hs);
    heap_unlock(m->r.h);
    CHECK(hs.alloc_count <= 12); /* superblock, container, session, and the heap's own */
    CHECK_EQ(hs.data_used, 0);
}

/* ---- Changing ---- */

/* Whoever wants what is prepared meets it. */
static void meets(struct model *m, const struct vos_op *op, uint64_t seq)
{
    struct vos_txid was = m->r.txid;
    struct vos_doubt d;

    if (op->kind == VOS_OP_CHECK)
        return;
    CHECK_EQ(get(&m->r, LATEST, op->oid, op->dkey,
                 op->kind == VOS_OP_UPDATE ? op->iods->akey : *op->akeys, NULL, 0, 0),
             -DER_INPROGRESS);
    heap_lock(m->r.h);
    CHECK(vos_met(m->r.v, &d));
    CHECK_EQ(d.seq, seq);
    CHECK_EQ(d.epoch, m->doubt);
    heap_unlock(m->r.h);
    memset(&m->r.txid, 0, sizeof m->r.txid);
    CHECK_EQ(rig_punch(&m->r, VOS_DKEY, op->oid, op->dkey, K(""), 0), -DER_INPROGRESS);
    CHECK_EQ(rig_punch(&m->r, VOS_OBJ, op->oid, op->dkey, K(""), 0), -DER_INPROGRESS);
    m->r.txid = was;
}

/* What happens around a prepared change, and then its end. */
static void in_doubt(struct model *m, const struct vos_op *ops, uint32_t nr, uint64_t epoch,
                     const struct state *next)
{
    uint64_t seq = m->r.txid.seq, again = 0;
    bool commit = rig_draw(&m->r, 4) != 0;

    m->doubt = epoch;
    for (uint32_t n = (uint32_t)rig_draw(&m->r, 8); n; n--) {
        switch (rig_draw(&m->r, 40)) {
        case 0:
            snapshots(m);
            break;
        case 1:
            background(m);
            break;
        case 2:
            check_all(m);
            break;
        case 3:
            reopen(m);
            break;
        default:
            read_one(m);
            list_one(m);
            probe_one(m);
            query_one(m);
        }
    }
    for (uint32_t i = 0; i < nr; i++)
        meets(m, &ops[i], seq);
    if (rig_draw(&m->r, 4) == 0) { /* sent again */
        CHECK_EQ(rig_prepare(&m->r, ops, nr, 0, "leader", &again), 0);
        CHECK(m->r.replayed);
        CHECK_EQ(again, epoch);
    }
    for (int twice = rig_draw(&m->r, 4) == 0; twice >= 0; twice--) {
        CHECK_EQ(rig_resolve(&m->r, seq, commit, &again), 0);
        CHECK(again == epoch || !commit);
    }
    m->doubt = 0;
    *(commit ? &m->committed : &m->aborted) += 1;
    if (!commit)
        return;
    m->now = *next;
    remember(m, epoch);
    for (uint32_t i = 0; i < SNAPS; i++) { /* of meanwhile */
        if (m->snap[i].epoch >= epoch)
            *m->snap[i].s = *next;
        if (m->hold[i].epoch >= epoch)
            *m->hold[i].s = *next;
    }
}

static void change(struct model *m)
{
    uint32_t nr = rig_draw(&m->r, 4) ? 1 : 2 + (uint32_t)rig_draw(&m->r, 3);
    struct drawn d[5];
    struct vos_op ops[5];
    struct state next = m->now;
    uint64_t epoch = 0, before = hlc_peek(&m->r.clock);
    int want = 0, rc;
    bool changes = false, prepared;

    for (uint32_t i = 0; i < nr; i++)
        draw_op(m, &ops[i], &d[i]);
    for (uint32_t i = 0; i < nr && want == 0; i++)
        want = expect_cond(&m->now, &ops[i], &d[i]);
    for (uint32_t i = 0; i < nr && want == 0; i++)
        want = model_op(&next, &ops[i], &d[i]);
    if (rig_draw(&m->r, 3) == 0)
        m->r.txid = (struct vos_txid){m->session, m->session_nr, ++m->changes,
                                      m->changes > 20 ? m->changes - 20 : 0};
    else
        memset(&m->r.txid, 0, sizeof m->r.txid);
    prepared = m->r.txid.seq != 0 && rig_draw(&m->r, 2) == 0;
    rc = prepared ? rig_prepare(&m->r, ops, nr, 0, "leader", &epoch)
                  : rig_apply(&m->r, ops, nr, 0, &epoch);
    if (rc != want) {
        fprintf(stderr, "op %llu: got %d, expected %d; %u ops:\n", (unsigned long long)m->ops, rc,
                want, nr);
        for (uint32_t i = 0; i < nr; i++)
            fprintf(stderr,
                    "  kind %d level %d check %d cond %llx o %u d %u a %u type %d rec_size %llu\n",
                    ops[i].kind, ops[i].level, ops[i].check, (unsigned long long)ops[i].cond,
                    d[i].o, d[i].d, d[i].a, d[i].iod.type, (unsigned long long)d[i].iod.rec_size);
        abort();
    }
    if (rc == 0) {
        CHECK(!m->r.replayed);
        CHECK(epoch > before);
        for (uint32_t i = 0; i < nr; i++)
            changes |= ops[i].kind != VOS_OP_CHECK;
        if (!prepared || !changes) {
            m->now = next;
            remember(m, epoch);
        } else {
            in_doubt(m, ops, nr, epoch, &next);
        }
        if (m->r.txid.seq && changes && !prepared &&
            rig_draw(&m->r, 4) == 0) { /* sent again: nothing happens twice */
            uint64_t again = 0;

            CHECK_EQ(rig_apply(&m->r, ops, nr, 0, &again), 0);
            CHECK(m->r.replayed);
            CHECK_EQ(again, epoch);
        }
    } else {
        m->refused++;
    }
    for (uint32_t i = 0; i < nr; i++)
        free(d[i].buf);
}

static void run_model(struct rt_xs *xs, uint64_t seed, uint64_t ops)
{
    struct model *m = calloc(1, sizeof *m);

    keys_init(m);
    m->big = xs != NULL;
    rig_start(&m->r, xs, seed, 5);
    m->session = hlc_get(&m->r.clock, m->r.wall_ns);
    m->session_nr = 7;
    for (m->ops = 0; m->ops < ops; m->ops++) {
        uint32_t kind = (uint32_t)rig_draw(&m->r, 1000);

        if (kind < 450)
            change(m);
        else if (kind < 750)
            read_one(m);
        else if (kind < 850)
            list_one(m);
        else if (kind < 920)
            probe_one(m);
        else if (kind < 970)
            query_one(m);
        else if (kind < 990)
            snapshots(m);
        else if (kind < 997)
            background(m);
        else if (kind == 997)
            rollback(m);
        else if (kind == 998)
            check_all(m);
        else if (kind == 999 && rig_draw(&m->r, 4) == 0)
            reopen(m);
    }
    check_all(m);
    empty_out(m);
    check_all(m);
    CHECK(m->restarts > 0 && m->refused > 0 && m->rollbacks > 0 && m->values > 0);
    CHECK(m->committed > 0 && m->aborted > 0 && m->met > 0);
    rig_stop(&m->r);
    for (uint32_t i = 0; i < RING; i++)
        free(m->ring[i].s);
    for (uint32_t i = 0; i < SNAPS; i++) {
        free(m->snap[i].s);
        free(m->hold[i].s);
    }
    free(m);
}

static uint64_t env(const char *name, uint64_t def)
{
    const char *s = getenv(name);

    return s ? strtoull(s, NULL, 0) : def;
}

static void on_memory(void **state)
{
    uint64_t seed = env("VOS_MODEL_SEED", 0);

    (void)state;
    for (uint64_t s = seed ? seed : 1; s <= (seed ? seed : 4); s++)
        run_model(NULL, s, env("VOS_MODEL_OPS", 50000));
}

static void disk_story(struct rt_xs *xs)
{
    uint64_t seed = env("VOS_MODEL_SEED", 0);

    for (uint64_t s = seed ? seed : 11; s <= (seed ? seed : 12); s++)
        run_model(xs, s, env("VOS_MODEL_OPS", 50000) / 4);
}

static void on_a_disk(void **state)
{
    (void)state;
    rig_run(disk_story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_memory),
        cmocka_unit_test(on_a_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
