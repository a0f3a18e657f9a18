/*
 * The bytes of an intent (format.h): written at prepare, read at commit, abort and by the checker.
 *
 * Of each version to be the stream holds the layout exactly as the version's record will have it:
 * layout_store() fills it now, with the value's slot allocated and its extents in use, and copies
 * it at commit, which so takes over what the intent owned.
 */
#include "vos/priv.h"

#define MORE_MAX (HEAP_ALLOC_MAX - (uint32_t)sizeof(struct intent_more)) /* stream bytes in a J */

/* ---- The table ---- */

static int id_cmp(const struct intent_rec *r, const uint64_t *id)
{
    const uint64_t is[3] = {r->hlc, r->rand, r->seq};

    for (uint32_t i = 0; i < ARRAY_LEN(is); i++)
        if (is[i] != id[i])
            return is[i] < id[i] ? -1 : 1;
    return 0;
}

static int intent_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    int rc = 0;
    const struct intent_rec *r = REC(h, value, intent_rec, REC_INTENT, &rc);

    if (r)
        *order = id_cmp(r, key->key);
    return rc;
}

static int intent_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    int rc = 0;
    const struct intent_rec *r = REC(h, b, intent_rec, REC_INTENT, &rc);
    uint64_t id[3];
    struct tree_key k;

    if (r == NULL)
        return rc;
    k = intent_key(r->hlc, r->rand, r->seq, id);
    return intent_cmp(h, a, &k, order);
}
const struct tree_class intent_class = {.cmp = intent_cmp, .cmp_rec = intent_cmp_rec};

struct tree_key intent_key(uint64_t hlc, uint64_t rnd, uint64_t seq, uint64_t id[3])
{
    id[0] = hlc;
    id[1] = rnd;
    id[2] = seq;
    return (struct tree_key){
        .order = mix128(mix128(hlc, rnd), seq), .key = id, .len = 3 * sizeof *id};
}

/* ---- Writing ---- */

struct out { /* buf NULL: only counts */
    uint8_t *buf;
    size_t at;
};

static void put(struct out *o, const void *bytes, size_t len)
{
    if (o->buf)
        memcpy(o->buf + o->at, bytes, len);
    o->at += len;
}

static void put_key(struct out *o, const struct vos_key *key)
{
    uint16_t len = (uint16_t)key->len;

    put(o, &len, sizeof len);
    put(o, key->buf, key->len);
}

static uint32_t version_size(uint8_t type)
{
    return type == DAOS_IOD_ARRAY ? sizeof(struct ext) : sizeof(struct ver);
}

static int put_part(struct vos_tx *t, struct out *o, const struct vos_iod *iod,
                    const struct part *p)
{
    uint32_t base = version_size((uint8_t)iod->type);
    struct intent_part s = {.flags = p->l.flags,
                            .csum_type = (uint8_t)p->csum_type,
                            .csum_nr = p->l.csum_nr,
                            .loc_nr = p->l.loc_nr,
                            .start = p->start,
                            .nr = p->nr,
                            .bytes = p->bytes};
    int rc = 0;

    put(o, &s, sizeof s);
    _Static_assert(sizeof s >= sizeof(struct ext) && sizeof s >= sizeof(struct ver), "below it");
    if (o->buf)
        rc = layout_store(t, iod, p, o->buf + o->at - base, 0);
    o->at += p->l.total - base;
    return rc;
}

static int put_iod(struct vos_tx *t, struct out *o, const struct vos_iod *iod,
                   const struct prep *pr)
{
    bool hole = iod->rec_size == 0 && iod->type == DAOS_IOD_ARRAY;
    struct intent_iod s = {.type = (uint8_t)iod->type,
                           .akey_len = (uint16_t)iod->akey.len,
                           .recx_nr = hole ? iod->recx_nr : 0,
                           .part_nr = pr->part_nr,
                           .rec_size = iod->rec_size};
    int rc = 0;

    put(o, &s, sizeof s);
    put(o, iod->akey.buf, iod->akey.len);
    for (uint32_t i = 0; i < s.recx_nr; i++) {
        uint64_t pair[2] = {iod->recxs[i].rx_idx, iod->recxs[i].rx_nr};

        put(o, pair, sizeof pair);
    }
    for (uint32_t i = 0; i < pr->part_nr && rc == 0; i++)
        rc = put_part(t, o, iod, &pr->parts[i]);
    return rc;
}

/* The stream; o->buf NULL: its length, and t is not used. */
static int put_ops(struct vos_tx *t, struct out *o, const struct vos_update *u)
{
    int rc = 0;

    for (uint32_t i = 0; i < u->nr && rc == 0; i++) {
        const struct vos_op *op = &u->ops[i];

        if (op->kind == VOS_OP_CHECK)
            continue;
        if (op->kind == VOS_OP_UPDATE || op->level != VOS_OBJ)
            put_key(o, &op->dkey);
        for (uint32_t k = 0; op->kind == VOS_OP_PUNCH && op->level == VOS_AKEY && k < op->akey_nr;
             k++)
            put_key(o, &op->akeys[k]);
        for (uint32_t k = 0; op->kind == VOS_OP_UPDATE && k < op->akey_nr && rc == 0; k++)
            rc = put_iod(t, o, &op->iods[k], &u->preps[i][k]);
    }
    return rc;
}

static void put_table(struct out *o, const struct vos_update *u)
{
    for (uint32_t i = 0; i < u->nr; i++) {
        const struct vos_op *op = &u->ops[i];
        bool update = op->kind == VOS_OP_UPDATE, keyed = update || op->level != VOS_OBJ;
        struct intent_op s = {.kind = (uint8_t)op->kind,
                              .level = update ? VOS_DKEY : (uint8_t)op->level,
                              .minor = (uint8_t)i,
                              .akey_nr = update || op->level == VOS_AKEY ? op->akey_nr : 0,
                              .oid_hi = op->oid.hi,
                              .oid_lo = op->oid.lo,
                              .dkey_hash = keyed ? hash_bytes(op->dkey.buf, op->dkey.len) : 0};

        if (op->kind != VOS_OP_CHECK)
            put(o, &s, sizeof s);
    }
}

static uint32_t head_csum(struct intent_rec head, const uint8_t *front, size_t len)
{
    struct csum c;

    head.head_csum = 0;
    csum_begin(&c, CSUM_CRC32);
    csum_add(&c, &head, sizeof head);
    csum_add(&c, front, len);
    return (uint32_t)csum_end(&c);
}

/* The rest of the stream, last piece first. */
static int put_more(struct vos_tx *t, const uint8_t *stream, uint32_t from, uint32_t to,
                    uint64_t *more)
{
    uint32_t nr = DIV_UP(to - from, MORE_MAX);

    *more = 0;
    while (nr--) {
        uint32_t at = from + nr * MORE_MAX, here = MIN(to - at, MORE_MAX);
        struct intent_more *m;
        uint64_t off;
        void *p;
        int rc = heap_tx_alloc_raw(t->v->h, sizeof *m + here, 0, &off, &p);

        if (rc)
            return rc;
        m = p;
        *m = (struct intent_more){.kind = REC_MORE, .here = here, .more = *more};
        memcpy(m + 1, stream + at, here);
        *more = off;
    }
    return 0;
}

size_t intent_bytes(const struct vos_update *u)
{
    struct out o = {NULL, 0};

    put_ops(NULL, &o, u);
    return o.at;
}

size_t intent_redo(const struct vos_update *u)
{
    size_t bytes = intent_bytes(u), n;

    n = bytes + bytes / MORE_MAX * REDO_REC + HEAP_ALLOC_MAX + 4 * REDO_REC + 2 * TREE_REDO_MAX +
        sizeof(struct session_rec) + VOS_SESSION_OUTCOMES * sizeof(struct outcome);
    for (uint32_t i = 0; i < u->nr; i++)
        for (uint32_t k = 0; u->ops[i].kind == VOS_OP_UPDATE && k < u->ops[i].akey_nr; k++)
            for (uint32_t p = 0; p < u->preps[i][k].part_nr; p++) {
                const struct part *part = &u->preps[i][k].parts[p];

                n += part->l.flags & VER_SLOT ? part->bytes + REDO_REC
                                              : part->ext_nr * (size_t)REDO_REC;
            }
    return n;
}

int intent_write(struct vos_tx *t, const struct vos_update *u, struct intent_rec *head,
                 const void *info, uint64_t *off)
{
    struct out table = {NULL, 0}, o = {NULL, 0};
    struct arena *a = &t->v->scratch;
    uint8_t *front, *to;
    uint32_t here;
    void *p;
    int rc;

    put_table(&table, u);
    put_ops(t, &o, u);
    front = arena_alloc(a, head->info_len + table.at);
    o.buf = arena_alloc(a, MAX(o.at, 1u));
    if (front == NULL || o.buf == NULL)
        return -DER_NOMEM;
    if (head->info_len)
        memcpy(front, info, head->info_len);
    table = (struct out){front + head->info_len, 0};
    put_table(&table, u);
    head->bytes = (uint32_t)o.at;
    o.at = 0;
    rc = put_ops(t, &o, u);
    head->kind = REC_INTENT;
    head->op_nr = (uint16_t)(table.at / sizeof(struct intent_op));
    head->heap_bytes = (uint64_t)t->stat[ST_HEAP_BYTES];
    head->data_bytes = (uint64_t)t->stat[ST_DATA_BYTES];
    memset(t->stat, 0, sizeof t->stat); /* the container counts them at commit */
    if (rc)
        return rc;
    table.at += head->info_len;
    here = (uint32_t)(sizeof *head + table.at);
    here = here < INTENT_HEAD_MAX ? MIN(head->bytes, INTENT_HEAD_MAX - here) : 0;
    head->here = here;
    head->csum = (uint32_t)csum_calc(CSUM_CRC32, o.buf, head->bytes);
    rc = put_more(t, o.buf, here, head->bytes, &head->more);
    head->head_csum = head_csum(*head, front, table.at);
    if (rc == 0)
        rc = heap_tx_alloc_raw(t->v->h, sizeof *head + table.at + here, t->c->off, off, &p);
    if (rc)
        return rc;
    to = p;
    memcpy(to, head, sizeof *head);
    memcpy(to + sizeof *head, front, table.at);
    memcpy(to + sizeof *head + table.at, o.buf, here);
    return 0;
}

int intent_put_decided(struct vos_tx *t, struct decided *d)
{
    struct intent_rec head = {.kind = REC_INTENT,
                              .flags = INTENT_DECIDED,
                              .info_len = (uint16_t)d->info_len,
                              .epoch = d->epoch,
                              .hlc = d->hlc,
                              .rand = d->rand,
                              .seq = d->seq};
    uint64_t id[3];
    struct tree_key k = intent_key(d->hlc, d->rand, d->seq, id);
    uint8_t *p;
    int rc = heap_tx_alloc_raw(t->v->h, sizeof head + d->info_len, t->c->off, &d->off, (void **)&p);

    if (rc)
        return rc;
    head.csum = (uint32_t)csum_calc(CSUM_CRC32, "", 0);
    head.head_csum = head_csum(head, d->info, d->info_len);
    memcpy(p, &head, sizeof head);
    if (d->info_len)
        memcpy(p + sizeof head, d->info, d->info_len);
    return tree_insert(t->v->h, &intent_class, INTENTS_OFF(t->c), &k, d->off);
}

/* ---- Reading ---- */

int intent_head(struct heap *h, uint64_t off, struct arena *a, struct intent *i)
{
    int rc = 0;
    const struct intent_rec *r = REC(h, off, intent_rec, REC_INTENT, &rc);
    const uint8_t *copy;
    struct intent_op *ops;
    size_t front, total;

    if (r == NULL)
        return rc;
    if (r->flags & ~INTENT_DECIDED)
        return -DER_DF_INCOMPT;
    if (r->info_len > VOS_INFO_MAX || (r->op_nr == 0) != (r->flags == INTENT_DECIDED) ||
        r->op_nr > VOS_OPS_MAX || (r->op_nr == 0 && r->bytes > 0) || r->here > r->bytes ||
        r->here > INTENT_HEAD_MAX || r->bytes > HEAP_TX_MAX)
        return rec_bad("an intent that is not possible", off);
    front = r->info_len + r->op_nr * sizeof *i->ops;
    total = sizeof *r + front + r->here;
    r = heap_ptr(h, off, total);
    if (r == NULL)
        return heap_rc(h);
    copy = arena_memdup(a, r, total);
    if (copy == NULL)
        return -DER_NOMEM;
    memcpy(&i->head, copy, sizeof i->head);
    if (head_csum(i->head, copy + sizeof *r, front) != i->head.head_csum)
        return rec_bad("the checksum of an intent's head is wrong", off);
    i->info = copy + sizeof *r;
    ops = arena_alloc(a, MAX(front - i->head.info_len, 1u)); /* aligned */
    i->ops = ops;
    i->stream = NULL;
    if (ops == NULL)
        return -DER_NOMEM;
    memcpy(ops, i->info + i->head.info_len, front - i->head.info_len);
    return 0;
}

int intent_more(struct heap *h, uint64_t *off)
{
    const uint8_t *kind = heap_ptr(h, *off, 1);
    const struct intent_more *m;
    int rc = 0;

    if (kind == NULL)
        return heap_rc(h);
    if (*kind == REC_INTENT) {
        const struct intent_rec *r = REC(h, *off, intent_rec, REC_INTENT, &rc);

        if (r)
            *off = r->more;
    } else {
        m = REC(h, *off, intent_more, REC_MORE, &rc);
        if (m)
            *off = m->more;
    }
    return rc ? rc : *off ? 0 : -DER_NONEXIST;
}

static int read_all(struct heap *h, uint64_t off, struct arena *a, struct intent *i)
{
    uint32_t at;
    uint64_t more = off;
    size_t front;
    const uint8_t *p;
    int rc = intent_head(h, off, a, i);

    if (rc)
        return rc;
    i->stream = arena_alloc(a, MAX(i->head.bytes, 1u));
    if (i->stream == NULL)
        return -DER_NOMEM;
    front = sizeof i->head + i->head.info_len + i->head.op_nr * sizeof *i->ops;
    if (i->head.here > 0) {
        p = heap_ptr(h, off + front, i->head.here);
        if (p == NULL)
            return heap_rc(h);
        memcpy(i->stream, p, i->head.here);
    }
    at = i->head.here;
    while ((rc = intent_more(h, &more)) == 0) {
        const struct intent_more *m = REC(h, more, intent_more, REC_MORE, &rc);

        if (m == NULL)
            return rc;
        if (m->flags)
            return -DER_DF_INCOMPT;
        if (m->here == 0 || m->here > MORE_MAX || m->here > i->head.bytes - at)
            return rec_bad("a piece of an intent that is not possible", more);
        m = heap_ptr(h, more, sizeof *m + m->here);
        if (m == NULL)
            return heap_rc(h);
        memcpy(i->stream + at, m + 1, m->here);
        at += m->here;
    }
    if (rc != -DER_NONEXIST)
        return rc;
    if (at != i->head.bytes || csum_calc(CSUM_CRC32, i->stream, at) != i->head.csum)
        return rec_bad("an intent is not as it was written", off);
    return 0;
}

struct in {
    const uint8_t *buf;
    size_t at, len;
    struct arena *mem;
    uint64_t off; /* of the intent */
};

static int bad(const struct in *in)
{
    return rec_bad("an intent says what is not possible", in->off);
}

static const void *take(struct in *in, size_t len)
{
    const uint8_t *p = in->buf + in->at;

    if (len > in->len - in->at)
        return NULL;
    in->at += len;
    return p;
}

static int take_key(struct in *in, struct vos_key *key)
{
    uint16_t len;
    const void *p = take(in, sizeof len);

    if (p)
        memcpy(&len, p, sizeof len);
    p = p ? take(in, len) : NULL;
    if (p == NULL)
        return bad(in);
    *key = (struct vos_key){p, len};
    return 0;
}

static int take_part(struct in *in, const struct vos_iod *iod, struct part *p)
{
    uint32_t base = version_size((uint8_t)iod->type);
    const void *b = take(in, sizeof(struct intent_part));
    struct intent_part s;

    if (b == NULL)
        return bad(in);
    memcpy(&s, b, sizeof s);
    if ((s.flags & ~(VER_SLOT | VER_DATA | VER_CSUM)) || s.loc_nr > SINGLE_PIECES_MAX ||
        s.csum_nr > HEAP_ALLOC_MAX || s.bytes == 0 ||
        (!(s.flags & VER_DATA) && s.bytes > VOS_VALUE_HEAP) || s.nr == 0 || s.nr > EXT_NR_MAX ||
        ((s.flags & VER_CSUM) &&
         !layout_knows_csum(s.csum_type, s.flags, iod->type == DAOS_IOD_SINGLE)))
        return bad(in);
    p->start = s.start;
    p->nr = s.nr;
    p->bytes = s.bytes;
    p->csum_type = s.csum_type;
    layout_make(&p->l, base, s.bytes, s.flags, s.loc_nr, s.csum_type, s.csum_nr);
    if (p->l.total > HEAP_ALLOC_MAX)
        return bad(in);
    b = take(in, p->l.total - base);
    if (b == NULL)
        return bad(in);
    p->image = (const uint8_t *)b - base; /* before it in the stream: the intent_part */
    if ((s.flags & VER_CSUM) && p->image[p->l.csum_off] != s.csum_type)
        return bad(in);
    return 0;
}

static int take_iod(struct in *in, struct vos_iod *iod, struct prep *pr)
{
    const void *b = take(in, sizeof(struct intent_iod));
    struct intent_iod s;
    daos_recx_t *recxs;
    int rc = 0;

    if (b == NULL)
        return bad(in);
    memcpy(&s, b, sizeof s);
    b = take(in, s.akey_len);
    if (b == NULL || (s.type != DAOS_IOD_SINGLE && s.type != DAOS_IOD_ARRAY) ||
        s.recx_nr > in->len / 16 || s.part_nr > in->len / sizeof(struct intent_part))
        return bad(in);
    iod->akey = (struct vos_key){b, s.akey_len};
    iod->type = s.type;
    iod->rec_size = s.rec_size;
    iod->recx_nr = s.recx_nr;
    iod->recxs = recxs = arena_calloc(in->mem, MAX(s.recx_nr, 1u), sizeof *recxs);
    pr->part_nr = pr->part_max = s.part_nr;
    pr->parts = arena_calloc(in->mem, MAX(s.part_nr, 1u), sizeof *pr->parts);
    if (recxs == NULL || pr->parts == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < s.recx_nr; i++) {
        uint64_t pair[2];

        b = take(in, sizeof pair);
        if (b == NULL)
            return bad(in);
        memcpy(pair, b, sizeof pair);
        recxs[i] = (daos_recx_t){pair[0], pair[1]};
    }
    for (uint32_t i = 0; i < s.part_nr && rc == 0; i++)
        rc = take_part(in, iod, &pr->parts[i]);
    return rc;
}

static int take_op(struct in *in, const struct intent_op *s, struct vos_op *op, struct prep **preps)
{
    struct vos_iod *iods;
    struct vos_key *akeys;
    int rc = 0;

    if ((s->kind != VOS_OP_UPDATE && s->kind != VOS_OP_PUNCH) || s->level > VOS_AKEY ||
        s->akey_nr > in->len)
        return bad(in);
    *op = (struct vos_op){.kind = s->kind,
                          .level = s->level,
                          .oid = {.hi = s->oid_hi, .lo = s->oid_lo},
                          .akey_nr = s->akey_nr};
    if (s->level != VOS_OBJ)
        rc = take_key(in, &op->dkey);
    if (rc == 0 && s->level != VOS_OBJ && hash_bytes(op->dkey.buf, op->dkey.len) != s->dkey_hash)
        rc = bad(in);
    if (rc)
        return rc;
    if (s->kind == VOS_OP_PUNCH) {
        op->akeys = akeys = arena_calloc(in->mem, MAX(s->akey_nr, 1u), sizeof *akeys);
        if (akeys == NULL)
            return -DER_NOMEM;
        for (uint32_t k = 0; k < s->akey_nr && rc == 0; k++)
            rc = take_key(in, &akeys[k]);
        return rc;
    }
    op->iods = iods = arena_calloc(in->mem, MAX(s->akey_nr, 1u), sizeof *iods);
    *preps = arena_calloc(in->mem, MAX(s->akey_nr, 1u), sizeof **preps);
    if (iods == NULL || *preps == NULL)
        return -DER_NOMEM;
    for (uint32_t k = 0; k < s->akey_nr && rc == 0; k++)
        rc = take_iod(in, &iods[k], &(*preps)[k]);
    return rc;
}

static int decode(const struct intent *i, uint64_t off, struct vos_update *u)
{
    struct in in = {.buf = i->stream, .len = i->head.bytes, .mem = &u->arena, .off = off};
    struct vos_op *ops = arena_calloc(&u->arena, VOS_OPS_MAX, sizeof *ops);
    int rc = 0;

    u->preps = arena_calloc(&u->arena, VOS_OPS_MAX, sizeof *u->preps);
    if (ops == NULL || u->preps == NULL)
        return -DER_NOMEM;
    u->ops = ops;
    u->nr = 0;
    u->redo_max = 0;
    for (uint32_t k = 0; k < i->head.op_nr && rc == 0; k++) {
        const struct intent_op *s = &i->ops[k];

        if (s->minor >= VOS_OPS_MAX || s->minor < u->nr)
            return bad(&in);
        for (; u->nr < s->minor; u->nr++) /* its number in the compound counts */
            ops[u->nr] = (struct vos_op){.kind = VOS_OP_CHECK};
        rc = take_op(&in, s, &ops[s->minor], &u->preps[s->minor]);
        if (rc == 0)
            u->redo_max += update_redo(&ops[s->minor], u->preps[s->minor]);
        u->nr = s->minor + 1u;
    }
    return rc == 0 && in.at != in.len ? bad(&in) : rc;
}

int intent_as_update(struct vos_cont *c, uint64_t off, struct vos_update **out, struct intent *in)
{
    struct vos_update *u = update_new(c);
    int rc;

    if (u == NULL)
        return -DER_NOMEM;
    rc = read_all(c->v->h, off, &u->arena, in);
    if (rc == 0)
        rc = decode(in, off, u);
    if (rc)
        update_free(u, false);
    else
        *out = u;
    return rc;
}

/* ---- Giving back ---- */

static int release(struct vos_tx *t, const struct vos_update *u)
{
    int rc = 0;

    for (uint32_t i = 0; i < u->nr; i++)
        for (uint32_t k = 0; u->ops[i].kind == VOS_OP_UPDATE && k < u->ops[i].akey_nr; k++)
            for (uint32_t p = 0; p < u->preps[i][k].part_nr && rc == 0; p++) {
                const struct part *part = &u->preps[i][k].parts[p];

                if (!(MUTANT(ABORT_KEEPS_EXTENTS) && (part->l.flags & VER_DATA)))
                    rc = layout_release(t, &part->l, part->image);
            }
    memset(t->stat, 0, sizeof t->stat); /* they were never counted */
    return rc;
}

int intent_free(struct vos_tx *t, uint64_t off, const struct vos_update *values)
{
    int rc = values ? release(t, values) : 0;

    while (rc == 0) {
        uint64_t next = off;
        int more = intent_more(t->v->h, &next);

        if (more && more != -DER_NONEXIST)
            return more;
        rc = heap_tx_free(t->v->h, off);
        if (rc || more)
            return rc;
        off = next;
    }
    return rc;
}
