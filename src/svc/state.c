#include "svc/state.h"
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/label.h"

_Static_assert((int)T_NR <= (int)SVC_TABLES_ROOM, "a table more needs a new format");

/* ---- Tables ---- */

uint64_t st_root(const struct svc *s, enum svc_table t)
{
    return s->root + offsetof(struct svc_root, table) + t * sizeof(struct tree_root);
}

/* kv_get and its kind, or the overlay's. */
static int raw_get(struct svc *s, enum svc_table t, const void *key, size_t key_len, void *buf,
                   size_t buf_len, size_t *len)
{
    if (s->overlay != NULL && overlay_owns(t)) {
        int rc = overlay_get(s->overlay, t, key, key_len, buf, buf_len, len);

        if (rc != -DER_NONEXIST || t != T_CONT)
            return rc;
    }
    return kv_get(s->h, st_root(s, t), key, key_len, buf, buf_len, len);
}

int st_get(struct svc *s, enum svc_table t, const void *key, size_t key_len, struct arena *mem,
           void **val, size_t *len)
{
    uint8_t small[1024];
    size_t n = 0;
    void *v;
    int rc = raw_get(s, t, key, key_len, small, sizeof(small), &n);

    if (rc != 0 && rc != -DER_TRUNC)
        return rc;
    v = arena_alloc(mem, n + 1);
    if (v == NULL)
        return -DER_NOMEM;
    if (rc == 0)
        memcpy(v, small, n);
    else
        rc = raw_get(s, t, key, key_len, v, n, &n);
    if (rc != 0)
        return rc;
    *val = v;
    *len = n;
    return 0;
}

int st_get_rec(struct svc *s, enum svc_table t, const void *key, size_t key_len, void *rec,
               size_t len)
{
    size_t n = 0;
    int rc = raw_get(s, t, key, key_len, rec, len, &n);

    if (rc == -DER_TRUNC || (rc == 0 && n != len))
        return -DER_DF_INVAL;
    return rc;
}

int st_has(struct svc *s, enum svc_table t, const void *key, size_t key_len, bool *yes)
{
    uint8_t none[1];
    size_t n = 0;
    int rc = raw_get(s, t, key, key_len, none, 0, &n);

    if (rc != 0 && rc != -DER_TRUNC && rc != -DER_NONEXIST)
        return rc;
    *yes = rc != -DER_NONEXIST;
    return 0;
}

int st_put(struct svc *s, enum svc_table t, const void *key, size_t key_len, const void *val,
           size_t len)
{
    if (s->overlay != NULL)
        return overlay_owns(t) ? overlay_put(&s->overlay, t, key, key_len, val, len) : -DER_NO_PERM;
    return kv_put(s->h, st_root(s, t), key, key_len, val, len);
}

int st_del(struct svc *s, enum svc_table t, const void *key, size_t key_len)
{
    if (s->overlay != NULL)
        return overlay_owns(t) && t != T_CONT ? overlay_del(&s->overlay, t, key, key_len)
                                              : -DER_NO_PERM;
    return kv_del(s->h, st_root(s, t), key, key_len);
}

void st_scan(struct scan *sc, enum svc_table t, const void *prefix, size_t prefix_len)
{
    sc->t = t;
    sc->key_len = sc->prefix_len = prefix_len;
    sc->started = false;
    if (prefix_len > 0)
        memcpy(sc->key, prefix, prefix_len);
}

int st_scan_next(struct svc *s, struct scan *sc)
{
    uint8_t key[KV_KEY_MAX];
    size_t len = 0, val_len = 0;
    int rc;

    if (s->overlay != NULL && overlay_owns(sc->t) && sc->t != T_CONT)
        rc =
            overlay_next(s->overlay, sc->t, sc->key, sc->key_len, sc->started, key, &len, &val_len);
    else
        rc = kv_next(s->h, st_root(s, sc->t), sc->key, sc->key_len, sc->started, key, &len,
                     &val_len);
    if (rc != 0)
        return rc;
    if (len < sc->prefix_len || (sc->prefix_len > 0 && memcmp(key, sc->key, sc->prefix_len) != 0))
        return -DER_NONEXIST;
    memcpy(sc->key, key, len);
    sc->key_len = len;
    sc->val_len = val_len;
    sc->started = true;
    return 0;
}

void put_be64(uint8_t out[8], uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(out, &v, 8);
}

uint64_t get_be64(const uint8_t in[8])
{
    uint64_t v;

    memcpy(&v, in, 8);
    return __builtin_bswap64(v);
}

/* ---- Properties ---- */

static int props_get(struct svc *s, enum svc_table t, const void *key, size_t key_len,
                     struct arena *mem, struct svc_props *l)
{
    void *val;
    size_t len;
    int rc = st_get(s, t, key, key_len, mem, &val, &len);

    return rc != 0 ? rc : svc_props_decode(l, t == T_META, val, len);
}

static int props_put(struct svc *s, enum svc_table t, const void *key, size_t key_len,
                     const struct svc_props *l)
{
    size_t len;
    void *buf = arena_alloc(&s->scratch, KV_VALUE_MAX);
    int rc = buf != NULL ? svc_props_encode(l, buf, KV_VALUE_MAX, &len) : -DER_NOMEM;

    return rc != 0 ? rc : st_put(s, t, key, key_len, buf, len);
}

int st_pool_props(struct svc *s, struct arena *mem, struct svc_props *l)
{
    return props_get(s, T_META, "props", 5, mem, l);
}

int st_pool_props_put(struct svc *s, const struct svc_props *l)
{
    return props_put(s, T_META, "props", 5, l);
}

int st_cont_props(struct svc *s, const uint8_t cont[16], struct arena *mem, struct svc_props *l)
{
    return props_get(s, T_CONT_PROP, cont, 16, mem, l);
}

int st_cont_props_put(struct svc *s, const uint8_t cont[16], const struct svc_props *l)
{
    return props_put(s, T_CONT_PROP, cont, 16, l);
}

/* ---- Handles ---- */

/* A text with its NUL, in place; NULL is a text of its own. */
static void put_text(struct wbuf *w, const char *text)
{
    if (text != NULL)
        wbuf_blob(w, text, strlen(text) + 1);
    else
        wbuf_u32(w, UINT32_MAX);
}

static const char *get_text(struct rbuf *r)
{
    uint32_t len = rbuf_u32(r);
    const char *text;

    if (len == UINT32_MAX)
        return NULL;
    text = rbuf_bytes(r, len);
    if (text != NULL && (len == 0 || text[len - 1] != '\0')) {
        rbuf_fail(r);
        text = NULL;
    }
    return text;
}

int st_pool_hdl(struct svc *s, const uint8_t hdl[16], struct arena *mem, struct phdl *out)
{
    const char **groups;
    struct rbuf r;
    void *val;
    size_t len;
    int rc = st_get(s, T_POOL_HDL, hdl, 16, mem, &val, &len);

    if (rc != 0)
        return rc == -DER_NONEXIST ? -DER_NO_HDL : rc;
    rbuf_init(&r, val, len);
    out->caps = rbuf_u64(&r);
    out->flags = rbuf_u32(&r);
    out->who.user = get_text(&r);
    out->who.group = get_text(&r);
    out->who.groups_nr = rbuf_count(&r, 4);
    groups = arena_alloc(mem, (out->who.groups_nr + 1) * sizeof(*groups));
    if (groups == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < out->who.groups_nr; i++)
        groups[i] = get_text(&r);
    out->who.groups = groups;
    return rbuf_check_end(&r) == 0 ? 0 : -DER_DF_INVAL;
}

int st_pool_hdl_put(struct svc *s, const uint8_t hdl[16], const struct phdl *p)
{
    void *buf = arena_alloc(&s->scratch, KV_VALUE_MAX);
    struct wbuf w;

    if (buf == NULL)
        return -DER_NOMEM;
    wbuf_init(&w, buf, KV_VALUE_MAX);
    wbuf_u64(&w, p->caps);
    wbuf_u32(&w, p->flags);
    put_text(&w, p->who.user);
    put_text(&w, p->who.group);
    wbuf_u32(&w, p->who.groups_nr);
    for (uint32_t i = 0; i < p->who.groups_nr; i++)
        put_text(&w, p->who.groups[i]);
    return wbuf_check(&w) != 0 ? -DER_OVERFLOW : st_put(s, T_POOL_HDL, hdl, 16, buf, w.len);
}

int st_cont_hdl(struct svc *s, const uint8_t hdl[16], struct arena *mem, struct chdl_rec *rec,
                const char **user)
{
    void *val;
    size_t len;
    int rc = st_get(s, T_CONT_HDL, hdl, 16, mem, &val, &len);

    if (rc != 0)
        return rc == -DER_NONEXIST ? -DER_NO_HDL : rc;
    if (len <= sizeof(*rec) || ((char *)val)[len - 1] != '\0')
        return -DER_DF_INVAL;
    memcpy(rec, val, sizeof(*rec));
    if (user != NULL)
        *user = (const char *)val + sizeof(*rec);
    return 0;
}

int st_cont_hdl_put(struct svc *s, const uint8_t hdl[16], const struct chdl_rec *rec,
                    const char *user)
{
    uint8_t buf[sizeof(*rec) + DAOS_ACL_MAX_PRINCIPAL_BUF_LEN];
    size_t user_len = strlen(user) + 1;

    if (user_len > DAOS_ACL_MAX_PRINCIPAL_BUF_LEN)
        return -DER_INVAL;
    memcpy(buf, rec, sizeof(*rec));
    memcpy(buf + sizeof(*rec), user, user_len);
    return st_put(s, T_CONT_HDL, hdl, 16, buf, sizeof(*rec) + user_len);
}

/* ---- Containers ---- */

int st_cont_find(struct svc *s, const char *name, uint8_t uuid[16], struct cont_rec *rec)
{
    int rc;

    if (name == NULL || name[0] == '\0' || strlen(name) > LABEL_MAX_LEN)
        return -DER_INVAL;
    if (!uuid_text_parse(name, uuid)) {
        rc = st_get_rec(s, T_CONT_LABEL, name, strlen(name), uuid, 16);
        if (rc != 0)
            return rc;
    }
    return st_get_rec(s, T_CONT, uuid, 16, rec, sizeof(*rec));
}

int st_cont_put(struct svc *s, const uint8_t uuid[16], const struct cont_rec *rec)
{
    return st_put(s, T_CONT, uuid, 16, rec, sizeof(*rec));
}

/* ---- Mirror ---- */

/* Handles are random: their first bytes are their hash. */
static uint64_t hdl_hash(const uint8_t hdl[16])
{
    uint64_t h;

    memcpy(&h, hdl, sizeof(h));
    return h;
}

static struct mirror *mirror_find(const struct svc *s, const uint8_t hdl[16])
{
    for (struct hlink *l = htable_first(&s->handles, hdl_hash(hdl)); l != NULL;
         l = htable_next(l)) {
        struct mirror *m = CONTAINER_OF(l, struct mirror, link);

        if (memcmp(m->h.hdl, hdl, 16) == 0)
            return m;
    }
    return NULL;
}

struct svc_chdl *svc_cont_handle(struct svc *s, const uint8_t hdl[16])
{
    struct mirror *m = mirror_find(s, hdl);

    return m != NULL ? &m->h : NULL;
}

int svc_cont_handle_stored(struct svc *s, const uint8_t hdl[16], struct svc_chdl **h)
{
    struct chdl_rec rec;
    int rc = -DER_NO_HDL;

    arena_reset(&s->scratch);
    if (s->unread)
        rc = st_cont_hdl(s, hdl, &s->scratch, &rec, NULL);
    if (rc == 0)
        rc = mirror_note_opened(s, hdl, &rec);
    if (rc != 0)
        return rc;
    *h = &s->opened->h;
    mirror_commit(s);
    return 0;
}

void svc_each_cont_handle(struct svc *s, const uint8_t cont[16],
                          void (*each)(void *arg, struct svc_chdl *h), void *arg)
{
    struct hlink *l = NULL;
    uint64_t pos = 0;

    while ((l = htable_walk(&s->handles, &pos, l)) != NULL) {
        struct mirror *m = CONTAINER_OF(l, struct mirror, link);

        if (memcmp(m->h.cont, cont, 16) == 0)
            each(arg, &m->h);
    }
}

int mirror_note_opened(struct svc *s, const uint8_t hdl[16], const struct chdl_rec *rec)
{
    struct mirror *m = base_calloc(1, sizeof(*m));

    if (m == NULL)
        return -DER_NOMEM;
    memcpy(m->h.hdl, hdl, 16);
    memcpy(m->h.cont, rec->cont, 16);
    m->h.caps = rec->caps;
    ASSERT(s->opened == NULL);
    s->opened = m;
    return 0;
}

int mirror_note_closed(struct svc *s, const uint8_t hdl[16])
{
    if (s->closed_nr == s->closed_room) {
        uint32_t room = s->closed_room != 0 ? 2 * s->closed_room : 16;
        void *p = base_realloc(s->closed, room * sizeof(s->closed[0]));

        if (p == NULL)
            return -DER_NOMEM;
        s->closed = p;
        s->closed_room = room;
    }
    memcpy(s->closed[s->closed_nr++], hdl, 16);
    return 0;
}

/* For svc_take_closed(). */
static void tell_closed(struct svc *s, const uint8_t hdl[16])
{
    if (!s->told_wanted || s->told_all)
        return;
    if (s->told_nr == s->told_room) {
        uint32_t room = s->told_room != 0 ? 2 * s->told_room : 16;
        void *p = base_realloc(s->told, room * sizeof(s->told[0]));

        if (p == NULL) {
            s->told_all = true;
            return;
        }
        s->told = p;
        s->told_room = room;
    }
    memcpy(s->told[s->told_nr++], hdl, 16);
}

void svc_tell_closed(struct svc *s)
{
    s->told_wanted = true;
}

uint32_t svc_take_closed(struct svc *s, uint8_t (*hdl)[16], uint32_t max, bool *all)
{
    uint32_t nr = MIN(max, s->told_nr);

    *all = s->told_all;
    if (*all) {
        s->told_all = false;
        s->told_nr = 0;
        return 0;
    }
    s->told_nr -= nr;
    if (nr > 0)
        memcpy(hdl, s->told[s->told_nr], nr * sizeof(hdl[0]));
    return nr;
}

void mirror_commit(struct svc *s)
{
    for (uint32_t i = 0; i < s->closed_nr; i++) {
        struct mirror *m = mirror_find(s, s->closed[i]);

        if (m != NULL) {
            htable_remove(&s->handles, &m->link);
            base_free(m);
        }
        tell_closed(s, s->closed[i]);
    }
    s->closed_nr = 0;
    if (s->opened != NULL)
        htable_insert(&s->handles, &s->opened->link, hdl_hash(s->opened->h.hdl));
    s->opened = NULL;
}

void mirror_abort(struct svc *s)
{
    base_free(s->opened);
    s->opened = NULL;
    s->closed_nr = 0;
}

int mirror_load(struct svc *s)
{
    struct chdl_rec rec;
    struct scan sc;
    int rc;

    st_scan(&sc, T_CONT_HDL, NULL, 0);
    while ((rc = st_scan_next(s, &sc)) == 0) {
        rc = sc.key_len == 16 ? st_cont_hdl(s, sc.key, &s->scratch, &rec, NULL) : -DER_DF_INVAL;
        if (rc == 0)
            rc = mirror_note_opened(s, sc.key, &rec);
        if (heap_goes_on(s->h, rc)) {
            s->unread = true;
            continue;
        }
        if (rc != 0)
            return rc;
        mirror_commit(s);
    }
    if (heap_goes_on(s->h, rc)) {
        s->unread = true;
        rc = 0;
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

void mirror_free(struct svc *s)
{
    struct hlink *l;

    mirror_abort(s);
    while ((l = htable_pop(&s->handles)) != NULL)
        base_free(CONTAINER_OF(l, struct mirror, link));
    htable_fini(&s->handles);
    base_free(s->closed);
    base_free(s->told);
    s->told = NULL;
    s->told_nr = s->told_room = 0;
}
