/* Listing directories: small steps, anchors, attributes, callbacks. */
#include "dfs_api.h"
#include "dfs/dfs_fast.h"

#define MANY   5000
#define FLIGHT 64

static void empty_and_one(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *f;
    daos_anchor_t anchor = {0};
    struct dirent ents[4];
    struct stat sts[4];
    uint32_t nr = 4;

    OK(dfs_readdir(dfs, d, &anchor, &nr, ents));
    assert_int_equal(nr, 0);
    assert_true(daos_anchor_is_eof(&anchor));
    fs_text(dfs, d, "only", "12345");
    memset(&anchor, 0, sizeof(anchor));
    nr = 4;
    OK(dfs_readdirplus(dfs, d, &anchor, &nr, ents, sts));
    assert_int_equal(nr, 1);
    assert_true(daos_anchor_is_eof(&anchor));
    assert_string_equal(ents[0].d_name, "only");
    assert_int_equal(ents[0].d_type, DT_REG);
    assert_int_equal(sts[0].st_size, 5);
    assert_int_equal(sts[0].st_mode, S_IFREG | 0644);
    nr = 4; /* at the end it stays at the end */
    OK(dfs_readdir(dfs, d, &anchor, &nr, ents));
    assert_int_equal(nr, 0);

    nr = 0;
    memset(&anchor, 0, sizeof(anchor));
    IS(EINVAL, dfs_readdir(dfs, d, &anchor, &nr, ents));
    nr = 4;
    IS(EINVAL, dfs_readdir(dfs, d, NULL, &nr, ents));
    IS(EINVAL, dfs_readdir(dfs, d, &anchor, NULL, ents));
    IS(EINVAL, dfs_readdir(dfs, d, &anchor, &nr, NULL));
    IS(EINVAL, dfs_readdir(dfs, NULL, &anchor, &nr, ents));
    IS(EINVAL, dfs_readdir(NULL, d, &anchor, &nr, ents));
    OK(dfs_lookup(dfs, "/d/only", O_RDONLY, &f, NULL, NULL));
    IS(ENOTDIR, dfs_readdir(dfs, f, &anchor, &nr, ents));
    IS(ENOTDIR, dfs_readdirplus(dfs, f, &anchor, &nr, ents, sts));
    IS(ENOTDIR, dfs_iterate(dfs, f, &anchor, &nr, 1024, NULL, NULL));
    IS(ENOTDIR, dfs_dir_anchor_set(f, "only", &anchor));
    IS(ENOTDIR, dfs_obj_anchor_split(f, &nr, NULL));
    OK(dfs_release(f));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* Every name 0..MANY-1 exactly once. */
static void tick(unsigned char *seen, const char *name)
{
    int i = atoi(name + 1);

    assert_true(i >= 0 && i < MANY);
    assert_int_equal(seen[i], 0);
    seen[i] = 1;
}

static int count_cb(dfs_t *dfs, dfs_obj_t *obj, const char name[], void *arg)
{
    assert_non_null(dfs);
    assert_non_null(obj);
    tick(arg, name);
    return 0;
}

static int stop_cb(dfs_t *dfs, dfs_obj_t *obj, const char name[], void *arg)
{
    return ++*(int *)arg == 3 ? 77 : 0;
}

/* Empty files n0..n(MANY-1), many at a time. */
static void make_many(dfs_t *dfs, dfs_obj_t *d)
{
    struct stat st = {.st_mode = 0644};
    daos_event_t evs[FLIGHT], *done[FLIGHT];
    daos_handle_t eq;
    char name[16];
    int left = MANY;

    OK(daos_eq_create(&eq));
    for (int i = 0; i < FLIGHT; i++)
        OK(daos_event_init(&evs[i], eq, NULL));
    for (int i = 0; i < FLIGHT; i++) {
        snprintf(name, sizeof(name), "n%d", --left);
        OK(dfs_put_file(dfs, d, name, &st, NULL, false, NULL, &evs[i]));
    }
    for (int flying = FLIGHT; flying > 0;) {
        int n = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, FLIGHT, done);

        assert_true(n > 0);
        for (int k = 0; k < n; k++) {
            assert_int_equal(done[k]->ev_error, 0);
            flying--;
            if (left == 0)
                continue;
            snprintf(name, sizeof(name), "n%d", --left);
            OK(daos_event_fini(done[k]));
            OK(daos_event_init(done[k], eq, NULL));
            OK(dfs_put_file(dfs, d, name, &st, NULL, false, NULL, done[k]));
            flying++;
        }
    }
    for (int i = 0; i < FLIGHT; i++)
        OK(daos_event_fini(&evs[i]));
    OK(daos_eq_destroy(eq, 0));
}

static void thousands(void **state)
{
    static const uint32_t steps[] = {7, 100, 1000, MANY + 10};
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d");
    struct dirent *ents = calloc(MANY + 10, sizeof(*ents));
    unsigned char *seen = calloc(1, MANY);
    daos_anchor_t anchor, parts[4];
    uint32_t nr, total = 0;
    int calls = 0;

    make_many(dfs, d);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        memset(seen, 0, MANY);
        memset(&anchor, 0, sizeof(anchor));
        total = 0;
        while (!daos_anchor_is_eof(&anchor)) {
            nr = steps[s];
            OK(dfs_readdir(dfs, d, &anchor, &nr, ents));
            assert_true(nr <= steps[s]);
            for (uint32_t i = 0; i < nr; i++)
                tick(seen, ents[i].d_name);
            total += nr;
        }
        assert_int_equal(total, MANY);
    }

    memset(seen, 0, MANY);
    memset(&anchor, 0, sizeof(anchor));
    total = 0;
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 300;
        OK(dfs_iterate(dfs, d, &anchor, &nr, 300 * 256, count_cb, seen));
        total += nr;
    }
    assert_int_equal(total, MANY);
    memset(&anchor, 0, sizeof(anchor));
    nr = 300;
    IS(77, dfs_iterate(dfs, d, &anchor, &nr, 300 * 256, stop_cb, &calls));
    assert_int_equal(calls, 3);

    /* in parts, each by its own anchor */
    nr = 0;
    OK(dfs_obj_anchor_split(d, &nr, NULL));
    assert_in_range(nr, 1, 4);
    uint32_t parts_nr = nr;
    OK(dfs_obj_anchor_split(d, &nr, parts));
    memset(seen, 0, MANY);
    total = 0;
    for (uint32_t p = 0; p < parts_nr; p++) {
        OK(dfs_obj_anchor_set(d, p, &parts[p]));
        while (!daos_anchor_is_eof(&parts[p])) {
            nr = 1000;
            OK(dfs_readdir(dfs, d, &parts[p], &nr, ents));
            for (uint32_t i = 0; i < nr; i++)
                tick(seen, ents[i].d_name);
            total += nr;
        }
    }
    assert_int_equal(total, MANY);
    free(seen);
    free(ents);
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* What is removed while a directory is listed disturbs nothing: every name comes once. */
static void removed_while_listed(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d");
    unsigned char *seen = calloc(1, MANY);
    struct dirent ents[23];
    daos_anchor_t anchor = {0};
    uint32_t total = 0;
    char name[16];

    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        fs_text(dfs, d, name, "");
    }
    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 23;

        OK(dfs_readdir(dfs, d, &anchor, &nr, ents));
        for (uint32_t i = 0; i < nr; i++) {
            tick(seen, ents[i].d_name);
            OK(dfs_remove(dfs, d, ents[i].d_name, false, NULL));
        }
        total += nr;
    }
    assert_int_equal(total, 300);
    assert_int_equal(fs_count(dfs, d), 0);
    OK(dfs_remove(dfs, NULL, "d", false, NULL));
    free(seen);
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* A listing that goes on from a name gives that name and what comes after it, as a plain one would.
 */
static void from_a_name(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d");
    struct dirent all[40], rest[40];
    daos_anchor_t anchor = {0};
    uint32_t nr = 40, left = 40;
    char name[16];

    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        fs_text(dfs, d, name, "");
    }
    OK(dfs_readdir(dfs, d, &anchor, &nr, all));
    assert_int_equal(nr, 30);
    memset(&anchor, 0, sizeof(anchor));
    OK(dfs_dir_anchor_set(d, all[20].d_name, &anchor));
    OK(dfs_readdir(dfs, d, &anchor, &left, rest));
    assert_in_range(left, 9, 10);
    for (uint32_t i = 0; i < left; i++)
        assert_string_equal(rest[i].d_name, all[30 - left + i].d_name);
    IS(EINVAL, dfs_dir_anchor_set(d, "a/b", &anchor));
    IS(EINVAL, dfs_dir_anchor_set(d, "n1", NULL));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void kinds_and_long_names(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *sub;
    struct dirent ents[8];
    struct stat sts[8];
    daos_anchor_t anchor = {0};
    char name[DFS_MAX_NAME + 1];
    uint32_t nr = 8;

    memset(name, 'x', DFS_MAX_NAME);
    name[DFS_MAX_NAME] = '\0';
    for (char c = 'a'; c < 'e'; c++) {
        name[0] = c;
        fs_text(dfs, d, name, "long");
    }
    fs_link(dfs, d, "link", "target");
    sub = fs_dir(dfs, d, "sub");
    OK(dfs_release(sub));
    OK(dfs_readdirplus(dfs, d, &anchor, &nr, ents, sts));
    assert_int_equal(nr, 6);
    for (uint32_t i = 0; i < nr; i++) {
        if (strcmp(ents[i].d_name, "link") == 0) {
            assert_int_equal(ents[i].d_type, DT_LNK);
            assert_int_equal(sts[i].st_size, 6);
        } else if (strcmp(ents[i].d_name, "sub") == 0) {
            assert_int_equal(ents[i].d_type, DT_DIR);
        } else {
            assert_int_equal(strlen(ents[i].d_name), DFS_MAX_NAME);
            assert_int_equal(sts[i].st_size, 4);
        }
    }
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

/* What the scan prints, in static memory. */
static const char *scanned(struct api *a, const char *name, int *rc)
{
    struct fs_print p = fs_print_begin();

    *rc = dfs_cont_scan(a->poh, a->label, 0, name);
    return fs_print_end(p);
}

static void a_scan_counts_what_there_is(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *dir = fs_dir(dfs, NULL, "d"), *deep = fs_dir(dfs, dir, "e");
    char name[16];
    int i, rc;

    for (i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        fs_text(dfs, deep, name, "12345");
    }
    fs_text(dfs, NULL, "top", "123456789");
    fs_link(dfs, NULL, "l", "d"); /* which is not followed */
    assert_non_null(strstr(scanned(a, NULL, &rc),
                           "101 files, 2 directories, 1 symbolic links\n"
                           "  509 bytes in files, at most 9 in one\n"
                           "  at most 100 names in a directory, 3 levels\n"));
    OK(rc);
    assert_non_null(strstr(scanned(a, "/d/e", &rc), "100 files, 0 directories"));
    OK(rc);
    assert_string_equal(scanned(a, "/none", &rc), "");
    IS(ENOENT, rc);
    IS(ENOTDIR, dfs_cont_scan(a->poh, a->label, 0, "/top"));
    IS(EINVAL, dfs_cont_scan(a->poh, a->label, 0, "d"));
    IS(EINVAL, dfs_cont_scan(a->poh, a->label, 1, NULL));
    IS(EINVAL, dfs_cont_scan(a->poh, NULL, 0, NULL));
    IS(ENOENT, dfs_cont_scan(a->poh, "none", 0, NULL));
    OK(dfs_release(deep));
    OK(dfs_release(dir));
    OK(dfs_umount(dfs));
}

API_MAIN(FS_TEST(a_scan_counts_what_there_is), FS_TEST(empty_and_one), FS_TEST(thousands),
         FS_TEST(removed_while_listed), FS_TEST(from_a_name), FS_TEST(kinds_and_long_names))
