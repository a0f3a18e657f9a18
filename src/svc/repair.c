/*
 * Repair of the service's tables: nodes and records that cannot be read are taken out, as in the
 * store (vos/repair.c); what the store knows better is put in again.
 */
#include <stdio.h>
#include <string.h>
#include "svc/op.h"

#define TABLE_NAME_(t) #t,
static const char *const names[] = {SVC_TABLES(TABLE_NAME_)};

struct told {
    struct svc_mender *k;
    void (*say)(void *arg, const char *text);
    void *arg;
};

static void tell(const struct told *t, const char *what)
{
    char text[200];

    snprintf(text, sizeof(text), "pool service, table %s: %s", names[t->k->table], what);
    t->say(t->arg, text);
}

static int end(struct svc *s, int rc)
{
    if (rc != 0)
        heap_tx_abort(s->h);
    else
        heap_tx_commit(s->h, NULL);
    return rc;
}

static int begin(struct svc *s)
{
    int rc = heap_tx_begin(s->h, MIN(4 * kv_redo_max(64, 4096), heap_tx_max(s->h)));

    if (rc == 0)
        heap_tx_use_reserve(s->h, HEAP_RESERVE_LAST);
    return rc;
}

static void again(struct svc_mender *k)
{
    k->started = false;
    k->entries = 0;
}

/* A step over the nodes. */
static int nodes(struct svc *s, struct svc_mender *k, bool dry, const struct told *t)
{
    uint64_t root = st_root(s, k->table);
    struct tree_walker w = k->w;
    struct tree_gap gap;
    bool lost;
    int rc;

    if (!k->started)
        tree_walk_start(&w, root);
    rc = tree_find_lost(s->h, root, &w, &gap, &lost);
    if (rc == 0 && (!lost || dry)) {
        if (lost)
            tell(t, "a node of its tree is lost, with what was below it");
        k->started = true;
        k->w = w;
        return 0;
    }
    if (rc == -DER_NONEXIST || rc == -DER_CSUM) {
        again(k);
        k->records = true;
        return 0;
    }
    if (rc == 0)
        rc = begin(s);
    if (rc != 0)
        return rc;
    rc = end(s, tree_cut_lost(s->h, root, &w));
    if (rc == 0)
        again(k);
    return rc;
}

/* The last of a table. */
static int table_end(struct svc *s, struct svc_mender *k, bool dry, const struct tree_walker *w)
{
    uint64_t root = st_root(s, k->table);
    bool changed = false;
    int rc = dry || w->lost > 0 ? 0 : tree_set_count(s->h, root, k->entries, &changed);

    if (rc == 0 && changed) {
        rc = begin(s);
        if (rc == 0)
            rc = end(s, tree_set_count(s->h, root, k->entries, &changed));
    }
    if (rc != 0)
        return rc;
    again(k);
    k->records = false;
    k->table++;
    return 0;
}

/* A step over the records: a leaf. */
static int records(struct svc *s, struct svc_mender *k, bool dry, const struct told *t)
{
    uint64_t root = st_root(s, k->table), drop[TREE_LEAF_MAX], off[KV_PIECES_MAX];
    struct tree_entry ent[TREE_LEAF_MAX];
    struct tree_walker w = k->w;
    uint32_t nr, pieces, drops = 0;
    int rc;

    if (!k->started)
        tree_walk_start(&w, root);
    rc = tree_walk_leaf(s->h, &w, ent, &nr);
    if (rc == -DER_NONEXIST || rc == -DER_CSUM || rc == -DER_IO)
        return table_end(s, k, dry, &w);
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        bool good = false;

        rc = kv_record(s->h, &ent[i], off, &pieces, &good);
        if (rc == 0 && !good)
            drop[drops++] = ent[i].value;
    }
    if (rc == 0 && drops > 0 && !dry) {
        rc = begin(s);
        if (rc == 0)
            rc = end(s, kv_drop(s->h, root, &w, drop, drops));
    }
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < drops && dry; i++)
        tell(t, "a record is lost");
    if (drops == nr && nr > 0 && !dry) {
        again(k); /* there is no such leaf any more */
        return 0;
    }
    k->started = true;
    k->w = w;
    k->entries += nr - drops;
    return 0;
}

/* Without these nobody can connect, and nothing else says what they were. */
static int vital(struct svc *s, struct svc_mender *k)
{
    struct svc_props l;
    bool yes = false;
    int rc = st_has(s, T_META, "map", 3, &yes);

    arena_reset(&s->scratch);
    if (rc == 0 && yes)
        rc = st_pool_props(s, &s->scratch, &l);
    if (rc > 0 || rc == -DER_NOMEM)
        return rc;
    k->fatal = rc != 0 || !yes;
    return 0;
}

int svc_mend_step(struct svc *s, struct svc_mender *k, bool dry,
                  void (*say)(void *arg, const char *text), void *arg, bool *done)
{
    struct told t = {k, say, arg};
    int rc = 0;

    *done = k->fatal || k->table == T_NR;
    if (*done)
        return 0;
    if (k->table == 0 && !k->started && !k->records) {
        rc = vital(s, k);
        if (rc != 0 || k->fatal)
            return rc;
    }
    return k->records ? records(s, k, dry, &t) : nodes(s, k, dry, &t);
}

/* ---- What the store knows better ---- */

int svc_has_cont(struct svc *s, const uint8_t cont[16], bool *alive, bool *gone)
{
    int rc = st_has(s, T_CONT, cont, 16, alive);

    return rc != 0 ? rc : st_has(s, T_GONE, cont, 16, gone);
}

int svc_adopt_cont(struct svc *s, const uint8_t cont[16], uint64_t now, bool *made)
{
    struct cont_rec rec = {.created = now, .opened = now, .modified = now, .oid_next = now};
    struct svc_props l;
    uint8_t acl[128];
    bool known, props = false;
    int rc = st_has(s, T_CONT, cont, 16, &known);

    if (rc == 0)
        rc = st_has(s, T_CONT_PROP, cont, 16, &props);
    *made = rc == 0 && !(known && props);
    arena_reset(&s->scratch);
    if (rc == 0 && !props)
        rc = svc_cont_default_props(s, NULL, NULL, acl, &l);
    if (rc != 0 || !*made)
        return rc;
    rc = begin(s);
    if (rc != 0)
        return rc;
    if (!known)
        rc = st_cont_put(s, cont, &rec);
    return end(s, rc == 0 && !props ? st_cont_props_put(s, cont, &l) : rc);
}

int svc_adopt_snap(struct svc *s, const uint8_t cont[16], uint64_t epoch, bool *made)
{
    struct cont_rec rec;
    uint8_t key[24];
    bool yes;
    int rc = svc_has_snap(s, cont, epoch, &yes);

    *made = rc == 0 && !yes;
    if (rc == 0 && !yes)
        rc = st_get_rec(s, T_CONT, cont, 16, &rec, sizeof(rec));
    if (rc != 0 || yes)
        return rc;
    memcpy(key, cont, 16);
    put_be64(key + 16, epoch);
    rec.snaps++;
    rec.latest_snap = MAX(rec.latest_snap, epoch);
    rc = begin(s);
    if (rc != 0)
        return rc;
    rc = st_put(s, T_SNAP, key, sizeof(key), "", 0);
    return end(s, rc == 0 ? st_cont_put(s, cont, &rec) : rc);
}

int svc_next_snap(struct svc *s, const uint8_t cont[16], uint64_t *epoch, bool *started)
{
    struct scan sc;
    int rc;

    st_scan(&sc, T_SNAP, cont, 16);
    if (*started) {
        put_be64(sc.key + 16, *epoch);
        sc.key_len = 24;
        sc.started = true;
    }
    rc = st_scan_next(s, &sc);
    if (rc == 0 && sc.key_len != 24)
        rc = -DER_DF_INVAL;
    if (rc == 0) {
        *epoch = get_be64(sc.key + 16);
        *started = true;
    }
    return rc;
}

/* Of a table whose keys begin with the container's uuid, all that are its. */
static int forget_all(struct svc *s, enum svc_table t, const uint8_t cont[16])
{
    struct scan sc;
    int rc;

    st_scan(&sc, t, cont, 16);
    while ((rc = st_scan_next(s, &sc)) == 0) {
        rc = st_del(s, t, sc.key, sc.key_len);
        if (rc != 0)
            return rc;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int forget(struct svc *s, const uint8_t cont[16])
{
    char label[DAOS_PROP_MAX_LABEL_BUF_LEN];
    int rc = svc_cont_label(s, cont, label, sizeof(label));

    if (rc == 0 && label[0] != '\0')
        rc = st_del(s, T_CONT_LABEL, label, strlen(label));
    if (rc == 0 || rc == -DER_NONEXIST)
        rc = st_del(s, T_CONT_PROP, cont, 16);
    if (rc == 0 || rc == -DER_NONEXIST)
        rc = forget_all(s, T_CONT_ATTR, cont);
    if (rc == 0)
        rc = forget_all(s, T_SNAP, cont);
    if (rc == 0)
        rc = st_del(s, T_CONT, cont, 16);
    return rc == -DER_NONEXIST ? 0 : rc;
}

int svc_forget_cont(struct svc *s, const uint8_t cont[16])
{
    int rc = heap_tx_begin(s->h, heap_tx_max(s->h) / 2);

    if (rc != 0)
        return rc;
    heap_tx_use_reserve(s->h, HEAP_RESERVE_LAST);
    return end(s, forget(s, cont));
}
