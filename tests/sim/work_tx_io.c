/* Of the workload "tx": single calls. A value says which it is in every byte; a list is the numbers
 * of its elements. */
#include <string.h>
#include <daos.h>
#include "base/assert.h"
#include "base/hash.h"
#include "work_tx.h"

#define AKEY "thevalue"

/* ---- Values of registers and elements ---- */

static uint32_t value_words(const struct work_client *c, uint32_t value)
{
    uint64_t r = mix64(value);

    if (c->work->large_pct > 0 && r % 100 < c->work->large_pct)
        return 1 + (uint32_t)(r >> 8) % (TX_ROOM / 4 - 1);
    return 1 + (uint32_t)(r >> 8) % 16;
}

static void fill(uint32_t *w, uint32_t nr, uint32_t value)
{
    for (uint32_t i = 0; i < nr; i++)
        w[i] = i == 0 ? value : (uint32_t)mix64((uint64_t)value << 16 | i);
}

/* 0: these are not the bytes of any. */
static uint32_t recognise(const struct work_client *c, size_t len)
{
    struct wtx_client *tc = c->priv;
    uint32_t value, nr;

    if (len < sizeof(value))
        return 0;
    memcpy(&value, tc->buf, sizeof(value));
    nr = value_words(c, value);
    fill(tc->words, nr, value);
    return len == nr * sizeof(value) && memcmp(tc->buf, tc->words, len) == 0 ? value : 0;
}

/* ---- Objects ---- */

/* That of the key, opened when it is first used. */
static int object(struct work_client *c, const struct wtx_key *k, daos_handle_t *oh)
{
    struct wtx_client *tc = c->priv;
    struct wtx_obj *o = &tc->obj[k->obj];
    int rc;

    if (o->oh.cookie != 0 && (o->oid.lo != k->oid.lo || o->oid.hi != k->oid.hi)) {
        daos_obj_close(o->oh, NULL);
        o->oh.cookie = 0;
    }
    if (o->oh.cookie == 0) {
        rc = daos_obj_open(c->coh, k->oid, DAOS_OO_RW, &o->oh, NULL);
        if (rc != 0) {
            o->oh.cookie = 0;
            return rc;
        }
        o->oid = k->oid;
    }
    *oh = o->oh;
    return 0;
}

void wtx_close(struct work_client *c)
{
    struct wtx_client *tc = c->priv;

    for (uint32_t i = 0; i < ARRAY_LEN(tc->obj); i++)
        if (tc->obj[i].oh.cookie != 0)
            daos_obj_close(tc->obj[i].oh, NULL);
}

/* ---- Writing ---- */

/* 8 bytes: an integer where one is wanted. */
static void elem_name(char name[9], uint32_t value)
{
    name[0] = 'e';
    for (uint32_t i = 7; i > 0; i--, value /= 10)
        name[i] = (char)('0' + value % 10);
    name[8] = '\0';
}

/* 0: it is none. */
static uint32_t elem_value(const char *name, size_t len)
{
    uint32_t value = 0;

    for (uint32_t i = 1; i < 8 && len == 8; i++)
        value = name[i] >= '0' && name[i] <= '9' ? value * 10 + (uint32_t)(name[i] - '0') : 0;
    return len == 8 && name[0] == 'e' ? value : 0;
}

int wtx_put(struct work_client *c, const struct wtx_key *k, daos_handle_t th, const uint32_t *value,
            uint32_t nr, bool cond)
{
    struct wtx_client *tc = c->priv;
    uint32_t *words = tc->words, n = nr;
    char dkey[9], akey[9] = AKEY;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_iod_t iod = {.iod_nr = 1, .iod_type = DAOS_IOD_SINGLE};
    daos_key_t dk;
    daos_handle_t oh;
    uint64_t flags = !cond                     ? 0
                     : k->kind == TX_SET_DKEYS ? DAOS_COND_DKEY_INSERT
                                               : DAOS_COND_AKEY_INSERT;
    int rc = object(c, k, &oh);

    if (rc != 0)
        return rc;
    memcpy(dkey, k->dkey, sizeof(dkey));
    if (k->kind == TX_SET_DKEYS)
        elem_name(dkey, value[0]);
    if (k->kind == TX_SET_AKEYS)
        elem_name(akey, value[0]);
    if (k->kind == TX_LIST) {
        memcpy(words, value, nr * sizeof(*value));
    } else {
        n = value_words(c, value[0]);
        fill(words, n, value[0]);
    }
    d_iov_set(&dk, dkey, 8);
    d_iov_set(&iod.iod_name, akey, 8);
    iod.iod_size = n * sizeof(*words);
    d_iov_set(&iov, words, iod.iod_size);
    return daos_obj_update(oh, th, flags, &dk, 1, &iod, &sgl, NULL);
}

void wtx_remove(struct work_client *c, const struct wtx_key *k)
{
    char dkey[9];
    daos_key_t dk;
    daos_handle_t oh;

    if (object(c, k, &oh) != 0)
        return;
    memcpy(dkey, k->dkey, sizeof(dkey));
    d_iov_set(&dk, dkey, 8);
    if (k->kind == TX_SET_DKEYS)
        (void)daos_obj_punch(oh, DAOS_TX_NONE, 0, NULL);
    else
        (void)daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &dk, NULL);
}

/* ---- Reading ---- */

static int strange(struct work_client *c, const struct wtx_key *k)
{
    work_wrong(c->work, "client %u: what it read of %s was never written", c->index, k->name);
    return 1;
}

static int get_value(struct work_client *c, const struct wtx_key *k, daos_handle_t oh,
                     daos_handle_t th)
{
    struct wtx_client *tc = c->priv;
    char dkey[9], akey[9] = AKEY;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_iod_t iod = {.iod_nr = 1, .iod_type = DAOS_IOD_SINGLE, .iod_size = DAOS_REC_ANY};
    daos_key_t dk;
    int rc;

    memcpy(dkey, k->dkey, sizeof(dkey));
    d_iov_set(&dk, dkey, 8);
    d_iov_set(&iod.iod_name, akey, 8);
    d_iov_set(&iov, tc->buf, sizeof(tc->buf));
    rc = daos_obj_fetch(oh, th, 0, &dk, 1, &iod, &sgl, NULL, NULL);
    if (rc != 0 || iod.iod_size == 0)
        return rc;
    if (k->kind == TX_REGISTER) {
        tc->seen[0] = recognise(c, iod.iod_size);
        tc->seen_nr = 1;
        return tc->seen[0] == 0 ? strange(c, k) : 0;
    }
    if (iod.iod_size % sizeof(uint32_t) != 0 || iod.iod_size > sizeof(tc->seen))
        return strange(c, k);
    tc->seen_nr = (uint32_t)(iod.iod_size / sizeof(uint32_t));
    memcpy(tc->seen, tc->buf, iod.iod_size);
    return 0;
}

#define AT_ONCE 24u

/* In several calls, or one. */
static int get_set(struct work_client *c, const struct wtx_key *k, daos_handle_t oh,
                   daos_handle_t th)
{
    struct wtx_client *tc = c->priv;
    uint32_t most = wtx_below(c, 2) ? AT_ONCE : 2 + wtx_below(c, 5);
    daos_key_desc_t kds[AT_ONCE];
    daos_anchor_t anchor = {0};
    char buf[AT_ONCE * 16], dkey[9];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t dk;
    int rc = 0;

    memcpy(dkey, k->dkey, sizeof(dkey));
    d_iov_set(&dk, dkey, 8);
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        const char *at = buf;
        uint32_t nr = most;

        d_iov_set(&iov, buf, sizeof(buf));
        rc = k->kind == TX_SET_DKEYS
                 ? daos_obj_list_dkey(oh, th, &nr, kds, &sgl, &anchor, NULL)
                 : daos_obj_list_akey(oh, th, &dk, &nr, kds, &sgl, &anchor, NULL);
        for (uint32_t i = 0; rc == 0 && i < nr; at += kds[i++].kd_key_len) {
            uint32_t value = elem_value(at, kds[i].kd_key_len);

            if (value == 0 || tc->seen_nr == TX_ELEMS)
                return strange(c, k);
            tc->seen[tc->seen_nr++] = value;
        }
    }
    return rc;
}

int wtx_get(struct work_client *c, const struct wtx_key *k, daos_handle_t th)
{
    struct wtx_client *tc = c->priv;
    daos_handle_t oh;
    int rc = object(c, k, &oh);

    tc->seen_nr = 0;
    if (rc != 0)
        return rc;
    if (k->kind == TX_REGISTER || k->kind == TX_LIST)
        return get_value(c, k, oh, th);
    return get_set(c, k, oh, th);
}
