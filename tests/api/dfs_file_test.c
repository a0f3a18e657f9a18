/* The bytes of files: reading, writing, holes, sizes, with and without events. */
#include "dfs_api.h"

#define CHUNK 4096u

static dfs_obj_t *file(dfs_t *dfs, const char *name)
{
    dfs_obj_t *obj = NULL;

    OK(dfs_open(dfs, NULL, name, S_IFREG | 0644, O_CREAT | O_RDWR, 0, CHUNK, NULL, &obj));
    return obj;
}

static daos_size_t size_of(dfs_t *dfs, dfs_obj_t *obj)
{
    daos_size_t size = 0;

    OK(dfs_get_size(dfs, obj, &size));
    return size;
}

static void fill(unsigned char *buf, size_t len, unsigned int seed)
{
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1103515245u + 12345u;
        buf[i] = (unsigned char)(seed >> 16) | 1; /* never zero: a hole differs from data */
    }
}

static void short_at_the_end(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    daos_size_t got = 99;
    char buf[32];

    OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
    assert_int_equal(got, 0);
    OK(fs_write(dfs, f, "hello", 5, 0));
    memset(buf, '#', sizeof(buf));
    OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
    assert_int_equal(got, 5);
    assert_memory_equal(buf, "hello#", 6); /* what lies behind stays as it was */
    OK(fs_read(dfs, f, buf, 2, 3, &got));
    assert_int_equal(got, 2);
    assert_memory_equal(buf, "lo", 2);
    OK(fs_read(dfs, f, buf, 4, 4, &got));
    assert_int_equal(got, 1);
    OK(fs_read(dfs, f, buf, 4, 5, &got));
    assert_int_equal(got, 0);
    OK(fs_read(dfs, f, buf, 4, 1000000, &got));
    assert_int_equal(got, 0);
    /* nothing asked, nothing done */
    OK(fs_read(dfs, f, buf, 0, 0, &got));
    assert_int_equal(got, 0);
    OK(fs_write(dfs, f, "", 0, 1000));
    assert_int_equal(size_of(dfs, f), 5);
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

static void holes_are_zero(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    static const daos_off_t far[] = {CHUNK * 3 + 7, 1ull << 32, 1ull << 40, (1ull << 62) - 3};
    char zero[CHUNK] = {0}, buf[CHUNK];
    daos_size_t got;

    OK(fs_write(dfs, f, "start", 5, 0));
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
        OK(fs_write(dfs, f, "far", 3, far[i]));
        assert_int_equal(size_of(dfs, f), far[i] + 3);
        memset(buf, '#', sizeof(buf));
        OK(fs_read(dfs, f, buf, sizeof(buf), far[i] - 100, &got));
        assert_int_equal(got, 103);
        assert_memory_equal(buf, zero, 100);
        assert_memory_equal(buf + 100, "far", 3);
        memset(buf, '#', sizeof(buf));
        OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
        assert_int_equal(got, sizeof(buf));
        assert_memory_equal(buf, "start", 5);
        assert_memory_equal(buf + 5, zero, sizeof(buf) - 5);
    }
    OK(fs_read(dfs, f, buf, sizeof(buf), 1ull << 35, &got)); /* chunks that were never written */
    assert_int_equal(got, sizeof(buf));
    assert_memory_equal(buf, zero, sizeof(buf));
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

/* Every write near a chunk's edge is where it belongs, compared with a copy in memory. */
static void chunk_edges(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    static unsigned char model[CHUNK * 6], buf[CHUNK * 6];
    daos_size_t end = 0, got;
    unsigned int x = 7;

    memset(model, 0, sizeof(model));
    for (int i = 0; i < 60; i++) {
        size_t edge = CHUNK * (1 + (unsigned)i % 4), off, len;

        x = x * 1103515245u + 12345u;
        off = edge - (x >> 16) % 5;
        len = i % 3 == 0 ? CHUNK * 2 - (x >> 20) % 3 : 1 + (x >> 18) % 9;
        len = off + len > sizeof(model) ? sizeof(model) - off : len;
        fill(buf, len, x);
        OK(fs_write(dfs, f, buf, len, off));
        memcpy(model + off, buf, len);
        end = off + len > end ? off + len : end;
        memset(buf, '#', sizeof(buf));
        OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
        assert_int_equal(got, end);
        assert_memory_equal(buf, model, end);
    }
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

static void many_pieces(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    daos_range_t rgs[3] = {{CHUNK - 2, 4}, {10, 3}, {5 * CHUNK, 5}};
    dfs_iod_t iod = {.iod_nr = 3, .iod_rgs = rgs}, none = {0};
    char in[] = "abcdefghijkl", a[7], b[5], got_text[16] = "";
    d_iov_t iovs[2];
    d_sg_list_t sgl = {.sg_nr = 2, .sg_iovs = iovs};
    daos_size_t got = 77;

    /* memory and file are cut differently */
    d_iov_set(&iovs[0], in, 5);
    d_iov_set(&iovs[1], in + 5, 7);
    OK(dfs_writex(dfs, f, &iod, &sgl, NULL));
    assert_int_equal(size_of(dfs, f), 5 * CHUNK + 5);
    OK(fs_read(dfs, f, got_text, 4, CHUNK - 2, &got));
    assert_string_equal(got_text, "abcd");
    memset(got_text, 0, sizeof(got_text));
    OK(fs_read(dfs, f, got_text, 3, 10, &got));
    assert_string_equal(got_text, "efg");
    d_iov_set(&iovs[0], a, sizeof(a));
    d_iov_set(&iovs[1], b, sizeof(b));
    OK(dfs_readx(dfs, f, &iod, &sgl, &got, NULL));
    assert_int_equal(got, 12);
    assert_memory_equal(a, "abcdefg", 7);
    assert_memory_equal(b, "hijkl", 5);
    /* a plain read into many pieces */
    d_iov_set(&iovs[0], a, 1);
    d_iov_set(&iovs[1], b, 5);
    OK(dfs_read(dfs, f, &sgl, CHUNK - 2, &got, NULL));
    assert_int_equal(got, 6);
    assert_true(a[0] == 'a' && memcmp(b, "bcd\0\0", 5) == 0);
    /* the last range reaches over the end */
    rgs[2].rg_idx = 5 * CHUNK + 3;
    d_iov_set(&iovs[0], a, sizeof(a));
    d_iov_set(&iovs[1], b, sizeof(b));
    OK(dfs_readx(dfs, f, &iod, &sgl, &got, NULL));
    assert_int_equal(got, 9);
    assert_memory_equal(b, "kl", 2);

    OK(dfs_readx(dfs, f, &none, &sgl, &got, NULL));
    assert_int_equal(got, 0);
    OK(dfs_writex(dfs, f, &none, &sgl, NULL));
    IS(EINVAL, dfs_readx(dfs, f, NULL, &sgl, &got, NULL));
    IS(EINVAL, dfs_readx(dfs, f, &iod, &sgl, NULL, NULL));
    IS(EINVAL, dfs_writex(dfs, f, NULL, &sgl, NULL));
    d_iov_set(&iovs[0], a, 1); /* memory shorter than the ranges */
    IS(EINVAL, dfs_writex(dfs, f, &iod, &sgl, NULL));
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

static void refusals(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *d = fs_dir(dfs, NULL, "d"), *f = file(dfs, "f"), *ro;
    daos_size_t got;
    char buf[4];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, buf, sizeof(buf));
    IS(EINVAL, dfs_read(dfs, d, &sgl, 0, &got, NULL));
    IS(EINVAL, dfs_read(dfs, NULL, &sgl, 0, &got, NULL));
    IS(EINVAL, dfs_read(NULL, f, &sgl, 0, &got, NULL));
    IS(EINVAL, dfs_read(dfs, f, &sgl, 0, NULL, NULL));
    IS(EINVAL, dfs_write(dfs, d, &sgl, 0, NULL));
    IS(EINVAL, dfs_get_size(dfs, d, &got));
    IS(EINVAL, dfs_get_size(dfs, f, NULL));
    IS(EINVAL, dfs_punch(dfs, d, 0, 1));
    IS(EINVAL, dfs_get_chunk_size(d, &got));
    OK(dfs_open(dfs, NULL, "f", S_IFREG, O_RDONLY, 0, 0, NULL, &ro));
    IS(EPERM, dfs_write(dfs, ro, &sgl, 0, NULL));
    IS(EPERM, dfs_punch(dfs, ro, 0, DFS_MAX_FSIZE));
    OK(dfs_release(ro));
    OK(dfs_release(f));
    OK(dfs_release(d));
    OK(dfs_umount(dfs));
}

static void punching(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    static unsigned char data[CHUNK * 3], buf[CHUNK * 3], want[CHUNK * 3];
    daos_size_t got;

    fill(data, sizeof(data), 1);
    OK(fs_write(dfs, f, data, sizeof(data), 0));
    /* a hole inside: the size stays */
    OK(dfs_punch(dfs, f, CHUNK - 10, CHUNK + 20));
    memcpy(want, data, sizeof(want));
    memset(want + CHUNK - 10, 0, CHUNK + 20);
    OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
    assert_int_equal(got, sizeof(buf));
    assert_memory_equal(buf, want, sizeof(buf));
    /* beyond the end: nothing */
    OK(dfs_punch(dfs, f, sizeof(data), 10));
    OK(dfs_punch(dfs, f, sizeof(data) + 5, 10));
    OK(dfs_punch(dfs, f, 0, 0));
    assert_int_equal(size_of(dfs, f), sizeof(data));
    /* to the end and over it: the end moves */
    OK(dfs_punch(dfs, f, sizeof(data) - 5, 5));
    assert_int_equal(size_of(dfs, f), sizeof(data) - 5);
    OK(dfs_punch(dfs, f, sizeof(data) - 10, 1000));
    assert_int_equal(size_of(dfs, f), sizeof(data) - 10);
    /* smaller, then larger: what was cut off does not come back */
    OK(dfs_punch(dfs, f, 100, DFS_MAX_FSIZE));
    assert_int_equal(size_of(dfs, f), 100);
    OK(dfs_punch(dfs, f, CHUNK * 2 + 1, DFS_MAX_FSIZE));
    assert_int_equal(size_of(dfs, f), CHUNK * 2 + 1);
    memset(want + 100, 0, sizeof(want) - 100);
    OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
    assert_int_equal(got, CHUNK * 2 + 1);
    assert_memory_equal(buf, want, got);
    OK(dfs_punch(dfs, f, 0, DFS_MAX_FSIZE));
    assert_int_equal(size_of(dfs, f), 0);
    OK(fs_read(dfs, f, buf, sizeof(buf), 0, &got));
    assert_int_equal(got, 0);
    /* by object id, as listings know it */
    daos_obj_id_t oid;
    OK(fs_write(dfs, f, data, 77, 0));
    OK(dfs_obj2id(f, &oid));
    OK(dfs_get_size_by_oid(dfs, oid, CHUNK, &got));
    assert_int_equal(got, 77);
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

#define FLIGHT 16

static void with_events(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    daos_handle_t eq;
    daos_event_t evs[FLIGHT], *done[FLIGHT];
    unsigned char data[FLIGHT][700], back[FLIGHT][700];
    d_iov_t iovs[FLIGHT];
    d_sg_list_t sgls[FLIGHT];
    daos_size_t got[FLIGHT];

    OK(daos_eq_create(&eq));
    for (int way = 0; way < 2; way++) {
        int left = FLIGHT;

        for (unsigned int i = 0; i < FLIGHT; i++) {
            OK(daos_event_init(&evs[i], eq, NULL));
            sgls[i] = (d_sg_list_t){.sg_nr = 1, .sg_iovs = &iovs[i]};
            if (way == 0) {
                fill(data[i], sizeof(data[i]), i + 1);
                d_iov_set(&iovs[i], data[i], sizeof(data[i]));
                OK(dfs_write(dfs, f, &sgls[i], i * 700, &evs[i]));
            } else {
                d_iov_set(&iovs[i], back[i], sizeof(back[i]));
                OK(dfs_read(dfs, f, &sgls[i], i * 700, &got[i], &evs[i]));
            }
        }
        while (left > 0) {
            int n = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, FLIGHT, done);

            assert_true(n > 0);
            for (int k = 0; k < n; k++)
                assert_int_equal(done[k]->ev_error, 0);
            left -= n;
        }
        for (int i = 0; i < FLIGHT; i++)
            OK(daos_event_fini(&evs[i]));
    }
    for (int i = 0; i < FLIGHT; i++) {
        assert_int_equal(got[i], 700);
        assert_memory_equal(data[i], back[i], 700);
    }

    /* nothing to do completes too; a refusal is told at once and leaves the event free */
    OK(daos_event_init(&evs[0], eq, NULL));
    d_iov_set(&iovs[0], data[0], 0);
    OK(dfs_write(dfs, f, &sgls[0], 0, &evs[0]));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, done), 1);
    assert_ptr_equal(done[0], &evs[0]);
    assert_int_equal(evs[0].ev_error, 0);
    OK(daos_event_fini(&evs[0]));
    OK(daos_event_init(&evs[0], eq, NULL));
    d_iov_set(&iovs[0], data[0], 10);
    IS(EINVAL, dfs_read(dfs, f, &sgls[0], 0, NULL, &evs[0]));
    OK(dfs_read(dfs, f, &sgls[0], 0, &got[0], &evs[0]));
    assert_int_equal(daos_eq_poll(eq, 1, DAOS_EQ_WAIT, 1, done), 1);
    assert_int_equal(got[0], 10);
    OK(daos_event_fini(&evs[0]));
    OK(daos_eq_destroy(eq, 0));
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

/* The container handle is read-only though the mount is not: the error comes through the event, as
 * a positive errno. */
static void errors_come_through_events(void **state)
{
    struct api *a = *state;
    dfs_t *dfs = fs_mount(a, O_RDWR);
    dfs_obj_t *f = file(dfs, "f");
    daos_event_t ev;
    bool done = false;
    char buf[8] = "data";
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    d_iov_set(&iov, NULL, 8); /* no memory behind it */
    rc = dfs_write(dfs, f, &sgl, 0, &ev);
    if (rc == 0) {
        OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
        assert_true(done);
        rc = ev.ev_error;
    }
    assert_int_equal(rc, EINVAL);
    OK(daos_event_fini(&ev));
    /* the same event memory serves again */
    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    d_iov_set(&iov, buf, 4);
    OK(dfs_write(dfs, f, &sgl, 0, &ev));
    OK(daos_event_test(&ev, DAOS_EQ_WAIT, &done));
    assert_int_equal(ev.ev_error, 0);
    OK(daos_event_fini(&ev));
    SHOWS("data", dfs, NULL, "f");
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

/* 24 MiB through the default chunk size: more than one message, more than one chunk. */
static void large(void **state)
{
    dfs_t *dfs = fs_mount(*state, O_RDWR);
    size_t len = 24u << 20;
    unsigned char *data = malloc(len), *back = malloc(len);
    daos_size_t got;
    dfs_obj_t *f;

    fill(data, len, 5);
    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &f));
    OK(fs_write(dfs, f, data, len, 12345));
    assert_int_equal(size_of(dfs, f), len + 12345);
    OK(fs_read(dfs, f, back, len, 12345, &got));
    assert_int_equal(got, len);
    assert_memory_equal(data, back, len);
    free(data);
    free(back);
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
}

API_MAIN(FS_TEST(short_at_the_end), FS_TEST(holes_are_zero), FS_TEST(chunk_edges),
         FS_TEST(many_pieces), FS_TEST(refusals), FS_TEST(punching), FS_TEST(with_events),
         FS_TEST(errors_come_through_events), FS_TEST(large))
