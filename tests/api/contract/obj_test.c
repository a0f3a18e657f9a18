/* Contracts of objects. */
#include "stage.h"
#include <daos_pipeline.h>

/* The akey "a" of a dkey named after the telling, one single value. */
static struct one *value(struct run *r, struct one *x, void *buf, size_t len)
{
    return one_single(x, r->name, "a", buf, len);
}

CONTRACT(daos_obj_open)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_MULTI_HASHED), none = {.lo = 1, .hi = UINT64_MAX};
    daos_handle_t oh = DAOS_HDL_INVAL;

    GIVES(0, daos_obj_open(r->coh, oid, DAOS_OO_RW, &oh, ev(r)));
    NOW(0, put(oh, 0, "d", "a", "v"));
    NOW(0, daos_obj_close(oh, NULL));
    GIVES(0, daos_obj_open(r->ro_coh, oid, DAOS_OO_RO, &oh, ev(r)));
    CHECK(strcmp(get(oh, "d", "a"), "v") == 0);
    NOW(-DER_NO_PERM, put(oh, 0, "d", "a", "w"));
    NOW(0, daos_obj_close(oh, NULL));
    GIVES(-DER_NO_PERM, daos_obj_open(r->ro_coh, oid, DAOS_OO_RW, &oh, ev(r)));
    GIVES(-DER_INVAL, daos_obj_open(r->coh, oid, DAOS_OO_RW, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_open(r->coh, none, DAOS_OO_RW, &oh, ev(r)));
    GIVES(-DER_INVAL, daos_obj_open(r->coh, oid, 0x10000, &oh, ev(r)));
    oid.hi = (oid.hi & ~OID_FMT_CLASS_MASK) | (uint64_t)0xee << OID_FMT_CLASS_SHIFT;
    GIVES(-DER_NONEXIST, daos_obj_open(r->coh, oid, DAOS_OO_RW, &oh, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_open(r->poh, oid, DAOS_OO_RW, &oh, ev(r)));
    return true;
}

CONTRACT(daos_obj_close)
{
    daos_handle_t oh = own_obj(r, DAOS_OT_MULTI_HASHED);

    GIVES(0, daos_obj_close(oh, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_close(oh, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_close(r->kv, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_close(r->coh, ev(r)));
    return true;
}

CONTRACT(daos_obj_update)
{
    daos_handle_t ro;
    daos_iod_t two[2];
    d_sg_list_t sgls[2];
    daos_recx_t overlap[] = {{0, 2}, {1, 2}};
    struct one x, y;
    char v[] = "value", w[] = "other";
    d_iov_t nowhere = {.iov_buf = NULL, .iov_len = 5, .iov_buf_len = 5};

    value(r, &x, v, 5);
    GIVES(-DER_NONEXIST,
          daos_obj_update(r->oh, TX0, DAOS_COND_DKEY_UPDATE, &x.dkey, 1, &x.iod, &x.sgl, ev(r)));
    GIVES(0, daos_obj_update(r->oh, TX0, DAOS_COND_DKEY_INSERT, &x.dkey, 1, &x.iod, &x.sgl, ev(r)));
    value(r, &y, w, 5);
    GIVES(-DER_EXIST,
          daos_obj_update(r->oh, TX0, DAOS_COND_AKEY_INSERT, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    GIVES(-DER_EXIST,
          daos_obj_update(r->oh, TX0, DAOS_COND_DKEY_INSERT, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    GIVES(-DER_INVAL,
          daos_obj_update(r->oh, TX0, DAOS_COND_PUNCH, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    GIVES(-DER_INVAL,
          daos_obj_update(r->oh, TX0, DAOS_COND_DKEY_FETCH, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, NULL, 1, &y.iod, &y.sgl, ev(r)));
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, NULL, &y.sgl, ev(r)));
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, NULL, ev(r)));
    y.dkey.iov_len = 0;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    value(r, &y, w, 5)->iod.iod_nr = 2;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    value(r, &y, w, 5)->iod.iod_type = 7;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    value(r, &y, w, 5)->iod.iod_name.iov_buf = NULL;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    value(r, &y, w, 5)->sgl.sg_iovs = &nowhere;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    value(r, &y, w, 5)->iod.iod_size = 6;
    GIVES(-DER_REC2BIG, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    one_array(&y, r->name, "b", 1, 0, 4, w)->iod.iod_recxs = overlap;
    y.iod.iod_nr = 2;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    one_array(&y, r->name, "b", 1, 0, 4, w)->recx.rx_nr = 0;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    one_array(&y, r->name, "b", 1, 1ull << 63, 1, w);
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    one_array(&y, r->name, "b", 1, 0, 4, w)->iod.iod_recxs = NULL;
    GIVES(-DER_INVAL, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    value(r, &y, w, 5);
    GIVES(-DER_NO_HDL, daos_obj_update(r->coh, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_update(r->oh, r->coh, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    NOW(0, daos_obj_open(r->coh, own_oid(r, DAOS_OT_MULTI_HASHED), DAOS_OO_RO, &ro, NULL));
    GIVES(-DER_NO_PERM, daos_obj_update(ro, TX0, 0, &y.dkey, 1, &y.iod, &y.sgl, ev(r)));
    NOW(0, daos_obj_close(ro, NULL));

    /* all or nothing */
    two[0] = y.iod;
    sgls[0] = y.sgl;
    one_single(&x, r->name, "c", w, 5);
    two[1] = x.iod;
    sgls[1] = x.sgl;
    GIVES(-DER_EXIST,
          daos_obj_update(r->oh, TX0, DAOS_COND_AKEY_INSERT, &y.dkey, 2, two, sgls, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "value") == 0);
    CHECK(strcmp(get(r->oh, r->name, "b"), "-") == 0 && strcmp(get(r->oh, r->name, "c"), "-") == 0);
    GIVES(0, daos_obj_update(r->oh, TX0, 0, &y.dkey, 2, two, sgls, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "other") == 0);
    GIVES(0, daos_obj_update(r->oh, TX0, 0, &y.dkey, 0, NULL, NULL, ev(r))); /* nothing */
    y.iod.iod_size = 0;                                                      /* takes it away */
    GIVES(0, daos_obj_update(r->oh, TX0, 0, &y.dkey, 1, &y.iod, NULL, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0);
    return true;
}

CONTRACT(daos_obj_fetch)
{
    char buf[16] = "", v[] = "value";
    daos_recx_t got[2];
    daos_iom_t iom = {.iom_nr = 2, .iom_flags = DAOS_IOMF_DETAIL, .iom_recxs = got};
    struct one x;

    NOW(0, put(r->oh, 0, r->name, "a", "value"));
    value(r, &x, buf, sizeof(buf))->iod.iod_size = DAOS_REC_ANY;
    GIVES(0, daos_obj_fetch(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, ev(r)));
    CHECK(x.iod.iod_size == 5 && strcmp(buf, "value") == 0 && x.sgl.sg_nr_out == 1 &&
          x.iov.iov_len == 5);
    x.iod.iod_size = DAOS_REC_ANY;
    GIVES(0, daos_obj_fetch(r->oh, TX0, 0, &x.dkey, 1, &x.iod, NULL, NULL, ev(r)));
    CHECK(x.iod.iod_size == 5);
    value(r, &x, buf, 3)->iod.iod_size = DAOS_REC_ANY;
    GIVES(-DER_REC2BIG, daos_obj_fetch(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, ev(r)));
    CHECK(x.iod.iod_size == 5);
    /* what is not there */
    memset(buf, '?', sizeof(buf));
    one_single(&x, r->name, "none", buf, sizeof(buf));
    GIVES(0, daos_obj_fetch(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, ev(r)));
    CHECK(x.iod.iod_size == 0 && x.sgl.sg_nr_out == 0 && buf[0] == '?');
    GIVES(-DER_NONEXIST, daos_obj_fetch(r->oh, TX0, DAOS_COND_AKEY_FETCH, &x.dkey, 1, &x.iod,
                                        &x.sgl, NULL, ev(r)));
    one_single(&x, "no such dkey", "a", buf, sizeof(buf));
    GIVES(-DER_NONEXIST, daos_obj_fetch(r->oh, TX0, DAOS_COND_DKEY_FETCH, &x.dkey, 1, &x.iod,
                                        &x.sgl, NULL, ev(r)));
    CHECK(buf[0] == '?');

    /* extents, and which of them there are */
    one_array(&x, r->name, "b", 1, 10, 5, v);
    NOW(0, daos_obj_update(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    one_array(&x, r->name, "b", 1, 8, 10, buf);
    GIVES(0, daos_obj_fetch(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, &iom, ev(r)));
    CHECK(memcmp(buf, "??value???", 10) == 0);
    CHECK(iom.iom_type == DAOS_IOD_ARRAY && iom.iom_size == 1 && iom.iom_nr_out == 1 &&
          got[0].rx_idx == 10 && got[0].rx_nr == 5);

    value(r, &x, buf, sizeof(buf));
    GIVES(-DER_INVAL,
          daos_obj_fetch(r->oh, TX0, DAOS_COND_PUNCH, &x.dkey, 1, &x.iod, &x.sgl, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_fetch(r->oh, TX0, DAOS_COND_AKEY_INSERT, &x.dkey, 1, &x.iod, &x.sgl,
                                     NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_fetch(r->oh, TX0, DAOS_COND_PER_AKEY | DAOS_COND_AKEY_FETCH, &x.dkey,
                                     1, &x.iod, &x.sgl, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_fetch(r->oh, TX0, 0, NULL, 1, &x.iod, &x.sgl, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_fetch(r->oh, TX0, 0, &x.dkey, 1, NULL, &x.sgl, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_fetch(r->coh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_fetch(r->oh, r->coh, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, ev(r)));
    return true;
}

/* ---- Punches ---- */

CONTRACT(daos_obj_punch)
{
    daos_handle_t oh = own_obj(r, DAOS_OT_MULTI_HASHED), ro;

    GIVES(-DER_NONEXIST, daos_obj_punch(oh, TX0, DAOS_COND_PUNCH, ev(r)));
    GIVES(0, daos_obj_punch(oh, TX0, 0, ev(r)));
    NOW(0, put(oh, 0, "d", "a", "v"));
    NOW(0, daos_obj_open(r->coh, own_oid(r, DAOS_OT_MULTI_HASHED), DAOS_OO_RO, &ro, NULL));
    GIVES(-DER_NO_PERM, daos_obj_punch(ro, TX0, 0, ev(r)));
    NOW(0, daos_obj_close(ro, NULL));
    GIVES(-DER_NO_HDL, daos_obj_punch(r->coh, TX0, 0, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_punch(oh, r->coh, 0, ev(r)));
    GIVES(-DER_INVAL, daos_obj_punch(oh, TX0, DAOS_COND_DKEY_INSERT, ev(r)));
    CHECK(strcmp(get(oh, "d", "a"), "v") == 0);
    GIVES(0, daos_obj_punch(oh, TX0, DAOS_COND_PUNCH, ev(r)));
    CHECK(strcmp(get(oh, "d", "a"), "-") == 0);
    NOW(0, daos_obj_close(oh, NULL));
    return true;
}

CONTRACT(daos_obj_punch_dkeys)
{
    char second[32];
    daos_key_t keys[2], bad[2];
    daos_handle_t ro;

    snprintf(second, sizeof(second), "%s-b", r->name);
    keys[0] = bad[0] = key(r->name);
    keys[1] = key(second);
    d_iov_set(&bad[1], second, 0);
    NOW(0, put(r->oh, 0, r->name, "a", "v"));
    GIVES(-DER_NONEXIST, daos_obj_punch_dkeys(r->oh, TX0, DAOS_COND_PUNCH, 2, keys, ev(r)));
    GIVES(-DER_INVAL, daos_obj_punch_dkeys(r->oh, TX0, 0, 2, bad, ev(r)));
    GIVES(-DER_INVAL, daos_obj_punch_dkeys(r->oh, TX0, 0, 1, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_punch_dkeys(r->coh, TX0, 0, 1, keys, ev(r)));
    NOW(0, daos_obj_open(r->coh, own_oid(r, DAOS_OT_MULTI_HASHED), DAOS_OO_RO, &ro, NULL));
    GIVES(-DER_NO_PERM, daos_obj_punch_dkeys(ro, TX0, 0, 1, keys, ev(r)));
    NOW(0, daos_obj_close(ro, NULL));
    CHECK(strcmp(get(r->oh, r->name, "a"), "v") == 0);
    NOW(0, put(r->oh, 0, second, "a", "w"));
    GIVES(0, daos_obj_punch_dkeys(r->oh, TX0, DAOS_COND_PUNCH, 2, keys, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0);
    CHECK(strcmp(get(r->oh, second, "a"), "-") == 0);
    GIVES(0, daos_obj_punch_dkeys(r->oh, TX0, 0, 1, keys, ev(r)));
    return true;
}

CONTRACT(daos_obj_punch_akeys)
{
    daos_key_t d = key(r->name), keys[] = {key("a"), key("b")}, bad[] = {key("a"), {0}};
    daos_handle_t ro;

    NOW(0, put(r->oh, 0, r->name, "a", "v"));
    GIVES(-DER_NONEXIST, daos_obj_punch_akeys(r->oh, TX0, DAOS_COND_PUNCH, &d, 2, keys, ev(r)));
    GIVES(-DER_INVAL, daos_obj_punch_akeys(r->oh, TX0, 0, &d, 2, bad, ev(r)));
    GIVES(-DER_INVAL, daos_obj_punch_akeys(r->oh, TX0, 0, &d, 1, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_punch_akeys(r->oh, TX0, 0, NULL, 1, keys, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_punch_akeys(r->coh, TX0, 0, &d, 1, keys, ev(r)));
    NOW(0, daos_obj_open(r->coh, own_oid(r, DAOS_OT_MULTI_HASHED), DAOS_OO_RO, &ro, NULL));
    GIVES(-DER_NO_PERM, daos_obj_punch_akeys(ro, TX0, 0, &d, 1, keys, ev(r)));
    NOW(0, daos_obj_close(ro, NULL));
    CHECK(strcmp(get(r->oh, r->name, "a"), "v") == 0);
    NOW(0, put(r->oh, 0, r->name, "b", "w"));
    NOW(0, put(r->oh, 0, r->name, "c", "stays"));
    GIVES(0, daos_obj_punch_akeys(r->oh, TX0, DAOS_COND_PUNCH, &d, 2, keys, ev(r)));
    CHECK(strcmp(get(r->oh, r->name, "a"), "-") == 0 && strcmp(get(r->oh, r->name, "b"), "-") == 0);
    CHECK(strcmp(get(r->oh, r->name, "c"), "stays") == 0);
    return true;
}

/* ---- Lists ---- */

CONTRACT(daos_obj_list_dkey)
{
    daos_handle_t oh = own_obj(r, DAOS_OT_MULTI_LEXICAL);
    daos_anchor_t anchor = {0};
    daos_key_desc_t kds[4];
    char buf[32] = "", all[32] = "";
    d_sg_list_t sgl;
    uint32_t nr;
    d_iov_t iov;

    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    NOW(0, put(oh, 0, "one", "a", "1"));
    NOW(0, put(oh, 0, "two", "a", "1"));
    NOW(0, put(oh, 0, "zebra", "a", "1"));
    for (int i = 0; i < 8 && !daos_anchor_is_eof(&anchor); i++) {
        nr = 2;
        d_iov_set(&iov, buf, sizeof(buf));
        GIVES(0, daos_obj_list_dkey(oh, TX0, &nr, kds, &sgl, &anchor, ev(r)));
        for (size_t k = 0, at = 0; k < nr; at += kds[k++].kd_key_len)
            strncat(all, buf + at, kds[k].kd_key_len);
    }
    CHECK(strcmp(all, "onetwozebra") == 0);
    memset(&anchor, 0, sizeof(anchor));
    d_iov_set(&iov, buf, 2);
    nr = 4;
    GIVES(-DER_KEY2BIG, daos_obj_list_dkey(oh, TX0, &nr, kds, &sgl, &anchor, ev(r)));
    CHECK(kds[0].kd_key_len == 3);
    d_iov_set(&iov, buf, sizeof(buf));
    nr = 0;
    GIVES(-DER_INVAL, daos_obj_list_dkey(oh, TX0, &nr, kds, &sgl, &anchor, ev(r)));
    nr = 4;
    GIVES(-DER_INVAL, daos_obj_list_dkey(oh, TX0, NULL, kds, &sgl, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_list_dkey(oh, TX0, &nr, NULL, &sgl, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_list_dkey(oh, TX0, &nr, kds, NULL, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_list_dkey(oh, TX0, &nr, kds, &sgl, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_list_dkey(r->coh, TX0, &nr, kds, &sgl, &anchor, ev(r)));
    NOW(0, daos_obj_close(oh, NULL));
    return true;
}

CONTRACT(daos_obj_list_akey)
{
    daos_anchor_t anchor = {0};
    daos_key_t d = key(r->name), empty = {0};
    daos_key_desc_t kds[4];
    uint32_t nr, found = 0;
    d_sg_list_t sgl;
    char buf[32];
    d_iov_t iov;

    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    d_iov_set(&iov, buf, sizeof(buf));
    NOW(0, put(r->oh, 0, r->name, "one", "1"));
    NOW(0, put(r->oh, 0, r->name, "two", "1"));
    NOW(0, put(r->oh, 0, r->name, "six", "1"));
    for (int i = 0; i < 8 && !daos_anchor_is_eof(&anchor); i++) {
        nr = 2;
        GIVES(0, daos_obj_list_akey(r->oh, TX0, &d, &nr, kds, &sgl, &anchor, ev(r)));
        for (uint32_t k = 0; k < nr; k++)
            CHECK(kds[k].kd_key_len == 3);
        found += nr;
    }
    CHECK(found == 3);
    memset(&anchor, 0, sizeof(anchor));
    d_iov_set(&iov, buf, 2);
    nr = 4;
    GIVES(-DER_KEY2BIG, daos_obj_list_akey(r->oh, TX0, &d, &nr, kds, &sgl, &anchor, ev(r)));
    CHECK(kds[0].kd_key_len == 3);
    d_iov_set(&iov, buf, sizeof(buf));
    nr = 4;
    GIVES(-DER_INVAL, daos_obj_list_akey(r->oh, TX0, NULL, &nr, kds, &sgl, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_list_akey(r->oh, TX0, &empty, &nr, kds, &sgl, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_list_akey(r->oh, TX0, &d, &nr, kds, &sgl, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_list_akey(r->coh, TX0, &d, &nr, kds, &sgl, &anchor, ev(r)));
    return true;
}

CONTRACT(daos_obj_list_recx)
{
    daos_key_t d = key(r->name), a = key("x"), single = key("s"), none = key("none");
    daos_anchor_t anchor = {0};
    daos_epoch_range_t eprs[4];
    daos_recx_t recxs[4];
    daos_size_t size = 0;
    uint32_t nr = 4;
    struct one x;
    char v[] = "aabb";

    one_array(&x, r->name, "x", 2, 0, 2, v);
    NOW(0, daos_obj_update(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    one_array(&x, r->name, "x", 2, 100, 1, v);
    NOW(0, daos_obj_update(r->oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    NOW(0, put(r->oh, 0, r->name, "s", "value"));
    GIVES(0, daos_obj_list_recx(r->oh, TX0, &d, &a, &size, &nr, recxs, eprs, &anchor, true, ev(r)));
    CHECK(size == 2 && nr == 2 && recxs[0].rx_idx == 0 && recxs[0].rx_nr == 2);
    CHECK(recxs[1].rx_idx == 100 && recxs[1].rx_nr == 1 && eprs[1].epr_hi > eprs[0].epr_hi);
    memset(&anchor, 0, sizeof(anchor));
    nr = 1;
    GIVES(0,
          daos_obj_list_recx(r->oh, TX0, &d, &a, &size, &nr, recxs, NULL, &anchor, false, ev(r)));
    CHECK(nr == 1 && recxs[0].rx_idx == 100);
    memset(&anchor, 0, sizeof(anchor));
    nr = 4;
    GIVES(0, daos_obj_list_recx(r->oh, TX0, &d, &single, &size, &nr, recxs, eprs, &anchor, true,
                                ev(r)));
    CHECK(size == 5 && nr == 1);
    memset(&anchor, 0, sizeof(anchor));
    nr = 4;
    GIVES(0,
          daos_obj_list_recx(r->oh, TX0, &d, &none, &size, &nr, recxs, eprs, &anchor, true, ev(r)));
    CHECK(nr == 0 && daos_anchor_is_eof(&anchor));
    nr = 0;
    GIVES(-DER_INVAL,
          daos_obj_list_recx(r->oh, TX0, &d, &a, &size, &nr, recxs, eprs, &anchor, true, ev(r)));
    nr = 4;
    GIVES(-DER_INVAL,
          daos_obj_list_recx(r->oh, TX0, &d, NULL, &size, &nr, recxs, eprs, &anchor, true, ev(r)));
    GIVES(-DER_INVAL,
          daos_obj_list_recx(r->oh, TX0, NULL, &a, &size, &nr, recxs, eprs, &anchor, true, ev(r)));
    GIVES(-DER_INVAL,
          daos_obj_list_recx(r->oh, TX0, &d, &a, &size, &nr, NULL, eprs, &anchor, true, ev(r)));
    GIVES(-DER_INVAL,
          daos_obj_list_recx(r->oh, TX0, &d, &a, &size, &nr, recxs, eprs, NULL, true, ev(r)));
    GIVES(-DER_NO_HDL,
          daos_obj_list_recx(r->coh, TX0, &d, &a, &size, &nr, recxs, eprs, &anchor, true, ev(r)));
    return true;
}

CONTRACT(daos_obj_key2anchor)
{
    daos_handle_t oh = own_obj(r, DAOS_OT_MULTI_LEXICAL);
    daos_key_t two = key("two"), none = key("none"), a = key("a");
    daos_anchor_t anchor = {0};
    daos_key_desc_t kds[4];
    d_sg_list_t sgl;
    char buf[32] = "";
    uint32_t nr = 1;
    d_iov_t iov;

    sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iov};
    d_iov_set(&iov, buf, sizeof(buf));
    NOW(0, put(oh, 0, "one", "a", "1"));
    NOW(0, put(oh, 0, "two", "a", "1"));
    GIVES(0, daos_obj_key2anchor(oh, TX0, &two, NULL, &anchor, ev(r)));
    NOW(0, daos_obj_list_dkey(oh, TX0, &nr, kds, &sgl, &anchor, NULL));
    CHECK(nr == 1 && kds[0].kd_key_len == 3 && memcmp(buf, "two", 3) == 0);
    GIVES(0, daos_obj_key2anchor(oh, TX0, &two, &a, &anchor, ev(r)));
    nr = 1;
    NOW(0, daos_obj_list_akey(oh, TX0, &two, &nr, kds, &sgl, &anchor, NULL));
    CHECK(nr == 1 && kds[0].kd_key_len == 1 && buf[0] == 'a');
    GIVES(-DER_NONEXIST, daos_obj_key2anchor(oh, TX0, &none, NULL, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_key2anchor(oh, TX0, NULL, NULL, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_obj_key2anchor(oh, TX0, &two, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_key2anchor(r->coh, TX0, &two, NULL, &anchor, ev(r)));
    NOW(0, daos_obj_close(oh, NULL));
    return true;
}

/* ---- Queries ---- */

#define MAX_OF(what) (DAOS_GET_MAX | (what))

CONTRACT(daos_obj_query_key)
{
    daos_handle_t oh = own_obj(r, DAOS_OT_MULTI_UINT64);
    uint64_t dk, ak = 6, out = 77, aout = 77;
    daos_key_t d, a, dout, ain, aget;
    daos_recx_t recx = {77, 77};
    struct one x;
    char v[] = "vvvv";

    d_iov_set(&dout, &out, 8);
    d_iov_set(&ain, &ak, 8);
    d_iov_set(&aget, &aout, 8);
    GIVES(0, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_DKEY), &dout, NULL, NULL, ev(r)));
    CHECK(out == 0); /* nothing there */
    for (dk = 5; dk <= 9; dk += 2) {
        one_array(&x, "d", "a", 1, dk * 10, 4, v);
        d_iov_set(&d, &dk, 8);
        d_iov_set(&a, &ak, 8);
        x.iod.iod_name = a;
        NOW(0, daos_obj_update(oh, TX0, 0, &d, 1, &x.iod, &x.sgl, NULL));
    }
    GIVES(0, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_DKEY), &dout, NULL, NULL, ev(r)));
    CHECK(out == 9);
    GIVES(0, daos_obj_query_key(oh, TX0, DAOS_GET_MIN | DAOS_GET_DKEY | DAOS_GET_AKEY, &dout, &aget,
                                NULL, ev(r)));
    CHECK(out == 5 && aout == 6);
    GIVES(0, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_DKEY | DAOS_GET_RECX), &dout, &ain, &recx,
                                ev(r)));
    CHECK(out == 9 && recx.rx_idx <= 93 && recx.rx_idx + recx.rx_nr == 94);

    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, DAOS_GET_MAX | DAOS_GET_MIN | DAOS_GET_DKEY,
                                         &dout, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, DAOS_GET_DKEY, &dout, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, DAOS_GET_MAX, &dout, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_DKEY), NULL, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_AKEY), &dout, NULL, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_RECX), &dout, &ain, NULL, ev(r)));
    dout.iov_buf_len = 4;
    GIVES(-DER_INVAL, daos_obj_query_key(oh, TX0, MAX_OF(DAOS_GET_DKEY), &dout, NULL, NULL, ev(r)));
    d_iov_set(&dout, &out, 8);
    /* keys that are no numbers */
    GIVES(-DER_INVAL,
          daos_obj_query_key(r->oh, TX0, MAX_OF(DAOS_GET_DKEY), &dout, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL,
          daos_obj_query_key(r->coh, TX0, MAX_OF(DAOS_GET_DKEY), &dout, NULL, NULL, ev(r)));
    CHECK(out == 9);
    NOW(0, daos_obj_close(oh, NULL));
    return true;
}

CONTRACT(daos_obj_query_max_epoch)
{
    daos_handle_t oh = own_obj(r, DAOS_OT_MULTI_HASHED);
    daos_epoch_t first = 7, second = 0;

    GIVES(0, daos_obj_query_max_epoch(oh, TX0, &first, ev(r)));
    CHECK(first == 0); /* never */
    NOW(0, put(oh, 0, "d", "a", "1"));
    GIVES(0, daos_obj_query_max_epoch(oh, TX0, &first, ev(r)));
    NOW(0, put(oh, 0, "d", "a", "2"));
    GIVES(0, daos_obj_query_max_epoch(oh, TX0, &second, ev(r)));
    CHECK(first > 0 && second > first);
    GIVES(-DER_INVAL, daos_obj_query_max_epoch(oh, TX0, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_obj_query_max_epoch(r->coh, TX0, &first, ev(r)));
    NOW(0, daos_obj_close(oh, NULL));
    return true;
}

/* ---- Without messages ---- */

CONTRACT(daos_obj_generate_oid)
{
    daos_obj_id_t oid = {.lo = 7, .hi = 0xffffffff00000009ull};

    NOW(0, daos_obj_generate_oid(r->coh, &oid, DAOS_OT_MULTI_LEXICAL, OC_S1, 0, 0));
    CHECK(oid.lo == 7 && (uint32_t)oid.hi == 9);
    CHECK(daos_obj_id2type(oid) == DAOS_OT_MULTI_LEXICAL && daos_obj_id2class(oid) == OC_S1);
    NOW(0, daos_obj_generate_oid(r->ro_coh, &oid, DAOS_OT_ARRAY, OC_UNKNOWN, 0, 0));
    NOW(-DER_INVAL, daos_obj_generate_oid(r->coh, &oid, DAOS_OT_MAX + 1, OC_S1, 0, 0));
    NOW(-DER_INVAL, daos_obj_generate_oid(r->coh, &oid, 0, 0x7fffffff, 0, 0));
    NOW(-DER_INVAL, daos_obj_generate_oid(r->coh, &oid, 0, OC_RP_4G1, 0, 0)); /* not so many */
    NOW(-DER_INVAL, daos_obj_generate_oid(r->coh, NULL, 0, OC_S1, 0, 0));
    NOW(-DER_INVAL,
        daos_obj_generate_oid(r->coh, &oid, 0, 0, DAOS_OCH_SHD_TINY | DAOS_OCH_SHD_MAX, 0));
    NOW(-DER_NO_HDL, daos_obj_generate_oid(r->poh, &oid, 0, OC_S1, 0, 0));
    return true;
}

CONTRACT(daos_obj_verify)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_MULTI_HASHED), none = {.lo = 1, .hi = UINT64_MAX};

    NOW(0, daos_obj_verify(r->coh, oid, DAOS_EPOCH_MAX));
    NOW(0, daos_obj_verify(r->ro_coh, oid, DAOS_EPOCH_MAX));
    NOW(-DER_INVAL, daos_obj_verify(r->coh, none, DAOS_EPOCH_MAX));
    NOW(-DER_NO_HDL, daos_obj_verify(r->poh, oid, DAOS_EPOCH_MAX));
    return true;
}

CONTRACT(daos_obj_anchor_split)
{
    daos_anchor_t anchors[8];
    uint32_t nr = 0;

    NOW(0, daos_obj_anchor_split(r->oh, &nr, NULL));
    CHECK(nr >= 1 && nr <= 8);
    NOW(0, daos_obj_anchor_split(r->oh, &nr, anchors));
    nr++;
    NOW(-DER_INVAL, daos_obj_anchor_split(r->oh, &nr, anchors));
    NOW(-DER_INVAL, daos_obj_anchor_split(r->oh, NULL, anchors));
    NOW(-DER_NO_HDL, daos_obj_anchor_split(r->coh, &nr, anchors));
    return true;
}

CONTRACT(daos_obj_anchor_set)
{
    daos_anchor_t anchor;
    uint32_t nr = 0;

    NOW(0, daos_obj_anchor_split(r->oh, &nr, NULL));
    NOW(0, daos_obj_anchor_set(r->oh, nr - 1, &anchor));
    NOW(-DER_INVAL, daos_obj_anchor_set(r->oh, nr, &anchor));
    NOW(-DER_INVAL, daos_obj_anchor_set(r->oh, 0, NULL));
    NOW(-DER_NO_HDL, daos_obj_anchor_set(r->coh, 0, &anchor));
    return true;
}

/* ---- Not there ---- */

CONTRACT(daos_obj_query)
{
    struct daos_obj_attr attr;

    GIVES(-DER_NOSYS, daos_obj_query(r->oh, &attr, NULL, ev(r)));
    return true;
}

CONTRACT(daos_obj_register_class)
{
    struct daos_oclass_attr attr = {0};

    GIVES(-DER_NOSYS, daos_obj_register_class(r->coh, OC_SX, &attr, ev(r)));
    return true;
}

CONTRACT(daos_obj_query_class)
{
    struct daos_oclass_attr attr;

    GIVES(-DER_NOSYS, daos_obj_query_class(r->coh, OC_SX, &attr, ev(r)));
    return true;
}

CONTRACT(daos_obj_list_class)
{
    struct daos_oclass_list list;
    daos_anchor_t anchor = {0};

    GIVES(-DER_NOSYS, daos_obj_list_class(r->coh, &list, &anchor, ev(r)));
    return true;
}

CONTRACT(daos_pipeline_run)
{
    daos_anchor_t anchor = {0};
    daos_pipeline_t pipe;
    uint32_t nr = 0;

    daos_pipeline_init(&pipe);
    GIVES(-DER_NOSYS, daos_pipeline_run(r->coh, r->oh, &pipe, TX0, 0, NULL, &nr, NULL, &anchor, &nr,
                                        NULL, NULL, NULL, NULL, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_pipeline_run(r->coh, r->poh, &pipe, TX0, 0, NULL, &nr, NULL, &anchor,
                                         &nr, NULL, NULL, NULL, NULL, NULL, NULL, ev(r)));
    pipe.version = 99;
    GIVES(-DER_INVAL, daos_pipeline_run(r->coh, r->oh, &pipe, TX0, 0, NULL, &nr, NULL, &anchor, &nr,
                                        NULL, NULL, NULL, NULL, NULL, NULL, ev(r)));
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_obj_open)                                                                               \
    X(daos_obj_close)                                                                              \
    X(daos_obj_update)                                                                             \
    X(daos_obj_fetch)                                                                              \
    X(daos_obj_punch)                                                                              \
    X(daos_obj_punch_dkeys)                                                                        \
    X(daos_obj_punch_akeys)                                                                        \
    X(daos_obj_list_dkey)                                                                          \
    X(daos_obj_list_akey)                                                                          \
    X(daos_obj_list_recx)                                                                          \
    X(daos_obj_key2anchor)                                                                         \
    X(daos_obj_query_key)                                                                          \
    X(daos_obj_query_max_epoch)                                                                    \
    X(daos_obj_generate_oid)                                                                       \
    X(daos_obj_verify)                                                                             \
    X(daos_obj_anchor_split)                                                                       \
    X(daos_obj_anchor_set)                                                                         \
    X(daos_obj_query)                                                                              \
    X(daos_obj_register_class)                                                                     \
    X(daos_obj_query_class)                                                                        \
    X(daos_obj_list_class)                                                                         \
    X(daos_pipeline_run)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
