/*
 * Two mounts of one container, four threads, a few names everybody fights for. Afterwards, and at
 * every look in between, a name is there whole or not at all: no entry is lost, none is seen twice,
 * no file holds half of anything.
 */
#include <pthread.h>
#include <stdatomic.h>
#include "dfs_api.h"

#define THREADS 4

struct fight {
    dfs_t *mounts[2];
    atomic_int fails, wins;
    atomic_bool over;
};

struct fighter {
    struct fight *fight;
    dfs_t *dfs;
    int nr;
    unsigned int seed;
};

/* Threads cannot fail a test: they say what was wrong, and the test looks at the number of
 * complaints. */
#define COMPLAIN(f, ...)                                                                           \
    do {                                                                                           \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        (f)->fight->fails++;                                                                       \
    } while (0)

static unsigned int draw(struct fighter *f, unsigned int below)
{
    f->seed = f->seed * 1103515245u + 12345u;
    return (f->seed >> 16) % below;
}

static void fight(struct api *a, struct fight *w, void *(*body)(void *))
{
    pthread_t threads[THREADS];
    struct fighter f[THREADS];

    memset(w, 0, sizeof(*w));
    w->mounts[0] = fs_mount(a, O_RDWR | (int)DFS_BALANCED);
    w->mounts[1] = fs_mount(a, O_RDWR | (int)DFS_BALANCED);
    for (int i = 0; i < THREADS; i++) {
        f[i] =
            (struct fighter){.fight = w, .dfs = w->mounts[i % 2], .nr = i, .seed = (unsigned)i + 1};
        assert_int_equal(pthread_create(&threads[i], NULL, body, &f[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(w->fails, 0);
}

static void end(struct fight *w)
{
    OK(dfs_umount(w->mounts[0]));
    OK(dfs_umount(w->mounts[1]));
}

static int make(dfs_t *dfs, dfs_obj_t *dir, const char *name, const char *text, int flags)
{
    dfs_obj_t *obj;
    int rc = dfs_open(dfs, dir, name, S_IFREG | 0644, O_CREAT | O_RDWR | flags, 0, 0, NULL, &obj);

    if (rc != 0)
        return rc;
    if (text != NULL)
        rc = fs_write(dfs, obj, text, strlen(text), 0);
    dfs_release(obj);
    return rc;
}

/* ---- Who creates a name exclusively is alone; who removes it too ---- */

static void *one_winner(void *arg)
{
    struct fighter *f = arg;
    char name[16];

    for (int i = 0; i < 150; i++) {
        int rc;

        snprintf(name, sizeof(name), "n%d", i);
        rc = make(f->dfs, NULL, name, NULL, O_EXCL);
        if (rc == 0)
            f->fight->wins++;
        else if (rc != EEXIST)
            COMPLAIN(f, "create %s: %s", name, strerrorname_np(rc));
    }
    return NULL;
}

static void *one_remover(void *arg)
{
    struct fighter *f = arg;
    char name[16];

    for (int i = 0; i < 150; i++) {
        int rc;

        snprintf(name, sizeof(name), "n%d", i);
        rc = dfs_remove(f->dfs, NULL, name, false, NULL);
        if (rc == 0)
            f->fight->wins++;
        else if (rc != ENOENT)
            COMPLAIN(f, "remove %s: %s", name, strerrorname_np(rc));
    }
    return NULL;
}

static void creating_and_removing(void **state)
{
    struct fight w;

    fight(*state, &w, one_winner);
    assert_int_equal(w.wins, 150);
    assert_int_equal(fs_count(w.mounts[0], NULL), 150);
    end(&w);
    fight(*state, &w, one_remover);
    assert_int_equal(w.wins, 150);
    assert_int_equal(fs_count(w.mounts[1], NULL), 0);
    end(&w);
}

/* ---- Files wander between four names; nobody loses one except by moving another over it ---- */

static void *wanderer(void *arg)
{
    struct fighter *f = arg;
    char from[16], to[16];

    for (int i = 0; i < 150; i++) {
        daos_obj_id_t gone = {0};
        int rc;

        snprintf(from, sizeof(from), "w%u", draw(f, 4));
        snprintf(to, sizeof(to), "w%u", draw(f, 4));
        rc = dfs_move(f->dfs, NULL, from, NULL, to, &gone);
        if (rc == 0 && strcmp(from, to) != 0 && (gone.lo != 0 || gone.hi != 0))
            f->fight->wins++; /* one file less */
        else if (rc != 0 && rc != ENOENT && rc != EBUSY)
            COMPLAIN(f, "move %s %s: %s", from, to, strerrorname_np(rc));
        if (i % 10 == 0) {
            snprintf(from, sizeof(from), "w%u", draw(f, 4));
            rc = make(f->dfs, NULL, from, NULL, O_EXCL);
            if (rc == 0)
                f->fight->wins--; /* one more */
            else if (rc != EEXIST)
                COMPLAIN(f, "create %s: %s", from, strerrorname_np(rc));
        }
    }
    return NULL;
}

static void moving_over_each_other(void **state)
{
    struct fight w;

    fight(*state, &w, wanderer);
    /* created minus replaced is what is left */
    assert_int_equal((int)fs_count(w.mounts[0], NULL), -w.wins);
    end(&w);
}

/* ---- Two entries change places for ever: both are always there ---- */

static void *swapper(void *arg)
{
    struct fighter *f = arg;

    for (int i = 0; i < 60; i++) {
        int rc;

        if (f->nr < 2) {
            rc = dfs_exchange(f->dfs, NULL, "a", NULL, "b");
            if (rc != 0 && rc != EBUSY)
                COMPLAIN(f, "exchange: %s", strerrorname_np(rc));
            continue;
        }
        struct stat st;
        rc = dfs_stat(f->dfs, NULL, i % 2 ? "a" : "b", &st);
        if (rc != 0)
            COMPLAIN(f, "stat: %s", strerrorname_np(rc));
        else if (!(S_ISREG(st.st_mode) && st.st_size == 5) && !S_ISLNK(st.st_mode))
            COMPLAIN(f, "half an entry: mode %o, %d bytes", st.st_mode, (int)st.st_size);
    }
    return NULL;
}

static void exchanging(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    struct fight w;

    fs_text(dfs, NULL, "a", "12345");
    fs_link(dfs, NULL, "b", "target");
    fight(*state, &w, swapper);
    assert_int_equal(fs_count(dfs, NULL), 2);
    if (strcmp(fs_show(dfs, NULL, "a"), "12345") == 0) {
        SHOWS("-> target", dfs, NULL, "b");
    } else {
        SHOWS("-> target", dfs, NULL, "a");
        SHOWS("12345", dfs, NULL, "b");
    }
    end(&w);
    OK(dfs_umount(dfs));
}

/* ---- Attributes set by many at once: every one stays ---- */

static void *marker(void *arg)
{
    struct fighter *f = arg;
    char name[32];
    dfs_obj_t *obj;
    int rc = dfs_lookup(f->dfs, "/f", O_RDWR, &obj, NULL, NULL);

    if (rc != 0)
        COMPLAIN(f, "lookup: %s", strerrorname_np(rc));
    for (int i = 0; rc == 0 && i < 12; i++) {
        snprintf(name, sizeof(name), "user.%d.%d", f->nr, i);
        rc = dfs_setxattr(f->dfs, obj, name, name, strlen(name), 0);
        if (rc == 0 && f->nr == 0)
            rc = dfs_chmod(f->dfs, NULL, "f", 0600 + (mode_t)i);
        if (rc != 0)
            COMPLAIN(f, "setxattr %s: %s", name, strerrorname_np(rc));
    }
    dfs_release(obj);
    return NULL;
}

static void attributes(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    struct fight w;
    dfs_obj_t *obj;
    daos_size_t size;
    struct stat st;
    char name[32], value[32];

    fs_text(dfs, NULL, "f", "data");
    fight(*state, &w, marker);
    OK(dfs_lookup(dfs, "/f", O_RDWR, &obj, NULL, &st));
    assert_int_equal(st.st_mode, S_IFREG | (0600 + 11));
    assert_int_equal(st.st_size, 4);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < 12; i++) {
            snprintf(name, sizeof(name), "user.%d.%d", t, i);
            size = sizeof(value);
            OK(dfs_getxattr(dfs, obj, name, value, &size));
            assert_int_equal(size, strlen(name));
        }
    OK(dfs_release(obj));
    end(&w);
    OK(dfs_umount(dfs));
}

/* ---- Entries change places while attributes come and go on them: both are always there ---- */

static void *tagger(void *arg)
{
    struct fighter *f = arg;
    dfs_obj_t *obj;
    int rc;

    for (int i = 0; i < 300; i++) {
        if (f->nr == 0) {
            rc = dfs_exchange(f->dfs, NULL, "a", NULL, "b");
            if (rc != 0 && rc != EBUSY)
                COMPLAIN(f, "exchange: %s", strerrorname_np(rc));
            continue;
        }
        rc = dfs_lookup_rel(f->dfs, NULL, f->nr % 2 ? "a" : "b", O_RDWR, &obj, NULL, NULL);
        if (rc != 0) {
            COMPLAIN(f, "lookup: %s", strerrorname_np(rc));
            continue;
        }
        rc = dfs_setxattr(f->dfs, obj, "user.tag", "1", 1, 0);
        if (rc == 0)
            rc = dfs_removexattr(f->dfs, obj, "user.tag");
        if (rc != 0 && rc != ENOENT && rc != EBUSY) /* the name stands for the other by now */
            COMPLAIN(f, "tag: %s", strerrorname_np(rc));
        dfs_release(obj);
    }
    return NULL;
}

static void moving_what_others_tag(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    struct fight w;

    fs_text(dfs, NULL, "a", "one");
    fs_text(dfs, NULL, "b", "two");
    fight(*state, &w, tagger);
    assert_int_equal(fs_count(dfs, NULL), 2);
    end(&w);
    OK(dfs_umount(dfs));
}

/* ---- A file is replaced again and again: its name always stands for a whole one ---- */

static void *replacer(void *arg)
{
    struct fighter *f = arg;
    struct stat st;
    int rc;

    for (int i = 0; i < 150; i++) {
        if (f->nr == 0) {
            rc = make(f->dfs, NULL, "new", "12345", O_EXCL);
            if (rc == 0)
                rc = dfs_move(f->dfs, NULL, "new", NULL, "a", NULL);
            if (rc != 0 && rc != EBUSY)
                COMPLAIN(f, "replace: %s", strerrorname_np(rc));
            if (rc == EBUSY)
                dfs_remove(f->dfs, NULL, "new", false, NULL);
            continue;
        }
        rc = f->nr == 1 ? dfs_chmod(f->dfs, NULL, "a", 0600 + (mode_t)(i % 64)) : 0;
        if (rc != 0 && rc != EBUSY)
            COMPLAIN(f, "chmod: %s", strerrorname_np(rc));
        rc = dfs_stat(f->dfs, NULL, "a", &st);
        if (rc != 0 || st.st_size != 5)
            COMPLAIN(f, "stat: %s, %d bytes", strerrorname_np(rc), (int)st.st_size);
    }
    return NULL;
}

static void replacing(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    struct fight w;

    fs_text(dfs, NULL, "a", "12345");
    fight(*state, &w, replacer);
    assert_int_equal(fs_count(dfs, NULL), 1);
    SHOWS("12345", dfs, NULL, "a");
    end(&w);
    OK(dfs_umount(dfs));
}

/* ---- A directory is removed only while it is empty, however often others put files into it ----
 */

static void *tenant(void *arg)
{
    struct fighter *f = arg;
    char name[16];

    for (int i = 0; i < 40; i++) {
        dfs_obj_t *d;
        int rc;

        if (f->nr == 0) {
            rc = dfs_remove(f->dfs, NULL, "house", false, NULL);
            if (rc == 0)
                f->fight->wins++;
            else if (rc != ENOTEMPTY && rc != ENOENT && rc != EBUSY)
                COMPLAIN(f, "remove: %s", strerrorname_np(rc));
            continue;
        }
        rc = dfs_mkdir(f->dfs, NULL, "house", 0755, 0);
        if (rc != 0 && rc != EEXIST)
            COMPLAIN(f, "mkdir: %s", strerrorname_np(rc));
        rc = dfs_lookup_rel(f->dfs, NULL, "house", O_RDWR, &d, NULL, NULL);
        if (rc == ENOENT)
            continue;
        snprintf(name, sizeof(name), "t%d.%d", f->nr, i);
        rc = make(f->dfs, d, name, "in", O_EXCL);
        if (rc != 0 && rc != ENOENT)
            COMPLAIN(f, "create: %s", strerrorname_np(rc));
        rc = dfs_remove(f->dfs, d, name, false, NULL);
        if (rc != 0 && rc != ENOENT)
            COMPLAIN(f, "remove %s: %s", name, strerrorname_np(rc));
        dfs_release(d);
    }
    return NULL;
}

static void houses(void **state)
{
    struct fight w;
    int rc;

    fight(*state, &w, tenant);
    rc = dfs_remove(w.mounts[0], NULL, "house", true, NULL);
    assert_true(rc == 0 || rc == ENOENT);
    assert_int_equal(fs_count(w.mounts[0], NULL), 0);
    end(&w);
}

API_MAIN(FS_TEST(creating_and_removing), FS_TEST(moving_over_each_other), FS_TEST(exchanging),
         FS_TEST(attributes), FS_TEST(moving_what_others_tag), FS_TEST(replacing), FS_TEST(houses))
