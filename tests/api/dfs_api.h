/*
 * What the tests of libdfs share: a fresh file system for every test, on the pool of api.h, and
 * short ways to make files and look at them. libdfs answers positive errnos: compare with
 * IS(ENOENT, call).
 */
#ifndef TESTS_DFS_API_H
#define TESTS_DFS_API_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "api.h"
#include <daos_fs.h>

struct fs {
    struct api *api;
    dfs_t *dfs;
};

#define IS(err, call) assert_int_equal(call, err)

static inline int fs_setup(void **state)
{
    struct api *a = *state;

    snprintf(a->label, sizeof(a->label), "fs%d", ++a->conts);
    OK(dfs_cont_create_with_label(a->poh, a->label, NULL, NULL, &a->coh, NULL));
    return 0;
}

/* Mounts the running test's container once more. */
static inline dfs_t *fs_mount(struct api *a, int flags)
{
    dfs_t *dfs = NULL;

    OK(dfs_mount(a->poh, a->coh, flags, &dfs));
    return dfs;
}

#define FS_TEST(f) cmocka_unit_test_setup_teardown(f, fs_setup, api_teardown)

static inline void fs_file(dfs_t *dfs, dfs_obj_t *dir, const char *name, const void *data,
                           size_t len)
{
    dfs_obj_t *obj;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    OK(dfs_open(dfs, dir, name, S_IFREG | 0644, O_CREAT | O_RDWR | O_TRUNC, 0, 0, NULL, &obj));
    d_iov_set(&iov, (void *)data, len);
    OK(dfs_write(dfs, obj, &sgl, 0, NULL));
    OK(dfs_release(obj));
}

/* A file whose bytes are its text. */
static inline void fs_text(dfs_t *dfs, dfs_obj_t *dir, const char *name, const char *text)
{
    fs_file(dfs, dir, name, text, strlen(text));
}

static inline dfs_obj_t *fs_dir(dfs_t *dfs, dfs_obj_t *parent, const char *name)
{
    dfs_obj_t *obj = NULL;

    OK(dfs_mkdir(dfs, parent, name, 0755, 0));
    OK(dfs_lookup_rel(dfs, parent, name, O_RDWR, &obj, NULL, NULL));
    return obj;
}

static inline void fs_link(dfs_t *dfs, dfs_obj_t *dir, const char *name, const char *target)
{
    dfs_obj_t *obj;

    OK(dfs_open(dfs, dir, name, S_IFLNK, O_CREAT | O_EXCL | O_RDWR, 0, 0, target, &obj));
    OK(dfs_release(obj));
}

static inline int fs_read(dfs_t *dfs, dfs_obj_t *obj, void *buf, size_t len, daos_off_t off,
                          daos_size_t *got)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, buf, len);
    return dfs_read(dfs, obj, &sgl, off, got, NULL);
}

static inline int fs_write(dfs_t *dfs, dfs_obj_t *obj, const void *buf, size_t len, daos_off_t off)
{
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, (void *)buf, len);
    return dfs_write(dfs, obj, &sgl, off, NULL);
}

/* What is there: the text of a file, "dir", "-> target", or the errno's name. Static memory. */
static inline const char *fs_show(dfs_t *dfs, dfs_obj_t *dir, const char *name)
{
    static char buf[512];
    dfs_obj_t *obj;
    daos_size_t got = 0, len = sizeof(buf) - 4;
    mode_t mode = 0;
    int rc = dfs_lookup_rel(dfs, dir, name, O_RDONLY | O_NOFOLLOW, &obj, &mode, NULL);

    memset(buf, 0, sizeof(buf));
    if (rc != 0)
        return strerrorname_np(rc);
    if (S_ISREG(mode)) {
        rc = fs_read(dfs, obj, buf, sizeof(buf) - 1, 0, &got);
    } else if (S_ISLNK(mode)) {
        memcpy(buf, "-> ", 3);
        rc = dfs_get_symlink_value(obj, buf + 3, &len);
    } else {
        strcpy(buf, "dir");
    }
    if (rc != 0)
        strcpy(buf, strerrorname_np(rc));
    OK(dfs_release(obj));
    return buf;
}

#define SHOWS(text, dfs, dir, name) assert_string_equal(fs_show(dfs, dir, name), text)

/* Number of names in a directory. */
static inline uint32_t fs_count(dfs_t *dfs, dfs_obj_t *dir)
{
    struct dirent *ents = calloc(100, sizeof(*ents));
    daos_anchor_t anchor = {0};
    dfs_obj_t *own = NULL;
    uint32_t n = 0;

    if (dir == NULL) {
        OK(dfs_lookup(dfs, "/", O_RDONLY, &own, NULL, NULL));
        dir = own;
    }
    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 100;

        OK(dfs_readdir(dfs, dir, &anchor, &nr, ents));
        n += nr;
    }
    if (own != NULL)
        OK(dfs_release(own));
    free(ents);
    return n;
}

/* What a call prints to standard output, in static memory: fs_print_begin(), the call,
 * fs_print_end(). */
struct fs_print {
    FILE *f;
    int out;
};

static inline struct fs_print fs_print_begin(void)
{
    struct fs_print p = {tmpfile(), dup(STDOUT_FILENO)};

    fflush(stdout);
    dup2(fileno(p.f), STDOUT_FILENO);
    return p;
}

static inline const char *fs_print_end(struct fs_print p)
{
    static char text[4096];
    size_t n;

    fflush(stdout);
    dup2(p.out, STDOUT_FILENO);
    close(p.out);
    rewind(p.f);
    n = fread(text, 1, sizeof(text) - 1, p.f);
    text[n] = '\0';
    fclose(p.f);
    return text;
}

#endif
