/* The shard's superblock record, containers, and the frame of every transaction: counters and the
 * clock's ceiling. */
#include "base/log.h"
#include "vos/priv.h"

/* How far the ceiling is renewed ahead: 250 ms. After a crash the clock starts at most this far in
 * the future. */
#define CEILING_AHEAD (UINT64_C(250000000) * 16)
#define OP_REDO       (TREE_REDO_MAX + 4 * REDO_REC)

int rec_bad(const char *what, uint64_t off)
{
    LOG_ERROR("vos: record at heap offset %llu is damaged: %s", (unsigned long long)off, what);
    return -DER_CSUM;
}

int rec_refused(const struct heap *h, uint64_t off, const struct ver *r, uint8_t kind)
{
    if (r == NULL)
        return heap_rc(h);
    if (r->kind != kind)
        return rec_bad("not of the expected kind", off);
    LOG_ERROR("vos: record at heap offset %llu has flags %x, written by a newer program",
              (unsigned long long)off, r->flags);
    return -DER_DF_INCOMPT;
}

int tx_put64(struct heap *h, uint64_t off, uint64_t value)
{
    uint64_t *p = heap_tx_write(h, off, sizeof *p);

    if (p == NULL)
        return heap_rc(h);
    *p = value;
    return 0;
}

/* ---- Transactions ---- */

/* The estimate is of the worst case, which a small log cannot hold: what is really written mostly
 * fits, and if it does not, the heap says so. */
static size_t tx_init(struct vos_tx *t, struct vos_cont *c, size_t redo_max)
{
    memset(t->stat, 0, sizeof t->stat);
    t->c = c;
    t->v = c->v;
    t->ceiling = 0;
    return MIN(redo_max + OP_REDO, heap_tx_max(t->v->h));
}

int vos_tx_begin(struct vos_tx *t, struct vos_cont *c, size_t redo_max)
{
    return heap_tx_begin(c->v->h, tx_init(t, c, redo_max));
}

int vos_tx_begin_again(struct vos_tx *t, struct vos_cont *c, size_t redo_max)
{
    return heap_tx_begin_again(c->v->h, tx_init(t, c, redo_max));
}

int vos_ceiling_raise(struct vos_tx *t, uint64_t epoch)
{
    int rc;

    if (epoch < t->v->ceiling || epoch < t->ceiling)
        return 0;
    t->ceiling = MIN(epoch, HLC_LAST - CEILING_AHEAD) + CEILING_AHEAD;
    rc = tx_put64(t->v->h, t->v->super + offsetof(struct super_rec, ceiling), t->ceiling);
    return rc;
}

int vos_tx_commit(struct vos_tx *t, uint64_t *lsn)
{
    struct vos_cont *c = t->c;

    for (uint32_t i = 0; i < ST_NR; i++) {
        int rc;

        if (t->stat[i] == 0)
            continue;
        rc = tx_put64(t->v->h, c->off + offsetof(struct cont_rec, stat) + i * 8,
                      c->stat[i] + (uint64_t)t->stat[i]);
        if (rc)
            return rc;
    }
    heap_tx_commit(t->v->h, lsn);
    for (uint32_t i = 0; i < ST_NR; i++)
        c->stat[i] += (uint64_t)t->stat[i];
    if (t->ceiling) {
        t->v->ceiling = t->ceiling;
        t->v->ceiling_lsn = heap_lsn(t->v->h);
    }
    return 0;
}

void vos_tx_abort(struct vos_tx *t)
{
    heap_tx_abort(t->v->h);
}

/* The ceiling goes above a read, in a transaction of its own. */
static int ceiling_above(struct vos *v, uint64_t epoch)
{
    struct vos_tx t = {.v = v};
    int rc = heap_tx_begin(v->h, REDO_REC);

    if (rc)
        return rc;
    rc = vos_ceiling_raise(&t, epoch);
    if (rc) {
        heap_tx_abort(v->h);
        return rc;
    }
    heap_tx_commit(v->h, NULL);
    v->ceiling = t.ceiling;
    v->ceiling_lsn = heap_lsn(v->h);
    return 0;
}

int vos_read_mark(struct vos *v, uint64_t epoch)
{
    if (epoch == DAOS_EPOCH_MAX)
        return 0;
    if (epoch >= v->ceiling) {
        int rc = ceiling_above(v, epoch);

        if (rc)
            return rc == -DER_NO_PERM ? 0 : rc; /* readonly: nobody writes after this read */
    }
    if (hlc_peek(v->clock) < epoch && !MUTANT(READ_MARK_LOST))
        hlc_raise(v->clock, epoch);
    return 0;
}

/* ---- Shard ---- */

int vos_format(struct heap *h)
{
    struct super_rec *s;
    uint64_t off;
    int rc;

    rc = heap_root_get(h, HEAP_ROOT_VOS, &off);
    if (rc)
        return rc;
    if (off != 0)
        return -DER_EXIST;
    rc = heap_tx_begin(h, OP_REDO);
    if (rc)
        return rc;
    rc = heap_tx_alloc(h, sizeof *s, 0, &off, (void **)&s);
    if (rc == 0) {
        s->kind = REC_SUPER;
        s->version = 1; /* raised by what older programs do not know */
        s->magic = VOS_MAGIC;
        rc = heap_tx_root_set(h, HEAP_ROOT_VOS, off);
    }
    if (rc) {
        heap_tx_abort(h);
        return rc;
    }
    heap_tx_commit(h, NULL);
    return 0;
}

static void cont_free(struct vos_cont *c)
{
    list_del(&c->link);
    doubts_forget(c);
    htable_fini(&c->doubtful);
    htable_fini(&c->doubt_ids);
    htable_fini(&c->decided_ids);
    base_free(c->snaps);
    base_free(c->holds);
    base_free(c);
}

static struct vos_cont *cont_new(struct vos *v)
{
    struct vos_cont *c = base_calloc(1, sizeof *c);

    if (c) {
        c->v = v;
        list_init(&c->doubts);
        htable_init(&c->doubtful);
        htable_init(&c->doubt_ids);
        list_init(&c->decided);
        htable_init(&c->decided_ids);
    }
    return c;
}

/* All of it but what is in doubt. */
static int cont_begin(struct vos *v, uint64_t off, struct vos_cont **out)
{
    const struct cont_rec *r;
    struct vos_cont *c;
    int rc = 0;

    r = REC(v->h, off, cont_rec, REC_CONT, &rc);
    if (r == NULL)
        return rc;
    c = cont_new(v);
    if (c == NULL)
        return -DER_NOMEM;
    c->off = off;
    c->gone = r->flags & CONT_DESTROYED;
    c->lost = r->flags & CONT_LOST;
    memcpy(c->uuid, r->uuid, sizeof c->uuid);
    memcpy(c->stat, r->stat, sizeof c->stat);
    c->rollback = r->rollback;
    memcpy(c->discarded, r->discarded, sizeof c->discarded);
    list_add_tail(&v->conts, &c->link);
    rc = snap_load(c);
    if (rc) {
        cont_free(c);
        return rc;
    }
    c->doubts_todo = !c->gone && !MUTANT(DOUBTS_NOT_LOADED);
    *out = c;
    return 0;
}

/* Caches a container that the tree holds. */
int cont_load(struct vos *v, uint64_t off, struct vos_cont **out)
{
    struct vos_cont *c;
    int rc = cont_begin(v, off, &c);

    if (rc == 0 && c->doubts_todo)
        rc = doubts_load(c);
    else if (rc)
        return rc;
    if (rc)
        cont_free(c);
    else
        *out = c;
    return rc;
}

bool cont_is_loaded(struct vos *v, uint64_t off)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        const struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        if (!c->shredded && c->off == off)
            return true;
    }
    return false;
}

static int conts_load(struct vos *v)
{
    struct vos_cont *c;
    struct walk w;
    uint64_t off;
    int rc;

    walk_init(&w, v->h, &cont_class, v->super + offsetof(struct super_rec, conts), K_HASH);
    while ((rc = walk_next(&w, &off)) == 0) {
        rc = cont_begin(v, off, &c);
        if (rc && !heap_goes_on(v->h, rc))
            return rc;
        v->conts_damaged |= rc != 0;
    }
    if (rc == -DER_NONEXIST)
        return 0;
    /* One that cannot be loaded is -DER_CSUM for whoever opens it, and no other's business. */
    v->conts_damaged = true;
    return heap_goes_on(v->h, rc) ? 0 : rc;
}

/* What is in doubt in a container. One whose intents cannot be read is not used. */
static int load_rest(struct vos_cont *c, int (*load)(struct vos_cont *c))
{
    struct vos *v = c->v;
    int rc = load(c);

    if (rc && heap_goes_on(v->h, rc)) {
        v->conts_damaged = true;
        cont_free(c);
    }
    return rc;
}

int conts_load_again(struct vos *v)
{
    struct walk w;
    uint64_t off;
    int rc = v->conts_damaged ? 0 : -DER_NONEXIST;

    walk_init(&w, v->h, &cont_class, v->super + offsetof(struct super_rec, conts), K_HASH);
    while (rc == 0 && (rc = walk_next(&w, &off)) == 0) {
        struct vos_cont *c;

        if (!cont_is_loaded(v, off))
            rc = cont_load(v, off, &c);
        if (rc == -DER_CSUM || rc == -DER_IO)
            rc = 0;
    }
    return rc > 0 || rc == -DER_NOMEM ? rc : 0;
}

int vos_open(struct heap *h, struct hlc *clock, uint64_t wall_ns, struct vos **out)
{
    const struct super_rec *s;
    struct vos *v;
    uint64_t off;
    int rc;

    rc = heap_root_get(h, HEAP_ROOT_VOS, &off);
    if (rc)
        return rc;
    if (off == 0)
        return -DER_UNINIT;
    s = REC(h, off, super_rec, REC_SUPER, &rc);
    if (s == NULL)
        return rc;
    if (s->magic != VOS_MAGIC)
        return -DER_DF_INVAL;
    if (s->version > VOS_FORMAT_VERSION)
        return -DER_DF_INCOMPT;
    v = base_aligned(_Alignof(struct vos), sizeof *v);
    if (v == NULL)
        return -DER_NOMEM;
    memset(v, 0, sizeof *v);
    v->h = h;
    v->clock = clock;
    v->super = off;
    v->ceiling = s->ceiling;
    list_init(&v->conts);
    htable_init(&v->sessions);
    arena_init(&v->scratch, 32768);
    rc = conts_load(v);
    if (rc) {
        vos_close(v);
        return rc;
    }
    hlc_raise(clock, MAX(MUTANT(CEILING_IGNORED) ? 0 : v->ceiling, hlc_from_unix_ns(wall_ns)));
    *out = v;
    return 0;
}

/* Intents may lie on more pages than one operation may need. */
int vos_open_step(struct vos *v, bool *more)
{
    struct list *l;

    *more = true;
    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);
        int rc;

        if (!c->doubts_todo)
            continue;
        rc = load_rest(c, doubts_load_step);
        return heap_goes_on(v->h, rc) ? 0 : rc;
    }
    *more = false;
    return 0;
}

void vos_close(struct vos *v)
{
    struct list *l;

    if (v == NULL)
        return;
    while ((l = list_first(&v->conts)))
        cont_free(LIST_ENTRY(l, struct vos_cont, link));
    while (v->spare) {
        struct vos_update *u = v->spare;

        v->spare = u->next;
        arena_fini(&u->arena);
        base_free(u);
    }
    check_end(v);
    repair_end(v);
    session_forget_cache(v);
    htable_fini(&v->sessions);
    arena_fini(&v->scratch);
    base_free(v);
}

/* ---- Containers ---- */

static struct tree_key cont_key(const uuid_t uuid)
{
    return (struct tree_key){.order = hash_bytes(uuid, 16), .key = uuid, .len = 16};
}

/* One that is not among those loaded: was there never one, or could it not be loaded? It may be by
 * now. */
static int cont_missing(struct vos *v, const uuid_t uuid, struct vos_cont **c)
{
    struct tree_key k = cont_key(uuid);
    uint64_t off;
    int rc;

    if (!v->conts_damaged)
        return -DER_NONEXIST;
    rc = tree_find(v->h, &cont_class, v->super + offsetof(struct super_rec, conts), &k, &off);
    return rc ? rc : cont_load(v, off, c);
}

static struct vos_cont *cont_find(struct vos *v, const uuid_t uuid)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        if (!c->gone && memcmp(c->uuid, uuid, sizeof(uuid_t)) == 0)
            return c;
    }
    return NULL;
}

int vos_cont_open(struct vos *v, const uuid_t uuid, bool create, struct vos_cont **out)
{
    struct vos_cont *c = cont_find(v, uuid);
    struct cont_rec *r;
    uint64_t off;
    int rc;

    if (c) {
        rc = c->doubts_todo ? load_rest(c, doubts_load) : 0;
        if (rc == 0)
            *out = c;
        return rc;
    }
    rc = cont_missing(v, uuid, out);
    if (rc != -DER_NONEXIST || !create)
        return rc;
    c = cont_new(v);
    if (c == NULL)
        return -DER_NOMEM;
    memcpy(c->uuid, uuid, sizeof c->uuid);
    rc = heap_tx_begin(v->h, OP_REDO + sizeof *r);
    if (rc)
        goto out_free;
    /* the service knows it already, and a read in a full pool may be the first that looks */
    heap_tx_use_reserve(v->h, HEAP_RESERVE_COME);
    rc = heap_tx_alloc(v->h, sizeof *r, 0, &off, (void **)&r);
    if (rc == 0) {
        struct tree_key k = cont_key(uuid);

        r->kind = REC_CONT;
        memcpy(r->uuid, uuid, sizeof r->uuid);
        rc = tree_insert(v->h, &cont_class, v->super + offsetof(struct super_rec, conts), &k, off);
    }
    if (rc) {
        heap_tx_abort(v->h);
        goto out_free;
    }
    heap_tx_commit(v->h, &c->pend_any);
    c->off = off;
    list_add_tail(&v->conts, &c->link);
    *out = c;
    return 0;
out_free:
    htable_fini(&c->doubtful);
    base_free(c);
    return rc;
}

/* The record leaves the tree of containers only when it is empty (reclaim); a container made again
 * under the same uuid meanwhile is told apart by the flag, which is why the destroyed one is
 * re-keyed under a uuid of its own here. */
int vos_cont_destroy(struct vos *v, const uuid_t uuid)
{
    struct vos_cont *c = cont_find(v, uuid);
    struct tree_key k;
    struct cont_rec *r;
    uint64_t root = v->super + offsetof(struct super_rec, conts);
    uuid_t grave;
    int rc;

    rc = c ? 0 : cont_missing(v, uuid, &c);
    if (rc)
        return rc;
    memset(grave, 0xff, sizeof grave);
    memcpy(grave, &c->off, sizeof c->off); /* offsets are unique among live records */
    rc = heap_tx_begin(v->h, 2 * OP_REDO + sizeof *r);
    if (rc)
        return rc;
    heap_tx_use_reserve(v->h, HEAP_RESERVE_LAST);
    k = cont_key(uuid);
    rc = tree_remove(v->h, &cont_class, root, &k);
    if (rc)
        goto abort;
    r = heap_tx_write(v->h, c->off, 24);
    if (r == NULL) {
        rc = heap_rc(v->h);
        goto abort;
    }
    r->flags |= CONT_DESTROYED;
    memcpy(r->uuid, grave, sizeof grave);
    k = cont_key(grave);
    rc = tree_insert(v->h, &cont_class, root, &k, c->off);
    if (rc)
        goto abort;
    heap_tx_commit(v->h, &v->gone_lsn);
    memcpy(c->uuid, grave, sizeof grave);
    c->gone = true;
    doubts_forget(c); /* nobody will ask for their commit */
    return 0;
abort:
    heap_tx_abort(v->h);
    return rc;
}

void vos_cont_uuid(const struct vos_cont *c, uuid_t uuid)
{
    memcpy(uuid, c->uuid, sizeof c->uuid);
}

void vos_each_cont(struct vos *v, void (*each)(void *arg, const uuid_t uuid), void *arg)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        if (!c->gone)
            each(arg, c->uuid);
    }
}

void vos_stat(struct vos *v, struct vos_stat *st)
{
    struct list *l;

    memset(st, 0, sizeof *st);
    LIST_FOREACH(l, &v->conts)
    {
        const struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        st->conts += !c->gone;
        st->objects += c->stat[ST_OBJ];
        st->dkeys += c->stat[ST_DKEY];
        st->akeys += c->stat[ST_AKEY];
        st->singles += c->stat[ST_SINGLE];
        st->extents += c->stat[ST_EXT];
        st->value_heap_bytes += c->stat[ST_HEAP_BYTES];
        st->value_data_bytes += c->stat[ST_DATA_BYTES];
        st->intents += c->doubt_nr;
        for (const struct list *d = c->doubts.next; d != &c->doubts; d = d->next)
            st->intent_bytes += LIST_ENTRY(d, struct doubt, link)->bytes;
    }
    st->decided = v->decided_nr;
    st->sessions_kept = v->sessions.count;
    st->tx_memory =
        v->tx_bytes + MARKS_BYTES + v->sessions.count * (SESSION_KEPT_SIZE + HASH_SLOT_BYTES);
}
