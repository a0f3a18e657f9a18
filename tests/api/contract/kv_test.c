/* Contracts of key-value objects. */
#include "stage.h"

/* The value of this telling's key, as text. */
static bool holds(struct run *r, const char *text)
{
    char buf[32] = "";
    daos_size_t size = sizeof(buf);

    NOW(0, daos_kv_get(r->kv, TX0, 0, r->name, &size, buf, NULL));
    return size == strlen(text) && memcmp(buf, text, size) == 0;
}

CONTRACT(daos_kv_open)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_KV_HASHED);
    daos_handle_t kv = DAOS_HDL_INVAL;

    GIVES(0, daos_kv_open(r->coh, oid, DAOS_OO_RW, &kv, ev(r)));
    NOW(0, daos_kv_put(kv, TX0, 0, "k", 1, "v", NULL));
    NOW(0, daos_kv_close(kv, NULL));
    GIVES(0, daos_kv_open(r->ro_coh, oid, DAOS_OO_RO, &kv, ev(r)));
    NOW(-DER_NO_PERM, daos_kv_put(kv, TX0, 0, "k", 1, "w", NULL));
    NOW(0, daos_kv_close(kv, NULL));
    GIVES(-DER_NO_PERM, daos_kv_open(r->ro_coh, oid, DAOS_OO_RW, &kv, ev(r)));
    GIVES(-DER_INVAL, daos_kv_open(r->coh, own_oid(r, DAOS_OT_ARRAY), DAOS_OO_RW, &kv, ev(r)));
    GIVES(-DER_INVAL,
          daos_kv_open(r->coh, own_oid(r, DAOS_OT_MULTI_HASHED), DAOS_OO_RW, &kv, ev(r)));
    GIVES(-DER_INVAL, daos_kv_open(r->coh, oid, 0x10000, &kv, ev(r)));
    GIVES(-DER_INVAL, daos_kv_open(r->coh, oid, DAOS_OO_RW, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_open(r->poh, oid, DAOS_OO_RW, &kv, ev(r)));
    return true;
}

CONTRACT(daos_kv_close)
{
    daos_handle_t kv;

    NOW(0, daos_kv_open(r->coh, own_oid(r, DAOS_OT_KV_LEXICAL), DAOS_OO_RW, &kv, NULL));
    GIVES(0, daos_kv_close(kv, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_close(kv, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_close(r->oh, ev(r)));
    return true;
}

CONTRACT(daos_kv_put)
{
    daos_handle_t ro;

    GIVES(-DER_NONEXIST, daos_kv_put(r->kv, TX0, DAOS_COND_KEY_UPDATE, r->name, 3, "abc", ev(r)));
    GIVES(0, daos_kv_put(r->kv, TX0, DAOS_COND_KEY_INSERT, r->name, 3, "abc", ev(r)));
    CHECK(holds(r, "abc"));
    GIVES(-DER_EXIST, daos_kv_put(r->kv, TX0, DAOS_COND_KEY_INSERT, r->name, 2, "xx", ev(r)));
    GIVES(-DER_INVAL, daos_kv_put(r->kv, TX0, DAOS_COND_KEY_REMOVE, r->name, 2, "xx", ev(r)));
    GIVES(-DER_INVAL, daos_kv_put(r->kv, TX0, 0, NULL, 2, "xx", ev(r)));
    GIVES(-DER_INVAL, daos_kv_put(r->kv, TX0, 0, "", 2, "xx", ev(r)));
    GIVES(-DER_INVAL, daos_kv_put(r->kv, TX0, 0, r->name, 2, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_put(r->coh, TX0, 0, r->name, 2, "xx", ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_put(r->kv, r->coh, 0, r->name, 2, "xx", ev(r)));
    NOW(0, daos_kv_open(r->coh, own_oid(r, DAOS_OT_KV_HASHED), DAOS_OO_RO, &ro, NULL));
    GIVES(-DER_NO_PERM, daos_kv_put(ro, TX0, 0, r->name, 2, "xx", ev(r)));
    NOW(0, daos_kv_close(ro, NULL));
    CHECK(holds(r, "abc"));
    GIVES(0, daos_kv_put(r->kv, TX0, DAOS_COND_KEY_UPDATE, r->name, 5, "longer", ev(r)));
    CHECK(holds(r, "longe"));
    GIVES(0, daos_kv_put(r->kv, TX0, 0, r->name, 0, NULL, ev(r))); /* takes the value away */
    CHECK(holds(r, ""));
    return true;
}

CONTRACT(daos_kv_get)
{
    char buf[16] = "";
    daos_size_t size = sizeof(buf);

    GIVES(0, daos_kv_get(r->kv, TX0, 0, r->name, &size, buf, ev(r)));
    CHECK(size == 0);
    size = sizeof(buf);
    GIVES(-DER_NONEXIST, daos_kv_get(r->kv, TX0, DAOS_COND_KEY_GET, r->name, &size, buf, ev(r)));
    NOW(0, daos_kv_put(r->kv, TX0, 0, r->name, 5, "hello", NULL));
    size = 0;
    GIVES(0, daos_kv_get(r->kv, TX0, 0, r->name, &size, NULL, ev(r)));
    CHECK(size == 5);
    size = sizeof(buf);
    GIVES(0, daos_kv_get(r->kv, TX0, DAOS_COND_KEY_GET, r->name, &size, buf, ev(r)));
    CHECK(size == 5 && strcmp(buf, "hello") == 0);
    size = 4;
    GIVES(-DER_REC2BIG, daos_kv_get(r->kv, TX0, 0, r->name, &size, buf, ev(r)));
    CHECK(size == 5);
    GIVES(-DER_INVAL, daos_kv_get(r->kv, TX0, 0, NULL, &size, buf, ev(r)));
    GIVES(-DER_INVAL, daos_kv_get(r->kv, TX0, 0, r->name, NULL, buf, ev(r)));
    GIVES(-DER_INVAL, daos_kv_get(r->kv, TX0, DAOS_COND_KEY_INSERT, r->name, &size, buf, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_get(r->coh, TX0, 0, r->name, &size, buf, ev(r)));
    return true;
}

CONTRACT(daos_kv_remove)
{
    daos_handle_t ro;

    GIVES(-DER_NONEXIST, daos_kv_remove(r->kv, TX0, DAOS_COND_KEY_REMOVE, r->name, ev(r)));
    GIVES(0, daos_kv_remove(r->kv, TX0, 0, r->name, ev(r)));
    NOW(0, daos_kv_put(r->kv, TX0, 0, r->name, 3, "abc", NULL));
    GIVES(-DER_INVAL, daos_kv_remove(r->kv, TX0, 0, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_kv_remove(r->kv, TX0, DAOS_COND_KEY_INSERT, r->name, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_remove(r->coh, TX0, 0, r->name, ev(r)));
    NOW(0, daos_kv_open(r->coh, own_oid(r, DAOS_OT_KV_HASHED), DAOS_OO_RO, &ro, NULL));
    GIVES(-DER_NO_PERM, daos_kv_remove(ro, TX0, 0, r->name, ev(r)));
    NOW(0, daos_kv_close(ro, NULL));
    CHECK(holds(r, "abc"));
    GIVES(0, daos_kv_remove(r->kv, TX0, DAOS_COND_KEY_REMOVE, r->name, ev(r)));
    CHECK(holds(r, ""));
    return true;
}

CONTRACT(daos_kv_list)
{
    daos_obj_id_t oid = {.lo = r->id}; /* of one group: it has one order */
    daos_anchor_t anchor = {0};
    char buf[32], all[32] = "";
    daos_key_desc_t kds[4];
    d_sg_list_t sgl;
    daos_handle_t kv;
    uint32_t nr;
    d_iov_t iov;

    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    d_iov_set(&iov, buf, sizeof(buf));
    NOW(0, daos_obj_generate_oid(r->coh, &oid, DAOS_OT_KV_LEXICAL, OC_S1, 0, 0));
    NOW(0, daos_kv_open(r->coh, oid, DAOS_OO_RW, &kv, NULL));
    NOW(0, daos_kv_put(kv, TX0, 0, "one", 1, "1", NULL));
    NOW(0, daos_kv_put(kv, TX0, 0, "three", 1, "1", NULL));
    NOW(0, daos_kv_put(kv, TX0, 0, "two", 1, "1", NULL));
    for (int i = 0; i < 8 && !daos_anchor_is_eof(&anchor); i++) {
        nr = 2;
        GIVES(0, daos_kv_list(kv, TX0, &nr, kds, &sgl, &anchor, ev(r)));
        for (size_t k = 0, at = 0; k < nr; at += kds[k++].kd_key_len)
            strncat(all, buf + at, kds[k].kd_key_len);
    }
    CHECK(strcmp(all, "onethreetwo") == 0);
    memset(&anchor, 0, sizeof(anchor));
    d_iov_set(&iov, buf, 2);
    nr = 4;
    GIVES(-DER_KEY2BIG, daos_kv_list(kv, TX0, &nr, kds, &sgl, &anchor, ev(r)));
    CHECK(kds[0].kd_key_len == 3);
    d_iov_set(&iov, buf, sizeof(buf));
    nr = 0;
    GIVES(-DER_INVAL, daos_kv_list(kv, TX0, &nr, kds, &sgl, &anchor, ev(r)));
    nr = 4;
    GIVES(-DER_INVAL, daos_kv_list(kv, TX0, &nr, NULL, &sgl, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_kv_list(kv, TX0, &nr, kds, NULL, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_kv_list(kv, TX0, &nr, kds, &sgl, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_list(r->coh, TX0, &nr, kds, &sgl, &anchor, ev(r)));
    NOW(0, daos_kv_close(kv, NULL));
    return true;
}

CONTRACT(daos_kv_destroy)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_KV_HASHED);
    daos_size_t size = 0;
    daos_handle_t kv, ro;

    NOW(0, daos_kv_open(r->coh, oid, DAOS_OO_RW, &kv, NULL));
    NOW(0, daos_kv_open(r->coh, oid, DAOS_OO_RO, &ro, NULL));
    NOW(0, daos_kv_put(kv, TX0, 0, "k", 1, "v", NULL));
    GIVES(-DER_NO_PERM, daos_kv_destroy(ro, TX0, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_destroy(r->coh, TX0, ev(r)));
    GIVES(-DER_NO_HDL, daos_kv_destroy(kv, r->coh, ev(r)));
    NOW(0, daos_kv_get(ro, TX0, DAOS_COND_KEY_GET, "k", &size, NULL, NULL));
    GIVES(0, daos_kv_destroy(kv, TX0, ev(r)));
    NOW(-DER_NONEXIST, daos_kv_get(ro, TX0, DAOS_COND_KEY_GET, "k", &size, NULL, NULL));
    NOW(0, daos_kv_close(ro, NULL));
    NOW(0, daos_kv_close(kv, NULL)); /* it is still open */
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_kv_open)                                                                                \
    X(daos_kv_close)                                                                               \
    X(daos_kv_put)                                                                                 \
    X(daos_kv_get)                                                                                 \
    X(daos_kv_remove)                                                                              \
    X(daos_kv_list)                                                                                \
    X(daos_kv_destroy)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
