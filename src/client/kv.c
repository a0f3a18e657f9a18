/*
 * Key-value objects: a key is a dkey (the text without its NUL, or 8 bytes), its value the single
 * value under the akey "0".
 */
#include <daos.h>
#include <string.h>
#include "client/list.h"
#include "client/obj_io.h"
#include "client/tx_own.h"

/* The arguments of an object request made of a key and a value; lives in the op. */
struct kv_args {
    daos_key_t dkey;
    daos_iod_t iod;
    d_iov_t iov;
    d_sg_list_t sgl;
    uint64_t number; /* key of a KV_UINT64 object */
};

int daos_kv_open(daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t *oh,
                 daos_event_t *ev)
{
    struct ev_run run;
    int rc;

    if (!daos_is_kv(oid))
        return -DER_INVAL;
    rc = client_now_begin(ev, &run);
    if (rc != 0)
        return rc;
    rc = obj_open_local(client_current(), coh, oid, mode, DAOS_HTYPE_KV, oh);
    return client_now_end(ev, &run, rc);
}

int daos_kv_close(daos_handle_t oh, daos_event_t *ev)
{
    return obj_close_now(oh, DAOS_HTYPE_KV, ev);
}

/* An integer-keyed object takes the first 8 bytes of the key as they lie there. */
static void key_in(struct kv_args *a, daos_obj_id_t oid, const char *key)
{
    if (daos_is_dkey_uint64(oid)) {
        memcpy(&a->number, key, sizeof(a->number));
        d_iov_set(&a->dkey, &a->number, sizeof(a->number));
    } else {
        d_iov_set(&a->dkey, (void *)key, strlen(key));
    }
}

static void args_in(struct kv_args *a, daos_obj_id_t oid, const char *key, void *buf,
                    daos_size_t size)
{
    key_in(a, oid, key);
    d_iov_set(&a->iov, buf, size);
    a->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &a->iov};
    a->iod = (daos_iod_t){.iod_type = DAOS_IOD_SINGLE, .iod_size = size, .iod_nr = 1};
    d_iov_set(&a->iod.iod_name, (void *)"0", 1);
}

/* The object, and under which transaction it is written. */
static int get_writable(struct client *c, daos_handle_t oh, daos_handle_t th, struct obj **out,
                        struct tx **tx)
{
    struct obj *o = obj_get(c, oh, DAOS_HTYPE_KV);
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    rc = o->mode & (DAOS_OO_RW | DAOS_OO_EXCL) ? tx_for_write(c, th, o->cont, tx) : -DER_NO_PERM;
    if (rc)
        handle_put(&o->h);
    else
        *out = o;
    return rc;
}

int daos_kv_destroy(daos_handle_t oh, daos_handle_t th, daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    rc = get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    if (tx != NULL)
        return tx_punch_if(&(struct tx_write){tx, &o->h, o->cont, o->oid}, 0, NULL, 0, NULL, ev);
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    rc = io_punch(op, o->cont, o->oid, 0, NULL, 0, NULL);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

int daos_kv_put(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                daos_size_t size, const void *buf, daos_event_t *ev)
{
    struct client *c = client_current();
    struct kv_args one, *a = &one;
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    if (key == NULL || key[0] == '\0' || (buf == NULL && size != 0) ||
        (flags & ~(uint64_t)(DAOS_COND_KEY_INSERT | DAOS_COND_KEY_UPDATE)))
        return -DER_INVAL;
    rc = get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    if (tx != NULL) {
        args_in(a, o->oid, key, (void *)buf, size);
        return tx_update_if(&(struct tx_write){tx, &o->h, o->cont, o->oid}, flags, &a->dkey, 1,
                            &a->iod, &a->sgl, ev);
    }
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    a = op_alloc(op, sizeof(*a));
    if (a == NULL)
        return op_fail(op, -DER_NOMEM);
    args_in(a, o->oid, key, (void *)buf, size);
    rc = io_update(op, o->cont, o->oid, flags, &a->dkey, 1, &a->iod, &a->sgl);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

static int finish_get(struct op *op, int rc)
{
    struct kv_args *a = (struct kv_args *)op->user[8];

    rc = io_fetch_finish(op, rc);
    if (MUTANT(CLIENT_KV_STALE_SIZE) && a->iod.iod_size == 0)
        return rc;
    if (rc == 0 || rc == -DER_REC2BIG)
        *(daos_size_t *)op->user[9] = a->iod.iod_size;
    return rc;
}

int daos_kv_get(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                daos_size_t *size, void *buf, daos_event_t *ev)
{
    struct client *c = client_current();
    struct op local, *op;
    struct tx *tx = NULL;
    struct kv_args one, *a;
    daos_epoch_t epoch;
    struct obj *o;
    int rc;

    if (key == NULL || key[0] == '\0' || size == NULL || (flags & ~(uint64_t)DAOS_COND_KEY_GET))
        return -DER_INVAL;
    o = obj_get(c, oh, DAOS_HTYPE_KV);
    if (o == NULL)
        return -DER_NO_HDL;
    key_in(&one, o->oid, key);
    rc = tx_read(c, th, o->cont, o->oid, &one.dkey, &epoch, &tx);
    if (rc == 0 && own_reads(tx))
        return own_kv_get(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, flags, &one.dkey, size,
                          buf, ev);
    if (rc == 0)
        rc = op_begin(c, ev, &local, &op);
    if (rc) {
        tx_put(tx);
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    op_set_tx(op, tx);
    a = op_alloc(op, sizeof(*a));
    if (a == NULL)
        return op_fail(op, -DER_NOMEM);
    args_in(a, o->oid, key, buf, *size);
    rc = io_fetch(op, o->cont, epoch, o->oid, flags, &a->dkey, 1, &a->iod, buf ? &a->sgl : NULL,
                  NULL);
    if (rc)
        return op_fail(op, rc);
    op->user[8] = (uintptr_t)a;
    op->user[9] = (uintptr_t)size;
    op->finish = finish_get;
    return op_run(op, o->cont, MSG_OBJ_FETCH);
}

int daos_kv_remove(daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                   daos_event_t *ev)
{
    struct client *c = client_current();
    struct kv_args one, *a = &one;
    struct op local, *op;
    struct tx *tx = NULL;
    struct obj *o;
    int rc;

    if (key == NULL || key[0] == '\0' || (flags & ~(uint64_t)DAOS_COND_KEY_REMOVE))
        return -DER_INVAL;
    rc = get_writable(c, oh, th, &o, &tx);
    if (rc)
        return rc;
    if (tx != NULL) {
        key_in(a, o->oid, key);
        return tx_punch_if(&(struct tx_write){tx, &o->h, o->cont, o->oid}, flags, &a->dkey, 0, NULL,
                           ev);
    }
    rc = op_begin(c, ev, &local, &op);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    op_hold(op, &o->h);
    a = op_alloc(op, sizeof(*a));
    if (a == NULL)
        return op_fail(op, -DER_NOMEM);
    key_in(a, o->oid, key);
    rc = io_punch(op, o->cont, o->oid, flags, &a->dkey, 0, NULL);
    return rc ? op_fail(op, rc) : op_run(op, o->cont, MSG_OBJ_UPDATE);
}

int daos_kv_list(daos_handle_t oh, daos_handle_t th, uint32_t *nr, daos_key_desc_t *kds,
                 d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev)
{
    struct client *c = client_current();
    struct tx *tx = NULL;
    daos_epoch_t epoch;
    struct obj *o;
    int rc;

    rc = list_check_args(nr, kds, sgl, anchor);
    if (rc)
        return rc;
    o = obj_get(c, oh, DAOS_HTYPE_KV);
    if (o == NULL)
        return -DER_NO_HDL;
    rc = tx_read(c, th, o->cont, o->oid, NULL, &epoch, &tx);
    if (rc) {
        handle_put(&o->h);
        return rc;
    }
    if (own_reads(tx))
        return own_list_keys(&(struct own_read){c, tx, &o->h, o->cont, o->oid}, NULL, nr, kds, sgl,
                             anchor, ev);
    return list_keys_held(c, o->cont, &o->h, tx, epoch, o->oid, NULL, nr, kds, sgl, anchor, ev);
}
