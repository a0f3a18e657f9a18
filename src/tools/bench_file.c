/* Workloads of files: ranges of one file, and names of one directory. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include <daos/common.h>

#include "tools/bench.h"

#define TRANSFER_DEFAULT 4096u
#define NAME_SIZE        24

static int der_of(int errnum)
{
    return errnum == 0 ? 0 : daos_errno2der(errnum);
}

static void close_obj(struct bench_worker *w)
{
    if (w->obj != NULL)
        dfs_release(w->obj);
}

/* ---- file ---- */

static int file_begin(struct bench_worker *w)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "file%u", w->nr);
    return der_of(dfs_open(w->b->dfs, NULL, name, S_IFREG | 0600, O_RDWR | O_CREAT | O_EXCL, 0, 0,
                           NULL, &w->obj));
}

static int file_write(struct bench_worker *w, uint64_t slot)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    bench_mark(w, slot);
    d_iov_set(&iov, w->buf, w->size);
    return der_of(dfs_write(w->b->dfs, w->obj, &sgl, slot * w->size, NULL));
}

static int file_read(struct bench_worker *w, uint64_t slot)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_size_t size = 0;
    int rc;

    d_iov_set(&iov, w->buf, w->size);
    rc = dfs_read(w->b->dfs, w->obj, &sgl, slot * w->size, &size, NULL);
    return rc != 0 ? der_of(rc) : bench_check(w, slot, size);
}

const struct bench_workload bench_file = {
    "file",
    {{"write", file_write, BENCH_FILL, true, false}, {"read", file_read, BENCH_ANY, true, false}},
    file_begin,
    close_obj,
    TRANSFER_DEFAULT,
};

/* ---- metadata ---- */

static void name_of(uint64_t slot, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "f%llu", (unsigned long long)slot);
}

static int metadata_begin(struct bench_worker *w)
{
    char name[NAME_SIZE];
    int rc;

    snprintf(name, sizeof(name), "dir%u", w->nr);
    rc = dfs_mkdir(w->b->dfs, NULL, name, 0700, 0);
    if (rc == 0)
        rc = dfs_lookup_rel(w->b->dfs, NULL, name, O_RDWR, &w->obj, NULL, NULL);
    return der_of(rc);
}

static int metadata_create(struct bench_worker *w, uint64_t slot)
{
    char name[NAME_SIZE];
    dfs_obj_t *obj;
    int rc;

    name_of(slot, name);
    rc = dfs_open(w->b->dfs, w->obj, name, S_IFREG | 0600, O_WRONLY | O_CREAT | O_EXCL, 0, 0, NULL,
                  &obj);
    return der_of(rc != 0 ? rc : dfs_release(obj));
}

static int metadata_stat(struct bench_worker *w, uint64_t slot)
{
    char name[NAME_SIZE];
    struct stat st;

    name_of(slot, name);
    return der_of(dfs_stat(w->b->dfs, w->obj, name, &st));
}

static int metadata_remove(struct bench_worker *w, uint64_t slot)
{
    char name[NAME_SIZE];

    name_of(slot, name);
    return der_of(dfs_remove(w->b->dfs, w->obj, name, false, NULL));
}

const struct bench_workload bench_metadata = {
    "metadata",
    {{"create", metadata_create, BENCH_FILL, false, true},
     {"stat", metadata_stat, BENCH_ANY, false, false},
     {"remove", metadata_remove, BENCH_EACH, false, false}},
    metadata_begin,
    close_obj,
    0,
};
