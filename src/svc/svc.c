/* Format, open, close, reads, and what the engine asks when it opens a pool. */
#include <stdio.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/label.h"
#include "place/place.h"
#include "svc/op.h"

#define SCRATCH_BYTES 16384u

static void svc_init(struct svc *s, struct heap *h, uint64_t root)
{
    memset(s, 0, sizeof(*s));
    s->h = h;
    s->root = root;
    htable_init(&s->handles);
    arena_init(&s->scratch, SCRATCH_BYTES);
}

/* ---- Format ---- */

/* Values a new pool starts with, those given checked. */
static int first_props(const struct svc_format *f, struct svc_props *l, uint8_t acl[128],
                       uint32_t *bad)
{
    uint32_t spare = MAX(f->domains, 1u) - 1;
    size_t acl_len = acl_default(DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE,
                                 DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE, acl);

    l->nr = 0;
    svc_props_put(l,
                  &(struct msg_prop){.type = DAOS_PROP_PO_ACL, .blob = {acl, (uint32_t)acl_len}});
    svc_props_put_text(l, DAOS_PROP_PO_OWNER, f->owner);
    svc_props_put_text(l, DAOS_PROP_PO_OWNER_GROUP, f->group);
    svc_props_put_num(l, DAOS_PROP_PO_REDUN_FAC,
                      MIN(spare, (uint32_t)DAOS_PROP_PO_REDUN_FAC_DEFAULT));
    svc_props_put_num(l, DAOS_PROP_PO_SVC_REDUN_FAC,
                      MIN(spare / 2, (uint32_t)DAOS_PROP_PO_SVC_REDUN_FAC_DEFAULT));
    for (uint32_t i = 0; i < f->props_nr; i++) {
        int rc = svc_prop_check(&f->props[i], true, true);

        if (rc != 0) {
            *bad = f->props[i].type;
            return rc;
        }
        svc_props_put(l, &f->props[i]);
    }
    return 0;
}

static int write_first_state(struct svc *s, const struct svc_format *f, const struct svc_props *l)
{
    struct svc_root *r;
    int rc = heap_tx_alloc(s->h, sizeof(*r), 0, &s->root, (void **)&r);

    if (rc != 0)
        return rc;
    r->magic = SVC_MAGIC;
    r->format = SVC_FORMAT;
    memcpy(r->pool, f->pool, 16);
    rc = heap_tx_root_set(s->h, HEAP_ROOT_SVC, s->root);
    if (rc == 0)
        rc = st_put(s, T_META, "map", 3, f->map, f->map_len);
    if (rc == 0)
        rc = st_pool_props_put(s, l);
    return rc;
}

int svc_format(struct heap *h, const struct svc_format *f, uint32_t *bad)
{
    uint8_t acl[128];
    struct svc_props l;
    struct svc s;
    int rc;

    svc_init(&s, h, 0);
    rc = first_props(f, &l, acl, bad);
    if (rc == 0)
        rc = heap_tx_begin(h, MIN(4 * kv_redo_max(64, KV_VALUE_MAX), heap_tx_max(h)));
    if (rc == 0) {
        rc = write_first_state(&s, f, &l);
        if (rc == 0)
            heap_tx_commit(h, NULL);
        else
            heap_tx_abort(h);
    }
    arena_fini(&s.scratch);
    htable_fini(&s.handles);
    return rc;
}

/* ---- Open, close ---- */

static int check_root(struct svc *s)
{
    const struct svc_root *r = heap_ptr(s->h, s->root, sizeof(*r));

    if (r == NULL)
        return heap_rc(s->h);
    if (r->magic != SVC_MAGIC)
        return -DER_DF_INVAL;
    if (r->format != SVC_FORMAT)
        return -DER_DF_INCOMPT;
    s->applied = r->applied;
    memcpy(s->pool, r->pool, 16);
    return 0;
}

int svc_open(struct heap *h, struct svc **svc)
{
    uint64_t root = 0;
    struct svc *s;
    int rc = heap_root_get(h, HEAP_ROOT_SVC, &root);

    if (rc != 0)
        return rc;
    if (root == 0)
        return -DER_DF_INVAL;
    s = base_alloc(sizeof(*s));
    if (s == NULL)
        return -DER_NOMEM;
    svc_init(s, h, root);
    rc = check_root(s);
    if (rc == 0)
        rc = mirror_load(s);
    if (rc != 0) {
        svc_close(s);
        return rc;
    }
    *svc = s;
    return 0;
}

void svc_close(struct svc *s)
{
    if (s == NULL)
        return;
    mirror_free(s);
    overlay_free(s->overlay);
    arena_fini(&s->scratch);
    base_free(s);
}

static const enum svc_table passing[] = {T_POOL_HDL, T_CONT_HDL, T_OPS, T_SESSION, T_HOLDER};

int svc_drop_handles(struct svc *s)
{
    int rc = heap_tx_begin(s->h, 1024);

    if (rc != 0)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(passing) && rc == 0; i++) {
        struct tree_root *r = heap_tx_write(s->h, st_root(s, passing[i]), sizeof(*r));

        if (r != NULL)
            *r = (struct tree_root){0};
        else
            rc = heap_rc(s->h);
    }
    if (rc != 0) {
        heap_tx_abort(s->h);
        return rc;
    }
    heap_tx_commit(s->h, NULL);
    mirror_free(s);
    s->closed = NULL;
    s->closed_room = 0;
    htable_init(&s->handles);
    return 0;
}

int svc_cont_unused(struct svc *s, const uint8_t cont[16])
{
    struct cont_rec rec;
    int rc = st_get_rec(s, T_CONT, cont, 16, &rec, sizeof(rec));

    if (rc != 0 || rec.handles == 0)
        return rc;
    rec.handles = 0;
    rc = heap_tx_begin(s->h, MIN(kv_redo_max(16, sizeof(rec)), heap_tx_max(s->h)));
    if (rc != 0)
        return rc;
    rc = st_cont_put(s, cont, &rec);
    if (rc == 0)
        heap_tx_commit(s->h, NULL);
    else
        heap_tx_abort(s->h);
    return rc;
}

void svc_set_readonly(struct svc *s)
{
    /* Nothing is in it yet; it being there is what makes the service read-only. */
    s->overlay = overlay_empty();
    mirror_free(s);
    s->closed = NULL;
    s->closed_room = 0;
    htable_init(&s->handles);
}

uint64_t svc_applied(const struct svc *s)
{
    return s->applied;
}

/* ---- Reads ---- */

#define READ_CASE_(code, fn)                                                                       \
    case code:                                                                                     \
        return fn(&o, req, rep);
int svc_read(struct svc *s, uint16_t opcode, const void *req, struct arena *mem, void *rep)
{
    struct op o = {s, NULL, mem};

    arena_reset(&s->scratch);
    switch (opcode) {
        SVC_READS(READ_CASE_)
    default:
        return -DER_PROTO;
    }
}

int svc_pool_handle(struct svc *s, const uint8_t hdl[16], uint64_t *caps)
{
    struct phdl p;
    int rc;

    arena_reset(&s->scratch);
    rc = st_pool_hdl(s, hdl, &s->scratch, &p);
    if (rc == 0)
        *caps = p.caps;
    return rc;
}

int svc_cont_lookup(struct svc *s, const char *name, uint8_t uuid[16])
{
    struct cont_rec rec;
    uint8_t u[16];
    int rc = st_cont_find(s, name, u, &rec);

    if (rc == 0)
        memcpy(uuid, u, 16);
    return rc;
}

static int next_uuid(struct svc *s, enum svc_table t, uint8_t uuid[16], bool *started)
{
    struct scan sc;
    int rc;

    st_scan(&sc, t, uuid, *started ? 16 : 0);
    sc.prefix_len = 0;
    sc.started = *started;
    rc = st_scan_next(s, &sc);
    if (rc == 0 && sc.key_len != 16)
        rc = -DER_DF_INVAL;
    if (rc == 0) {
        memcpy(uuid, sc.key, 16);
        *started = true;
    }
    return rc;
}

int svc_next_cont(struct svc *s, uint8_t uuid[16], bool *started)
{
    return next_uuid(s, T_CONT, uuid, started);
}

int svc_next_gone(struct svc *s, uint8_t uuid[16], bool *started)
{
    return next_uuid(s, T_GONE, uuid, started);
}

int svc_next_session(struct svc *s, uint64_t now, uint8_t session[16], bool *started, bool *idle)
{
    bool begun = *started;
    uint8_t key[16];
    int rc;

    memcpy(key, session, sizeof(key));
    rc = next_uuid(s, T_SESSION, key, &begun);
    if (rc == 0)
        rc = outcome_is_idle(s, key, now, idle);
    if (rc != 0)
        return rc; /* perhaps to be run again, from the same one */
    memcpy(session, key, sizeof(key));
    *started = true;
    return 0;
}

int svc_has_snap(struct svc *s, const uint8_t cont[16], uint64_t epoch, bool *yes)
{
    uint8_t key[24];

    memcpy(key, cont, 16);
    put_be64(key + 16, epoch);
    return st_has(s, T_SNAP, key, sizeof(key), yes);
}

int svc_has_handles(struct svc *s, bool *yes)
{
    *yes = false;
    for (size_t i = 0; i < ARRAY_LEN(passing) && !*yes; i++) {
        struct scan sc;
        int rc;

        st_scan(&sc, passing[i], NULL, 0);
        rc = st_scan_next(s, &sc);
        if (rc != 0 && rc != -DER_NONEXIST)
            return rc;
        *yes = rc == 0;
    }
    return 0;
}

int svc_cont_prop(struct svc *s, const uint8_t cont[16], uint32_t type, uint64_t *val)
{
    struct svc_props l;
    int rc;

    arena_reset(&s->scratch);
    rc = st_cont_props(s, cont, &s->scratch, &l);
    if (rc == 0)
        *val = svc_props_num(&l, type);
    return rc;
}

int svc_cont_label(struct svc *s, const uint8_t cont[16], char *buf, size_t len)
{
    struct svc_props l;
    int rc;

    arena_reset(&s->scratch);
    rc = st_cont_props(s, cont, &s->scratch, &l);
    if (rc == 0)
        snprintf(buf, len, "%s", svc_props_text(&l, DAOS_PROP_CO_LABEL, ""));
    return rc;
}

int svc_pool_prop(struct svc *s, uint32_t type, uint64_t *val)
{
    struct svc_props l;
    int rc;

    arena_reset(&s->scratch);
    rc = st_pool_props(s, &s->scratch, &l);
    if (rc == 0)
        *val = svc_props_num(&l, type);
    return rc;
}
