/*
 * The bytes of every kind of record, pinned. A small shard is made from a fixed script; each record
 * is printed in hex, with heap offsets (which are the allocator's business) as @. The text must
 * equal golden/records.txt (of what is prepared: golden/intents.txt). If a change of the format is
 * meant, write the file again with VOS_GOLDEN_WRITE=1 and raise VOS_FORMAT_VERSION; then this
 * program must still read what the old one wrote.
 */
#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX

struct text {
    char *buf;
    size_t len, max;
    struct heap *h;
};

static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;

    CHECK(t->max - t->len > 70000);
    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(t->buf + t->len, t->max - t->len, fmt, ap);
    va_end(ap);
}

/* len bytes at off; the 8 bytes at each of the places in at[] (0: end) are offsets. */
static const uint8_t *hex(struct text *t, const char *what, uint64_t off, size_t len,
                          const size_t *at)
{
    const uint8_t *p = heap_ptr(t->h, off, len);

    CHECK(p != NULL);
    add(t, "%s", what);
    for (size_t i = 0; i < len; i++) {
        bool link = false;

        for (size_t k = 0; at && at[k]; k++)
            link |= i >= at[k] && i < at[k] + 8;
        if (i % 8 == 0)
            add(t, " ");
        if (link) {
            uint64_t v;

            memcpy(&v, p + i, 8);
            add(t, v ? "@" : "-");
            i += 7;
        } else {
            add(t, "%02x", p[i]);
        }
    }
    add(t, "\n");
    return p;
}

static void put_list(struct text *t, uint64_t off)
{
    static const size_t links[] = {16, 0}, slot[] = {16, 24, 0};

    while (off) {
        const struct ver *r = heap_ptr(t->h, off, sizeof *r);

        if (r->kind == REC_SINGLE) {
            const uint8_t *rec;
            struct layout l;

            CHECK_EQ(layout_single(t->h, off, &l, &rec), 0);
            hex(t, "        S", off, l.total, l.flags & VER_SLOT ? slot : links);
        } else {
            hex(t,
                r->kind == REC_PUNCH  ? "      P"
                : r->kind == REC_MARK ? "      M"
                                      : "      W",
                off, r->kind == REC_WIDE ? sizeof(struct wide) : sizeof *r, links);
        }
        off = r->older;
    }
}

static void put_exts(struct text *t, uint64_t akey)
{
    static const size_t slot[] = {24, 0};
    struct walk w;
    uint64_t value;

    walk_ext(&w, t->h, akey, 0, false);
    while (walk_next(&w, &value) == 0) {
        const uint8_t *rec;
        struct layout l;

        CHECK_EQ(layout_ext(t->h, ext_off(value), &l, &rec), 0);
        add(t, "        order %016llx bound %llu\n", (unsigned long long)w.ent[w.at - 1].order,
            (unsigned long long)ext_bound(value));
        hex(t, "        E", ext_off(value), l.total, l.flags & VER_SLOT ? slot : NULL);
    }
}

static void put_pack(struct text *t, uint64_t dkey)
{
    static const size_t single[] = {32, 0}, array[] = {40, 0};
    struct pack p;

    CHECK_EQ(pack_get(t->h, dkey, &p), 0);
    hex(t, "    K", dkey, p.keys_at + p.dkey.len + p.akey.len,
        !(p.flags & VER_SLOT)      ? NULL
        : p.type == DAOS_IOD_ARRAY ? array
                                   : single);
}

static void put_shard(struct text *t, struct rig *r)
{
    static const size_t super_links[] = {32, 40, 48, 56, 0},
                        cont_links[] = {24, 32, 40, 48, 56, 64, 0}, key_links[] = {8, 24, 32, 0},
                        akey_links[] = {8, 16, 24, 0};
    struct walk wo, wd, wa;
    uint64_t obj, dkey, akey;
    const uint8_t *p;

    hex(t, "V", r->v->super, sizeof(struct super_rec), super_links);
    p = hex(t, "C", r->c->off, sizeof(struct cont_rec), cont_links);
    (void)p;
    walk_init(&wo, t->h, &obj_class, r->c->off + offsetof(struct cont_rec, objects), K_HASH);
    while (walk_next(&wo, &obj) == 0) {
        const struct obj_rec *o = heap_ptr(t->h, obj, sizeof *o);
        daos_obj_id_t oid = {.hi = o->oid_hi, .lo = o->oid_lo};

        add(t, "  order %016llx\n", (unsigned long long)wo.ent[wo.at - 1].order);
        hex(t, "  O", obj, sizeof *o, key_links);
        put_list(t, o->life);
        walk_init(&wd, t->h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), dkey_korder(oid));
        while (walk_next(&wd, &dkey) == 0) {
            const struct dkey_rec *d = heap_ptr(t->h, dkey, sizeof *d);
            bool packed;

            add(t, "    order %016llx\n", (unsigned long long)wd.ent[wd.at - 1].order);
            CHECK_EQ(pack_is(t->h, dkey, &packed), 0);
            if (packed) {
                put_pack(t, dkey);
                continue;
            }
            hex(t, "    D", dkey, sizeof *d + d->key_len, key_links);
            put_list(t, d->life);
            walk_init(&wa, t->h, &akey_class, dkey + offsetof(struct dkey_rec, akeys),
                      akey_korder(oid));
            while (walk_next(&wa, &akey) == 0) {
                const struct akey_rec *a = heap_ptr(t->h, akey, sizeof *a);

                add(t, "      order %016llx\n", (unsigned long long)wa.ent[wa.at - 1].order);
                hex(t, "      A", akey,
                    sizeof *a + (a->type == DAOS_IOD_ARRAY ? 4 : 0) + a->key_len, akey_links);
                put_list(t, a->life);
                if (a->type == DAOS_IOD_ARRAY)
                    put_exts(t, akey);
                else
                    put_list(t, a->values.word0);
            }
        }
    }
}

static void make_shard(struct rig *r)
{
    daos_obj_id_t h = OID(DAOS_OT_MULTI_HASHED, 1), l = OID(DAOS_OT_MULTI_LEXICAL, 2),
                  f = OID(DAOS_OT_ARRAY_BYTE, 3), p = OID(DAOS_OT_MULTI_HASHED, 4),
                  a = OID(DAOS_OT_ARRAY_BYTE, 5);
    static uint8_t buf[4096];
    uint64_t one = 1;
    struct vos_key d = {&one, 8};

    for (uint32_t i = 0; i < sizeof buf; i++)
        buf[i] = (uint8_t)i;
    r->txid = (struct vos_txid){11, 22, 1, 0};
    CHECK_EQ(put_s(r, h, "name", "a", "value"), 0);
    memset(&r->txid, 0, sizeof r->txid);
    CHECK_EQ(put_s(r, h, "name", "a", "newer"), 0); /* cut */
    CHECK_EQ(put(r, h, K("name"), K("slot"), buf, 4096, 0, 0), 0);
    CHECK_EQ(write_arr(r, f, d, K("0"), 0, 100, 1, buf), 0);
    CHECK_EQ(write_arr(r, f, d, K("0"), 200, 3000, 1, buf), 0);
    CHECK_EQ(put_s(r, l, "gone", "a", "x"), 0);
    CHECK_EQ(put_s(r, l, "there", "a", "x"), 0);
    CHECK_EQ(punch(r, VOS_DKEY, l, "gone", NULL, 0), 0); /* mark */
    CHECK_EQ(RIG_RETRY(r, vos_snap_add(r->c, hlc_get(&r->clock, r->wall_ns))), 0);
    CHECK_EQ(put_s(r, h, "name", "a", "newest"), 0);                         /* two versions */
    CHECK_EQ(write_arr(r, f, d, K("0"), 50, 10, 0, NULL), 0);                /* hole */
    CHECK_EQ(write_arr(r, f, d, K("0"), 60, UINT64_C(1) << 40, 0, NULL), 0); /* wide */
    CHECK_EQ(punch(r, VOS_DKEY, l, "there", NULL, 0), 0);                    /* punch */
    CHECK_EQ(put_s(r, p, "pair", "a", "value"), 0);
    CHECK_EQ(put_s(r, p, "pair", "a", "newer"), 0); /* cut */
    CHECK_EQ(put(r, p, K("slot"), K("a"), buf, 4096, 0, 0), 0);
    CHECK_EQ(write_arr(r, a, d, K("0"), 7, 100, 1, buf), 0);
}

/* An update of a slot and an array, a hole, punches; too long for one record. */
static void prepare_all(struct rig *r)
{
    static uint8_t buf[4096];
    static char names[20][8];
    daos_recx_t recx[2] = {{7, 100}, {0, 5}};
    uint64_t one = 1;
    struct iovec iov[2] = {{buf, 4096}, {buf, 100}}, small = {buf, 100};
    struct vos_iod iods[2] = {{.akey = K("slot"),
                               .type = DAOS_IOD_SINGLE,
                               .rec_size = 4096,
                               .iov = &iov[0],
                               .iov_nr = 1},
                              {.akey = K("arr"),
                               .type = DAOS_IOD_ARRAY,
                               .rec_size = 1,
                               .recx_nr = 1,
                               .recxs = &recx[0],
                               .iov = &iov[1],
                               .iov_nr = 1}},
                   hole = {.akey = K("0"), .type = DAOS_IOD_ARRAY, .recx_nr = 1, .recxs = &recx[1]},
                   many[20];
    struct vos_key akeys[2] = {K("a"), K("b")};
    daos_obj_id_t h = OID(DAOS_OT_MULTI_HASHED, 1);
    struct vos_op ops[] = {
        {.kind = VOS_OP_UPDATE, .oid = h, .dkey = K("new"), .akey_nr = 2, .iods = iods},
        {.kind = VOS_OP_CHECK, .level = VOS_OBJ, .check = VOS_CHECK_EXISTS, .oid = h},
        {.kind = VOS_OP_UPDATE,
         .oid = OID(DAOS_OT_ARRAY_BYTE, 3),
         .dkey = {&one, 8},
         .akey_nr = 1,
         .iods = &hole},
        {.kind = VOS_OP_PUNCH,
         .level = VOS_AKEY,
         .oid = h,
         .dkey = K("name"),
         .akey_nr = 2,
         .akeys = akeys},
        {.kind = VOS_OP_PUNCH, .level = VOS_OBJ, .oid = OID(DAOS_OT_MULTI_HASHED, 4)},
        {.kind = VOS_OP_UPDATE, .oid = h, .dkey = K("many"), .akey_nr = 20, .iods = many}};

    for (uint32_t i = 0; i < sizeof buf; i++)
        buf[i] = (uint8_t)i;
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "a%u", i);
        many[i] = (struct vos_iod){.akey = K(names[i]),
                                   .type = DAOS_IOD_SINGLE,
                                   .rec_size = 100,
                                   .iov = &small,
                                   .iov_nr = 1};
    }
    r->txid = (struct vos_txid){11, 22, 2, 0};
    CHECK_EQ(rig_prepare(r, ops, ARRAY_LEN(ops), 0, "leader", NULL), 0);
    r->txid.seq = 3;
    CHECK_EQ(rig_resolve(r, 3, false, NULL), 0);
}

/* Of the first intent, whose only slot is that of the first part. */
static void put_intents(struct text *t, struct rig *r)
{
    size_t slot = sizeof(struct intent_rec) + strlen("leader") + 5 * sizeof(struct intent_op) + 2 +
                  strlen("new") + sizeof(struct intent_iod) + strlen("slot") +
                  sizeof(struct intent_part);
    const size_t links[] = {40, slot, 0};
    const struct doubt *d = LIST_ENTRY(list_first(&r->c->doubts), struct doubt, link);
    const struct intent_rec *i = heap_ptr(t->h, d->off, sizeof *i);
    const struct session_rec *s;
    uint64_t more = d->off, off;
    uint8_t *csums; /* which cover the offset of the slot */

    CHECK_EQ(heap_tx_begin(t->h, 1000), 0);
    csums = heap_tx_write(t->h, d->off + offsetof(struct intent_rec, head_csum), 8);
    memset(csums, 0, 8);
    hex(t, "I", d->off, sizeof *i + i->info_len + i->op_nr * sizeof(struct intent_op) + i->here,
        links);
    while (intent_more(t->h, &more) == 0) {
        const struct intent_more *m = heap_ptr(t->h, more, sizeof *m);

        hex(t, "J", more, sizeof *m + m->here, (size_t[]){8, 0});
    }
    heap_tx_abort(t->h);
    CHECK_EQ(tree_find(t->h, &session_class, r->v->super + offsetof(struct super_rec, sessions),
                       &(struct tree_key){
                           .order = mix128(11, 22), .key = (uint64_t[]){11, 22}, .len = 16},
                       &off),
             0);
    s = heap_ptr(t->h, off, sizeof *s);
    hex(t, "T", off, sizeof *s + s->cap * sizeof(struct outcome), NULL);
}

static char *read_golden(const char *name)
{
    const char *dir = getenv("VOS_GOLDEN_DIR");
    char path[512], *buf = calloc(1, 1 << 20);
    FILE *in;

    snprintf(path, sizeof path, "%s/%s", dir ? dir : VOS_GOLDEN_DIR, name);
    in = fopen(path, "r");
    if (in == NULL)
        return buf;
    CHECK(fread(buf, 1, (1 << 20) - 1, in) > 0);
    fclose(in);
    return buf;
}

static void same_or_write(const char *is, const char *name)
{
    char *want = read_golden(name);

    if (getenv("VOS_GOLDEN_WRITE")) {
        char path[512];
        FILE *out;

        snprintf(path, sizeof path, "%s/%s", VOS_GOLDEN_DIR, name);
        out = fopen(path, "w");
        CHECK(out != NULL);
        fputs(is, out);
        fclose(out);
    } else {
        assert_string_equal(is, want);
    }
    free(want);
}

static void the_format_is_pinned(void **state)
{
    struct text t = {.buf = calloc(1, 1 << 20), .max = 1 << 20};
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    make_shard(&r);
    t.h = r.h;
    heap_lock(r.h);
    put_shard(&t, &r);
    heap_unlock(r.h);
    same_or_write(t.buf, "records.txt");
    t.len = 0;
    prepare_all(&r);
    heap_lock(r.h);
    put_intents(&t, &r);
    heap_unlock(r.h);
    same_or_write(t.buf, "intents.txt");
    rig_stop(&r);
    free(t.buf);
}

/* A record with a flag of the future is refused, not misread. */
static void unknown_flags_are_refused(void **state)
{
    daos_obj_id_t h = OID(DAOS_OT_MULTI_HASHED, 1);
    uint64_t obj;
    uint16_t *flags;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    CHECK_EQ(put_s(&r, h, "name", "a", "value"), 0);
    heap_lock(r.h);
    CHECK_EQ(obj_find(r.c, h, &obj), 0);
    CHECK_EQ(heap_tx_begin(r.h, 100), 0);
    flags = heap_tx_write(r.h, obj + 2, 2);
    *flags |= VER_CODEC;
    heap_tx_commit(r.h, NULL);
    heap_unlock(r.h);
    log_set_level(LOG_LEVEL_ERROR - 1);
    assert_int_equal(get(&r, LATEST, h, K("name"), K("a"), NULL, 0, 0), -DER_DF_INCOMPT);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format_is_pinned),
        cmocka_unit_test(unknown_flags_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
