/* Objects, dkeys and akeys: the order of their trees, finding their records, making them; walking a
 * tree. */
#include "vos/priv.h"

/* ---- Order ---- */

enum korder dkey_korder(daos_obj_id_t oid)
{
    return daos_is_dkey_uint64(oid) ? K_INT : daos_is_dkey_lexical(oid) ? K_LEX : K_HASH;
}

enum korder akey_korder(daos_obj_id_t oid)
{
    return daos_is_akey_uint64(oid) ? K_INT : daos_is_akey_lexical(oid) ? K_LEX : K_HASH;
}

uint64_t key_order(enum korder k, const void *buf, size_t len)
{
    uint64_t i;

    switch (k) {
    case K_INT:
        memcpy(&i, buf, sizeof i);
        return i;
    case K_LEX:
        return tree_prefix(buf, len);
    case K_HASH:
        break;
    }
    return hash_bytes(buf, len);
}

int key_check(enum korder k, const struct vos_key *key)
{
    if (key == NULL || key->buf == NULL || key->len == 0)
        return -DER_INVAL;
    if (key->len > VOS_KEY_MAX)
        return -DER_KEY2BIG;
    if (k == K_INT && key->len != 8)
        return -DER_INVAL;
    return 0;
}

static int bytes_cmp(const void *a, size_t alen, const void *b, size_t blen)
{
    int d = memcmp(a, b, MIN(alen, blen));

    if (d)
        return d < 0 ? -1 : 1;
    return alen < blen ? -1 : alen > blen;
}

static int cont_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    int rc = 0;
    const struct cont_rec *r = REC(h, value, cont_rec, REC_CONT, &rc);

    if (r == NULL)
        return rc;
    *order = memcmp(r->uuid, key->key, 16);
    return 0;
}

static int obj_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    int rc = 0;
    const struct obj_rec *r = REC(h, value, obj_rec, REC_OBJ, &rc);
    const uint64_t *oid = key->key;

    if (r == NULL)
        return rc;
    if (r->flags & KEY_LOST) /* of all ids with this hash there is one */
        *order = 0;
    else if (r->oid_hi != oid[0])
        *order = r->oid_hi < oid[0] ? -1 : 1;
    else
        *order = r->oid_lo < oid[1] ? -1 : r->oid_lo > oid[1];
    return 0;
}

int dkey_name(struct heap *h, uint64_t off, struct vos_key *key)
{
    const struct dkey_rec *r;
    const uint8_t *p;
    bool packed;
    int rc = pack_is(h, off, &packed);

    if (rc == 0 && packed)
        return pack_name(h, off, key);
    r = rc == 0 ? REC(h, off, dkey_rec, REC_DKEY, &rc) : NULL;
    if (r == NULL)
        return rc;
    p = heap_ptr(h, off, sizeof *r + r->key_len);
    if (p == NULL)
        return heap_rc(h);
    key->buf = p + sizeof *r;
    key->len = r->key_len;
    return 0;
}

static size_t akey_key_at(uint8_t type)
{
    return sizeof(struct akey_rec) + (type == DAOS_IOD_ARRAY ? sizeof(uint32_t) : 0);
}

int akey_name(struct heap *h, uint64_t off, struct vos_key *key, uint8_t *type)
{
    const struct akey_rec *r;
    const uint8_t *p;
    struct pack pack;
    size_t at;
    int rc = 0;

    if (akey_is_packed(off)) {
        rc = pack_get(h, pack_of(off), &pack);
        if (rc == 0) {
            *key = pack.akey;
            *type = pack.type;
        }
        return rc;
    }
    r = REC(h, off, akey_rec, REC_AKEY, &rc);
    if (r == NULL)
        return rc;
    at = akey_key_at(r->type);
    p = heap_ptr(h, off, at + r->key_len);
    if (p == NULL)
        return heap_rc(h);
    key->buf = p + at;
    key->len = r->key_len;
    *type = r->type;
    return 0;
}

int akey_rec_size(struct heap *h, uint64_t akey, uint32_t *rec_size)
{
    const uint32_t *p;

    if (akey_is_packed(akey)) /* writers have unpacked it: out of a damaged tree */
        return rec_bad("a packed akey where none can be", akey);
    p = heap_ptr(h, akey + sizeof(struct akey_rec), sizeof *p);
    if (p == NULL)
        return heap_rc(h);
    *rec_size = *p;
    return 0;
}

int akey_set_rec_size(struct vos_tx *t, uint64_t akey, uint64_t rec_size)
{
    uint32_t is = 0, *p;
    int rc = akey_rec_size(t->v->h, akey, &is);

    if (rc || is == rec_size)
        return rc;
    p = heap_tx_write(t->v->h, akey + sizeof(struct akey_rec), sizeof *p);
    if (p == NULL)
        return heap_rc(t->v->h);
    *p = (uint32_t)rec_size;
    return 0;
}

/* A packed record lies in three lines of memory or so, all of which whoever looks for it reads:
 * they are waited for together. */
static int dkey_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    const char *p = heap_peek(h, value, 1);
    struct vos_key k;
    int rc;

    if (p != NULL) {
        __builtin_prefetch(p + 64);
        __builtin_prefetch(p + 128);
    }
    rc = dkey_name(h, value, &k);

    if (rc)
        return rc;
    *order = bytes_cmp(k.buf, k.len, key->key, key->len);
    return 0;
}

static int akey_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    const struct akey_id *id = key->key;
    struct vos_key k;
    uint8_t type;
    int rc = akey_name(h, value, &k, &type);

    if (rc)
        return rc;
    *order = bytes_cmp(k.buf, k.len, id->buf, id->len);
    if (*order == 0)
        *order = (int)type - (int)id->type;
    return 0;
}

static int ext_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    int rc = 0;
    const struct ext *e = REC(h, ext_off(value), ext, REC_EXT, &rc);

    if (e == NULL)
        return rc;
    *order = when_cmp((struct when){e->epoch, e->minor}, *(const struct when *)key->key);
    return 0;
}

/* Between two records: the key of the second is made, then compared as usual. */
static int cont_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    int rc = 0;
    const struct cont_rec *r = REC(h, b, cont_rec, REC_CONT, &rc);
    struct tree_key k;

    if (r == NULL)
        return rc;
    k = (struct tree_key){.key = r->uuid, .len = 16};
    return cont_cmp(h, a, &k, order);
}

static int obj_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    union key_room room;
    struct tree_key k;
    int rc = obj_key(h, b, &room, &k);

    return rc ? rc : obj_cmp(h, a, &k, order);
}

static int dkey_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    struct vos_key name;
    struct tree_key k;
    int rc = dkey_name(h, b, &name);

    if (rc)
        return rc;
    k = (struct tree_key){.key = name.buf, .len = name.len};
    return dkey_cmp(h, a, &k, order);
}

static int akey_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    struct akey_id id;
    struct vos_key name;
    struct tree_key k;
    int rc = akey_name(h, b, &name, &id.type);

    if (rc)
        return rc;
    id.buf = name.buf;
    id.len = name.len;
    k = (struct tree_key){.key = &id, .len = name.len};
    return akey_cmp(h, a, &k, order);
}

static int ext_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    union key_room room;
    struct tree_key k;
    int rc = ext_key(h, 0, ext_off(b), &room, &k);

    return rc ? rc : ext_cmp(h, a, &k, order);
}

/* Names often share their beginning, which is all a lexical order key holds: their ends tell them
 * apart. */
static uint8_t name_byte(uint64_t order, const uint8_t *name, size_t len)
{
    uint64_t end = 0;
    size_t n = MIN(len, sizeof end);

    memcpy(&end, name + len - n, n);
    return (uint8_t)(mix64(order ^ mix64(end + len)) >> 8);
}

static uint8_t dkey_byte(const struct tree_key *key)
{
    return name_byte(key->order, key->key, key->len);
}

static uint8_t akey_byte(const struct tree_key *key)
{
    const struct akey_id *id = key->key;

    return name_byte(key->order + id->type, id->buf, id->len);
}

const struct tree_class snap_class = {.cmp = NULL};
const struct tree_class cont_class = {.cmp = cont_cmp, .cmp_rec = cont_cmp_rec};
const struct tree_class obj_class = {.cmp = obj_cmp, .cmp_rec = obj_cmp_rec};
const struct tree_class dkey_class = {
    .cmp = dkey_cmp, .cmp_rec = dkey_cmp_rec, .fingerprint = dkey_byte};
const struct tree_class akey_class = {
    .cmp = akey_cmp, .cmp_rec = akey_cmp_rec, .fingerprint = akey_byte};
const struct tree_class ext_class = {.cmp = ext_cmp, .cmp_rec = ext_cmp_rec, .reaches = true};

/* ---- Keys of records ---- */

int obj_key(struct heap *h, uint64_t off, union key_room *room, struct tree_key *k)
{
    int rc = 0;
    const struct obj_rec *r = REC(h, off, obj_rec, REC_OBJ, &rc);

    if (r == NULL)
        return rc;
    room->oid[0] = r->oid_hi;
    room->oid[1] = r->oid_lo;
    *k = (struct tree_key){.order = mix128(r->oid_hi, r->oid_lo), .key = room->oid, .len = 16};
    return 0;
}

int dkey_key(struct heap *h, enum korder ko, uint64_t off, union key_room *room, struct tree_key *k)
{
    int rc = dkey_name(h, off, &room->key);

    if (rc)
        return rc;
    *k = (struct tree_key){.order = key_order(ko, room->key.buf, room->key.len),
                           .key = room->key.buf,
                           .len = room->key.len};
    return 0;
}

int akey_key(struct heap *h, enum korder ko, uint64_t off, union key_room *room, struct tree_key *k)
{
    struct vos_key key;
    int rc = akey_name(h, off, &key, &room->akey.type);

    if (rc)
        return rc;
    room->akey.buf = key.buf;
    room->akey.len = key.len;
    *k = (struct tree_key){
        .order = key_order(ko, key.buf, key.len), .key = &room->akey, .len = key.len};
    return 0;
}

int ext_key(struct heap *h, uint64_t start, uint64_t off, union key_room *room, struct tree_key *k)
{
    int rc = 0;
    const struct ext *e = REC(h, off, ext, REC_EXT, &rc);

    if (e == NULL)
        return rc;
    room->when = (struct when){e->epoch, e->minor};
    *k = (struct tree_key){.order = start, .key = &room->when, .len = sizeof room->when};
    return 0;
}

/* Bound of a length in 14 bits: 4 bits of exponent, 10 of mantissa, rounded up. Tree values up to
 * 54 bits need no leaf when alone. */
uint64_t ext_value(uint64_t off, uint64_t nr)
{
    uint64_t e = 0;

    ASSERT(off >> 43 == 0 && off % 8 == 0);
    while ((nr >> e) + ((nr & ((UINT64_C(1) << e) - 1)) != 0) > 0x3ff)
        e++;
    ASSERT(e < 16);
    return off / 8 | (e << 10 | ((nr >> e) + ((nr & ((UINT64_C(1) << e) - 1)) != 0)))
                         << TREE_REACH_BIT;
}

/* ---- Finding and making ---- */

int obj_find(struct vos_cont *c, daos_obj_id_t oid, uint64_t *off)
{
    uint64_t id[2] = {oid.hi, oid.lo};
    struct tree_key k = {.order = mix128(oid.hi, oid.lo), .key = id, .len = sizeof id};

    return tree_find(c->v->h, &obj_class, c->off + offsetof(struct cont_rec, objects), &k, off);
}

int dkey_find(struct heap *h, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
              uint64_t *off)
{
    struct tree_key k = {
        .order = key_order(dkey_korder(oid), key->buf, key->len), .key = key->buf, .len = key->len};

    return tree_find(h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), &k, off);
}

int akey_find(struct heap *h, uint64_t dkey, daos_obj_id_t oid, const struct vos_key *key,
              uint8_t type, uint64_t *off)
{
    struct akey_id id = {key->buf, key->len, type};
    struct tree_key k = {.key = &id, .len = key->len};
    struct pack p;
    bool packed;
    int rc = pack_is(h, dkey, &packed);

    if (rc == 0 && packed) {
        rc = pack_get(h, dkey, &p);
        *off = pack_akey(dkey);
        if (rc == 0 && (p.type != type || bytes_cmp(p.akey.buf, p.akey.len, key->buf, key->len)))
            rc = -DER_NONEXIST;
        return rc;
    }
    if (rc)
        return rc;
    k.order = key_order(akey_korder(oid), key->buf, key->len);
    return tree_find(h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), &k, off);
}

/* A record of which only the hash was known has its id from its first write on. */
static int obj_named(struct vos_tx *t, uint64_t off, daos_obj_id_t oid)
{
    int rc = 0;
    const struct obj_rec *is = REC(t->v->h, off, obj_rec, REC_OBJ, &rc);
    struct obj_rec *r;

    if (is == NULL || !(is->flags & KEY_LOST))
        return rc;
    r = heap_tx_write(t->v->h, off, sizeof *r);
    if (r == NULL)
        return heap_rc(t->v->h);
    r->flags &= (uint16_t)~KEY_LOST;
    r->oid_hi = oid.hi;
    r->oid_lo = oid.lo;
    return 0;
}

int obj_make(struct vos_tx *t, daos_obj_id_t oid, uint64_t *off)
{
    uint64_t id[2] = {oid.hi, oid.lo}, root = t->c->off + offsetof(struct cont_rec, objects);
    struct tree_key k = {.order = mix128(oid.hi, oid.lo), .key = id, .len = sizeof id};
    struct tree_place at;
    struct obj_rec *r;
    int rc = tree_find_place(t->v->h, &obj_class, root, &k, off, &at);

    if (rc == 0)
        return obj_named(t, *off, oid);
    if (rc != -DER_NONEXIST)
        return rc;
    rc = heap_tx_alloc(t->v->h, sizeof *r, 0, off, (void **)&r);
    if (rc)
        return rc;
    r->kind = REC_OBJ;
    r->born = (uint32_t)(t->w.epoch >> 32);
    r->oid_hi = oid.hi;
    r->oid_lo = oid.lo;
    t->stat[ST_OBJ]++;
    if (t->c->lost && dkey_korder(oid) == K_INT) { /* was there more of it? */
        rc = life_lost(t, *off + offsetof(struct obj_rec, life));
        if (rc)
            return rc;
    }
    return tree_insert_at(&at, &k, *off);
}

int dkey_alloc(struct vos_tx *t, uint64_t obj, const struct vos_key *key, uint64_t *off)
{
    struct dkey_rec *r;
    int rc = heap_tx_alloc(t->v->h, sizeof *r + key->len, obj, off, (void **)&r);

    if (rc)
        return rc;
    r->kind = REC_DKEY;
    r->key_len = (uint16_t)key->len;
    memcpy(r + 1, key->buf, key->len);
    return 0;
}

int dkey_look_up(struct heap *h, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
                 struct dkey_at *at)
{
    int rc;

    at->off = 0;
    at->key = (struct tree_key){
        .order = key_order(dkey_korder(oid), key->buf, key->len), .key = key->buf, .len = key->len};
    rc = tree_find_place(h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), &at->key, &at->off,
                         &at->place);
    return rc == -DER_NONEXIST ? 0 : rc;
}

int dkey_make_at(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
                 struct dkey_at *at, uint64_t *off)
{
    int rc;

    *off = at->off;
    if (*off != 0)
        return dkey_plain(t, obj, oid, off);
    rc = dkey_alloc(t, obj, key, off);
    if (rc)
        return rc;
    t->stat[ST_DKEY]++;
    return tree_insert_at(&at->place, &at->key, *off);
}

int dkey_make(struct vos_tx *t, uint64_t obj, daos_obj_id_t oid, const struct vos_key *key,
              uint64_t *off)
{
    struct dkey_at at;
    int rc = dkey_look_up(t->v->h, obj, oid, key, &at);

    return rc ? rc : dkey_make_at(t, obj, oid, key, &at, off);
}

/* The record alone. */
static int akey_alloc(struct vos_tx *t, uint64_t dkey, const struct vos_key *key, uint8_t type,
                      uint64_t *off)
{
    struct akey_rec *r;
    int rc = heap_tx_alloc(t->v->h, akey_key_at(type) + key->len, dkey, off, (void **)&r);

    if (rc)
        return rc;
    r->kind = REC_AKEY;
    r->type = type;
    r->key_len = (uint16_t)key->len;
    memcpy((uint8_t *)r + akey_key_at(type), key->buf, key->len);
    return 0;
}

static struct tree_key akey_tree_key(daos_obj_id_t oid, const struct akey_id *id)
{
    return (struct tree_key){
        .order = key_order(akey_korder(oid), id->buf, id->len), .key = id, .len = id->len};
}

int akey_add(struct vos_tx *t, uint64_t dkey, daos_obj_id_t oid, const struct vos_key *key,
             uint8_t type, uint64_t *off)
{
    struct akey_id id = {key->buf, key->len, type};
    struct tree_key k = akey_tree_key(oid, &id);
    int rc = akey_alloc(t, dkey, key, type, off);

    return rc ? rc
              : tree_insert(t->v->h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), &k,
                            *off);
}

int akey_make(struct vos_tx *t, uint64_t dkey, daos_obj_id_t oid, const struct vos_key *key,
              uint8_t type, uint64_t *off)
{
    struct akey_id id = {key->buf, key->len, type};
    struct tree_key k = akey_tree_key(oid, &id);
    struct tree_place at;
    int rc = tree_find_place(t->v->h, &akey_class, dkey + offsetof(struct dkey_rec, akeys), &k, off,
                             &at);

    if (rc != -DER_NONEXIST)
        return rc;
    t->stat[ST_AKEY]++;
    rc = akey_alloc(t, dkey, key, type, off);
    return rc ? rc : tree_insert_at(&at, &k, *off);
}

/* ---- Walking ---- */

void walk_init(struct walk *w, struct heap *h, const struct tree_class *cls, uint64_t root,
               enum korder ko)
{
    w->h = h;
    w->cls = cls;
    w->root = root;
    w->ko = ko;
    w->at = w->nr = 0;
    w->started = w->down = w->placed = w->only = w->ahead = false;
    w->above = w->below = 0;
}

void walk_ext(struct walk *w, struct heap *h, uint64_t akey, uint64_t from, bool down)
{
    walk_init(w, h, &ext_class, akey + offsetof(struct akey_rec, values), K_INT);
    w->placed = true;
    w->down = down;
    w->how = down ? TREE_LT : TREE_GE;
    w->none = (struct when){0, 0};
    w->key = (struct tree_key){.order = from, .key = &w->none, .len = sizeof w->none};
}

void walk_ext_range(struct walk *w, struct heap *h, uint64_t akey, const struct akey_rec *a,
                    uint64_t above, uint64_t below)
{
    walk_ext(w, h, akey, array_search_from(a, above), false);
    w->above = w->key.above = above;
    w->below = w->key.below = below;
}

static int walk_key(struct walk *w, uint64_t order, uint64_t value, union key_room *room,
                    struct tree_key *k)
{
    int rc = 0;

    if (w->cls == &obj_class)
        return obj_key(w->h, value, room, k);
    if (w->cls == &dkey_class)
        return dkey_key(w->h, w->ko, value, room, k);
    if (w->cls == &akey_class)
        return akey_key(w->h, w->ko, value, room, k);
    if (w->cls == &ext_class)
        return ext_key(w->h, order, ext_off(value), room, k);
    if (w->cls == &cont_class) {
        const struct cont_rec *r = REC(w->h, value, cont_rec, REC_CONT, &rc);

        if (r)
            *k = (struct tree_key){.order = hash_bytes(r->uuid, 16), .key = r->uuid, .len = 16};
        return rc;
    }
    ASSERT(!"walk of an unknown tree");
    return -DER_INVAL;
}

/* Is the entry at or behind where the walk was placed? */
static bool from_place(const struct walk *w, const struct tree_entry *e, const struct tree_key *k)
{
    int c = e->order < w->key.order ? -1 : e->order > w->key.order;

    if (!w->placed || w->how == TREE_FIRST || w->how == TREE_LAST)
        return true;
    if (c == 0 && w->cls == &ext_class) {
        c = when_cmp(*(const struct when *)k->key, *(const struct when *)w->key.key);
    } else if (c == 0) {
        const struct akey_id *a = k->key, *b = w->key.key;

        c = bytes_cmp(a->buf, a->len, b->buf, b->len);
        c = c ? c : (int)a->type - (int)b->type;
    }
    return w->how == TREE_GE   ? c >= 0
           : w->how == TREE_GT ? c > 0
           : w->how == TREE_LE ? c <= 0
                               : c < 0;
}

/* The one akey of a packed dkey, or the one extent of its akey: the root lies in that record, or
 * would if there were a tree. *yes: the walk is of such, and has what there is of it. */
static int walk_packed(struct walk *w, bool *yes)
{
    bool akeys = w->cls == &akey_class;
    uint64_t owner =
        w->root - (akeys ? offsetof(struct dkey_rec, akeys) : offsetof(struct akey_rec, values));
    struct akey_id id;
    struct tree_key k;
    struct pack p;
    int rc = 0;

    *yes = !akeys && akey_is_packed(owner);
    if (akeys)
        rc = pack_is(w->h, owner, yes);
    if (rc || !*yes)
        return rc;
    owner = akeys ? owner : pack_of(owner);
    rc = pack_get(w->h, owner, &p);
    if (rc == 0 && !akeys)
        rc = pack_ext(&p);
    if (rc)
        return rc;
    id = (struct akey_id){p.akey.buf, p.akey.len, p.type};
    k = (struct tree_key){.key = akeys ? (const void *)&id : &p.w};
    w->ent[0] =
        akeys ? (struct tree_entry){key_order(w->ko, p.akey.buf, p.akey.len), pack_akey(owner)}
              : (struct tree_entry){p.start, ext_value(p.ver, p.nr)};
    w->nr = from_place(w, &w->ent[0], &k);
    w->started = w->only = true;
    return 0;
}

int walk_next(struct walk *w, uint64_t *value)
{
    union key_room room;
    struct tree_key k;
    enum tree_seek how = TREE_FIRST;
    bool packed = false;
    int rc = 0;

    if (!w->started && (w->cls == &akey_class || w->cls == &ext_class))
        rc = walk_packed(w, &packed);
    if (rc)
        return rc;
    if (w->at == w->nr && w->only)
        return -DER_NONEXIST;
    if (w->at == w->nr) {
        if (w->started) {
            how = w->down ? TREE_LT : TREE_GT;
            rc = walk_key(w, w->ent[w->nr - 1].order, w->ent[w->nr - 1].value, &room, &k);
            if (rc)
                return rc;
            /* a damaged record's key may have another order; from there the walk might lead back */
            k.order = w->ent[w->nr - 1].order;
            k.above = w->above;
            k.below = w->below;
        } else if (w->placed) {
            how = w->how;
            k = w->key;
        }
        rc =
            tree_scan(w->h, w->cls, w->root, how, how == TREE_FIRST || how == TREE_LAST ? NULL : &k,
                      w->ent, (uint32_t)ARRAY_LEN(w->ent), &w->nr);
        w->at = 0;
        if (rc) {
            w->nr = 0;
            return rc;
        }
        w->started = true;
        if (w->nr == 0)
            return -DER_NONEXIST;
    }
    if (w->ahead && w->at % AHEAD_STEP == 0)
        ahead_dkeys(w->h, w->ent, w->nr, w->at);
    *value = w->ent[w->at++].value;
    return 0;
}
