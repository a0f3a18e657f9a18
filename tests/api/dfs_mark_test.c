/* An entry that says it has no extended attributes has none: whatever changes the entry, whoever
 * wrote it, in the present and in snapshots. (That it says so where it can is what copies live on.)
 */
#include <pthread.h>
#include <stdatomic.h>
#include "dfs_api.h"
#include "dfs/dfs_fast.h"

#define INODE     "DFS_INODE"
#define INODE_LEN 88
#define CTIME_AT  56 /* nanoseconds */
#define MARK_AT   80

static bool may_have(dfs_t *dfs, dfs_obj_t *dir, const char *name)
{
    struct dfs_more more;

    OK(dfs_stat_name(dfs, dir, name, NULL, &more));
    return more.xattrs;
}

static dfs_obj_t *obj_of(dfs_t *dfs, const char *path)
{
    dfs_obj_t *obj = NULL;

    OK(dfs_lookup(dfs, path, O_RDWR | O_NOFOLLOW, &obj, NULL, NULL));
    return obj;
}

static void set(dfs_t *dfs, const char *path, const char *attr)
{
    dfs_obj_t *obj = obj_of(dfs, path);

    OK(dfs_setxattr(dfs, obj, attr, "v", 1, 0));
    OK(dfs_release(obj));
}

static void unset(dfs_t *dfs, const char *path, const char *attr)
{
    dfs_obj_t *obj = obj_of(dfs, path);

    OK(dfs_removexattr(dfs, obj, attr));
    OK(dfs_release(obj));
}

static bool has(dfs_t *dfs, dfs_obj_t *dir, const char *name)
{
    daos_size_t size = 0;

    OK(dfs_listxattr_name(dfs, dir, name, NULL, &size));
    return size > 0;
}

static void what_entries_say(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *root = obj_of(dfs, "/");
    struct stat st = {.st_mode = S_IFREG | 0600, .st_mtim.tv_sec = 5};
    static const char *const names[] = {"f", "d", "l", "p"};
    daos_anchor_t anchor = {0};
    struct dirent ents[8];
    struct stat sts[8];
    struct dfs_more more[8];
    daos_size_t size = 0;
    uint32_t nr = 8;

    fs_text(dfs, NULL, "f", "f");
    fs_link(dfs, NULL, "l", "f");
    OK(dfs_put_file(dfs, NULL, "p", &st, NULL, false, NULL, NULL));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[8];

        snprintf(path, sizeof(path), "/%s", names[i]);
        assert_false(may_have(dfs, NULL, names[i]));
        set(dfs, path, "user.a");
        assert_true(may_have(dfs, NULL, names[i]));
        set(dfs, path, "user.b");
        unset(dfs, path, "user.a");
        assert_true(may_have(dfs, NULL, names[i])); /* there is another */
        unset(dfs, path, "user.b");
        assert_false(may_have(dfs, NULL, names[i]));
    }
    /* a listing says it too */
    set(dfs, "/p", "user.a");
    OK(dfs_readdir_more(dfs, root, &anchor, &nr, ents, sts, more));
    assert_int_equal(nr, 4);
    for (uint32_t i = 0; i < nr; i++)
        assert_int_equal(more[i].xattrs, strcmp(ents[i].d_name, "p") == 0);
    /* the root's own entry is no name's: its attributes are there nevertheless */
    OK(dfs_setxattr(dfs, root, "user.r", "1", 1, 0));
    OK(dfs_listxattr(dfs, root, NULL, &size));
    assert_int_equal(size, sizeof("user.r"));
    OK(dfs_removexattr(dfs, root, "user.r"));
    OK(dfs_release(root));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* Changes of the entry that are no changes of its attributes keep what it says. */
static void through_changes(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj;
    struct stat st = {.st_mtim = {7, 8}};

    for (int with = 0; with < 2; with++) {
        fs_text(dfs, NULL, "f", "f");
        if (with)
            set(dfs, "/f", "user.a");
        obj = obj_of(dfs, "/f");
        OK(dfs_chmod(dfs, NULL, "f", 0600));
        assert_int_equal(may_have(dfs, NULL, "f"), with);
        OK(dfs_osetattr(dfs, obj, &st, DFS_SET_ATTR_MTIME));
        assert_int_equal(may_have(dfs, NULL, "f"), with);
        OK(dfs_release(obj));
        OK(dfs_move(dfs, NULL, "f", d, "g", NULL));
        assert_int_equal(may_have(dfs, d, "g"), with);
        assert_int_equal(has(dfs, d, "g"), with);
        fs_text(dfs, NULL, "other", "o");
        OK(dfs_exchange(dfs, d, "g", NULL, "other"));
        assert_int_equal(may_have(dfs, NULL, "other"), with);
        assert_false(may_have(dfs, d, "g"));
        /* over one that has some: the new entry's word counts */
        set(dfs, "/d/g", "user.x");
        OK(dfs_move(dfs, NULL, "other", d, "g", NULL));
        assert_int_equal(may_have(dfs, d, "g"), with);
        assert_int_equal(has(dfs, d, "g"), with);
        /* replaced and made anew: without */
        OK(dfs_put_file(dfs, d, "g", &st, NULL, true, NULL, NULL));
        assert_false(may_have(dfs, d, "g") || has(dfs, d, "g"));
        set(dfs, "/d/g", "user.x");
        OK(dfs_remove(dfs, d, "g", false, NULL));
        fs_text(dfs, d, "g", "g");
        assert_false(may_have(dfs, d, "g") || has(dfs, d, "g"));
        OK(dfs_remove(dfs, d, "g", false, NULL));
    }
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* ---- Entries as programs write them that know nothing of marks ---- */

struct raw {
    daos_handle_t oh;
    daos_key_t dkey;
    daos_iod_t iod;
    daos_recx_t recx;
    d_iov_t iov;
    d_sg_list_t sgl;
    uint8_t buf[INODE_LEN];
};

static void raw_open(struct raw *r, struct api *a, dfs_obj_t *dir, const char *name)
{
    daos_obj_id_t oid;

    memset(r, 0, sizeof(*r));
    OK(dfs_obj2id(dir, &oid));
    OK(daos_obj_open(a->coh, oid, DAOS_OO_RW, &r->oh, NULL));
    d_iov_set(&r->dkey, (void *)name, strlen(name));
    d_iov_set(&r->iod.iod_name, INODE, sizeof(INODE) - 1);
    r->iod.iod_type = DAOS_IOD_ARRAY;
    r->iod.iod_size = 1;
    r->iod.iod_nr = 1;
    r->iod.iod_recxs = &r->recx;
    r->recx.rx_nr = INODE_LEN;
    d_iov_set(&r->iov, r->buf, INODE_LEN);
    r->sgl.sg_nr = 1;
    r->sgl.sg_iovs = &r->iov;
    OK(daos_obj_fetch(r->oh, DAOS_TX_NONE, 0, &r->dkey, 1, &r->iod, &r->sgl, NULL, NULL));
}

static void raw_write(struct raw *r)
{
    OK(daos_obj_update(r->oh, DAOS_TX_NONE, 0, &r->dkey, 1, &r->iod, &r->sgl, NULL));
}

/* The attribute itself, as setxattr stores it: with one byte behind it. */
static void raw_attr(struct raw *r, const char *key)
{
    daos_iod_t iod = {.iod_type = DAOS_IOD_SINGLE, .iod_size = 4, .iod_nr = 1};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iod.iod_name, (void *)key, strlen(key));
    d_iov_set(&iov, "old", 4);
    OK(daos_obj_update(r->oh, DAOS_TX_NONE, 0, &r->dkey, 1, &iod, &sgl, NULL));
}

static void without_marks(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *obj;
    struct raw r;
    char value[8];
    daos_size_t size = sizeof(value);

    /* a record from before there were marks: nothing is known, attributes are found */
    fs_text(dfs, d, "f", "f");
    raw_open(&r, a, d, "f");
    memset(r.buf + MARK_AT, 0, 8);
    raw_write(&r);
    assert_true(may_have(dfs, d, "f"));
    OK(dfs_chmod(dfs, d, "f", 0600)); /* nor is it learned by a change that does not look */
    assert_true(may_have(dfs, d, "f"));
    raw_attr(&r, "x:user.old");
    raw_write(&r); /* as every change of an attribute does */
    OK(daos_obj_close(r.oh, NULL));
    assert_true(has(dfs, d, "f"));
    OK(dfs_move(dfs, d, "f", d, "g", NULL));
    assert_true(may_have(dfs, d, "g"));
    obj = obj_of(dfs, "/d/g");
    OK(dfs_getxattr(dfs, obj, "user.old", value, &size));
    assert_int_equal(size, 3);
    OK(dfs_release(obj));
    unset(dfs, "/d/g", "user.old");
    assert_false(may_have(dfs, d, "g"));

    /* a program that knows no marks sets an attribute on an entry that has one: it takes the record
     * over as it is, but for the time of change */
    raw_open(&r, a, d, "g");
    raw_attr(&r, "x:user.old");
    r.buf[CTIME_AT]++;
    raw_write(&r);
    OK(daos_obj_close(r.oh, NULL));
    assert_true(may_have(dfs, d, "g"));
    assert_true(has(dfs, d, "g"));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void in_snapshots(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR), *snap[2];
    daos_epoch_t epoch[2];
    daos_epoch_range_t range;

    fs_text(dfs, NULL, "gains", "1");
    fs_text(dfs, NULL, "loses", "2");
    set(dfs, "/loses", "user.a");
    OK(daos_cont_create_snap(a->coh, &epoch[0], NULL, NULL));
    set(dfs, "/gains", "user.a");
    unset(dfs, "/loses", "user.a");
    OK(daos_cont_create_snap(a->coh, &epoch[1], NULL, NULL));
    unset(dfs, "/gains", "user.a");
    set(dfs, "/loses", "user.a");
    for (int i = 0; i < 2; i++) {
        OK(dfs_mount_snap(a->poh, a->coh, O_RDONLY, epoch[i], NULL, &snap[i]));
        assert_int_equal(may_have(snap[i], NULL, "gains"), i == 1);
        assert_int_equal(has(snap[i], NULL, "gains"), i == 1);
        assert_int_equal(may_have(snap[i], NULL, "loses"), i == 0);
        assert_int_equal(has(snap[i], NULL, "loses"), i == 0);
        OK(dfs_umount(snap[i]));
        range.epr_lo = range.epr_hi = epoch[i];
        OK(daos_cont_destroy_snap(a->coh, range, NULL));
    }
    OK(dfs_umount(dfs));
}

/* ---- Many at once on one file ---- */

#define ROUNDS 60

struct crowd {
    dfs_t *dfs;
    atomic_int wrong, seen;
    atomic_bool over;
};

struct member {
    struct crowd *crowd;
    int nr;
};

static const char *const names[2] = {"here", "there"};

/* Opens the file by whichever name it has. */
static dfs_obj_t *grab(dfs_t *dfs)
{
    dfs_obj_t *obj = NULL;

    for (int i = 0; dfs_lookup_rel(dfs, NULL, names[i % 2], O_RDWR, &obj, NULL, NULL) != 0; i++)
        ;
    return obj;
}

/* Sets or removes one attribute, however often others move the file or change it. */
static void change(struct member *m, const char *attr, bool on)
{
    int rc;

    do {
        dfs_obj_t *obj = grab(m->crowd->dfs);

        rc = on ? dfs_setxattr(m->crowd->dfs, obj, attr, "v", 1, 0)
                : dfs_removexattr(m->crowd->dfs, obj, attr);
        dfs_release(obj);
    } while (rc == ENOENT || rc == EBUSY);
    if (rc != 0)
        m->crowd->wrong++;
}

/* Between setting an attribute of its own and removing it, the file never says it has none. */
static void *setter(void *arg)
{
    struct member *m = arg;
    char attr[16];

    snprintf(attr, sizeof(attr), "user.%d", m->nr);
    for (int i = 0; i < ROUNDS; i++) {
        change(m, attr, true);
        for (int j = 0; j < 4; j++) {
            struct dfs_more more;

            if (dfs_stat_name(m->crowd->dfs, NULL, names[j % 2], NULL, &more) != 0)
                continue;
            m->crowd->seen++;
            if (!more.xattrs)
                m->crowd->wrong++;
        }
        change(m, attr, false);
    }
    return NULL;
}

static void *mover(void *arg)
{
    struct member *m = arg;

    for (int i = 0; !m->crowd->over; i++) {
        int rc = dfs_move(m->crowd->dfs, NULL, names[i % 2], NULL, names[(i + 1) % 2], NULL);

        while (rc == EBUSY)
            rc = dfs_move(m->crowd->dfs, NULL, names[i % 2], NULL, names[(i + 1) % 2], NULL);
        if (rc != 0)
            m->crowd->wrong++;
        rc = dfs_chmod(m->crowd->dfs, NULL, names[(i + 1) % 2], (mode_t)(0600 | (i & 077)));
        if (rc != 0 && rc != EBUSY)
            m->crowd->wrong++;
    }
    return NULL;
}

static void in_a_crowd(void **state)
{
    struct crowd c = {.dfs = fs_mount(*state, O_RDWR)};
    struct member m[3] = {{&c, 0}, {&c, 1}, {&c, 2}};
    pthread_t threads[3];
    dfs_obj_t *obj;
    daos_size_t size = 0;

    fs_text(c.dfs, NULL, names[0], "text");
    assert_int_equal(pthread_create(&threads[0], NULL, mover, &m[0]), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, setter, &m[1]), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, setter, &m[2]), 0);
    pthread_join(threads[1], NULL);
    pthread_join(threads[2], NULL);
    c.over = true;
    pthread_join(threads[0], NULL);
    assert_int_equal(c.wrong, 0);
    assert_true(c.seen > 0);
    obj = grab(c.dfs);
    OK(dfs_listxattr(c.dfs, obj, NULL, &size));
    assert_int_equal(size, 0);
    OK(dfs_release(obj));
    for (int i = 0; i < 2; i++) {
        struct dfs_more more;

        if (dfs_stat_name(c.dfs, NULL, names[i], NULL, &more) == 0)
            assert_false(more.xattrs); /* the last one to go says so */
    }
    OK(dfs_umount(c.dfs));
}

API_MAIN(FS_TEST(what_entries_say), FS_TEST(through_changes), FS_TEST(without_marks),
         FS_TEST(in_snapshots), FS_TEST(in_a_crowd))
