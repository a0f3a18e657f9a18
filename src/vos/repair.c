/*
 * Repair: takes out of the store what is lost, so that what is left says nothing that is not true.
 *
 *   nodes     one that cannot be had is taken out of its tree; a tree's count is what it holds
 *   records   an entry whose record cannot be had is taken out
 *   lists     an existence log or a list of values ends where it is broken
 *   values    a version whose bytes are gone says so (VER_CORRUPT)
 *
 * Whatever is taken out may have hidden older versions, at any epoch; so where it was is left a
 * LOST or GAP record (format.h), or the flag of the container, unless absence is what a reader of
 * such a key has to reckon with anyway (docs/repair.md).
 *
 * Nothing is given back here: what is not referred to any more is found and freed afterwards, by
 * whoever calls. Counters of containers are not kept: they are set afterwards
 * (vos_check_ops.recount). So a step is one small transaction for each thing that is mended, a step
 * that is cut short has done some of them, and running all of it again finds less to do.
 */
#include "vos/mend.h"

enum phase {
    PH_CONTS,     /* the tree of containers, its nodes */
    PH_CONT_RECS, /* and its records */
    PH_CONT,      /* a container: snapshots, garbage */
    PH_OBJ_NODES, /* its objects: nodes of the tree */
    PH_OBJ_RECS,  /* records */
    PH_OBJ,       /* one object: its log */
    PH_DKEY_NODES,
    PH_DKEY, /* one dkey, with all below */
    PH_SESSIONS,
    PH_END,
};

struct repair_state {
    enum phase phase;
    uint32_t cont;
    struct tree_pass conts, objs, dkeys, sessions;
    bool session_nodes_done;
    uint64_t obj;
    daos_obj_id_t oid;
    bool obj_trash;
};

/* ---- Objects ---- */

static int obj_look_at(struct mend *k, uint64_t cont, const struct tree_entry *e, enum fate *fate)
{
    const struct obj_rec *o = NULL;
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)cont;
    if (rc == 0)
        o = live ? REC(k->h, e->value, obj_rec, REC_OBJ, &rc) : NULL;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (o && mix128(o->oid_hi, o->oid_lo) == e->order)
        return 0;
    mend_say(k, "an object is lost with all in it, its id too; reading it is an error");
    *fate = SWAP;
    return 0;
}

/* Which objects they were nobody knows: none may be taken for absent. */
static int cont_in_doubt(struct mend *k)
{
    uint16_t *f = heap_tx_write(k->h, k->c->off + offsetof(struct cont_rec, flags), sizeof *f);

    if (f == NULL)
        return heap_rc(k->h);
    *f |= CONT_LOST;
    k->c->lost = true; /* should this not be committed, the next step says it again */
    return 0;
}

static uint64_t unshift(uint64_t x)
{
    return x ^ x >> 33;
}

/* The number that mix64() makes x of. */
static uint64_t unmix64(uint64_t x)
{
    x = unshift(x) * UINT64_C(0x9cb4b2f8129337db);
    x = unshift(x) * UINT64_C(0x4f74430c22a54005);
    return unshift(x);
}

/* A record that stands for the object with this hash, whatever its id: an id that has the hash too.
 */
static int obj_mark(struct mend *k, uint64_t cont, const struct tree_entry *e, uint64_t *to)
{
    struct obj_rec *o;
    int rc = heap_tx_alloc(k->h, sizeof *o, cont, to, (void **)&o);

    if (rc)
        return rc;
    k->changed = k->v->ceiling - 1;
    o->kind = REC_OBJ;
    o->flags = KEY_LOST;
    o->changed = k->changed;
    o->oid_lo = unmix64(e->order) - mix64(UINT64_C(0x9e3779b97f4a7c15));
    ASSERT(mix128(o->oid_hi, o->oid_lo) == e->order);
    return MUTANT(REPAIR_OBJECTS_ABSENT)
               ? 0
               : mend_put_lost(k, *to + offsetof(struct obj_rec, life), mend_newest(k), true);
}

static int obj_mark_node(struct mend *k, uint64_t cont, const struct tree_gap *g)
{
    (void)cont, (void)g;
    return cont_in_doubt(k);
}

static const struct leaf_ops obj_ops = {&obj_class, obj_look_at, obj_mark};

/* Into the trash again, whose tree was made empty. */
static int trash_again(struct mend *k, uint64_t obj)
{
    uint64_t root = k->c->off + offsetof(struct cont_rec, trash), is;
    union key_room room;
    struct tree_key key;
    int rc = obj_key(k->h, obj, &room, &key);

    if (rc == 0)
        rc = tree_find(k->h, &obj_class, root, &key, &is);
    if (rc != -DER_NONEXIST)
        return rc;
    rc = mend_begin(k);
    return rc ? rc : mend_end(k, tree_insert(k->h, &obj_class, root, &key, obj));
}

static int step_obj(struct mend *k)
{
    struct repair_state *s = k->v->repair;
    int rc = 0;
    const struct obj_rec *o = REC(k->h, s->obj, obj_rec, REC_OBJ, &rc);

    if (o == NULL)
        return rc;
    s->oid = (daos_obj_id_t){.hi = o->oid_hi, .lo = o->oid_lo};
    s->obj_trash = o->flags & KEY_TRASH;
    k->oid = k->at.oid = s->oid;
    k->at.has_oid = true;
    k->changed = o->changed;
    k->trash = s->obj_trash;
    rc = mend_log(k, s->obj + offsetof(struct obj_rec, life), o->flags & KEY_DEAD, "object");
    if (rc == 0 && s->obj_trash && !k->ops->dry)
        rc = trash_again(k, s->obj);
    return rc;
}

/* ---- Containers ---- */

static int cont_look_at(struct mend *k, uint64_t none, const struct tree_entry *e, enum fate *fate)
{
    const struct cont_rec *c = NULL;
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)none;
    if (rc == 0)
        c = live ? REC(k->h, e->value, cont_rec, REC_CONT, &rc) : NULL;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    if (c && hash_bytes(c->uuid, 16) == e->order)
        return 0;
    mend_say(k, "a container is lost with all in it");
    if (k->ops->dry && k->ops->lost_conts)
        k->ops->lost_conts(k->ops->arg, e->order, e->order);
    *fate = DROP;
    return 0;
}

static const struct leaf_ops cont_ops = {&cont_class, cont_look_at, NULL};

static struct vos_cont *cont_at(struct vos *v, uint32_t ix)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        if (!c->shredded && ix-- == 0)
            return c;
    }
    return NULL;
}

static int intent_read(struct mend *k, const struct tree_entry *e, bool *sound)
{
    uint64_t off = e->value, id[3];
    struct vos_update *u = NULL;
    struct intent in;
    bool live;
    int rc;

    do {
        rc = heap_alloc_is_live(k->h, off, &live);
        if (rc || !live)
            return rc;
        rc = intent_more(k->h, &off);
    } while (rc == 0);
    if (rc != -DER_NONEXIST)
        return rc;
    rc = k->c ? intent_as_update(k->c, e->value, &u, &in)
              : intent_head(k->h, e->value, &k->v->scratch, &in);
    if (rc == 0)
        *sound = intent_key(in.head.hlc, in.head.rand, in.head.seq, id).order == e->order;
    if (u)
        update_free(u, false);
    return rc;
}

static int intent_look_at(struct mend *k, uint64_t cont, const struct tree_entry *e,
                          enum fate *fate)
{
    bool sound = false;
    int rc = intent_read(k, e, &sound);

    (void)cont;
    if (rc > 0 || rc == -DER_NOMEM || sound)
        return rc;
    mend_say(k, "a transaction that was prepared is lost: what it would have changed is as it was, "
                "whatever became of it elsewhere");
    *fate = DROP;
    return 0;
}

static const struct leaf_ops intent_ops = {&intent_class, intent_look_at, NULL};

static int mend_intents(struct mend *k, uint64_t cont)
{
    uint64_t root = cont + offsetof(struct cont_rec, intents);
    int rc = mend_all_nodes(k, root, "prepared transactions", NULL, cont);

    return rc ? rc : mend_all_leaves(k, root, &intent_ops, cont, NULL);
}

/* Containers that could not be loaded for what is prepared in them, or for their snapshots: without
 * those that are lost they can. */
static int load_again(struct mend *k, uint64_t off)
{
    struct vos_cont *c;
    struct tree_root *r;
    int rc;

    if (cont_is_loaded(k->v, off) || k->ops->dry)
        return 0;
    rc = mend_intents(k, off);
    if (rc == 0)
        rc = cont_load(k->v, off, &c);
    if (!mend_damage(rc))
        return rc;
    mend_say(
        k,
        "the snapshots of a container cannot be read: those that the service knows are made again");
    rc = mend_begin(k);
    if (rc)
        return rc;
    r = heap_tx_write(k->h, off + offsetof(struct cont_rec, snaps), sizeof *r);
    if (r)
        *r = (struct tree_root){0};
    rc = mend_end(k, r ? 0 : heap_rc(k->h));
    return rc ? rc : cont_load(k->v, off, &c);
}

static int step_cont(struct mend *k)
{
    struct tree_root *r;
    int rc;

    if (k->ops->dry)
        return mend_intents(k, k->c->off);
    rc = mend_begin(k);
    if (rc)
        return rc;
    r = heap_tx_write(k->h, k->c->off + offsetof(struct cont_rec, trash), sizeof *r);
    if (r)
        *r = (struct tree_root){0};
    rc = mend_end(k, r ? 0 : heap_rc(k->h));
    k->c->trash_done = false;
    memset(&k->c->trash_at, 0, sizeof k->c->trash_at);
    if (rc == 0)
        rc = mend_intents(k, k->c->off);
    if (rc == 0 && !k->c->gone) {
        doubts_forget(k->c);
        rc = doubts_load(k->c);
    }
    return rc;
}

/* ---- Sessions ---- */

static int session_look_at(struct mend *k, uint64_t none, const struct tree_entry *e,
                           enum fate *fate)
{
    bool live;
    int rc = heap_alloc_is_live(k->h, e->value, &live);

    (void)none;
    if (rc == 0 && live && REC(k->h, e->value, session_rec, REC_SESSION, &rc) != NULL)
        return 0;
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    mend_say(k, "the outcomes of a client that is gone are lost");
    *fate = DROP;
    return 0;
}

static int session_mark(struct mend *k, uint64_t none, const struct tree_entry *e, uint64_t *to)
{
    (void)none, (void)e, (void)to;
    session_forget_cache(k->v);
    return tx_put64(k->h, k->v->super + offsetof(struct super_rec, forgotten_start), k->v->ceiling);
}

static int session_mark_node(struct mend *k, uint64_t none, const struct tree_gap *g)
{
    (void)g;
    return session_mark(k, none, NULL, NULL);
}

static const struct leaf_ops session_ops = {&session_class, session_look_at, session_mark};

static bool is_prepared(const struct vos *v, const struct vos_txid *id)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        if (doubt_find(LIST_ENTRY(l, struct vos_cont, link), id))
            return true;
    }
    return false;
}

/* What is prepared and lost counts as aborted, so that its session does not wait for a verdict. */
static int session_settle(struct mend *k, uint64_t off)
{
    int rc = 0;
    const struct session_rec *r = REC(k->h, off, session_rec, REC_SESSION, &rc);
    uint32_t cap = r ? r->cap : 0;

    for (uint32_t i = 0; i < cap && rc == 0; i++) {
        uint64_t at = off + sizeof *r + i * sizeof(struct outcome);
        const struct outcome *o = heap_ptr(k->h, at, sizeof *o);
        struct vos_txid id = {.session_hlc = r->hlc, .session_rand = r->rand};

        if (o == NULL)
            return mend_damage(heap_rc(k->h)) ? 0 : heap_rc(k->h);
        id.seq = OUTCOME_SEQ(o->seq);
        if (!(o->seq & OUTCOME_PREPARED) || is_prepared(k->v, &id))
            continue;
        rc = mend_begin(k);
        if (rc == 0)
            rc = mend_end(k, tx_put64(k->h, at, id.seq | OUTCOME_ABORTED));
        r = REC(k->h, off, session_rec, REC_SESSION, &rc);
    }
    return rc;
}

/* ---- Steps ---- */

static void pass_clear(struct tree_pass *p)
{
    *p = (struct tree_pass){.entries = 0};
}

static int step_conts(struct mend *k)
{
    struct repair_state *s = k->v->repair;
    uint64_t root = k->v->super + offsetof(struct super_rec, conts);
    bool done = false;
    int rc;

    if (s->phase == PH_CONTS) {
        rc = mend_nodes(k, root, "containers", &s->conts, NULL, 0, &done);
        if (rc == 0 && done) {
            pass_clear(&s->conts);
            s->phase = PH_CONT_RECS;
        }
        return rc;
    }
    if (s->conts.at < s->conts.nr) {
        rc = load_again(k, s->conts.ent[s->conts.at].value);
        s->conts.at += rc == 0;
        return rc;
    }
    rc = mend_leaf(k, root, &cont_ops, 0, &s->conts, &done);
    if (rc == 0 && done)
        s->phase = PH_CONT;
    return rc;
}

static int step_sessions(struct mend *k)
{
    struct repair_state *s = k->v->repair;
    uint64_t root = k->v->super + offsetof(struct super_rec, sessions);
    bool done = false;
    int rc;

    if (!s->session_nodes_done) {
        rc = mend_nodes(k, root, "sessions", &s->sessions, session_mark_node, 0, &done);
        if (rc == 0 && done) {
            pass_clear(&s->sessions);
            s->session_nodes_done = true;
        }
        return rc;
    }
    /* one by one: a step that has to wait for a page is done again, and must not pass any by */
    if (!k->ops->dry && s->sessions.at < s->sessions.nr) {
        rc = session_settle(k, s->sessions.ent[s->sessions.at].value);
        s->sessions.at += rc == 0;
        return rc;
    }
    rc = mend_leaf(k, root, &session_ops, 0, &s->sessions, &done);
    if (rc == 0 && done)
        s->phase = PH_END;
    return rc;
}

/* The tree of objects: nodes, then records. */
static int step_objs(struct mend *k)
{
    struct repair_state *s = k->v->repair;
    uint64_t root = k->c->off + offsetof(struct cont_rec, objects);
    bool done = false;
    int rc;

    if (s->phase == PH_OBJ_NODES) {
        rc = mend_nodes(k, root, "objects", &s->objs, obj_mark_node, 0, &done);
        if (rc == 0 && done) {
            pass_clear(&s->objs);
            s->phase = PH_OBJ_RECS;
        }
        return rc;
    }
    if (s->objs.at < s->objs.nr) {
        s->obj = s->objs.ent[s->objs.at++].value;
        s->phase = PH_OBJ;
        return 0;
    }
    rc = mend_leaf(k, root, &obj_ops, 0, &s->objs, &done);
    if (rc == 0 && done) {
        pass_clear(&s->objs);
        s->phase = PH_CONT;
        s->cont++;
    }
    return rc;
}

static int step_dkeys(struct mend *k)
{
    struct repair_state *s = k->v->repair;
    uint64_t root = s->obj + offsetof(struct obj_rec, dkeys);
    bool done = false;
    int rc = 0;
    const struct obj_rec *o = REC(k->h, s->obj, obj_rec, REC_OBJ, &rc);

    if (o == NULL)
        return rc;
    k->oid = k->at.oid = s->oid;
    k->at.has_oid = true;
    k->trash = s->obj_trash;
    k->changed = o->changed;
    if (s->phase == PH_DKEY_NODES) {
        rc = mend_nodes(k, root, "dkeys", &s->dkeys, mend_dkey_mark_node, s->obj, &done);
        if (rc == 0 && done) {
            pass_clear(&s->dkeys);
            s->phase = PH_DKEY;
        }
        return rc;
    }
    if (s->dkeys.at < s->dkeys.nr) {
        rc = mend_dkey(k, s->dkeys.ent[s->dkeys.at].value);
        s->dkeys.at += rc == 0;
        return rc;
    }
    rc = mend_leaf(k, root, &mend_dkey_ops, s->obj, &s->dkeys, &done);
    if (rc == 0 && done)
        s->phase = PH_OBJ_RECS;
    return rc;
}

static int step(struct mend *k)
{
    struct repair_state *s = k->v->repair;
    int rc;

    switch (s->phase) {
    case PH_CONTS:
    case PH_CONT_RECS:
        return step_conts(k);
    case PH_CONT:
        k->c = cont_at(k->v, s->cont);
        if (k->c == NULL) {
            s->phase = PH_SESSIONS;
            return 0;
        }
        rc = step_cont(k);
        if (rc == 0)
            s->phase = PH_OBJ_NODES;
        return rc;
    case PH_OBJ_NODES:
    case PH_OBJ_RECS:
        return step_objs(k);
    case PH_OBJ:
        rc = step_obj(k);
        if (rc == 0) {
            pass_clear(&s->dkeys);
            s->phase = PH_DKEY_NODES;
        }
        return rc;
    case PH_DKEY_NODES:
    case PH_DKEY:
        return step_dkeys(k);
    case PH_SESSIONS:
        return step_sessions(k);
    case PH_END:
        break;
    }
    return 0;
}

int vos_repair(struct vos *v, const struct vos_repair_ops *ops, bool *more)
{
    struct mend k = {.v = v, .h = v->h, .ops = ops};
    int rc;

    if (v->repair == NULL)
        v->repair = base_calloc(1, sizeof *v->repair);
    if (v->repair == NULL)
        return -DER_NOMEM;
    arena_reset(&v->scratch);
    k.said_end = &k.said;
    k.conts = v->repair->phase == PH_CONTS;
    k.c = v->repair->phase >= PH_CONT && v->repair->phase < PH_SESSIONS
              ? cont_at(v, v->repair->cont)
              : NULL;
    if (k.c)
        memcpy(k.at.cont, k.c->uuid, sizeof k.at.cont);
    rc = step(&k);
    mend_said_flush(&k, rc == 0);
    *more = rc != 0 || v->repair->phase != PH_END;
    if (!*more)
        repair_end(v);
    return rc;
}

void repair_end(struct vos *v)
{
    base_free(v->repair);
    v->repair = NULL;
}

/* ---- Objects whose place in the tree is lost, while they are not ---- */

int vos_objects_missing(struct vos *v, struct vos_cont **c, uint64_t *missing)
{
    struct list *l;

    *c = NULL;
    *missing = 0;
    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *is = LIST_ENTRY(l, struct vos_cont, link);
        uint64_t count;
        int rc;

        if (!is->lost || is->shredded)
            continue;
        rc = tree_count(v->h, is->off + offsetof(struct cont_rec, objects), &count);
        if (rc)
            return rc;
        if (count >= is->stat[ST_OBJ])
            continue;
        if (*c) { /* whose they are nobody can tell */
            *c = NULL;
            *missing = 0;
            return 0;
        }
        *missing = is->stat[ST_OBJ] - count;
        *c = is;
    }
    return 0;
}

int vos_object_adopt(struct vos_cont *c, uint64_t off)
{
    struct heap *h = c->v->h;
    union key_room room;
    struct tree_key k;
    int rc = obj_key(h, off, &room, &k);

    if (rc == 0)
        rc = heap_tx_begin(h, MIN(MEND_REDO, heap_tx_max(h)));
    if (rc)
        return rc;
    rc = tree_insert(h, &obj_class, c->off + offsetof(struct cont_rec, objects), &k, off);
    if (rc)
        heap_tx_abort(h);
    else
        heap_tx_commit(h, NULL);
    return rc == -DER_EXIST ? 0 : rc;
}

static int flag_lost(struct vos_cont *c, bool lost)
{
    uint16_t *f;
    int rc = heap_tx_begin(c->v->h, REDO_REC);

    if (rc)
        return rc;
    f = heap_tx_write(c->v->h, c->off + offsetof(struct cont_rec, flags), sizeof *f);
    if (f == NULL) {
        rc = heap_rc(c->v->h);
        heap_tx_abort(c->v->h);
        return rc;
    }
    *f = lost ? *f | CONT_LOST : *f & (uint16_t)~CONT_LOST;
    heap_tx_commit(c->v->h, NULL);
    c->lost = lost;
    return 0;
}

int vos_objects_found(struct vos_cont *c)
{
    return flag_lost(c, false);
}

int vos_cont_doubt(struct vos_cont *c)
{
    return c->lost ? 0 : flag_lost(c, true);
}
