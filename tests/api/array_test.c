/* Arrays: metadata, ranges over chunks, size, short reads. */
#include "api.h"

static daos_handle_t make(struct api *a, uint64_t cell, uint64_t chunk)
{
    daos_handle_t oh;

    OK(daos_array_create(a->coh, api_oid(a, DAOS_OT_ARRAY, 3), DAOS_TX_NONE, cell, chunk, &oh,
                         NULL));
    return oh;
}

struct io {
    daos_array_iod_t iod;
    daos_range_t rg[4];
    d_iov_t iov;
    d_sg_list_t sgl;
};

static struct io *io(struct io *x, uint64_t idx, uint64_t len, void *buf, size_t bytes)
{
    memset(x, 0, sizeof(*x));
    x->rg[0] = (daos_range_t){idx, len};
    x->iod = (daos_array_iod_t){.arr_nr = 1, .arr_rgs = x->rg};
    d_iov_set(&x->iov, buf, bytes);
    x->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &x->iov};
    return x;
}

static void wr(daos_handle_t oh, uint64_t idx, const char *text)
{
    struct io x;

    io(&x, idx, strlen(text), (void *)text, strlen(text));
    OK(daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
}

/* Holes show as '_', what lies beyond the end as '.'. */
static const char *rd(daos_handle_t oh, uint64_t idx, uint64_t len, uint64_t want_short)
{
    static char buf[128];
    struct io x;
    uint64_t i;

    memset(buf, 0, sizeof(buf));
    memset(buf, '.', len);
    io(&x, idx, len, buf, len);
    OK(daos_array_read(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    assert_int_equal(x.iod.arr_nr_short_read, want_short);
    assert_int_equal(x.iod.arr_nr_read, len - want_short);
    for (i = 0; i < len; i++)
        if (buf[i] == 0)
            buf[i] = '_';
    return buf;
}

static void metadata_is_kept_in_the_object(void **state)
{
    struct api *a = *state;
    daos_obj_id_t oid = api_oid(a, DAOS_OT_ARRAY, 3);
    daos_size_t cell = 0, chunk = 0;
    daos_handle_t oh, again;
    d_iov_t glob = {0};

    FAILS(DER_NONEXIST,
          daos_array_open(a->coh, oid, DAOS_TX_NONE, DAOS_OO_RW, &cell, &chunk, &oh, NULL));
    oh = make(a, 8, 100);
    FAILS(DER_EXIST, daos_array_create(a->coh, oid, DAOS_TX_NONE, 8, 100, &again, NULL));
    OK(daos_array_close(oh, NULL));
    FAILS(DER_NO_HDL, daos_array_close(oh, NULL));
    OK(daos_array_open(a->coh, oid, DAOS_TX_NONE, DAOS_OO_RO, &cell, &chunk, &oh, NULL));
    assert_int_equal(cell, 8);
    assert_int_equal(chunk, 100);
    cell = chunk = 0;
    OK(daos_array_get_attr(oh, &chunk, &cell));
    assert_int_equal(cell, 8);
    assert_int_equal(chunk, 100);
    FAILS(DER_INVAL, daos_array_get_attr(oh, NULL, &cell));
    OK(daos_array_update_chunk_size(oh, 50));
    OK(daos_array_get_attr(oh, &chunk, &cell));
    assert_int_equal(chunk, 50);
    FAILS(DER_INVAL, daos_array_update_chunk_size(oh, 0));
    FAILS(DER_NO_PERM, daos_array_set_size(oh, DAOS_TX_NONE, 3, NULL));
    FAILS(DER_NO_PERM, daos_array_destroy(oh, DAOS_TX_NONE, NULL));
    /* as bytes and back */
    OK(daos_array_local2global(oh, &glob));
    glob.iov_buf = malloc(glob.iov_buf_len);
    glob.iov_buf_len--;
    FAILS(DER_TRUNC, daos_array_local2global(oh, &glob));
    OK(daos_array_local2global(oh, &glob));
    OK(daos_array_global2local(a->coh, glob, 0, &again));
    OK(daos_array_get_attr(again, &chunk, &cell));
    assert_int_equal(cell, 8);
    FAILS(DER_NO_PERM, daos_array_set_size(again, DAOS_TX_NONE, 3, NULL));
    OK(daos_array_close(again, NULL));
    memset(glob.iov_buf, 1, 4);
    FAILS(DER_INVAL, daos_array_global2local(a->coh, glob, 0, &again));
    free(glob.iov_buf);
    OK(daos_array_close(oh, NULL));
    FAILS(DER_INVAL, daos_array_create(a->coh, oid, DAOS_TX_NONE, 0, 1, &oh, NULL));
    FAILS(DER_INVAL, daos_array_create(a->coh, oid, DAOS_TX_NONE, 1, 0, &oh, NULL));
    FAILS(DER_INVAL, daos_array_create(a->coh, api_oid(a, DAOS_OT_MULTI_HASHED, 3), DAOS_TX_NONE, 1,
                                       1, &oh, NULL));
    FAILS(DER_INVAL, daos_array_open(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 3), DAOS_TX_NONE,
                                     DAOS_OO_RW, &cell, &chunk, &oh, NULL));
    FAILS(DER_INVAL, daos_array_open_with_attr(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 3),
                                               DAOS_TX_NONE, DAOS_OO_RW, 4, 16, &oh, NULL));
    OK(daos_array_open_with_attr(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 9), DAOS_TX_NONE,
                                 DAOS_OO_RW, 1, 16, &oh, NULL));
    OK(daos_array_close(oh, NULL));
}

static void ranges_cross_chunks(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = make(a, 1, 10);
    daos_size_t size = 99;
    struct io x;
    char buf[40];

    OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 0);
    assert_string_equal(rd(oh, 0, 5, 5), ".....");
    wr(oh, 5, "abcdefghijklmnopqrstuvwxyz");
    OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 31);
    assert_string_equal(rd(oh, 5, 26, 0), "abcdefghijklmnopqrstuvwxyz");
    assert_string_equal(rd(oh, 8, 4, 0), "defg");
    assert_string_equal(rd(oh, 0, 8, 0), "_____abc");
    assert_string_equal(rd(oh, 28, 6, 3), "xyz...");
    assert_string_equal(rd(oh, 100, 3, 3), "...");
    /* several ranges in one go, out of order, in pieces of memory */
    memset(buf, 0, sizeof(buf));
    io(&x, 25, 3, buf, 13);
    x.rg[1] = (daos_range_t){9, 2};
    x.rg[2] = (daos_range_t){0, 0};
    x.rg[3] = (daos_range_t){5, 8};
    x.iod.arr_nr = 4;
    OK(daos_array_read(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    assert_string_equal(buf, "uvwefabcdefgh");
    assert_int_equal(x.iod.arr_nr_short_read, 0);
    /* a hole inside */
    wr(oh, 50, "end");
    assert_string_equal(rd(oh, 30, 23, 0), "z___________________end");
    OK(daos_array_close(oh, NULL));
}

static void sizes_that_do_not_match_are_refused(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = make(a, 4, 10);
    struct io x;
    char buf[64];

    io(&x, 0, 4, buf, 15);
    FAILS(DER_INVAL, daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    FAILS(DER_INVAL, daos_array_read(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    io(&x, 0, 4, buf, 17);
    FAILS(DER_INVAL, daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    io(&x, 0, 4, buf, 16);
    FAILS(DER_INVAL, daos_array_write(oh, DAOS_TX_NONE, &x.iod, NULL, NULL));
    FAILS(DER_INVAL, daos_array_write(oh, DAOS_TX_NONE, NULL, &x.sgl, NULL));
    x.iod.arr_rgs = NULL;
    FAILS(DER_INVAL, daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    OK(daos_array_close(oh, NULL));
    FAILS(DER_NO_HDL, daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
}

static void the_list_limit(void **state)
{
    enum { N = DAOS_ARRAY_LIST_IO_LIMIT + 1 };
    struct api *a = *state;
    daos_handle_t oh = make(a, 1, 1000);
    daos_range_t *rg = calloc(N, sizeof(*rg));
    struct io x;
    char *buf = calloc(1, N);
    int i;

    for (i = 0; i < N; i++)
        rg[i] = (daos_range_t){(uint64_t)i * 2, 1};
    io(&x, 0, 1, buf, N);
    x.iod.arr_nr = N;
    x.iod.arr_rgs = rg;
    FAILS(DER_NOTSUPPORTED, daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    x.iod.arr_nr = 5000;
    x.iov.iov_len = x.iov.iov_buf_len = 5000;
    memset(buf, 'q', 5000);
    OK(daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    assert_string_equal(rd(oh, 9990, 9, 0), "q_q_q_q_q");
    OK(daos_array_close(oh, NULL));
    free(buf);
    free(rg);
}

/* More ranges in one chunk than the store takes in one change. */
static void very_many_ranges_in_one_chunk(void **state)
{
    enum { NR = 5000, LEN = 8, APART = 20 };
    struct api *a = *state;
    daos_handle_t oh = make(a, 1, 1u << 20);
    daos_range_t *rgs = calloc(NR, sizeof(*rgs));
    daos_array_iod_t iod = {.arr_nr = NR, .arr_rgs = rgs};
    char *out = malloc(NR * LEN), *in = calloc(NR, LEN);
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_size_t size;

    for (size_t i = 0; i < NR; i++)
        rgs[i] = (daos_range_t){.rg_idx = i * APART, .rg_len = LEN};
    for (size_t i = 0; i < NR * LEN; i++)
        out[i] = (char)(i * 7 + i / 251);
    d_iov_set(&iov, out, NR * LEN);
    OK(daos_array_write(oh, DAOS_TX_NONE, &iod, &sgl, NULL));
    d_iov_set(&iov, in, NR * LEN);
    OK(daos_array_read(oh, DAOS_TX_NONE, &iod, &sgl, NULL));
    assert_memory_equal(in, out, NR * LEN);
    OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, (NR - 1) * APART + LEN);
    OK(daos_array_close(oh, NULL));
    free(rgs);
    free(out);
    free(in);
}

static void cut_and_extended(void **state)
{
    struct api *a = *state;
    daos_handle_t oh = make(a, 1, 10);
    daos_array_stbuf_t st1, st2;
    daos_size_t size;
    struct io x;

    wr(oh, 0, "0123456789abcdefghijABCDEFGHIJ");
    OK(daos_array_stat(oh, DAOS_TX_NONE, &st1, NULL));
    assert_int_equal(st1.st_size, 30);
    assert_true(st1.st_max_epoch > 0);
    OK(daos_array_set_size(oh, DAOS_TX_NONE, 15, NULL));
    OK(daos_array_stat(oh, DAOS_TX_NONE, &st2, NULL));
    assert_int_equal(st2.st_size, 15);
    assert_true(st2.st_max_epoch > st1.st_max_epoch);
    assert_string_equal(rd(oh, 10, 10, 5), "abcde.....");
    OK(daos_array_set_size(oh, DAOS_TX_NONE, 15, NULL));
    OK(daos_array_set_size(oh, DAOS_TX_NONE, 42, NULL));
    OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 42);
    /* what was cut off does not come back */
    assert_string_equal(rd(oh, 13, 10, 0), "de________");
    OK(daos_array_set_size(oh, DAOS_TX_NONE, 20, NULL));
    OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 20);
    OK(daos_array_set_size(oh, DAOS_TX_NONE, 0, NULL));
    OK(daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, 0);
    /* the array itself is still there */
    wr(oh, 0, "0123456789abcdefghijABCDEFGHIJ");
    io(&x, 8, 4, NULL, 0);
    x.rg[1] = (daos_range_t){20, 1};
    x.iod.arr_nr = 2;
    OK(daos_array_punch(oh, DAOS_TX_NONE, &x.iod, NULL));
    assert_string_equal(rd(oh, 0, 30, 0), "01234567____cdefghij_BCDEFGHIJ");
    OK(daos_array_destroy(oh, DAOS_TX_NONE, NULL));
    OK(daos_array_close(oh, NULL));
    FAILS(DER_NONEXIST, daos_array_open(a->coh, api_oid(a, DAOS_OT_ARRAY, 3), DAOS_TX_NONE,
                                        DAOS_OO_RW, &size, &size, &oh, NULL));
}

static void large_and_asynchronous(void **state)
{
    enum { BYTES = 8 << 20, PARTS = 16 };
    struct api *a = *state;
    daos_handle_t oh, eq;
    daos_event_t ev[PARTS], *done[PARTS];
    struct io x[PARTS];
    unsigned char *out = malloc(BYTES), *in = calloc(1, BYTES);
    int i, n;

    for (i = 0; i < BYTES; i++)
        out[i] = (unsigned char)((unsigned int)i * 2654435761u >> 11);
    OK(daos_array_open_with_attr(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 3), DAOS_TX_NONE,
                                 DAOS_OO_RW, 1, 1 << 17, &oh, NULL));
    OK(daos_eq_create(&eq));
    for (i = 0; i < PARTS; i++) {
        size_t off = (size_t)i * (BYTES / PARTS);

        OK(daos_event_init(&ev[i], eq, NULL));
        io(&x[i], off, BYTES / PARTS, out + off, BYTES / PARTS);
        OK(daos_array_write(oh, DAOS_TX_NONE, &x[i].iod, &x[i].sgl, &ev[i]));
    }
    for (n = 0; n < PARTS;)
        n += daos_eq_poll(eq, 1, DAOS_EQ_WAIT, PARTS, done);
    for (i = 0; i < PARTS; i++) {
        size_t off = (size_t)i * (BYTES / PARTS) + 1000;

        assert_int_equal(ev[i].ev_error, 0);
        io(&x[i], off, BYTES / PARTS, in + (size_t)i * (BYTES / PARTS), BYTES / PARTS);
        OK(daos_array_read(oh, DAOS_TX_NONE, &x[i].iod, &x[i].sgl, &ev[i]));
    }
    for (n = 0; n < PARTS;)
        n += daos_eq_poll(eq, 1, DAOS_EQ_WAIT, PARTS, done);
    assert_memory_equal(in, out + 1000, BYTES - 1000);
    for (i = 0; i < PARTS; i++) {
        assert_int_equal(ev[i].ev_error, 0);
        assert_int_equal(x[i].iod.arr_nr_short_read, i == PARTS - 1 ? 1000 : 0);
        OK(daos_event_fini(&ev[i]));
    }
    OK(daos_array_close(oh, NULL));
    OK(daos_eq_destroy(eq, 0));
    free(out);
    free(in);
}

/* When a read has returned, nothing of it uses the transaction any more: what was open can be
 * closed. */
static void a_read_leaves_nothing_behind(void **state)
{
    struct api *a = *state;
    static char out[65536] = "x", in[sizeof(out)]; /* chunks too large to lie in the heap */
    daos_handle_t coh, oh, th;
    daos_epoch_t epoch;
    struct io x;

    OK(daos_array_open_with_attr(a->coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 3), DAOS_TX_NONE,
                                 DAOS_OO_RW, 1, 8192, &oh, NULL));
    io(&x, 0, sizeof(out), out, sizeof(out));
    OK(daos_array_write(oh, DAOS_TX_NONE, &x.iod, &x.sgl, NULL));
    OK(daos_array_close(oh, NULL));
    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    for (int i = 0; i < 200; i++) {
        OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &coh, NULL, NULL));
        OK(daos_tx_open_snap(coh, epoch, &th, NULL));
        OK(daos_array_open_with_attr(coh, api_oid(a, DAOS_OT_ARRAY_BYTE, 3), th, DAOS_OO_RO, 1,
                                     8192, &oh, NULL));
        io(&x, 0, sizeof(in), in, sizeof(in));
        OK(daos_array_read(oh, th, &x.iod, &x.sgl, NULL));
        OK(daos_array_close(oh, NULL));
        OK(daos_tx_close(th, NULL));
        OK(daos_cont_close(coh, NULL));
    }
    OK(daos_cont_destroy_snap(a->coh, (daos_epoch_range_t){epoch, epoch}, NULL));
}

API_MAIN(API_TEST(metadata_is_kept_in_the_object), API_TEST(ranges_cross_chunks),
         API_TEST(sizes_that_do_not_match_are_refused), API_TEST(the_list_limit),
         API_TEST(very_many_ranges_in_one_chunk), API_TEST(cut_and_extended),
         API_TEST(large_and_asynchronous), API_TEST(a_read_leaves_nothing_behind))
