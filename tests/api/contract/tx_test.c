/* Contracts of transactions. */
#include "stage.h"

/* A transaction that has met a conflict: what it has read is not so any more. */
static bool in_conflict(struct run *r, daos_handle_t *th)
{
    NOW(0, put(r->oh, 0, r->name, "seen", "old"));
    NOW(0, daos_tx_open(r->coh, th, 0, NULL));
    CHECK(strcmp(get_th(r->oh, *th, 0, r->name, "seen"), "old") == 0);
    NOW(0, put(r->oh, 0, r->name, "seen", "new"));
    NOW(0, put_th(r->oh, *th, 0, r->name, "made of it", "old"));
    NOW(-DER_TX_RESTART, daos_tx_commit(*th, NULL));
    return true;
}

/* Writes in a transaction take events too: what is refused is not in it. */
static bool writes_with_events(struct run *r)
{
    daos_handle_t th, kv, ah, own = own_obj(r, DAOS_OT_MULTI_HASHED);
    daos_key_t gone = key("gone"), d = key("d");
    daos_range_t rg = {0, 4};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    daos_size_t size = 0;
    struct one x;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, (void *)"text", 4);
    one_single(&x, "d", "a", (void *)"value", 5);
    NOW(0, daos_kv_open(r->coh, own_oid(r, DAOS_OT_KV_HASHED), DAOS_OO_RW, &kv, NULL));
    NOW(0, daos_array_open_with_attr(r->coh, own_oid(r, DAOS_OT_ARRAY_BYTE), TX0, DAOS_OO_RW, 1, 8,
                                     &ah, NULL));
    NOW(0, put(own, 0, "gone", "a", "v"));
    NOW(0, put(own, 0, "d", "gone", "v"));
    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    if (r->how == REFUSED) {
        const int no = -DER_NO_PERM;

        r->again = false;
        NOW(no, done(r, daos_obj_update(own, th, 0, &x.dkey, 1, &x.iod, &x.sgl, ev(r))));
        NOW(no, done(r, daos_obj_punch_dkeys(own, th, 0, 1, &gone, ev(r))));
        NOW(no, done(r, daos_obj_punch_akeys(own, th, 0, &d, 1, &gone, ev(r))));
        NOW(no, done(r, daos_kv_put(kv, th, 0, "k", 1, "v", ev(r))));
        NOW(no, done(r, daos_array_write(ah, th, &iod, &sgl, ev(r))));
        NOW(0, daos_tx_commit(th, NULL));
        CHECK(strcmp(get(own, "d", "a"), "-") == 0 && strcmp(get(own, "gone", "a"), "v") == 0);
        CHECK(strcmp(get(own, "d", "gone"), "v") == 0);
        NOW(-DER_NONEXIST, daos_kv_get(kv, TX0, DAOS_COND_KEY_GET, "k", &size, NULL, NULL));
        NOW(0, daos_array_get_size(ah, TX0, &size, NULL));
        CHECK(size == 0);
    } else {
        GIVES(0, daos_obj_update(own, th, 0, &x.dkey, 1, &x.iod, &x.sgl, ev(r)));
        GIVES(0, daos_obj_punch_dkeys(own, th, 0, 1, &gone, ev(r)));
        GIVES(0, daos_obj_punch_akeys(own, th, 0, &d, 1, &gone, ev(r)));
        GIVES(0, daos_kv_put(kv, th, 0, "k", 1, "v", ev(r)));
        GIVES(0, daos_array_write(ah, th, &iod, &sgl, ev(r)));
        NOW(0, daos_tx_commit(th, NULL));
        CHECK(strcmp(get(own, "d", "a"), "value") == 0 && strcmp(get(own, "gone", "a"), "-") == 0);
        CHECK(strcmp(get(own, "d", "gone"), "-") == 0);
        NOW(0, daos_kv_get(kv, TX0, DAOS_COND_KEY_GET, "k", &size, NULL, NULL));
        NOW(0, daos_array_get_size(ah, TX0, &size, NULL));
        CHECK(size == 4);
    }
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_array_close(ah, NULL));
    NOW(0, daos_kv_close(kv, NULL));
    NOW(0, daos_obj_close(own, NULL));
    return true;
}

CONTRACT(daos_tx_open)
{
    daos_handle_t th = DAOS_HDL_INVAL;

    GIVES(0, daos_tx_open(r->coh, &th, 0, ev(r)));
    NOW(0, put_th(r->oh, th, 0, r->name, "a", "v"));
    NOW(0, daos_tx_close(th, NULL));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0);
    GIVES(0, daos_tx_open(r->ro_coh, &th, DAOS_TF_RDONLY, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    GIVES(0, daos_tx_open(r->coh, &th, DAOS_TF_RDONLY | DAOS_TF_ZERO_COPY, ev(r)));
    NOW(-DER_NO_PERM, put_th(r->oh, th, 0, r->name, "a", "v"));
    NOW(0, daos_tx_close(th, NULL));
    GIVES(-DER_INVAL, daos_tx_open(r->coh, &th, 1ull << 20, ev(r)));
    GIVES(-DER_INVAL, daos_tx_open(r->coh, NULL, 0, ev(r)));
    GIVES(-DER_NO_HDL, daos_tx_open(r->poh, &th, 0, ev(r)));
    return writes_with_events(r);
}

CONTRACT(daos_tx_open_snap)
{
    daos_handle_t th = DAOS_HDL_INVAL;
    daos_epoch_t epoch, got = 0;

    NOW(0, put(r->oh, 0, r->name, "a", "before"));
    NOW(0, daos_cont_create_snap(r->coh, &epoch, NULL, NULL));
    NOW(0, put(r->oh, 0, r->name, "a", "after"));
    GIVES(0, daos_tx_open_snap(r->coh, epoch, &th, ev(r)));
    CHECK(strcmp(get_th(r->oh, th, 0, r->name, "a"), "before") == 0);
    NOW(0, daos_tx_hdl2epoch(th, &got));
    CHECK(got == epoch);
    NOW(-DER_NO_PERM, put_th(r->oh, th, 0, r->name, "a", "x"));
    NOW(0, daos_tx_close(th, NULL));
    GIVES(-DER_INVAL, daos_tx_open_snap(r->coh, 0, &th, ev(r)));
    GIVES(-DER_INVAL, daos_tx_open_snap(r->coh, DAOS_EPOCH_MAX, &th, ev(r)));
    GIVES(-DER_INVAL, daos_tx_open_snap(r->coh, epoch, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_tx_open_snap(r->poh, epoch, &th, ev(r)));
    NOW(0, daos_cont_destroy_snap(r->coh, (daos_epoch_range_t){epoch, epoch}, NULL));
    return true;
}

CONTRACT(daos_tx_commit)
{
    daos_handle_t th, own = own_obj(r, DAOS_OT_MULTI_HASHED);
    daos_epoch_t epoch;

    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    NOW(0, put_th(r->oh, th, 0, r->name, "a", "v"));
    NOW(0, put_th(own, th, 0, "d", "a", "w"));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0);
    GIVES(0, daos_tx_commit(th, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "v") == 0 && strcmp(get(own, "d", "a"), "w") == 0);
    GIVES(-DER_ALREADY, daos_tx_commit(th, ev(r)));
    NOW(-DER_NO_PERM, put_th(own, th, 0, "d", "a", "x"));
    NOW(0, daos_tx_close(th, NULL));
    GIVES(-DER_NO_HDL, daos_tx_commit(th, ev(r)));
    GIVES(-DER_NO_HDL, daos_tx_commit(r->oh, ev(r)));
    GIVES(-DER_INVAL, daos_tx_commit(DAOS_TX_NONE, ev(r)));

    NOW(0, daos_tx_open(r->coh, &th, 0, NULL)); /* nothing in it */
    GIVES(0, daos_tx_commit(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    NOW(0, put_th(own, th, 0, "d", "a", "x"));
    NOW(0, daos_tx_abort(th, NULL));
    GIVES(-DER_NO_PERM, daos_tx_commit(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_cont_create_snap(r->coh, &epoch, NULL, NULL));
    NOW(0, daos_tx_open_snap(r->coh, epoch, &th, NULL));
    GIVES(-DER_NO_PERM, daos_tx_commit(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_cont_destroy_snap(r->coh, (daos_epoch_range_t){epoch, epoch}, NULL));

    /* what it read has changed: nothing of it happens */
    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    CHECK(strcmp(get_th(own, th, 0, "d", "a"), "w") == 0);
    NOW(0, put(own, 0, "d", "a", "changed"));
    NOW(0, put_th(own, th, 0, "d", "b", "made of it"));
    GIVES(-DER_TX_RESTART, daos_tx_commit(th, ev(r)));
    CHECK(strcmp(get(own, "d", "b"), "-") == 0);
    GIVES(-DER_NO_PERM, daos_tx_commit(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_obj_close(own, NULL));
    return true;
}

CONTRACT(daos_tx_abort)
{
    daos_handle_t th;

    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    NOW(0, put_th(r->oh, th, 0, r->name, "a", "v"));
    GIVES(0, daos_tx_abort(th, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0);
    GIVES(-DER_ALREADY, daos_tx_abort(th, ev(r)));
    NOW(-DER_NO_PERM, put_th(r->oh, th, 0, r->name, "a", "v"));
    NOW(0, daos_tx_close(th, NULL));
    GIVES(-DER_NO_HDL, daos_tx_abort(th, ev(r)));
    GIVES(-DER_INVAL, daos_tx_abort(DAOS_TX_NONE, ev(r)));
    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    NOW(0, put_th(r->oh, th, 0, r->name, "a", "kept"));
    NOW(0, daos_tx_commit(th, NULL));
    GIVES(-DER_NO_PERM, daos_tx_abort(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    CHECK(strcmp(get(r->oh, r->name, "a"), "kept") == 0);
    CHECK(in_conflict(r, &th));
    GIVES(-DER_NO_PERM, daos_tx_abort(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    return true;
}

CONTRACT(daos_tx_restart)
{
    daos_handle_t th;
    daos_epoch_t epoch;

    CHECK(in_conflict(r, &th));
    GIVES(0, daos_tx_restart(th, ev(r)));
    CHECK(strcmp(get_th(r->oh, th, 0, r->name, "seen"), "new") == 0);
    GIVES(-DER_NO_PERM, daos_tx_restart(th, ev(r))); /* it is open */
    NOW(0, put_th(r->oh, th, 0, r->name, "made of it", "new"));
    NOW(0, daos_tx_commit(th, NULL));
    CHECK(strcmp(get(r->oh, r->name, "made of it"), "new") == 0);
    GIVES(-DER_NO_PERM, daos_tx_restart(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    GIVES(-DER_NO_HDL, daos_tx_restart(th, ev(r)));
    GIVES(-DER_INVAL, daos_tx_restart(DAOS_TX_NONE, ev(r)));
    NOW(0, daos_cont_create_snap(r->coh, &epoch, NULL, NULL));
    NOW(0, daos_tx_open_snap(r->coh, epoch, &th, NULL));
    GIVES(-DER_NO_PERM, daos_tx_restart(th, ev(r)));
    NOW(0, daos_tx_close(th, NULL));
    NOW(0, daos_cont_destroy_snap(r->coh, (daos_epoch_range_t){epoch, epoch}, NULL));
    return true;
}

CONTRACT(daos_tx_close)
{
    daos_handle_t th;

    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    NOW(0, put_th(r->oh, th, 0, r->name, "a", "v"));
    GIVES(0, daos_tx_close(th, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0);
    GIVES(-DER_NO_HDL, daos_tx_close(th, ev(r)));
    GIVES(-DER_NO_HDL, daos_tx_close(r->coh, ev(r)));
    GIVES(-DER_INVAL, daos_tx_close(DAOS_TX_NONE, ev(r)));
    CHECK(in_conflict(r, &th));
    GIVES(0, daos_tx_close(th, ev(r)));
    return true;
}

CONTRACT(daos_tx_hdl2epoch)
{
    daos_epoch_t epoch = 0, again = 0;
    daos_handle_t th;

    NOW(0, daos_tx_open(r->coh, &th, 0, NULL));
    NOW(-DER_UNINIT, daos_tx_hdl2epoch(th, &epoch));
    CHECK(strcmp(get_th(r->oh, th, 0, r->name, "a"), "-") == 0);
    NOW(0, daos_tx_hdl2epoch(th, &epoch));
    CHECK(epoch > 0);
    CHECK(strcmp(get_th(r->oh, th, 0, r->name, "b"), "-") == 0);
    NOW(0, daos_tx_hdl2epoch(th, &again));
    CHECK(again == epoch);
    NOW(-DER_INVAL, daos_tx_hdl2epoch(th, NULL));
    NOW(0, daos_tx_close(th, NULL));
    NOW(-DER_NO_HDL, daos_tx_hdl2epoch(th, &epoch));
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_tx_open)                                                                                \
    X(daos_tx_open_snap)                                                                           \
    X(daos_tx_commit)                                                                              \
    X(daos_tx_abort)                                                                               \
    X(daos_tx_restart)                                                                             \
    X(daos_tx_close)                                                                               \
    X(daos_tx_hdl2epoch)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
