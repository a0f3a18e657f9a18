/* Contracts of files. */
#include "fs_stage.h"

struct io {
    d_iov_t iov[2];
    d_sg_list_t sgl;
    daos_range_t rg[2];
    dfs_iod_t iod;
};

/* One or two pieces of memory, and as many ranges. */
static struct io *io(struct io *x, void *buf, size_t len)
{
    memset(x, 0, sizeof(*x));
    d_iov_set(&x->iov[0], buf, len);
    x->sgl = (d_sg_list_t){.sg_nr = 1, .sg_iovs = x->iov};
    x->iod = (dfs_iod_t){.iod_nr = 1, .iod_rgs = x->rg};
    return x;
}

/* Of everybody's file this telling's part begins here. */
static daos_off_t part(struct run *r)
{
    return r->id * 10000 + 4090; /* just before a chunk ends */
}

/* A file open for reading only, or for writing only. */
static dfs_obj_t *only(struct run *r, struct own *o, int flags)
{
    dfs_obj_t *obj = NULL;

    return dfs_open(r->dfs, o->dir, "f", S_IFREG, flags, 0, 0, NULL, &obj) == 0 ? obj : NULL;
}

CONTRACT(dfs_write)
{
    char in[16] = "";
    daos_size_t got = 0;
    dfs_obj_t *ro;
    struct own o;
    struct io x;

    io(&x, (void *)"over chunk's end", 16);
    GIVES(0, dfs_write(r->dfs, r->file, &x.sgl, part(r), ev(r)));
    NOW(0, fs_read(r->dfs, r->file, in, 16, part(r), &got));
    CHECK(got == 16 && memcmp(in, "over chunk's end", 16) == 0);
    CHECK(own_open(r, &o));
    ro = only(r, &o, O_RDONLY);
    GIVES(EPERM, dfs_write(r->dfs, ro, &x.sgl, 0, ev(r)));
    GIVES(EPERM, dfs_write(r->ro, o.ro_file, &x.sgl, 0, ev(r)));
    NOW(0, dfs_release(ro));
    GIVES(EINVAL, dfs_write(NULL, o.file, &x.sgl, 0, ev(r)));
    GIVES(EINVAL, dfs_write(r->dfs, NULL, &x.sgl, 0, ev(r)));
    GIVES(0, dfs_write(r->dfs, o.file, NULL, 0, ev(r))); /* nothing */
    GIVES(EINVAL, dfs_write(r->dfs, o.sub, &x.sgl, 0, ev(r)));
    CHECK(file_is(r->dfs, o.dir, "f", "text"));
    x.sgl.sg_nr = 2; /* two pieces */
    d_iov_set(&x.iov[0], (void *)"ab", 2);
    d_iov_set(&x.iov[1], (void *)"cd", 2);
    GIVES(0, dfs_write(r->dfs, o.file, &x.sgl, 3, ev(r)));
    CHECK(file_is(r->dfs, o.dir, "f", "texabcd"));
    return own_close(r, &o);
}

CONTRACT(dfs_writex)
{
    dfs_obj_t *ro;
    struct own o;
    struct io x;

    CHECK(own_open(r, &o));
    io(&x, (void *)"123456", 6)->iod.iod_nr = 2;
    x.rg[0] = (daos_range_t){6, 2};
    x.rg[1] = (daos_range_t){0, 4};
    GIVES(0, dfs_writex(r->dfs, o.file, &x.iod, &x.sgl, ev(r)));
    NOW(0, fs_write(r->dfs, o.file, "--", 2, 4));
    CHECK(file_is(r->dfs, o.dir, "f", "3456--12"));
    ro = only(r, &o, O_RDONLY);
    GIVES(EPERM, dfs_writex(r->dfs, ro, &x.iod, &x.sgl, ev(r)));
    GIVES(EPERM, dfs_writex(r->ro, o.ro_file, &x.iod, &x.sgl, ev(r)));
    NOW(0, dfs_release(ro));
    GIVES(EINVAL, dfs_writex(r->dfs, o.file, NULL, &x.sgl, ev(r)));
    GIVES(EINVAL, dfs_writex(r->dfs, o.file, &x.iod, NULL, ev(r)));
    GIVES(EINVAL, dfs_writex(r->dfs, NULL, &x.iod, &x.sgl, ev(r)));
    GIVES(EINVAL, dfs_writex(NULL, o.file, &x.iod, &x.sgl, ev(r)));
    x.rg[1].rg_len = 9; /* more than there is */
    GIVES(EINVAL, dfs_writex(r->dfs, o.file, &x.iod, &x.sgl, ev(r)));
    CHECK(file_is(r->dfs, o.dir, "f", "3456--12"));
    return own_close(r, &o);
}

CONTRACT(dfs_read)
{
    char in[16] = "";
    daos_size_t got = 77;
    dfs_obj_t *wo;
    struct own o;
    struct io x;

    NOW(0, fs_write(r->dfs, r->file, "over chunk's end", 16, part(r)));
    io(&x, in, 16);
    GIVES(0, dfs_read(r->dfs, r->file, &x.sgl, part(r), &got, ev(r)));
    CHECK(got == 16 && memcmp(in, "over chunk's end", 16) == 0);
    CHECK(own_open(r, &o));
    NOW(0, fs_write(r->dfs, o.file, "end", 3, 6));
    memset(in, '?', sizeof(in));
    io(&x, in, 16); /* a hole, and the end before the end */
    GIVES(0, dfs_read(r->ro, o.ro_file, &x.sgl, 0, &got, ev(r)));
    CHECK(got == 9 && memcmp(in, "text\0\0end", 9) == 0);
    GIVES(0, dfs_read(r->dfs, o.file, &x.sgl, 100, &got, ev(r)));
    CHECK(got == 0);
    wo = only(r, &o, O_WRONLY);
    GIVES(EPERM, dfs_read(r->dfs, wo, &x.sgl, 0, &got, ev(r)));
    NOW(0, dfs_release(wo));
    GIVES(EINVAL, dfs_read(NULL, o.file, &x.sgl, 0, &got, ev(r)));
    GIVES(EINVAL, dfs_read(r->dfs, NULL, &x.sgl, 0, &got, ev(r)));
    GIVES(0, dfs_read(r->dfs, o.file, NULL, 0, &got, ev(r))); /* nothing */
    GIVES(EINVAL, dfs_read(r->dfs, o.file, &x.sgl, 0, NULL, ev(r)));
    GIVES(EINVAL, dfs_read(r->dfs, o.sub, &x.sgl, 0, &got, ev(r)));
    CHECK(got == 0);
    return own_close(r, &o);
}

CONTRACT(dfs_readx)
{
    char in[16] = "";
    daos_size_t got = 77;
    dfs_obj_t *wo;
    struct own o;
    struct io x;

    CHECK(own_open(r, &o));
    NOW(0, fs_write(r->dfs, o.file, "0123456789", 10, 0));
    io(&x, in, 6)->iod.iod_nr = 2;
    x.rg[0] = (daos_range_t){8, 2};
    x.rg[1] = (daos_range_t){1, 4};
    GIVES(0, dfs_readx(r->ro, o.ro_file, &x.iod, &x.sgl, &got, ev(r)));
    CHECK(got == 6 && strcmp(in, "891234") == 0);
    wo = only(r, &o, O_WRONLY);
    GIVES(EPERM, dfs_readx(r->dfs, wo, &x.iod, &x.sgl, &got, ev(r)));
    NOW(0, dfs_release(wo));
    GIVES(EINVAL, dfs_readx(r->dfs, o.file, NULL, &x.sgl, &got, ev(r)));
    GIVES(EINVAL, dfs_readx(r->dfs, o.file, &x.iod, NULL, &got, ev(r)));
    GIVES(EINVAL, dfs_readx(r->dfs, o.file, &x.iod, &x.sgl, NULL, ev(r)));
    GIVES(EINVAL, dfs_readx(r->dfs, NULL, &x.iod, &x.sgl, &got, ev(r)));
    GIVES(EINVAL, dfs_readx(NULL, o.file, &x.iod, &x.sgl, &got, ev(r)));
    x.iod.iod_nr = 0; /* nothing */
    x.sgl.sg_nr = 0;
    GIVES(0, dfs_readx(r->dfs, o.file, &x.iod, &x.sgl, &got, ev(r)));
    CHECK(got == 0);
    return own_close(r, &o);
}

CONTRACT(dfs_get_size)
{
    daos_size_t size = 77;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_get_size(r->dfs, o.file, &size));
    CHECK(size == 4);
    NOW(0, fs_write(r->dfs, o.file, "x", 1, 5000000));
    NOW(0, dfs_get_size(r->ro, o.ro_file, &size));
    CHECK(size == 5000001);
    NOW(EINVAL, dfs_get_size(NULL, o.file, &size));
    NOW(EINVAL, dfs_get_size(r->dfs, NULL, &size));
    NOW(EINVAL, dfs_get_size(r->dfs, o.sub, &size));
    NOW(EINVAL, dfs_get_size(r->dfs, o.file, NULL));
    CHECK(size == 5000001);
    return own_close(r, &o);
}

CONTRACT(dfs_get_size_by_oid)
{
    daos_size_t size = 0, chunk;
    daos_obj_id_t oid;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_obj2id(o.file, &oid));
    NOW(0, dfs_get_chunk_size(o.file, &chunk));
    NOW(0, dfs_get_size_by_oid(r->dfs, oid, chunk, &size));
    CHECK(size == 4);
    NOW(EINVAL, dfs_get_size_by_oid(NULL, oid, chunk, &size));
    NOW(EINVAL, dfs_get_size_by_oid(r->dfs, oid, chunk, NULL));
    NOW(0, dfs_get_size_by_oid(r->dfs, oid, 0, &size)); /* the container's chunk size */
    NOW(0, dfs_obj2id(o.sub, &oid));
    NOW(EINVAL, dfs_get_size_by_oid(r->dfs, oid, chunk, &size));
    return own_close(r, &o);
}

CONTRACT(dfs_punch)
{
    daos_size_t size = 0;
    char in[12] = "";
    dfs_obj_t *ro;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, fs_write(r->dfs, o.file, "0123456789", 10, 0));
    ro = only(r, &o, O_RDONLY);
    NOW(EPERM, dfs_punch(r->dfs, ro, 0, 1));
    NOW(EPERM, dfs_punch(r->ro, o.ro_file, 0, 1));
    NOW(0, dfs_release(ro));
    NOW(EINVAL, dfs_punch(r->dfs, o.sub, 0, 1));
    NOW(EINVAL, dfs_punch(r->dfs, NULL, 0, 1));
    NOW(EINVAL, dfs_punch(NULL, o.file, 0, 1));
    CHECK(file_is(r->dfs, o.dir, "f", "0123456789"));
    NOW(0, dfs_punch(r->dfs, o.file, 10, 5)); /* beyond the end */
    CHECK(file_is(r->dfs, o.dir, "f", "0123456789"));
    NOW(0, dfs_punch(r->dfs, o.file, 2, 3)); /* a hole */
    NOW(0, fs_read(r->dfs, o.file, in, 10, 0, &size));
    CHECK(size == 10 && memcmp(in, "01\0\0\00056789", 10) == 0);
    NOW(0, dfs_punch(r->dfs, o.file, 8, 100)); /* to the end */
    NOW(0, dfs_get_size(r->dfs, o.file, &size));
    CHECK(size == 8);
    NOW(0, dfs_punch(r->dfs, o.file, 2, DFS_MAX_FSIZE));
    CHECK(file_is(r->dfs, o.dir, "f", "01"));
    NOW(0, dfs_punch(r->dfs, o.file, 100, DFS_MAX_FSIZE)); /* it may grow */
    NOW(0, dfs_get_size(r->dfs, o.file, &size));
    CHECK(size == 100);
    return own_close(r, &o);
}

CONTRACT(dfs_get_file_oh)
{
    daos_handle_t oh = DAOS_HDL_INVAL;
    daos_size_t size = 0;
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_get_file_oh(o.file, &oh));
    NOW(0, daos_array_get_size(oh, DAOS_TX_NONE, &size, NULL));
    CHECK(size == 4);
    NOW(EINVAL, dfs_get_file_oh(NULL, &oh));
    NOW(EINVAL, dfs_get_file_oh(o.file, NULL));
    NOW(EINVAL, dfs_get_file_oh(o.sub, &oh));
    return own_close(r, &o);
}

CONTRACT(dfs_get_chunk_size)
{
    daos_size_t size = 0;
    struct own o;

    NOW(0, dfs_get_chunk_size(r->file, &size));
    CHECK(size == 4096);
    CHECK(own_open(r, &o));
    NOW(EINVAL, dfs_get_chunk_size(o.sub, &size));
    NOW(EINVAL, dfs_get_chunk_size(NULL, &size));
    NOW(EINVAL, dfs_get_chunk_size(o.file, NULL));
    return own_close(r, &o);
}

/* ---- Blobs ---- */

CONTRACT(dfs_obj_local2global)
{
    d_iov_t size = {0}, glob;
    char bytes[6000];
    struct own o;

    CHECK(own_open(r, &o));
    NOW(0, dfs_obj_local2global(r->dfs, o.file, &size));
    CHECK(size.iov_buf_len > 0 && size.iov_buf_len <= sizeof(bytes));
    d_iov_set(&glob, bytes, size.iov_buf_len - 1);
    NOW(ENOBUFS, dfs_obj_local2global(r->dfs, o.file, &glob));
    CHECK(glob.iov_buf_len == size.iov_buf_len);
    NOW(0, dfs_obj_local2global(r->dfs, o.file, &glob));
    NOW(EINVAL, dfs_obj_local2global(r->dfs, o.sub, &glob));
    NOW(EINVAL, dfs_obj_local2global(r->dfs, NULL, &glob));
    NOW(EINVAL, dfs_obj_local2global(NULL, o.file, &glob));
    NOW(EINVAL, dfs_obj_local2global(r->dfs, o.file, NULL));
    return own_close(r, &o);
}

CONTRACT(dfs_obj_global2local)
{
    dfs_obj_t *copy = NULL;
    char bytes[6000];
    struct own o;
    d_iov_t glob;

    CHECK(own_open(r, &o));
    d_iov_set(&glob, bytes, sizeof(bytes));
    NOW(0, dfs_obj_local2global(r->dfs, o.file, &glob));
    NOW(0, dfs_obj_global2local(r->dfs, 0, glob, &copy)); /* as it was open there */
    NOW(0, fs_write(r->dfs, copy, "more", 4, 4));
    NOW(0, dfs_release(copy));
    CHECK(file_is(r->dfs, o.dir, "f", "textmore"));
    NOW(0, dfs_obj_global2local(r->ro, O_RDONLY, glob, &copy));
    NOW(EPERM, fs_write(r->ro, copy, "none", 4, 0));
    NOW(0, dfs_release(copy));
    copy = NULL;
    NOW(EPERM, dfs_obj_global2local(r->ro, O_RDWR, glob, &copy));
    NOW(EINVAL, dfs_obj_global2local(NULL, 0, glob, &copy));
    NOW(EINVAL, dfs_obj_global2local(r->dfs, 0, glob, NULL));
    NOW(EINVAL, dfs_obj_global2local(r->dfs, 0, (d_iov_t){0}, &copy));
    glob.iov_len--;
    NOW(EINVAL, dfs_obj_global2local(r->dfs, 0, glob, &copy));
    glob.iov_len++;
    bytes[0] ^= 1;
    NOW(EINVAL, dfs_obj_global2local(r->dfs, 0, glob, &copy));
    CHECK(copy == NULL);
    return own_close(r, &o);
}

/* ---- Not there ---- */

CONTRACT(dfs_pipeline_create)
{
    dfs_pipeline_t *pipe = NULL;
    dfs_predicate_t pred = {.dp_name = "%.c"};

    NOW(ENOSYS, dfs_pipeline_create(r->dfs, pred, DFS_FILTER_NAME, &pipe));
    NOW(EINVAL, dfs_pipeline_create(NULL, pred, DFS_FILTER_NAME, &pipe));
    CHECK(pipe == NULL);
    return true;
}

CONTRACT(dfs_pipeline_destroy)
{
    NOW(EINVAL, dfs_pipeline_destroy(NULL));
    return true;
}

CONTRACT(dfs_readdir_with_filter)
{
    NOW(EINVAL, dfs_readdir_with_filter(r->dfs, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
    return true;
}

#define STORIES(X)                                                                                 \
    X(dfs_write)                                                                                   \
    X(dfs_writex)                                                                                  \
    X(dfs_read)                                                                                    \
    X(dfs_readx)                                                                                   \
    X(dfs_get_size)                                                                                \
    X(dfs_get_size_by_oid)                                                                         \
    X(dfs_punch)                                                                                   \
    X(dfs_get_file_oh)                                                                             \
    X(dfs_get_chunk_size)                                                                          \
    X(dfs_obj_local2global)                                                                        \
    X(dfs_obj_global2local)                                                                        \
    X(dfs_pipeline_create)                                                                         \
    X(dfs_pipeline_destroy)                                                                        \
    X(dfs_readdir_with_filter)

CONTRACT_MAIN(STORIES, fs_stage, fs_setup)
