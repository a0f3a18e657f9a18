/* Enumeration of keys and extents, anchors, and deletion while listing. */
#include "api.h"

struct listing {
    daos_key_desc_t kds[8];
    d_iov_t iov[3];
    d_sg_list_t sgl;
    char b0[10], b1[7], b2[100];
};

static struct listing *fresh(struct listing *l)
{
    memset(l, 0, sizeof(*l));
    d_iov_set(&l->iov[0], l->b0, sizeof(l->b0));
    d_iov_set(&l->iov[1], l->b1, sizeof(l->b1));
    d_iov_set(&l->iov[2], l->b2, sizeof(l->b2));
    l->sgl = (d_sg_list_t){.sg_nr = 3, .sg_iovs = l->iov};
    return l;
}

/* The bytes of all pieces in a row. */
static void flatten(const struct listing *l, char *out)
{
    memcpy(out, l->b0, 10);
    memcpy(out + 10, l->b1, 7);
    memcpy(out + 17, l->b2, 100);
}

static void keys_run_on_over_the_pieces_of_a_buffer(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_LEXICAL, 1);
    static const char *const names[] = {"alpha", "beta", "gamma", "delta-and-more", "eps"};
    static const char *const sorted[] = {"alpha", "beta", "delta-and-more", "eps", "gamma"};
    daos_anchor_t anchor = {0};
    struct listing l;
    char flat[117];
    uint32_t nr = 8, i;
    size_t at = 0;

    for (i = 0; i < 5; i++)
        OK(put(oh, 0, names[i], "a", "1"));
    fresh(&l);
    OK(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, l.kds, &l.sgl, &anchor, NULL));
    assert_int_equal(nr, 5);
    flatten(&l, flat);
    for (i = 0; i < 5; i++) {
        assert_int_equal(l.kds[i].kd_key_len, strlen(sorted[i]));
        assert_memory_equal(flat + at, sorted[i], l.kds[i].kd_key_len);
        at += l.kds[i].kd_key_len;
    }
    assert_int_equal(l.iov[0].iov_len, 10);
    assert_int_equal(l.iov[1].iov_len, 7);
    assert_int_equal(l.sgl.sg_nr_out, 3);
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 8;
        OK(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, l.kds, &l.sgl, &anchor, NULL));
        assert_int_equal(nr, 0);
    }
    nr = 8;
    OK(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, l.kds, &l.sgl, &anchor, NULL));
    assert_int_equal(nr, 0);
    OK(daos_obj_close(oh, NULL));
}

static void akeys_of_a_dkey(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_anchor_t anchor = {0};
    daos_key_t d = key("d"), gone = key("a1");
    struct listing l;
    uint32_t nr, total = 0;
    char name[16];
    int i;

    for (i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "a%d", i);
        OK(put(oh, 0, "d", name, "1"));
        OK(put(oh, 0, "other", name, "1"));
    }
    OK(daos_obj_punch_akeys(oh, DAOS_TX_NONE, 0, &d, 1, &gone, NULL));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 8;
        OK(daos_obj_list_akey(oh, DAOS_TX_NONE, &d, &nr, l.kds, &fresh(&l)->sgl, &anchor, NULL));
        total += nr;
    }
    assert_int_equal(total, 29);
    nr = 8;
    FAILS(DER_INVAL, daos_obj_list_akey(oh, DAOS_TX_NONE, NULL, &nr, l.kds, &l.sgl, &anchor, NULL));
    d.iov_len = 0;
    FAILS(DER_INVAL, daos_obj_list_akey(oh, DAOS_TX_NONE, &d, &nr, l.kds, &l.sgl, &anchor, NULL));
    OK(daos_obj_close(oh, NULL));
}

static void extents(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_anchor_t anchor = {0};
    daos_epoch_range_t eprs[8];
    daos_recx_t recxs[8];
    daos_key_t d = key("d"), ak = key("a"), single = key("s"), none = key("none");
    daos_size_t size = 0;
    struct one x;
    uint32_t nr = 8;

    one_array(&x, "d", "a", 2, 0, 4, (void *)"aabbccdd");
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    one_array(&x, "d", "a", 2, 100, 2, (void *)"yyzz");
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &ak, &size, &nr, recxs, eprs, &anchor, true, NULL));
    assert_int_equal(size, 2);
    assert_int_equal(nr, 2);
    assert_int_equal(recxs[0].rx_idx, 0);
    assert_int_equal(recxs[0].rx_nr, 4);
    assert_int_equal(recxs[1].rx_idx, 100);
    assert_true(eprs[1].epr_hi > eprs[0].epr_hi);
    memset(&anchor, 0, sizeof(anchor));
    nr = 1;
    OK(daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &ak, &size, &nr, recxs, NULL, &anchor, false,
                          NULL));
    assert_int_equal(nr, 1);
    assert_int_equal(recxs[0].rx_idx, 100);
    nr = 8;
    OK(daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &ak, &size, &nr, recxs, NULL, &anchor, false,
                          NULL));
    assert_int_equal(nr, 1);
    assert_int_equal(recxs[0].rx_idx, 0);
    /* a single value is one entry */
    OK(put(oh, 0, "d", "s", "value"));
    memset(&anchor, 0, sizeof(anchor));
    nr = 8;
    OK(daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &single, &size, &nr, recxs, eprs, &anchor, true,
                          NULL));
    assert_int_equal(nr, 1);
    assert_int_equal(size, 5);
    memset(&anchor, 0, sizeof(anchor));
    nr = 8;
    OK(daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &none, &size, &nr, recxs, eprs, &anchor, true,
                          NULL));
    assert_int_equal(nr, 0);
    assert_true(daos_anchor_is_eof(&anchor));
    nr = 0;
    FAILS(DER_INVAL, daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &ak, &size, &nr, recxs, eprs, &anchor,
                                        true, NULL));
    nr = 1;
    FAILS(DER_INVAL, daos_obj_list_recx(oh, DAOS_TX_NONE, &d, &ak, &size, &nr, NULL, eprs, &anchor,
                                        true, NULL));
    FAILS(DER_INVAL, daos_obj_list_recx(oh, DAOS_TX_NONE, &d, NULL, &size, &nr, recxs, eprs,
                                        &anchor, true, NULL));
    OK(daos_obj_close(oh, NULL));
}

/* Every key present throughout is seen exactly once, whatever happens to the others. */
static void keys_removed_while_listing(void **state)
{
    enum { N = 400 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_anchor_t anchor = {0};
    char name[24], flat[117], seen[N] = {0};
    struct listing l;
    uint32_t nr, i;
    int n, removed = 0;

    for (n = 0; n < N; n++) {
        snprintf(name, sizeof(name), "k%04d", n);
        OK(put(oh, 0, name, "a", "1"));
    }
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 8;
        OK(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, l.kds, &fresh(&l)->sgl, &anchor, NULL));
        flatten(&l, flat);
        for (i = 0; i < nr; i++) {
            char digits[5] = {0};

            memcpy(digits, flat + 5 * i + 1, 4);
            seen[atoi(digits)]++;
        }
        /* odd keys go, new ones come */
        if (removed < N) {
            daos_key_t k;

            snprintf(name, sizeof(name), "k%04d", removed + 1);
            k = key(name);
            OK(daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &k, NULL));
            snprintf(name, sizeof(name), "new%03d", removed);
            (void)put(oh, 0, "k0000", "b", name);
            removed += 2;
        }
    }
    for (n = 0; n < N; n += 2)
        assert_int_equal(seen[n], 1);
    for (n = 1; n < N; n += 2)
        assert_true(seen[n] <= 1);
    OK(daos_obj_close(oh, NULL));
}

static void parts_of_an_enumeration(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_HASHED, 1);
    daos_anchor_t anchor;
    uint32_t nr = 0;

    OK(daos_obj_anchor_split(oh, &nr, NULL));
    assert_int_equal(nr, 1);
    OK(daos_obj_anchor_split(oh, &nr, &anchor));
    OK(daos_obj_anchor_set(oh, 0, &anchor));
    FAILS(DER_INVAL, daos_obj_anchor_set(oh, 1, &anchor));
    nr = 2;
    FAILS(DER_INVAL, daos_obj_anchor_split(oh, &nr, &anchor));
    FAILS(DER_INVAL, daos_obj_anchor_split(oh, NULL, &anchor));
    OK(daos_obj_close(oh, NULL));
    FAILS(DER_NO_HDL, daos_obj_anchor_set(oh, 0, &anchor));
}

static void an_enumeration_goes_on_from_a_key(void **state)
{
    enum { N = 500 };
    struct api *a = *state;
    daos_handle_t oh = api_obj(a, DAOS_OT_MULTI_LEXICAL, 1);
    daos_key_t k = key("k0321"), none = key("nothing"), ak = key("a7");
    daos_anchor_t anchor = {0};
    struct listing l;
    uint32_t nr;
    char name[24];
    int i, n = 0;

    for (i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "k%04d", i);
        OK(put(oh, 0, name, "a", "1"));
    }
    OK(daos_obj_key2anchor(oh, DAOS_TX_NONE, &k, NULL, &anchor, NULL));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 8;
        OK(daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, l.kds, &fresh(&l)->sgl, &anchor, NULL));
        if (n == 0 && nr > 0)
            assert_memory_equal(l.b0, "k0321", 5);
        n += (int)nr;
    }
    assert_int_equal(n, N - 321);
    for (i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "a%d", i);
        OK(put(oh, 0, "k0321", name, "1"));
    }
    OK(daos_obj_key2anchor(oh, DAOS_TX_NONE, &k, &ak, &anchor, NULL));
    nr = 8;
    OK(daos_obj_list_akey(oh, DAOS_TX_NONE, &k, &nr, l.kds, &fresh(&l)->sgl, &anchor, NULL));
    assert_memory_equal(l.b0, "a7", 2);
    FAILS(DER_NONEXIST, daos_obj_key2anchor(oh, DAOS_TX_NONE, &none, NULL, &anchor, NULL));
    FAILS(DER_INVAL, daos_obj_key2anchor(oh, DAOS_TX_NONE, NULL, NULL, &anchor, NULL));
    FAILS(DER_INVAL, daos_obj_key2anchor(oh, DAOS_TX_NONE, &k, NULL, NULL, NULL));
    OK(daos_obj_close(oh, NULL));
    FAILS(DER_NO_HDL, daos_obj_key2anchor(oh, DAOS_TX_NONE, &k, NULL, &anchor, NULL));
}

API_MAIN(API_TEST(keys_run_on_over_the_pieces_of_a_buffer), API_TEST(akeys_of_a_dkey),
         API_TEST(extents), API_TEST(keys_removed_while_listing), API_TEST(parts_of_an_enumeration),
         API_TEST(an_enumeration_goes_on_from_a_key))
