/*
 * Whose a pool handle is. A client that is killed closes nothing; its engine notices
 * (engine/holders.c) and says so with a command. A handle is held by the process that opened it and
 * by those that were forked from it and use it; with the last of them it goes, and the container
 * handles that were opened through it. One that nobody holds, of a client on another host, stays
 * until it is closed or evicted.
 *
 * Holdings of a handle that was closed are dropped with it, as far as one command may; what is left
 * of them goes when its process does.
 */
#include <string.h>
#include <daos_errno.h>
#include "svc/op.h"

#define KEY_LEN   (16 + 3 * 8 + 4)
#define DROP_MAX  8u
#define GONE_STEP 24u /* container handles that SVC_HOLDER_GONE closes */

static void key_of(const uint8_t hdl[16], const struct svc_holder *who, uint8_t key[KEY_LEN])
{
    memcpy(key, hdl, 16);
    memcpy(key + 16, &who->boot, 8);
    memcpy(key + 24, &who->space, 8);
    memcpy(key + 32, &who->born, 8);
    memcpy(key + 40, &who->pid, 4);
}

int hold_put(struct svc *s, const uint8_t hdl[16], const struct svc_holder *who)
{
    uint8_t key[KEY_LEN];

    key_of(hdl, who, key);
    return st_put(s, T_HOLDER, key, sizeof(key), NULL, 0);
}

int hold_drop(struct svc *s, const uint8_t hdl[16])
{
    struct scan sc;
    int rc = 0;

    st_scan(&sc, T_HOLDER, hdl, 16);
    for (uint32_t i = 0; i < DROP_MAX && rc == 0; i++) {
        rc = st_scan_next(s, &sc);
        if (rc == 0)
            rc = st_del(s, T_HOLDER, sc.key, sc.key_len);
    }
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* The pool handle that a handle is, or was opened through. -DER_NO_HDL. */
static int pool_of(struct svc *s, const uint8_t hdl[16], uint8_t pool[16])
{
    struct chdl_rec h;
    bool is_pool;
    int rc = st_has(s, T_POOL_HDL, hdl, 16, &is_pool);

    if (rc == 0 && !is_pool)
        rc = st_cont_hdl(s, hdl, &s->scratch, &h, NULL);
    if (rc == 0)
        memcpy(pool, is_pool ? hdl : h.pool_hdl, 16);
    return rc;
}

/* Has the pool handle a holder, besides the one with this key? */
static int has_other(struct svc *s, const uint8_t hdl[16], const uint8_t *key, bool *yes)
{
    struct scan sc;
    int rc;

    st_scan(&sc, T_HOLDER, hdl, 16);
    do
        rc = st_scan_next(s, &sc);
    while (rc == 0 && key != NULL && memcmp(sc.key, key, KEY_LEN) == 0);
    *yes = rc == 0;
    return rc == -DER_NONEXIST ? 0 : rc;
}

int svc_may_hold(struct svc *s, const struct svc_holding *h, bool *yes)
{
    uint8_t key[KEY_LEN], pool[16];
    bool held = false;
    int rc;

    arena_reset(&s->scratch);
    *yes = false;
    rc = pool_of(s, h->hdl, pool);
    if (rc != 0)
        return rc == -DER_NO_HDL ? 0 : rc;
    key_of(pool, &h->who, key);
    rc = st_has(s, T_HOLDER, key, sizeof(key), &held);
    return rc != 0 || held ? rc : has_other(s, pool, NULL, yes);
}

int svc_next_holding(struct svc *s, struct svc_holding *h, bool *started)
{
    struct scan sc;
    uint8_t key[KEY_LEN];
    int rc;

    key_of(h->hdl, &h->who, key);
    st_scan(&sc, T_HOLDER, key, *started ? sizeof(key) : 0);
    sc.prefix_len = 0;
    sc.started = *started;
    rc = st_scan_next(s, &sc);
    if (rc == 0 && sc.key_len != KEY_LEN)
        rc = -DER_DF_INVAL;
    if (rc != 0)
        return rc;
    memcpy(h->hdl, sc.key, 16);
    memcpy(&h->who.boot, sc.key + 16, 8);
    memcpy(&h->who.space, sc.key + 24, 8);
    memcpy(&h->who.born, sc.key + 32, 8);
    memcpy(&h->who.pid, sc.key + 40, 4);
    *started = true;
    return 0;
}

/* ---- Commands ---- */

int hold(struct op *o, const void *req, void *rep)
{
    const struct svc_holding *h = req;
    uint8_t pool[16];
    int rc = pool_of(o->s, h->hdl, pool);

    return rc != 0 ? rc : hold_put(o->s, pool, &h->who);
}

/* Nobody holds the pool handle any more. The holding goes last: until then it is found again. */
static int close_all(struct op *o, const uint8_t hdl[16], const uint8_t key[KEY_LEN])
{
    uint32_t left = GONE_STEP;
    bool there;
    int rc = op_evict_conts(o, hdl, NULL, &left);

    if (rc != 0 || left == 0)
        return rc;
    rc = st_has(o->s, T_POOL_HDL, hdl, 16, &there);
    if (rc == 0 && there)
        rc = st_del(o->s, T_POOL_HDL, hdl, 16);
    return rc != 0 ? rc : st_del(o->s, T_HOLDER, key, KEY_LEN);
}

int holder_gone(struct op *o, const void *req, void *rep)
{
    const struct svc_holding *h = req;
    uint8_t key[KEY_LEN];
    bool known, shared;
    int rc;

    key_of(h->hdl, &h->who, key);
    rc = st_has(o->s, T_HOLDER, key, sizeof(key), &known);
    if (rc == 0 && !known)
        rc = -DER_NONEXIST;
    if (rc == 0)
        rc = has_other(o->s, h->hdl, key, &shared);
    if (rc != 0)
        return rc;
    return shared ? st_del(o->s, T_HOLDER, key, sizeof(key)) : close_all(o, h->hdl, key);
}
