/*
 * Pools that are full, and pools whose device has lost bytes: what is refused, that nothing of it
 * is there, and that everything else goes on.
 */
#include "dfs_api.h"
#include <sys/mman.h>
#include <tarn.h>

/* ---- Full ---- */

/* Writes a chunk after the other until there is no room; how many there was room for. */
static uint64_t fill(daos_handle_t ah, char *chunk, size_t len)
{
    daos_range_t rg = {0, len};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    uint64_t n;
    int rc = 0;

    d_iov_set(&iov, chunk, len);
    for (n = 0; n < 1000; n++) {
        rg.rg_idx = n * len;
        memset(chunk, (int)n + 1, len);
        rc = daos_array_write(ah, DAOS_TX_NONE, &iod, &sgl, NULL);
        if (rc != 0)
            break;
    }
    assert_int_equal(rc, -DER_NOSPACE);
    FAILS(DER_NOSPACE, daos_array_write(ah, DAOS_TX_NONE, &iod, &sgl, NULL));
    return n;
}

/* Then what is small, which has room of its own: many to a transaction, and at last one by one. */
static void fill_small(daos_handle_t coh, daos_handle_t kv, char *value)
{
    enum { MANY = TARN_TX_OPS_MAX };
    daos_handle_t th;
    char key[16];
    int rc = 0, n = 0;

    while (rc == 0) {
        OK(daos_tx_open(coh, &th, 0, NULL));
        for (int i = 0; i < MANY && rc == 0; i++) {
            snprintf(key, sizeof(key), "s%d", n++);
            rc = daos_kv_put(kv, th, 0, key, 4096, value, NULL);
        }
        OK(rc);
        rc = daos_tx_commit(th, NULL);
        OK(daos_tx_close(th, NULL));
    }
    FAILS(DER_NOSPACE, rc);
    for (size_t len = 4096; len >= 16; len /= 4)
        for (rc = 0; rc == 0; n++) {
            snprintf(key, sizeof(key), "s%d", n);
            rc = daos_kv_put(kv, DAOS_TX_NONE, 0, key, len, value, NULL);
        }
    FAILS(DER_NOSPACE, rc);
}

/* Not even that much: a name, a container. What had room for a part of it has nothing of it. */
static void no_names_nor_containers(daos_handle_t poh, dfs_t *dfs)
{
    dfs_obj_t *f;
    char name[16];
    daos_size_t before, after;
    uuid_t uuid;
    int rc = 0;

    for (int n = 0; n < 1000 && rc == 0; n++) {
        snprintf(name, sizeof(name), "g%d", n);
        rc = dfs_open(dfs, NULL, name, S_IFREG | 0644, O_RDWR | O_CREAT, OC_S1, 0, NULL, &f);
        if (rc == 0)
            OK(dfs_release(f));
    }
    IS(ENOSPC, dfs_open(dfs, NULL, name, S_IFREG | 0644, O_RDWR | O_CREAT, OC_S1, 0, NULL, &f));
    SHOWS("ENOENT", dfs, NULL, name);
    OK(daos_pool_list_cont(poh, &before, NULL, NULL));
    IS(ENOSPC, dfs_cont_create_with_label(poh, "c2", NULL, NULL, NULL, NULL));
    IS(ENOSPC, dfs_cont_create(poh, &uuid, NULL, NULL, NULL));
    OK(daos_pool_list_cont(poh, &after, NULL, NULL));
    assert_int_equal(after, before);
}

/* What was refused for want of room is not there, what was there is, and reads go on. */
static void a_pool_that_is_full(void **state)
{
    enum { CHUNK = 1 << 20 };
    struct api *a = *state;
    char path[128], *chunk = malloc(CHUNK), byte = 0;
    daos_handle_t poh, coh, ah, kv, oh, th;
    daos_obj_id_t ids[3] = {{.lo = 1}, {.lo = 2}, {.lo = 3}};
    daos_range_t rg;
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    daos_size_t size = 0;
    uint64_t held;
    struct one x, y;
    dfs_obj_t *f;
    dfs_t *dfs;

    api_pool_make(a, "full", NULL, 96 << 20, path);
    OK(daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    OK(dfs_cont_create_with_label(poh, "c", NULL, NULL, &coh, &dfs));
    OK(daos_obj_generate_oid(coh, &ids[0], DAOS_OT_ARRAY_BYTE, OC_S1, 0, 0));
    OK(daos_obj_generate_oid(coh, &ids[1], DAOS_OT_KV_HASHED, OC_S1, 0, 0));
    OK(daos_obj_generate_oid(coh, &ids[2], DAOS_OT_MULTI_HASHED, OC_S1, 0, 0));
    OK(daos_array_open_with_attr(coh, ids[0], DAOS_TX_NONE, DAOS_OO_RW, 1, CHUNK, &ah, NULL));
    OK(daos_kv_open(coh, ids[1], DAOS_OO_RW, &kv, NULL));
    OK(daos_obj_open(coh, ids[2], DAOS_OO_RW, &oh, NULL));
    OK(dfs_open(dfs, NULL, "f", S_IFREG | 0644, O_RDWR | O_CREAT, OC_S1, CHUNK, NULL, &f));
    OK(daos_kv_put(kv, DAOS_TX_NONE, 0, "k", 4, "kept", NULL));
    held = fill(ah, chunk, CHUNK);
    assert_true(held > 0);

    FAILS(DER_NOSPACE, daos_kv_put(kv, DAOS_TX_NONE, 0, "k", CHUNK, chunk, NULL));
    one_single(&x, "d", "a", chunk, CHUNK);
    FAILS(DER_NOSPACE, daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(daos_tx_open(coh, &th, 0, NULL));
    one_single(&y, "e", "a", chunk, CHUNK);
    OK(daos_obj_update(oh, th, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(daos_obj_update(oh, th, 0, &y.dkey, 1, &y.iod, &y.sgl, NULL));
    FAILS(DER_NOSPACE, daos_tx_commit(th, NULL));
    OK(daos_tx_close(th, NULL));
    IS(ENOSPC, dfs_write(dfs, f, &x.sgl, 0, NULL));
    rg = (daos_range_t){0, CHUNK};
    IS(ENOSPC, dfs_writex(dfs, f, &(dfs_iod_t){1, &rg}, &x.sgl, NULL));

    fill_small(coh, kv, chunk);
    no_names_nor_containers(poh, dfs);
    OK(daos_array_get_size(ah, DAOS_TX_NONE, &size, NULL));
    assert_int_equal(size, held * CHUNK);
    rg = (daos_range_t){(held - 1) * CHUNK, 1};
    d_iov_set(&x.iov, &byte, 1);
    OK(daos_array_read(ah, DAOS_TX_NONE, &iod, &x.sgl, NULL));
    assert_int_equal((unsigned char)byte, (unsigned char)held);
    size = 0;
    OK(daos_kv_get(kv, DAOS_TX_NONE, 0, "k", &size, NULL, NULL));
    assert_int_equal(size, 4);
    assert_string_equal(get(oh, "d", "a"), "-");
    assert_string_equal(get(oh, "e", "a"), "-");
    OK(dfs_get_size(dfs, f, &size));
    assert_int_equal(size, 0);

    OK(dfs_release(f));
    OK(dfs_umount(dfs));
    OK(daos_obj_close(oh, NULL));
    OK(daos_kv_close(kv, NULL));
    OK(daos_array_close(ah, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_pool_disconnect(poh, NULL));
    free(chunk);
}

/* ---- Bytes that went bad ---- */

/* Flips a bit of what the pool's device holds of these bytes, wherever that is. */
static void hurt(const char *path, const char *bytes, size_t len)
{
    char file[160];
    struct stat st;
    char *map, *at;
    int fd;

    snprintf(file, sizeof(file), "%s/target0", path);
    fd = open(file, O_RDWR);
    assert_true(fd >= 0);
    OK(fstat(fd, &st));
    map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    at = memmem(map, (size_t)st.st_size, bytes, len);
    assert_non_null(at);
    at[len / 2] ^= 0x40;
    munmap(map, (size_t)st.st_size);
    close(fd);
}

/* Bytes like no others. */
static void unlike(char *buf, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len / 8; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(buf + i * 8, &seed, 8);
    }
}

/* What was read of it is refused, what was not hurt is there, and it can be written anew. */
static void a_pool_that_is_damaged(void **state)
{
    enum { LEN = 1 << 18 };
    struct api *a = *state;
    char path[128], *value = malloc(LEN), *cells = malloc(LEN), *text = malloc(LEN);
    char *buf = malloc(LEN), name[] = "f";
    daos_handle_t poh, coh, ah, oh;
    daos_obj_id_t ids[2] = {{.lo = 1}, {.lo = 2}};
    daos_range_t rg = {0, LEN};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    dfs_iod_t fiod = {1, &rg};
    daos_size_t size;
    struct fs_print p;
    struct one x;
    dfs_obj_t *f;
    dfs_t *dfs;

    unlike(value, LEN, 1);
    unlike(cells, LEN, 2);
    unlike(text, LEN, 3);
    api_pool_make(a, "damaged", NULL, 0, path);
    OK(daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    OK(dfs_cont_create_with_label(poh, "c", NULL, NULL, &coh, &dfs));
    OK(daos_obj_generate_oid(coh, &ids[0], DAOS_OT_ARRAY_BYTE, OC_S1, 0, 0));
    OK(daos_obj_generate_oid(coh, &ids[1], DAOS_OT_MULTI_HASHED, OC_S1, 0, 0));
    OK(daos_array_open_with_attr(coh, ids[0], DAOS_TX_NONE, DAOS_OO_RW, 1, LEN, &ah, NULL));
    OK(daos_obj_open(coh, ids[1], DAOS_OO_RW, &oh, NULL));
    OK(dfs_open(dfs, NULL, name, S_IFREG | 0644, O_RDWR | O_CREAT, OC_S1, LEN, NULL, &f));
    one_array(&x, "d", "a", 1, 0, LEN, value);
    OK(daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL));
    OK(put(oh, 0, "other", "a", "well"));
    d_iov_set(&x.iov, cells, LEN);
    OK(daos_array_write(ah, DAOS_TX_NONE, &iod, &x.sgl, NULL));
    d_iov_set(&x.iov, text, LEN);
    OK(dfs_write(dfs, f, &x.sgl, 0, NULL));
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
    OK(daos_obj_close(oh, NULL));
    OK(daos_array_close(ah, NULL));
    OK(daos_cont_close(coh, NULL));
    OK(daos_pool_disconnect(poh, NULL));
    hurt(path, value + LEN / 2, 4096);
    hurt(path, cells + LEN / 2, 4096);
    hurt(path, text + LEN / 2, 4096);

    OK(daos_pool_connect(path, NULL, DAOS_PC_RW, &poh, NULL, NULL));
    OK(daos_cont_open(poh, "c", DAOS_COO_RW, &coh, NULL, NULL));
    OK(dfs_mount(poh, coh, O_RDWR, &dfs));
    OK(daos_array_open_with_attr(coh, ids[0], DAOS_TX_NONE, DAOS_OO_RW, 1, LEN, &ah, NULL));
    OK(daos_obj_open(coh, ids[1], DAOS_OO_RW, &oh, NULL));
    OK(dfs_open(dfs, NULL, name, S_IFREG, O_RDWR, 0, 0, NULL, &f));
    one_array(&x, "d", "a", 1, 0, LEN, buf);
    FAILS(DER_CSUM, daos_obj_fetch(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL, NULL));
    FAILS(DER_CSUM, daos_array_read(ah, DAOS_TX_NONE, &iod, &x.sgl, NULL));
    IS(EIO, dfs_read(dfs, f, &x.sgl, 0, &size, NULL));
    IS(EIO, dfs_readx(dfs, f, &fiod, &x.sgl, &size, NULL));
    assert_string_equal(get(oh, "other", "a"), "well");
    d_iov_set(&x.iov, buf, 1000);
    OK(dfs_read(dfs, f, &x.sgl, 0, &size, NULL));
    assert_memory_equal(buf, text, 1000);
    d_iov_set(&x.iov, text, LEN);
    OK(dfs_write(dfs, f, &x.sgl, 0, NULL));
    d_iov_set(&x.iov, buf, LEN);
    OK(dfs_read(dfs, f, &x.sgl, 0, &size, NULL));
    assert_memory_equal(buf, text, LEN);
    OK(dfs_release(f));
    OK(dfs_umount(dfs));
    OK(daos_obj_close(oh, NULL));
    OK(daos_array_close(ah, NULL));
    OK(daos_cont_close(coh, NULL));
    p = fs_print_begin();
    IS(EIO, dfs_cont_check(poh, "c", DFS_CHECK_PRINT | DFS_CHECK_VERIFY, NULL));
    assert_non_null(
        strstr(fs_print_end(p), "2 files read, 1 of them damaged")); /* the array is one */
    OK(daos_pool_disconnect(poh, NULL));
    free(value);
    free(cells);
    free(text);
    free(buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {API_TEST(a_pool_that_is_full),
                                       API_TEST(a_pool_that_is_damaged)};

    return cmocka_run_group_tests(tests, api_group_setup_in_memory, api_group_teardown);
}
