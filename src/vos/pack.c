/*
 * Packed dkeys: a dkey with one akey of one version is one record (struct pack_rec), a third of the
 * bytes and of the places to look at than three. Most dkeys are like that all their life: pairs of
 * key and value, entries of directories, small files.
 *
 * Readers see no difference: dkey_look() and akey_look() answer what the records would say, walks
 * (key.c) find the one akey and the one extent, and the version itself has the bytes that it would
 * have elsewhere. An akey in a packed record has a handle of its own: the record's offset with bit
 * 0 set. Writers may make a packed dkey, replace its version by one that covers it whole, and give
 * it back; before any other change it is unpacked: three records, at other offsets, that say the
 * same.
 */
#include "vos/priv.h"

/* ---- Reading ---- */

static uint32_t version_at(uint8_t type)
{
    return sizeof(struct pack_rec) + (type == DAOS_IOD_ARRAY ? sizeof(uint64_t) : 0);
}

/* All of a packed record. */
static inline const struct pack_rec *whole(struct heap *h, uint64_t off, int *rc)
{
    const struct pack_rec *r = REC(h, off, pack_rec, REC_PACK, rc);

    if (r == NULL)
        return NULL;
    if (r->keys_at < version_at(r->type) + sizeof(struct ver) ||
        (r->type != DAOS_IOD_SINGLE && r->type != DAOS_IOD_ARRAY)) {
        *rc = rec_bad("a packed record that is not possible", off);
        return NULL;
    }
    if (heap_ptr(h, off, (size_t)r->keys_at + r->dkey_len + r->akey_len) != NULL)
        return r;
    *rc = heap_rc(h);
    return NULL;
}

int pack_name(struct heap *h, uint64_t off, struct vos_key *dkey)
{
    int rc = 0;
    const struct pack_rec *r = whole(h, off, &rc);

    if (r)
        *dkey = (struct vos_key){(const uint8_t *)r + r->keys_at, r->dkey_len};
    return rc;
}

int pack_get(struct heap *h, uint64_t off, struct pack *p)
{
    int rc = 0;
    const struct pack_rec *r = whole(h, off, &rc);
    const uint8_t *b = (const uint8_t *)r;

    if (r == NULL)
        return rc;
    p->off =
        off; /* one by one: it is done for every read, and clearing it first would be most of it */
    p->type = r->type;
    p->keys_at = r->keys_at;
    p->ver = off + version_at(r->type);
    p->dkey = (struct vos_key){b + r->keys_at, r->dkey_len};
    p->akey = (struct vos_key){b + r->keys_at + r->dkey_len, r->akey_len};
    p->at = b += version_at(r->type);
    p->start = p->nr = p->rec_size = 0;
    if (r->type == DAOS_IOD_ARRAY) {
        const struct ext *e = (const struct ext *)b;

        memcpy(&p->start, b - sizeof p->start, sizeof p->start);
        p->nr = e->nr;
        p->rec_size = e->rec_size;
        p->w = (struct when){e->epoch, e->minor};
        p->flags = e->flags;
    } else {
        const struct ver *v = (const struct ver *)b;

        p->w = (struct when){v->epoch, v->minor};
        p->flags = v->flags;
    }
    return 0;
}

int pack_ext(const struct pack *p)
{
    if (p->ver % 8 || p->nr == 0 || p->nr > EXT_NR_MAX || p->start > (UINT64_C(1) << 63) - p->nr)
        return rec_bad("a packed extent that is not possible", p->off);
    return 0;
}

int pack_try(struct heap *h, uint64_t off, struct pack *p, bool *yes)
{
    int rc = pack_is(h, off, yes);

    return rc == 0 && *yes ? pack_get(h, off, p) : rc;
}

int pack_single(struct heap *h, const struct pack *p, struct layout *l, const uint8_t **rec)
{
    const struct ver *v = (const struct ver *)p->at;
    uint32_t room = p->keys_at - version_at(p->type), base = sizeof *v, sum = 0;

    /* as layout_make() would say of most */
    if (v->flags & VER_CSUM && room > base)
        sum = stored_csum_len(p->at[base]);
    l->bytes = v->size;
    l->flags = v->flags;
    l->loc_off = l->csum_off = base;
    l->loc_nr = 0;
    l->csum_nr = sum ? 1 : 0;
    l->csum_type = sum ? p->at[base] : 0;
    l->csum_len = sum;
    l->data_off = base + (sum ? 1 + sum : 0);
    l->total = room;
    *rec = p->at;
    if (v->kind == REC_SINGLE && (v->flags & ~(VER_CSUM | VER_CUT)) == 0 &&
        (sum || !(v->flags & VER_CSUM)) && room >= l->data_off && v->size == room - l->data_off)
        return 0;
    return layout_single(h, p->ver, l, rec);
}

int dkey_look(struct heap *h, uint64_t off, struct dkey_rec *d)
{
    const struct dkey_rec *r;
    struct pack p;
    bool packed;
    int rc = pack_is(h, off, &packed);

    if (rc)
        return rc;
    if (!packed) {
        r = REC(h, off, dkey_rec, REC_DKEY, &rc);
        if (r)
            *d = *r;
        return rc;
    }
    rc = pack_get(h, off, &p);
    if (rc == 0)
        *d = (struct dkey_rec){
            .kind = REC_PACK, .key_len = (uint16_t)p.dkey.len, .changed = p.w.epoch};
    return rc;
}

int akey_look(struct heap *h, uint64_t akey, struct akey_rec *a)
{
    const struct akey_rec *r;
    struct pack p;
    int rc = 0;

    memset(a, 0, sizeof *a);
    if (!akey_is_packed(akey)) {
        r = REC(h, akey, akey_rec, REC_AKEY, &rc);
        if (r)
            *a = *r;
        return rc;
    }
    rc = pack_get(h, pack_of(akey), &p);
    if (rc == 0)
        *a = (struct akey_rec){.kind = REC_AKEY,
                               .type = p.type,
                               .key_len = (uint16_t)p.akey.len,
                               .max_log = log_up(p.nr),
                               .values = {.word0 = p.ver}};
    return rc;
}

/* ---- Writing ---- */

static int version_release(struct vos_tx *t, const struct pack *p)
{
    const uint8_t *rec;
    struct layout l;
    int rc = p->type == DAOS_IOD_ARRAY ? layout_ext(t->v->h, p->ver, &l, &rec)
                                       : layout_single(t->v->h, p->ver, &l, &rec);

    return rc ? rc : layout_release(t, &l, rec);
}

int pack_free(struct vos_tx *t, uint64_t dkey)
{
    struct pack p;
    int rc = pack_get(t->v->h, dkey, &p);

    if (rc == 0)
        rc = version_release(t, &p);
    if (rc == 0)
        rc = heap_tx_free(t->v->h, dkey);
    if (rc)
        return rc;
    t->stat[ST_DKEY]--;
    t->stat[ST_AKEY]--;
    t->stat[p.type == DAOS_IOD_ARRAY ? ST_EXT : ST_SINGLE]--;
    return 0;
}

static int dkey_replace(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid,
                        const struct vos_key *key, uint64_t to)
{
    struct tree_key k = {
        .order = key_order(dkey_korder(oid), key->buf, key->len), .key = key->buf, .len = key->len};

    return tree_replace(t->v->h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), &k, to);
}

/* The version as a record of its own, and the akey that holds it. */
static int unpack_akey(struct vos_tx *t, uint64_t dkey, daos_obj_id_t oid, const struct pack *p,
                       const uint8_t *version)
{
    struct heap *h = t->v->h;
    uint32_t len = p->keys_at - version_at(p->type);
    uint64_t akey, off;
    struct akey_rec *a;
    void *to;
    int rc = akey_add(t, dkey, oid, &p->akey, p->type, &akey);

    if (rc == 0)
        rc = heap_tx_alloc_raw(h, len, akey, &off, &to);
    if (rc)
        return rc;
    memcpy(to, version, len);
    if (MUTANT(PACK_FORGETS_CUT))
        ((struct ver *)to)->flags &= (uint16_t)~VER_CUT;
    if (p->type == DAOS_IOD_SINGLE)
        return tx_put64(h, akey + offsetof(struct akey_rec, values), off);
    a = heap_tx_write(h, akey, sizeof *a + sizeof p->rec_size);
    if (a == NULL)
        return heap_rc(h);
    a->max_log = log_up(p->nr);
    memcpy(a + 1, &p->rec_size, sizeof p->rec_size);
    return tree_insert(h, &ext_class, ROOT_OFF(akey),
                       &(struct tree_key){.order = p->start, .key = &p->w, .len = sizeof p->w},
                       ext_value(off, p->nr));
}

int dkey_plain(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint64_t *dkey)
{
    struct heap *h = t->v->h;
    uint8_t copy[PACK_MAX];
    const uint8_t *rec;
    uint64_t plain, old = *dkey;
    uint32_t total;
    struct pack p;
    bool packed;
    int rc = pack_is(h, old, &packed);

    if (rc || !packed)
        return rc;
    rc = pack_get(h, old, &p);
    if (rc == 0 && p.type == DAOS_IOD_ARRAY)
        rc = pack_ext(&p);
    if (rc)
        return rc;
    total = p.keys_at + p.dkey.len + p.akey.len;
    if (total > sizeof copy)
        return rec_bad("a packed record that is not possible", old);
    rec = heap_ptr(h, old, total);
    if (rec == NULL)
        return heap_rc(h);
    memcpy(copy, rec, total); /* what is allocated below may move pages about */
    p.dkey.buf = copy + p.keys_at;
    p.akey.buf = copy + p.keys_at + p.dkey.len;
    rc = dkey_alloc(t, obj, &p.dkey, &plain);
    if (rc == 0)
        rc = tx_put64(h, plain + offsetof(struct dkey_rec, changed), p.w.epoch);
    if (rc == 0)
        rc = unpack_akey(t, plain, oid, &p, copy + version_at(p.type));
    if (rc == 0)
        rc = dkey_replace(t, obj, oid, &p.dkey, plain);
    if (rc == 0)
        rc = heap_tx_free(h, old);
    *dkey = plain;
    return rc;
}

int pack_bury(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, uint64_t dkey)
{
    char name[UINT8_MAX];
    struct vos_key key;
    uint64_t plain;
    struct pack p;
    int rc = pack_get(t->v->h, dkey, &p);

    if (rc)
        return rc;
    memcpy(name, p.dkey.buf, p.dkey.len);
    key = (struct vos_key){name, p.dkey.len};
    rc = dkey_alloc(t, obj, &key, &plain);
    if (rc == 0)
        rc = dkey_replace(t, obj, oid, &key, plain);
    if (rc == 0)
        rc = pack_free(t, dkey);
    if (rc)
        return rc;
    t->stat[ST_DKEY]++;
    rc = life_mark(t, plain + offsetof(struct dkey_rec, life), t->w.epoch);
    if (rc == 0)
        rc = rec_touch(t, plain, true);
    return rc ? rc : trash_add(t, obj);
}

int vos_note_format(struct vos_tx *t, uint32_t needs)
{
    struct heap *h = t->v->h;
    int rc = 0;
    const struct super_rec *s = REC(h, t->v->super, super_rec, REC_SUPER, &rc);
    uint32_t *version;

    if (s == NULL || s->version >= needs)
        return rc;
    version = heap_tx_write(h, t->v->super + offsetof(struct super_rec, version), sizeof *version);
    if (version == NULL)
        return heap_rc(h);
    *version = needs;
    return 0;
}

struct pack_new { /* a packed record to be */
    const struct vos_key *dkey;
    const struct vos_iod *iod;
    const struct part *part;
    uint16_t keys_at;
    uint32_t total;
};

/* rec: writable; keys: and the bytes of the keys. */
static int fill(struct vos_tx *t, uint64_t off, uint8_t *rec, const struct pack_new *n,
                uint16_t extra, bool keys)
{
    uint8_t type = (uint8_t)n->iod->type;
    uint32_t at = version_at(type);

    *(struct pack_rec *)rec = (struct pack_rec){.kind = REC_PACK,
                                                .type = type,
                                                .dkey_len = (uint8_t)n->dkey->len,
                                                .akey_len = (uint8_t)n->iod->akey.len,
                                                .keys_at = n->keys_at};
    if (type == DAOS_IOD_ARRAY)
        memcpy(rec + sizeof(struct pack_rec), &n->part->start, sizeof n->part->start);
    if (keys) {
        memcpy(rec + n->keys_at, n->dkey->buf, n->dkey->len);
        memcpy(rec + n->keys_at + n->dkey->len, n->iod->akey.buf, n->iod->akey.len);
    }
    return type == DAOS_IOD_ARRAY ? ext_fill(t, off, rec + at, n->iod, n->part, extra)
                                  : single_fill(t, off, rec + at, n->iod, n->part, extra, 0);
}

static int pack_make(struct vos_tx *t, uint64_t obj, struct dkey_at *at, const struct pack_new *n)
{
    uint64_t off;
    void *rec;
    int rc = vos_note_format(t, VOS_FORMAT_PACKED);

    if (rc == 0)
        rc = heap_tx_alloc(t->v->h, n->total, obj, &off, &rec);
    if (rc == 0)
        rc = fill(t, off, rec, n, 0, true);
    if (rc)
        return rc;
    t->stat[ST_DKEY]++;
    t->stat[ST_AKEY]++;
    t->stat[n->iod->type == DAOS_IOD_ARRAY ? ST_EXT : ST_SINGLE]++;
    return tree_insert_at(&at->place, &at->key, off);
}

/* May the new version take the place of the one in the record? */
static bool covers(const struct vos_tx *t, const struct pack *p, const struct pack_new *n)
{
    const struct part *part = n->part;

    if (t->replay || p->type != n->iod->type || p->akey.len != n->iod->akey.len ||
        memcmp(p->akey.buf, n->iod->akey.buf, p->akey.len) != 0 || when_cmp(p->w, t->w) > 0)
        return false;
    if (p->type == DAOS_IOD_ARRAY && (p->rec_size != n->iod->rec_size || part->start > p->start ||
                                      part->start + part->nr < p->start + p->nr))
        return false;
    return p->w.epoch == t->w.epoch || MUTANT(PACK_DROPS_HISTORY) ||
           droppable(t, p->w.epoch, t->w.epoch);
}

/* In the same room if it fits, so that an overwrite loop allocates nothing. */
static int replace(struct vos_tx *t, uint64_t obj, struct dkey_at *at, const struct pack *p,
                   const struct pack_new *n)
{
    uint16_t extra = p->w.epoch != t->w.epoch || (p->flags & VER_CUT) ? VER_CUT : 0;
    struct heap *h = t->v->h;
    bool moved = p->keys_at != n->keys_at;
    uint64_t off;
    size_t room;
    void *rec;
    int rc = heap_alloc_size(h, p->off, &room);

    if (rc == 0)
        rc = version_release(t, p);
    if (rc)
        return rc;
    if (n->total <= room && (room <= 64 || n->total * 2 >= room)) {
        rec = heap_tx_write(h, p->off, moved ? n->total : n->keys_at);
        return rec ? fill(t, p->off, rec, n, extra, moved) : heap_rc(h);
    }
    rc = heap_tx_alloc(h, n->total, obj, &off, &rec);
    if (rc == 0)
        rc = fill(t, off, rec, n, extra, true);
    if (rc == 0)
        rc = tree_replace_at(&at->place, &at->key, off);
    return rc ? rc : heap_tx_free(h, p->off);
}

int pack_write(struct vos_tx *t, uint64_t obj, const struct vos_op *op, const struct prep *pr,
               struct dkey_at *at, bool *done)
{
    const struct vos_iod *iod = op->iods;
    struct pack_new n = {.dkey = &op->dkey, .iod = iod, .part = pr->parts};
    uint64_t total = op->dkey.len + iod->akey.len;
    struct pack p;
    bool packed;
    int rc;

    *done = false;
    if (pr->part_nr != 1 || op->dkey.len > UINT8_MAX || iod->akey.len > UINT8_MAX)
        return 0;
    total += version_at((uint8_t)iod->type) + n.part->l.total;
    if (total > PACK_MAX)
        return 0;
    n.total = (uint32_t)total;
    n.keys_at = (uint16_t)(version_at((uint8_t)iod->type) + n.part->l.total);
    if (at->off == 0) {
        *done = true;
        return pack_make(t, obj, at, &n);
    }
    rc = pack_is(t->v->h, at->off, &packed);
    if (rc || !packed)
        return rc;
    rc = pack_get(t->v->h, at->off, &p);
    if (rc || !covers(t, &p, &n))
        return rc;
    *done = true;
    return replace(t, obj, at, &p, &n);
}
