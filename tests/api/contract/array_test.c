/* Contracts of arrays. */
#include "stage.h"

struct io {
    daos_array_iod_t iod;
    daos_range_t rg[2];
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

/* An array that is this telling's alone, for writing and for reading. */
struct own {
    daos_obj_id_t oid;
    daos_handle_t rw, ro;
};

static bool own_open(struct run *r, struct own *o)
{
    o->oid = own_oid(r, DAOS_OT_ARRAY_BYTE);
    NOW(0, daos_array_open_with_attr(r->coh, o->oid, TX0, DAOS_OO_RW, 1, 8, &o->rw, NULL));
    NOW(0, daos_array_open_with_attr(r->ro_coh, o->oid, TX0, DAOS_OO_RO, 1, 8, &o->ro, NULL));
    return true;
}

static bool own_close(struct run *r, struct own *o)
{
    NOW(0, daos_array_close(o->rw, NULL));
    NOW(0, daos_array_close(o->ro, NULL));
    return true;
}

static bool write_text(struct run *r, daos_handle_t ah, uint64_t idx, const char *text)
{
    struct io x;

    io(&x, idx, strlen(text), (void *)text, strlen(text));
    NOW(0, daos_array_write(ah, TX0, &x.iod, &x.sgl, NULL));
    return true;
}

/* All of it as text; holes show as '_'. */
static bool reads(struct run *r, daos_handle_t ah, const char *text)
{
    char buf[64] = "";
    daos_size_t size;
    struct io x;

    NOW(0, daos_array_get_size(ah, TX0, &size, NULL));
    if (size != strlen(text) || size >= sizeof(buf))
        return false;
    if (size == 0)
        return true;
    io(&x, 0, size, buf, size);
    NOW(0, daos_array_read(ah, TX0, &x.iod, &x.sgl, NULL));
    for (daos_size_t i = 0; i < size; i++)
        buf[i] = buf[i] == 0 ? '_' : buf[i];
    return strcmp(buf, text) == 0;
}

/* ---- Life ---- */

CONTRACT(daos_array_create)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_ARRAY), other = own_oid(r, DAOS_OT_ARRAY_BYTE);
    daos_handle_t ah = DAOS_HDL_INVAL, none;
    daos_size_t cell = 0, chunk = 0;

    GIVES(-DER_INVAL, daos_array_create(r->coh, oid, TX0, 0, 64, &none, ev(r)));
    GIVES(-DER_INVAL, daos_array_create(r->coh, oid, TX0, 8, 0, &none, ev(r)));
    GIVES(-DER_INVAL, daos_array_create(r->coh, other, TX0, 8, 64, &none, ev(r)));
    GIVES(-DER_INVAL, daos_array_create(r->coh, oid, TX0, 8, 64, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_array_create(r->ro_coh, oid, TX0, 8, 64, &none, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_create(r->poh, oid, TX0, 8, 64, &none, ev(r)));
    GIVES(0, daos_array_create(r->coh, oid, TX0, 8, 64, &ah, ev(r)));
    NOW(0, daos_array_get_attr(ah, &chunk, &cell));
    CHECK(cell == 8 && chunk == 64);
    GIVES(-DER_EXIST, daos_array_create(r->coh, oid, TX0, 4, 32, &none, ev(r)));
    NOW(0, daos_array_close(ah, NULL));
    return true;
}

CONTRACT(daos_array_open)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_ARRAY);
    daos_size_t cell = 77, chunk = 77;
    daos_handle_t ah = DAOS_HDL_INVAL, made, oh;
    uint64_t zero = 0;
    struct one x;

    GIVES(-DER_NONEXIST, daos_array_open(r->coh, oid, TX0, DAOS_OO_RW, &cell, &chunk, &ah, ev(r)));
    CHECK(cell == 77 && chunk == 77);
    NOW(0, daos_array_create(r->coh, oid, TX0, 8, 64, &made, NULL));
    GIVES(0, daos_array_open(r->ro_coh, oid, TX0, DAOS_OO_RO, &cell, &chunk, &ah, ev(r)));
    CHECK(cell == 8 && chunk == 64);
    NOW(0, daos_array_close(ah, NULL));
    NOW(0, daos_array_close(made, NULL));
    GIVES(-DER_INVAL, daos_array_open(r->coh, oid, TX0, DAOS_OO_RW, NULL, &chunk, &ah, ev(r)));
    GIVES(-DER_INVAL, daos_array_open(r->coh, oid, TX0, DAOS_OO_RW, &cell, &chunk, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_array_open(r->coh, own_oid(r, DAOS_OT_KV_HASHED), TX0, DAOS_OO_RW, &cell,
                                      &chunk, &ah, ev(r)));
    GIVES(-DER_NO_PERM,
          daos_array_open(r->ro_coh, oid, TX0, DAOS_OO_RW, &cell, &chunk, &ah, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_open(r->poh, oid, TX0, DAOS_OO_RW, &cell, &chunk, &ah, ev(r)));

    /* what does not look like an array */
    oid = own_oid(r, DAOS_OT_ARRAY);
    oid.lo += 1ull << 40;
    NOW(0, daos_obj_open(r->coh, oid, DAOS_OO_RW, &oh, NULL));
    one_single(&x, "", "0", "no such thing", 13);
    d_iov_set(&x.dkey, &zero, sizeof(zero));
    NOW(0, daos_obj_update(oh, TX0, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    NOW(0, daos_obj_close(oh, NULL));
    GIVES(-DER_NO_PERM, daos_array_open(r->coh, oid, TX0, DAOS_OO_RW, &cell, &chunk, &ah, ev(r)));
    return true;
}

CONTRACT(daos_array_open_with_attr)
{
    daos_obj_id_t oid = own_oid(r, DAOS_OT_ARRAY_BYTE), attr = own_oid(r, DAOS_OT_ARRAY_ATTR);
    daos_handle_t ah = DAOS_HDL_INVAL;
    daos_size_t cell, chunk;

    GIVES(0, daos_array_open_with_attr(r->coh, attr, TX0, DAOS_OO_RW, 4, 16, &ah, ev(r)));
    NOW(0, daos_array_get_attr(ah, &chunk, &cell));
    CHECK(cell == 4 && chunk == 16);
    NOW(0, daos_array_close(ah, NULL));
    GIVES(-DER_INVAL, daos_array_open_with_attr(r->coh, oid, TX0, DAOS_OO_RW, 4, 16, &ah, ev(r)));
    GIVES(-DER_INVAL, daos_array_open_with_attr(r->coh, oid, TX0, DAOS_OO_RW, 0, 16, &ah, ev(r)));
    GIVES(-DER_INVAL, daos_array_open_with_attr(r->coh, oid, TX0, DAOS_OO_RW, 1, 0, &ah, ev(r)));
    GIVES(-DER_INVAL, daos_array_open_with_attr(r->coh, oid, TX0, 0x10000, 1, 16, &ah, ev(r)));
    GIVES(-DER_INVAL, daos_array_open_with_attr(r->coh, oid, TX0, DAOS_OO_RW, 1, 16, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_array_open_with_attr(r->coh, own_oid(r, DAOS_OT_KV_HASHED), TX0,
                                                DAOS_OO_RW, 1, 16, &ah, ev(r)));
    GIVES(-DER_NO_PERM,
          daos_array_open_with_attr(r->ro_coh, oid, TX0, DAOS_OO_RW, 1, 16, &ah, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_open_with_attr(r->poh, oid, TX0, DAOS_OO_RW, 1, 16, &ah, ev(r)));
    return true;
}

CONTRACT(daos_array_close)
{
    daos_handle_t ah;

    NOW(0, daos_array_open_with_attr(r->coh, own_oid(r, DAOS_OT_ARRAY_BYTE), TX0, DAOS_OO_RO, 1, 8,
                                     &ah, NULL));
    GIVES(0, daos_array_close(ah, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_close(ah, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_close(r->oh, ev(r)));
    return true;
}

CONTRACT(daos_array_destroy)
{
    struct own o;

    CHECK(own_open(r, &o));
    CHECK(write_text(r, o.rw, 0, "0123456789abcdefghij"));
    GIVES(-DER_NO_PERM, daos_array_destroy(o.ro, TX0, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_destroy(r->coh, TX0, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_destroy(o.rw, r->coh, ev(r)));
    CHECK(reads(r, o.ro, "0123456789abcdefghij"));
    GIVES(0, daos_array_destroy(o.rw, TX0, ev(r)));
    CHECK(reads(r, o.ro, ""));
    return own_close(r, &o); /* it is still open */
}

/* ---- Data: in everybody's array, each in a part of its own ---- */

CONTRACT(daos_array_write)
{
    uint64_t at = r->id * 1000 + 50; /* into a second chunk */
    char out[30] = "abcdefghijklmnopqrstuvwxyz", in[30] = "";
    struct own o;
    struct io x;

    io(&x, at, 20, out, 20);
    GIVES(0, daos_array_write(r->ah, TX0, &x.iod, &x.sgl, ev(r)));
    io(&x, at, 20, in, 20);
    NOW(0, daos_array_read(r->ah, TX0, &x.iod, &x.sgl, NULL));
    CHECK(memcmp(in, out, 20) == 0);
    io(&x, at + 18, 2, (char *)"VWXY", 4); /* two ranges from one buffer */
    x.rg[1] = (daos_range_t){at, 2};
    x.iod.arr_nr = 2;
    GIVES(0, daos_array_write(r->ah, TX0, &x.iod, &x.sgl, ev(r)));
    io(&x, at, 20, (char *)"????????????????????", 19);
    GIVES(-DER_INVAL, daos_array_write(r->ah, TX0, &x.iod, &x.sgl, ev(r)));
    x.rg[0].rg_len = 18;
    GIVES(-DER_INVAL, daos_array_write(r->ah, TX0, &x.iod, &x.sgl, ev(r)));
    x.rg[0].rg_len = 19;
    GIVES(-DER_INVAL, daos_array_write(r->ah, TX0, NULL, &x.sgl, ev(r)));
    GIVES(-DER_INVAL, daos_array_write(r->ah, TX0, &x.iod, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_write(r->coh, TX0, &x.iod, &x.sgl, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_write(r->ah, r->coh, &x.iod, &x.sgl, ev(r)));
    CHECK(own_open(r, &o));
    GIVES(-DER_NO_PERM, daos_array_write(o.ro, TX0, &x.iod, &x.sgl, ev(r)));
    CHECK(own_close(r, &o));
    x.iod.arr_rgs = NULL;
    GIVES(-DER_INVAL, daos_array_write(r->ah, TX0, &x.iod, &x.sgl, ev(r)));
    io(&x, at, 20, in, 20);
    NOW(0, daos_array_read(r->ah, TX0, &x.iod, &x.sgl, NULL));
    CHECK(memcmp(in, "XYcdefghijklmnopqrVW", 20) == 0);
    return true;
}

/* More ranges than a list may have, if they are that short. */
static void too_many(struct io *x, char **buf, daos_range_t **rgs)
{
    enum { N = DAOS_ARRAY_LIST_IO_LIMIT + 1 };

    *rgs = calloc(N, sizeof(**rgs));
    *buf = calloc(1, N);
    for (uint64_t i = 0; i < N; i++)
        (*rgs)[i] = (daos_range_t){i * 2, 1};
    io(x, 0, 1, *buf, N);
    x->iod.arr_nr = N;
    x->iod.arr_rgs = *rgs;
}

CONTRACT(daos_array_read)
{
    char buf[40];
    daos_range_t *rgs;
    struct own o;
    struct io x;
    char *big;

    CHECK(own_open(r, &o));
    CHECK(write_text(r, o.rw, 2, "cdefghijkl"));
    memset(buf, '?', sizeof(buf));
    io(&x, 0, 20, buf, 20);
    GIVES(0, daos_array_read(o.ro, TX0, &x.iod, &x.sgl, ev(r)));
    CHECK(memcmp(buf, "\0\0cdefghijkl", 12) == 0);
    CHECK(x.iod.arr_nr_read == 12 && x.iod.arr_nr_short_read == 8);
    io(&x, 8, 3, buf, 5);
    x.rg[1] = (daos_range_t){2, 2};
    x.iod.arr_nr = 2;
    GIVES(0, daos_array_read(o.rw, TX0, &x.iod, &x.sgl, ev(r)));
    CHECK(memcmp(buf, "ijkcd", 5) == 0 && x.iod.arr_nr_short_read == 0);
    io(&x, 0, 5, buf, 6);
    GIVES(-DER_INVAL, daos_array_read(o.rw, TX0, &x.iod, &x.sgl, ev(r)));
    io(&x, 0, 5, buf, 4);
    GIVES(-DER_INVAL, daos_array_read(o.rw, TX0, &x.iod, &x.sgl, ev(r)));
    io(&x, 0, 5, buf, 5);
    GIVES(-DER_INVAL, daos_array_read(o.rw, TX0, NULL, &x.sgl, ev(r)));
    GIVES(-DER_INVAL, daos_array_read(o.rw, TX0, &x.iod, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_read(r->coh, TX0, &x.iod, &x.sgl, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_read(o.rw, r->coh, &x.iod, &x.sgl, ev(r)));
    too_many(&x, &big, &rgs);
    GIVES(-DER_NOTSUPPORTED, daos_array_read(o.rw, TX0, &x.iod, &x.sgl, ev(r)));
    GIVES(-DER_NOTSUPPORTED, daos_array_write(o.rw, TX0, &x.iod, &x.sgl, ev(r)));
    free(big);
    free(rgs);
    return own_close(r, &o);
}

CONTRACT(daos_array_punch)
{
    struct own o;
    struct io x;

    CHECK(own_open(r, &o));
    CHECK(write_text(r, o.rw, 0, "0123456789abcdefghij"));
    io(&x, 4, 8, NULL, 0);
    GIVES(-DER_NO_PERM, daos_array_punch(o.ro, TX0, &x.iod, ev(r)));
    GIVES(-DER_INVAL, daos_array_punch(o.rw, TX0, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_punch(r->coh, TX0, &x.iod, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_punch(o.rw, r->coh, &x.iod, ev(r)));
    CHECK(reads(r, o.ro, "0123456789abcdefghij"));
    GIVES(0, daos_array_punch(o.rw, TX0, &x.iod, ev(r)));
    CHECK(reads(r, o.ro, "0123________cdefghij"));
    x.iod.arr_rgs = NULL;
    GIVES(-DER_INVAL, daos_array_punch(o.rw, TX0, &x.iod, ev(r)));
    return own_close(r, &o);
}

/* ---- Size ---- */

CONTRACT(daos_array_get_size)
{
    daos_size_t size = 77;
    struct own o;

    CHECK(own_open(r, &o));
    GIVES(0, daos_array_get_size(o.ro, TX0, &size, ev(r)));
    CHECK(size == 0);
    CHECK(write_text(r, o.rw, 15, "x"));
    GIVES(0, daos_array_get_size(o.rw, TX0, &size, ev(r)));
    CHECK(size == 16);
    GIVES(-DER_INVAL, daos_array_get_size(o.rw, TX0, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_get_size(r->coh, TX0, &size, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_get_size(o.rw, r->coh, &size, ev(r)));
    CHECK(size == 16);
    return own_close(r, &o);
}

CONTRACT(daos_array_set_size)
{
    struct own o;

    CHECK(own_open(r, &o));
    CHECK(write_text(r, o.rw, 0, "0123456789"));
    GIVES(-DER_NO_PERM, daos_array_set_size(o.ro, TX0, 3, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_set_size(r->coh, TX0, 3, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_set_size(o.rw, r->coh, 3, ev(r)));
    GIVES(0, daos_array_set_size(o.rw, TX0, 10, ev(r)));
    CHECK(reads(r, o.ro, "0123456789"));
    GIVES(0, daos_array_set_size(o.rw, TX0, 8, ev(r))); /* at the end of a chunk */
    CHECK(reads(r, o.ro, "01234567"));
    GIVES(0, daos_array_set_size(o.rw, TX0, 17, ev(r)));
    CHECK(reads(r, o.ro, "01234567_________"));
    GIVES(0, daos_array_set_size(o.rw, TX0, 0, ev(r)));
    CHECK(reads(r, o.ro, ""));
    return own_close(r, &o);
}

CONTRACT(daos_array_stat)
{
    daos_array_stbuf_t st = {0}, later = {0};
    struct own o;

    CHECK(own_open(r, &o));
    CHECK(write_text(r, o.rw, 0, "0123456789"));
    GIVES(0, daos_array_stat(o.ro, TX0, &st, ev(r)));
    CHECK(st.st_size == 10 && st.st_max_epoch > 0);
    CHECK(write_text(r, o.rw, 0, "x"));
    GIVES(0, daos_array_stat(o.rw, TX0, &later, ev(r)));
    CHECK(later.st_size == 10 && later.st_max_epoch > st.st_max_epoch);
    GIVES(-DER_INVAL, daos_array_stat(o.rw, TX0, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_array_stat(r->coh, TX0, &st, ev(r)));
    return own_close(r, &o);
}

/* ---- Without messages ---- */

CONTRACT(daos_array_get_attr)
{
    daos_size_t cell = 0, chunk = 0;

    NOW(0, daos_array_get_attr(r->ah, &chunk, &cell));
    CHECK(cell == 1 && chunk == 64);
    NOW(-DER_INVAL, daos_array_get_attr(r->ah, NULL, &cell));
    NOW(-DER_INVAL, daos_array_get_attr(r->ah, &chunk, NULL));
    NOW(-DER_NO_HDL, daos_array_get_attr(r->oh, &chunk, &cell));
    return true;
}

CONTRACT(daos_array_update_chunk_size)
{
    daos_size_t cell = 0, chunk = 0;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, daos_array_update_chunk_size(o.rw, 32));
    NOW(-DER_INVAL, daos_array_update_chunk_size(o.rw, 0));
    NOW(-DER_NO_HDL, daos_array_update_chunk_size(r->oh, 32));
    NOW(0, daos_array_get_attr(o.rw, &chunk, &cell));
    CHECK(chunk == 32);
    return own_close(r, &o);
}

CONTRACT(daos_array_local2global)
{
    char bytes[6000];
    d_iov_t size = {0}, glob;

    NOW(0, daos_array_local2global(r->ah, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(-DER_TRUNC, daos_array_local2global(r->ah, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, daos_array_local2global(r->ah, &glob));
    NOW(-DER_INVAL, daos_array_local2global(r->ah, NULL));
    NOW(-DER_NO_HDL, daos_array_local2global(r->oh, &glob));
    return true;
}

CONTRACT(daos_array_global2local)
{
    daos_handle_t copy = DAOS_HDL_INVAL;
    char bytes[6000];
    struct own o;
    d_iov_t glob;

    CHECK(own_open(r, &o));
    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, daos_array_local2global(o.rw, &glob));
    NOW(0, daos_array_global2local(r->coh, glob, 0, &copy)); /* as it was open there */
    CHECK(write_text(r, copy, 0, "text"));
    NOW(0, daos_array_close(copy, NULL));
    NOW(0, daos_array_global2local(r->coh, glob, DAOS_OO_RO, &copy));
    CHECK(reads(r, copy, "text"));
    NOW(-DER_NO_PERM, daos_array_set_size(copy, TX0, 0, NULL));
    NOW(0, daos_array_close(copy, NULL));
    NOW(-DER_NO_PERM, daos_array_global2local(r->ro_coh, glob, DAOS_OO_RW, &copy));
    NOW(-DER_INVAL, daos_array_global2local(r->coh, glob, 0, NULL));
    NOW(-DER_INVAL, daos_array_global2local(r->coh, (d_iov_t){0}, 0, &copy));
    NOW(-DER_NO_HDL, daos_array_global2local(r->poh, glob, 0, &copy));
    glob.iov_len--;
    NOW(-DER_INVAL, daos_array_global2local(r->coh, glob, 0, &copy));
    return own_close(r, &o);
}

#define STORIES(X)                                                                                 \
    X(daos_array_create)                                                                           \
    X(daos_array_open)                                                                             \
    X(daos_array_open_with_attr)                                                                   \
    X(daos_array_close)                                                                            \
    X(daos_array_destroy)                                                                          \
    X(daos_array_write)                                                                            \
    X(daos_array_read)                                                                             \
    X(daos_array_punch)                                                                            \
    X(daos_array_get_size)                                                                         \
    X(daos_array_set_size)                                                                         \
    X(daos_array_stat)                                                                             \
    X(daos_array_get_attr)                                                                         \
    X(daos_array_update_chunk_size)                                                                \
    X(daos_array_local2global)                                                                     \
    X(daos_array_global2local)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
