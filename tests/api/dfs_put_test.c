/* New files with all they hold in one request: alone and many together. */
#include "dfs_api.h"
#include "dfs/dfs_fast.h"

#define EACH_MAX 9000

struct many {
    uint32_t nr;
    char name[DFS_PUT_MAX + 1][16];
    char data[DFS_PUT_MAX + 1][EACH_MAX];
    d_iov_t iov[DFS_PUT_MAX + 1];
    d_sg_list_t sgl[DFS_PUT_MAX + 1];
    struct dfs_put put[DFS_PUT_MAX + 1];
};

static size_t size_of(uint32_t i)
{
    return i * 277 % EACH_MAX; /* none, a few bytes, in the heap, in data extents */
}

/* Files head0, head1, ...: even ones in a, odd ones in b. */
static struct many *many_new(const char *head, uint32_t nr, dfs_obj_t *a, dfs_obj_t *b)
{
    struct many *m = calloc(1, sizeof(*m));

    m->nr = nr;
    for (uint32_t i = 0; i < nr; i++) {
        snprintf(m->name[i], sizeof(m->name[i]), "%s%u", head, i);
        for (size_t k = 0; k < size_of(i); k++)
            m->data[i][k] = (char)(i * 7 + k);
        d_iov_set(&m->iov[i], m->data[i], size_of(i));
        m->sgl[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &m->iov[i]};
        m->put[i] = (struct dfs_put){.parent = i % 2 ? b : a,
                                     .name = m->name[i],
                                     .st = {.st_mode = 0600 + i,
                                            .st_uid = 10 + i,
                                            .st_gid = 20 + i,
                                            .st_mtim = {1000 + i, 5}},
                                     .sgl = size_of(i) > 0 ? &m->sgl[i] : NULL};
    }
    return m;
}

static void many_check(dfs_t *dfs, const struct many *m)
{
    for (uint32_t i = 0; i < m->nr; i++) {
        char buf[EACH_MAX + 1];
        daos_size_t len = 0;
        struct dfs_more more;
        struct stat st;

        OK(dfs_stat_name(dfs, m->put[i].parent, m->name[i], &st, &more));
        assert_int_equal(st.st_size, size_of(i));
        assert_int_equal(st.st_mode, S_IFREG | (0600 + i));
        assert_int_equal(st.st_uid, 10 + i);
        assert_int_equal(st.st_gid, 20 + i);
        assert_int_equal(st.st_mtim.tv_sec, 1000 + i);
        assert_int_equal(st.st_mtim.tv_nsec, 5);
        assert_false(more.xattrs);
        OK(dfs_get_small(dfs, more.oid, more.chunk_size, buf, sizeof(buf), &len, NULL));
        assert_int_equal(len, size_of(i));
        assert_memory_equal(buf, m->data[i], len);
    }
}

static void many_at_once(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *a = fs_dir(dfs, NULL, "a"), *b = fs_dir(dfs, NULL, "b");
    struct many *m = many_new("f", DFS_PUT_MAX, a, b), *n = many_new("g", 3, NULL, b);
    daos_event_t ev, *done;
    daos_handle_t eq;

    OK(dfs_put_files(dfs, m->nr, m->put, NULL));
    many_check(dfs, m);
    assert_int_equal(fs_count(dfs, a), DFS_PUT_MAX / 2);

    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    OK(dfs_put_files(dfs, n->nr, n->put, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_int_equal(ev.ev_error, 0);
    many_check(dfs, n);
    OK(daos_event_fini(&ev));
    OK(daos_eq_destroy(eq, 0));

    free(m);
    free(n);
    OK(dfs_release(a));
    OK(dfs_release(b));
    OK(dfs_umount(dfs));
}

/* Whatever is wrong with one of them, the others do not come to be either. */
static void all_or_none(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR), *ro;
    dfs_obj_t *a = fs_dir(dfs, NULL, "a");
    struct many *m = many_new("f", DFS_PUT_MAX, a, a);
    static char large[DFS_FAST_MAX + 1];
    daos_event_t ev, *done;
    daos_handle_t eq;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    IS(EINVAL, dfs_put_files(dfs, 0, m->put, NULL));
    IS(EINVAL, dfs_put_files(dfs, DFS_PUT_MAX + 1, m->put, NULL));
    IS(EINVAL, dfs_put_files(dfs, 2, NULL, NULL));

    fs_text(dfs, a, "f17", "was there before");
    IS(EEXIST, dfs_put_files(dfs, m->nr, m->put, NULL));
    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    OK(dfs_put_files(dfs, m->nr, m->put, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_int_equal(ev.ev_error, EEXIST);
    OK(daos_event_fini(&ev));
    OK(daos_eq_destroy(eq, 0));
    assert_int_equal(fs_count(dfs, a), 1);
    assert_string_equal(fs_show(dfs, a, "f17"), "was there before");
    OK(dfs_remove(dfs, a, "f17", false, NULL));

    m->put[DFS_PUT_MAX - 2].name = m->put[3].name;
    IS(EINVAL, dfs_put_files(dfs, m->nr, m->put, NULL));
    m->put[DFS_PUT_MAX - 2].name = "no/name";
    IS(EINVAL, dfs_put_files(dfs, m->nr, m->put, NULL));
    m->put[DFS_PUT_MAX - 2].name = m->name[DFS_PUT_MAX - 2];
    d_iov_set(&iov, large, sizeof(large));
    m->put[DFS_PUT_MAX - 2].sgl = &sgl;
    IS(EFBIG, dfs_put_files(dfs, m->nr, m->put, NULL));
    m->put[DFS_PUT_MAX - 2].sgl = &m->sgl[DFS_PUT_MAX - 2];
    assert_int_equal(fs_count(dfs, a), 0);

    ro = fs_mount(*state, O_RDONLY);
    m->put[0].parent = m->put[1].parent = NULL;
    IS(EPERM, dfs_put_files(ro, 2, m->put, NULL));
    OK(dfs_umount(ro));
    m->put[0].parent = m->put[1].parent = a;
    OK(dfs_put_files(dfs, m->nr, m->put, NULL));
    many_check(dfs, m);

    free(m);
    OK(dfs_release(a));
    OK(dfs_umount(dfs));
}

/* What get_files finds whole is what is there; what it does not is asked for alone. */
static void many_read_at_once(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR), *old;
    dfs_obj_t *a = fs_dir(dfs, NULL, "a"), *f;
    struct many *m = many_new("f", DFS_PUT_MAX, a, a);
    struct dfs_get gets[DFS_PUT_MAX];
    static char buf[DFS_PUT_MAX][EACH_MAX + 1];
    struct api *api = *state;
    struct dfs_more more;
    daos_epoch_t snap;
    daos_event_t ev, *done;
    daos_handle_t eq;

    OK(dfs_put_files(dfs, m->nr, m->put, NULL));
    for (uint32_t i = 0; i < m->nr; i++) {
        OK(dfs_stat_name(dfs, a, m->name[i], NULL, &more));
        gets[i] = (struct dfs_get){.oid = more.oid, .cap = size_of(i) + (i == 0), .buf = buf[i]};
    }
    OK(dfs_get_files(dfs, m->nr, gets, NULL));
    assert_false(gets[0].whole); /* empty */
    for (uint32_t i = 1; i < m->nr; i++) {
        assert_true(gets[i].whole);
        assert_int_equal(gets[i].len, size_of(i));
        assert_memory_equal(buf[i], m->data[i], size_of(i));
    }

    OK(daos_cont_create_snap(api->coh, &snap, NULL, NULL));
    OK(dfs_open(dfs, a, "f5", S_IFREG, O_RDWR, 0, 0, NULL, &f));
    OK(fs_write(dfs, f, "new", 3, 0));
    OK(dfs_punch(dfs, f, 3, DFS_MAX_FSIZE));
    OK(dfs_release(f));
    OK(dfs_open(dfs, a, "f6", S_IFREG, O_RDWR, 0, 0, NULL, &f));
    OK(dfs_punch(dfs, f, 10, 100));
    OK(dfs_release(f));
    OK(dfs_remove(dfs, a, "f7", false, NULL));
    memset(buf, '.', sizeof(buf));
    OK(daos_eq_create(&eq));
    OK(daos_event_init(&ev, eq, NULL));
    OK(dfs_get_files(dfs, 8, gets, &ev));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, &done), 1);
    assert_int_equal(ev.ev_error, 0);
    OK(daos_event_fini(&ev));
    OK(daos_eq_destroy(eq, 0));
    assert_false(gets[5].whole); /* shorter now */
    assert_true(gets[6].whole);  /* with a hole */
    assert_memory_equal(buf[6], m->data[6], 10);
    for (int i = 10; i < 110; i++)
        assert_int_equal(buf[6][i], 0);
    assert_memory_equal(buf[6] + 110, m->data[6] + 110, size_of(6) - 110);
    assert_false(gets[7].whole);

    OK(dfs_mount_snap(api->poh, api->coh, O_RDONLY, snap, NULL, &old));
    OK(dfs_get_files(old, 8, gets, NULL));
    for (int i = 1; i < 8; i++) {
        assert_true(gets[i].whole);
        assert_memory_equal(buf[i], m->data[i], size_of(i));
    }
    OK(dfs_umount(old));

    IS(EINVAL, dfs_get_files(dfs, 0, gets, NULL));
    IS(EINVAL, dfs_get_files(dfs, DFS_GET_MAX + 1, gets, NULL));
    gets[1].chunk_size = gets[1].cap - 1;
    IS(EINVAL, dfs_get_files(dfs, 2, gets, NULL));
    gets[1].chunk_size = 0;
    gets[1].cap = 0;
    IS(EINVAL, dfs_get_files(dfs, 2, gets, NULL));
    free(m);
    OK(dfs_release(a));
    OK(dfs_umount(dfs));
}

/* Small files one at a time, in the background; what cannot be started leaves no trace, neither of
 * itself nor on an event that is in use. */
static void reading_in_the_background(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    struct many *m = many_new("f", 12, NULL, NULL), *again = many_new("f", 2, NULL, NULL);
    static char buf[EACH_MAX + 1];
    struct dfs_get get = {.buf = buf, .cap = sizeof(buf)};
    daos_event_t ev[12], *done[12], dead = {0};
    daos_size_t len[12], other = 77;
    static char bufs[12][EACH_MAX + 1];
    struct dfs_more more;
    daos_handle_t eq;

    OK(dfs_put_files(dfs, m->nr, m->put, NULL));
    OK(daos_eq_create(&eq));
    for (uint32_t i = 0; i < m->nr; i++) {
        OK(daos_event_init(&ev[i], eq, NULL));
        OK(dfs_stat_name(dfs, NULL, m->name[i], NULL, &more));
        len[i] = 99;
        OK(dfs_get_small(dfs, more.oid, more.chunk_size, bufs[i], i == 1 ? 0 : sizeof(bufs[i]),
                         &len[i], &ev[i]));
    }
    /* more is of the last one; its event is running, or waits to be polled */
    get.oid = more.oid;
    IS(EPERM, dfs_get_small(dfs, more.oid, 0, buf, sizeof(buf), &other, &ev[11]));
    IS(EPERM, dfs_get_files(dfs, 1, &get, &ev[11]));
    IS(EPERM, dfs_put_files(dfs, again->nr, again->put, &ev[11]));
    for (uint32_t i = 0; i < m->nr; i++) {
        assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, done), 1);
        assert_int_equal(done[0]->ev_error, 0);
    }
    for (uint32_t i = 0; i < m->nr; i++) {
        assert_int_equal(len[i], i == 1 ? 0 : size_of(i)); /* [1] asked for nothing */
        assert_memory_equal(bufs[i], m->data[i], len[i]);
        OK(daos_event_fini(&ev[i]));
    }
    OK(daos_eq_destroy(eq, 0));

    IS(EINVAL, dfs_get_small(dfs, more.oid, 0, buf, sizeof(buf), &other, &dead));
    IS(EINVAL, dfs_get_files(dfs, 1, &get, &dead));
    IS(EINVAL, dfs_put_files(dfs, again->nr, again->put, &dead));
    IS(EINVAL, dfs_get_small(dfs, more.oid, 0, buf, sizeof(buf), NULL, NULL));
    IS(EINVAL, dfs_get_small(dfs, more.oid, 0, NULL, 1, &other, NULL));
    IS(EINVAL, dfs_get_small(NULL, more.oid, 0, buf, 1, &other, NULL));
    IS(EINVAL, dfs_get_small(dfs, (daos_obj_id_t){5, 0}, 0, buf, 1, &other, NULL));
    free(m);
    free(again);
    OK(dfs_umount(dfs));
}

/* A name that goes while somebody has the file open: its data stays until it is dropped. */
static void kept_and_dropped(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR), *ro = fs_mount(*state, O_RDONLY);
    daos_obj_id_t oid, kept = {0};
    daos_size_t got = 0;
    char buf[8] = "";
    mode_t mode;

    fs_text(dfs, NULL, "f", "hello");
    OK(dfs_mkdir(dfs, NULL, "d", 0710, 0));
    OK(dfs_peek(dfs, NULL, "d", &mode, &oid));
    assert_int_equal(mode, S_IFDIR | 0710);
    OK(dfs_peek(dfs, NULL, "f", &mode, &oid));
    assert_int_equal(mode, S_IFREG | 0644);
    IS(ENOENT, dfs_peek(dfs, NULL, "x", &mode, &oid));
    IS(EINVAL, dfs_peek(dfs, NULL, "a/b", &mode, &oid));
    IS(EINVAL, dfs_peek(NULL, NULL, "f", &mode, &oid));

    IS(EPERM, dfs_remove_flags(ro, NULL, "f", DFS_KEEP, &kept));
    OK(dfs_remove_flags(dfs, NULL, "f", DFS_KEEP, &kept));
    assert_memory_equal(&kept, &oid, sizeof(oid));
    SHOWS("ENOENT", dfs, NULL, "f");
    OK(dfs_get_small(dfs, kept, 0, buf, sizeof(buf), &got, NULL));
    assert_int_equal(got, 5);
    assert_memory_equal(buf, "hello", 5);
    IS(EPERM, dfs_drop(ro, kept));
    IS(EINVAL, dfs_drop(NULL, kept));
    OK(dfs_drop(dfs, kept));
    OK(dfs_get_small(dfs, kept, 0, buf, sizeof(buf), &got, NULL));
    assert_int_equal(got, 0);
    OK(dfs_umount(ro));
    OK(dfs_umount(dfs));
}

API_MAIN(FS_TEST(many_read_at_once), FS_TEST(many_at_once), FS_TEST(all_or_none),
         FS_TEST(reading_in_the_background), FS_TEST(kept_and_dropped))
