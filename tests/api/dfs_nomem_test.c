/*
 * Memory runs out at every allocation in turn, the client's and the engine's in this process
 * included: each call of libdfs either works or answers ENOMEM and has changed nothing, nothing
 * stays open (the container closes at the end), nothing leaks (the sanitizer build sees to that).
 */
#include "dfs_api.h"
#include <daos_fs_sys.h>
#include "base/fail.h"
#include "dfs/dfs_fast.h"

struct story {
    struct api *a;
    dfs_t *dfs;
    dfs_sys_t *sys;
    dfs_obj_t *dir, *file, *link;
    daos_handle_t eq;
    char name[16];
    int n;
    uint32_t lost; /* answers */
};

/* A name that no attempt had before. */
static const char *fresh(struct story *s)
{
    snprintf(s->name, sizeof(s->name), "n%d", s->n++);
    return s->name;
}

/* After a failure: there is none of that name. Memory is there again. */
static int absent_unless(int rc, dfs_t *dfs, dfs_obj_t *dir, const char *name)
{
    struct stat st;

    base_fail_set(NULL);
    IS(rc == 0 ? 0 : ENOENT, dfs_stat(dfs, dir, name, &st));
    return rc;
}

static int files(struct story *s)
{
    dfs_obj_t *f;
    int rc = dfs_open(s->dfs, s->dir, fresh(s), S_IFREG | 0600, O_CREAT | O_EXCL | O_RDWR, 0, 0,
                      NULL, &f);

    if (rc == 0)
        OK(dfs_release(f));
    return absent_unless(rc, s->dfs, s->dir, s->name);
}

static int directories(struct story *s)
{
    dfs_obj_t *d;
    int rc = dfs_open(s->dfs, s->dir, fresh(s), S_IFDIR | 0700, O_CREAT | O_EXCL | O_RDWR, 0, 0,
                      NULL, &d);

    if (rc == 0)
        OK(dfs_release(d));
    return absent_unless(rc, s->dfs, s->dir, s->name);
}

static int links(struct story *s)
{
    dfs_obj_t *l;
    int rc = dfs_open(s->dfs, s->dir, fresh(s), S_IFLNK, O_CREAT | O_EXCL | O_RDWR, 0, 0, "f", &l);

    if (rc == 0)
        OK(dfs_release(l));
    return absent_unless(rc, s->dfs, s->dir, s->name);
}

static int lookups(struct story *s)
{
    dfs_obj_t *obj;
    struct stat st;
    int rc = dfs_lookup(s->dfs, "/d/l", O_RDWR, &obj, NULL, &st);

    if (rc == 0) {
        assert_int_equal(st.st_size, 5);
        OK(dfs_release(obj));
        rc = dfs_lookup_rel(s->dfs, s->dir, "l", O_RDWR, &obj, NULL, &st);
    }
    if (rc == 0)
        OK(dfs_release(obj));
    return rc;
}

static int copies(struct story *s)
{
    dfs_obj_t *of[] = {s->dir, s->file, s->link}, *dup;
    int rc = 0;

    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = dfs_dup(s->dfs, of[i], O_RDWR, &dup);
        if (rc == 0)
            OK(dfs_release(dup));
    }
    return rc;
}

static int data(struct story *s)
{
    char buf[8] = "";
    daos_size_t got;
    int rc = fs_write(s->dfs, s->file, "hello", 5, 0);

    if (rc == 0)
        rc = fs_read(s->dfs, s->file, buf, sizeof(buf), 0, &got);
    if (rc == 0)
        assert_string_equal(buf, "hello");
    return rc;
}

static int in_the_background(struct story *s)
{
    daos_size_t got = 0, len = 0;
    daos_event_t ev[2], *done;
    char buf[8] = "", small[8] = "";
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_obj_id_t oid;
    int rc, two;

    d_iov_set(&iov, buf, sizeof(buf));
    OK(dfs_obj2id(s->file, &oid));
    for (int i = 0; i < 2; i++)
        OK(daos_event_init(&ev[i], s->eq, NULL));
    rc = dfs_read(s->dfs, s->file, &sgl, 0, &got, &ev[0]);
    two = dfs_get_small(s->dfs, oid, 0, small, sizeof(small), &len, &ev[1]);
    for (int n = (rc == 0) + (two == 0); n > 0; n--)
        assert_int_equal(daos_eq_poll(s->eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    rc = rc != 0 ? rc : ev[0].ev_error;
    two = two != 0 ? two : ev[1].ev_error;
    if (rc == 0)
        assert_int_equal(got, 5);
    if (two == 0)
        assert_int_equal(len, 5);
    for (int i = 0; i < 2; i++)
        OK(daos_event_fini(&ev[i]));
    return rc != 0 ? rc : two;
}

static int many_together(struct story *s)
{
    struct dfs_put put[2] = {{.parent = s->dir, .st = {.st_mode = 0600}},
                             {.parent = s->dir, .st = {.st_mode = 0600}}};
    struct dfs_get get = {.cap = 5};
    char names[2][16], buf[5];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    d_iov_set(&iov, "small", 5);
    for (int i = 0; i < 2; i++) {
        strcpy(names[i], fresh(s));
        put[i].name = names[i];
        put[i].sgl = &sgl;
    }
    OK(dfs_obj2id(s->file, &get.oid));
    get.buf = buf;
    rc = dfs_get_files(s->dfs, 1, &get, NULL);
    if (rc == 0)
        assert_memory_equal(buf, "hello", 5);
    if (rc == 0)
        rc = dfs_put_files(s->dfs, 2, put, NULL);
    absent_unless(rc, s->dfs, s->dir, names[0]);
    return absent_unless(rc, s->dfs, s->dir, names[1]);
}

/* A move that did not happen leaves both names; what was there before stays what it was. */
static int moves(struct story *s)
{
    char to[16];
    int rc;

    strcpy(to, fresh(s));
    rc = dfs_move(s->dfs, s->dir, "m", NULL, to, NULL);
    base_fail_set(NULL);
    SHOWS(rc == 0 ? "ENOENT" : "moved", s->dfs, s->dir, "m");
    SHOWS(rc == 0 ? "moved" : "ENOENT", s->dfs, NULL, to);
    if (rc == 0)
        OK(dfs_move(s->dfs, NULL, to, s->dir, "m", NULL));
    return rc;
}

static int exchanges(struct story *s)
{
    int rc = dfs_exchange(s->dfs, s->dir, "m", s->dir, "x");

    base_fail_set(NULL);
    SHOWS(rc == 0 ? "other" : "moved", s->dfs, s->dir, "m");
    SHOWS(rc == 0 ? "moved" : "other", s->dfs, s->dir, "x");
    if (rc == 0)
        OK(dfs_exchange(s->dfs, s->dir, "m", s->dir, "x"));
    return rc;
}

/* Removing a tree may stop in its middle; a second attempt removes the rest. */
static int removals(struct story *s)
{
    dfs_obj_t *d;
    int rc;

    rc = dfs_remove(s->dfs, s->dir, "tree", true, NULL);
    base_fail_set(NULL);
    if (rc != 0)
        OK(dfs_remove(s->dfs, s->dir, "tree", true, NULL));
    SHOWS("ENOENT", s->dfs, s->dir, "tree");
    d = fs_dir(s->dfs, s->dir, "tree");
    fs_text(s->dfs, d, "in", "it");
    OK(dfs_release(d));
    return rc;
}

static int attributes(struct story *s)
{
    char list[64], value[8];
    daos_size_t size = sizeof(list), len = sizeof(value);
    int rc = dfs_setxattr(s->dfs, s->file, "user.a", "1", 1, 0);

    if (rc == 0)
        rc = dfs_listxattr(s->dfs, s->file, list, &size);
    if (rc == 0)
        rc = dfs_getxattr(s->dfs, s->file, "user.a", value, &len);
    if (rc == 0) {
        assert_string_equal(list, "user.a");
        assert_int_equal(len, 1);
        rc = dfs_chmod(s->dfs, s->dir, "f", 0640);
    }
    return rc;
}

static int by_paths(struct story *s)
{
    struct dirent *e = NULL;
    struct stat st;
    DIR *dir;
    int rc = dfs_sys_stat(s->sys, "/d/f", 0, &st);

    if (rc == 0)
        rc = dfs_sys_opendir(s->sys, "/d", 0, &dir);
    if (rc != 0)
        return rc;
    rc = dfs_sys_readdir(s->sys, dir, &e);
    assert_true(rc != 0 || e != NULL);
    OK(dfs_sys_closedir(dir));
    return rc;
}

static int mounts(struct story *s)
{
    dfs_sys_t *sys;
    int rc = dfs_sys_mount(s->a->poh, s->a->coh, O_RDWR, 0, &sys);

    if (rc == 0)
        OK(dfs_sys_umount(sys));
    return rc;
}

/* A container whose file system could not be made is not there. */
static int new_containers(struct story *s)
{
    daos_handle_t coh;
    dfs_t *dfs;
    int rc = dfs_cont_create_with_label(s->a->poh, "made", NULL, NULL, &coh, &dfs), again;

    base_fail_set(NULL);
    if (rc == 0) {
        OK(dfs_umount(dfs));
        OK(daos_cont_close(coh, NULL));
        OK(daos_cont_destroy(s->a->poh, "made", 0, NULL));
        return 0;
    }
    again = daos_cont_open(s->a->poh, "made", DAOS_COO_RO, &coh, NULL, NULL);
    assert_int_equal(again, -DER_NONEXIST);
    return rc;
}

/* Only our own handle is open afterwards: a connection that failed half way closes its own. */
static int connections(struct story *s)
{
    char buf[4096];
    d_iov_t glob = {0};
    dfs_t *dfs, *all;
    int rc = dfs_init();

    if (rc != 0)
        return rc;
    rc = dfs_connect("apipool", NULL, s->a->label, O_RDWR, NULL, &dfs);
    if (rc == 0) {
        rc = dfs_local2global_all(dfs, &glob);
        if (rc == 0) {
            d_iov_set(&glob, buf, glob.iov_buf_len);
            rc = dfs_local2global_all(dfs, &glob);
        }
        if (rc == 0)
            rc = dfs_global2local_all(O_RDWR, glob, &all);
        base_fail_set(NULL); /* a close that lacks memory leaves the handle open */
        if (rc == 0)
            OK(dfs_disconnect(all));
        OK(dfs_disconnect(dfs));
    }
    OK(dfs_fini());
    return rc;
}

static void run(struct story *s, const char *name, int (*tell)(struct story *s))
{
    uint64_t at;
    int rc = -1, refused = 0;

    OK(tell(s));
    for (at = 1; at < 3000; at++) {
        struct base_fail f = {.fail_at = at};

        base_fail_set(&f);
        rc = tell(s);
        base_fail_set(NULL);
        if (rc == EIO && err_last()->rc == -DER_TX_UNCERTAIN)
            s->lost++; /* it was done, but the answer could not be carried */
        else if (rc != 0 && rc != ENOMEM)
            fail_msg("%s: allocation %d refused: %s", name, (int)at, strerrorname_np(rc));
        refused += rc != 0;
        if (f.failed == 0)
            break;
    }
    OK(rc);
    OK(tell(s));
    print_message("%s: %d of %d allocations were refused\n", name, refused, (int)at - 1);
}

/* No handle is open but the test's own and those whose answer was lost; all are closed then. */
static void nothing_stays_open(const struct story *s)
{
    daos_cont_info_t info = {0};
    daos_handle_t last;

    OK(daos_cont_query(s->a->coh, &info, NULL, NULL));
    assert_in_range(info.ci_nhandles, 1, 1 + s->lost);
    OK(daos_cont_open(s->a->poh, s->a->label, DAOS_COO_EX | DAOS_COO_EVICT_ALL, &last, NULL, NULL));
    OK(daos_cont_close(last, NULL));
}

static void every_allocation_in_turn(void **state)
{
    struct api *a = *state;
    struct story s = {.a = a};

    s.dfs = fs_mount(a, O_RDWR);
    OK(dfs_sys_mount(a->poh, a->coh, O_RDWR, 0, &s.sys));
    OK(daos_eq_create(&s.eq));
    s.dir = fs_dir(s.dfs, NULL, "d");
    fs_text(s.dfs, s.dir, "f", "hello");
    fs_link(s.dfs, s.dir, "l", "f");
    fs_text(s.dfs, s.dir, "m", "moved");
    fs_text(s.dfs, s.dir, "x", "other");
    OK(dfs_release(fs_dir(s.dfs, s.dir, "tree")));
    OK(dfs_lookup(s.dfs, "/d/m", O_RDWR, &s.file, NULL, NULL));
    OK(dfs_setxattr(s.dfs, s.file, "user.a", "1", 1, 0)); /* goes along with the name */
    OK(dfs_release(s.file));
    OK(dfs_lookup(s.dfs, "/d/f", O_RDWR, &s.file, NULL, NULL));
    OK(dfs_lookup(s.dfs, "/d/l", O_RDWR | O_NOFOLLOW, &s.link, NULL, NULL));
    run(&s, "file", files);
    run(&s, "directory", directories);
    run(&s, "link", links);
    run(&s, "lookup", lookups);
    run(&s, "dup", copies);
    run(&s, "data", data);
    run(&s, "event", in_the_background);
    run(&s, "many", many_together);
    run(&s, "move", moves);
    run(&s, "exchange", exchanges);
    run(&s, "removal", removals);
    run(&s, "attributes", attributes);
    run(&s, "paths", by_paths);
    run(&s, "mount", mounts);
    run(&s, "container", new_containers);
    run(&s, "connection", connections);
    OK(dfs_release(s.link));
    OK(dfs_release(s.file));
    OK(dfs_release(s.dir));
    OK(daos_eq_destroy(s.eq, 0));
    OK(dfs_sys_umount(s.sys));
    OK(dfs_umount(s.dfs));
    nothing_stays_open(&s);
}

API_MAIN(FS_TEST(every_allocation_in_turn))
