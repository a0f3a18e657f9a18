/*
 * What a program hands back to the library: anchors of enumerations, and blobs of handles from
 * another process. The first byte says what is asked, the rest is the anchor (daos_anchor_t) or the
 * blob. An enumeration ends, and finds only what is there; a blob is taken or refused.
 */
#include "fuzz_client.h"

#define DKEYS 100u
#define NR    16u
/* more replies than entries: an anchor that goes round in circles */
#define REPLIES_MAX 400u

static daos_handle_t coh, oh;
static dfs_t *dfs;
static daos_epoch_t snap;

static void make(void)
{
    dfs_obj_t *obj;
    char key[16];

    FUZZ_CHECK(dfs_cont_create_with_label(fuzz_client_pool(), "anchors", NULL, NULL, &coh, &dfs) ==
               0);
    for (uint32_t i = 0; i < DKEYS; i++) {
        snprintf(key, sizeof(key), "key-%u", i);
        fuzz_client_put(coh, fuzz_client_oid(1), key, "a", DAOS_IOD_ARRAY, "value", 5);
        fuzz_client_put(coh, fuzz_client_oid(1), "key-0", key, DAOS_IOD_ARRAY, "value", 5);
        if (i < 20) {
            FUZZ_CHECK(
                dfs_open(dfs, NULL, key, S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &obj) == 0);
            dfs_release(obj);
        }
    }
    FUZZ_CHECK(daos_cont_create_snap(coh, &snap, NULL, NULL) == 0);
    FUZZ_CHECK(daos_obj_open(coh, fuzz_client_oid(1), DAOS_OO_RW, &oh, NULL) == 0);
}

static int list_keys(bool akeys, daos_anchor_t *a)
{
    daos_key_desc_t kds[NR];
    uint32_t nr = NR;
    char buf[200];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t dkey;
    size_t len = 0;
    int rc;

    d_iov_set(&iov, buf, sizeof(buf));
    d_iov_set(&dkey, (void *)"key-0", 5);
    rc = akeys ? daos_obj_list_akey(oh, DAOS_TX_NONE, &dkey, &nr, kds, &sgl, a, NULL)
               : daos_obj_list_dkey(oh, DAOS_TX_NONE, &nr, kds, &sgl, a, NULL);
    for (uint32_t i = 0; rc == 0 && i < nr; i++)
        len += kds[i].kd_key_len;
    FUZZ_CHECK(rc != 0 || (nr <= NR && len <= sizeof(buf)));
    return rc;
}

static int list_recx(bool up, daos_anchor_t *a)
{
    daos_recx_t recxs[NR];
    daos_epoch_range_t eprs[NR];
    uint32_t nr = NR;
    daos_size_t size;
    daos_key_t key, akey;

    d_iov_set(&key, (void *)"key-0", 5);
    d_iov_set(&akey, (void *)"key-3", 5);
    return daos_obj_list_recx(oh, DAOS_TX_NONE, &key, &akey, &size, &nr, recxs, eprs, a, up, NULL);
}

static int list_dir(bool plus, daos_anchor_t *a)
{
    struct dirent dirs[NR];
    struct stat st[NR];
    uint32_t nr = NR;
    dfs_obj_t *root;
    int rc = dfs_lookup(dfs, "/", O_RDWR, &root, NULL, NULL);

    FUZZ_CHECK(rc == 0);
    rc = plus ? dfs_readdirplus(dfs, root, a, &nr, dirs, st) : dfs_readdir(dfs, root, a, &nr, dirs);
    FUZZ_CHECK(rc >= 0 && (rc != 0 || nr <= NR));
    dfs_release(root);
    return rc;
}

static int list_oids(daos_anchor_t *a)
{
    daos_obj_id_t oids[NR];
    uint32_t nr = NR;
    daos_handle_t oit;
    int rc = daos_oit_open(coh, snap, &oit, NULL);

    FUZZ_CHECK(rc == 0);
    rc = daos_oit_list(oit, oids, &nr, a, NULL);
    daos_oit_close(oit, NULL);
    return rc;
}

static int list_snaps(daos_anchor_t *a)
{
    daos_epoch_t epochs[NR];
    char *names[NR] = {NULL};
    int nr = NR, rc = daos_cont_list_snap(coh, &nr, epochs, names, a, NULL);

    for (uint32_t i = 0; i < NR; i++)
        free(names[i]);
    return rc;
}

static void enumerate(uint8_t what, const daos_anchor_t *start)
{
    daos_anchor_t a = *start;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && !daos_anchor_is_eof(&a); i++) {
        FUZZ_CHECK(i < REPLIES_MAX);
        switch (what) {
        case 0:
        case 1:
            rc = list_keys(what, &a);
            break;
        case 2:
        case 3:
            rc = list_recx(what == 2, &a);
            break;
        case 4:
        case 5:
            rc = list_dir(what == 4, &a);
            break;
        case 6:
            rc = list_oids(&a);
            break;
        default:
            rc = list_snaps(&a);
            if (i > 4) /* small list: one call gives all */
                return;
        }
    }
}

static void blobs(const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_tight(data, size);
    d_iov_t glob = {copy, size, size};
    daos_handle_t h;
    daos_size_t cell, chunk;
    dfs_obj_t *obj;
    dfs_t *fs;

    /* no calls to addresses that the input makes up: of a pool's place only paths are left */
    for (size_t i = 0; i + 6 <= size; i++)
        if (memcmp(copy + i, "tcp://", 6) == 0)
            copy[i] = '/';
    if (daos_pool_global2local(glob, &h) == 0)
        daos_pool_disconnect(h, NULL);
    if (daos_cont_global2local(fuzz_client_pool(), glob, &h) == 0)
        daos_cont_close(h, NULL);
    if (daos_array_global2local(coh, glob, 0, &h) == 0) {
        daos_array_get_attr(h, &chunk, &cell);
        daos_array_close(h, NULL);
    }
    if (dfs_global2local(fuzz_client_pool(), coh, O_RDWR, glob, &fs) == 0)
        dfs_umount(fs);
    if (dfs_obj_global2local(dfs, O_RDWR, glob, &obj) == 0)
        dfs_release(obj);
    free(copy);
}

/* The blobs this process would give to others, with the input over them. */
static void own_blob(const uint8_t *data, size_t size)
{
    struct feed f = {data, size};
    uint8_t which = feed_u8(&f), buf[1024];
    uint16_t off = feed_u16(&f);
    d_iov_t glob = {buf, sizeof(buf), sizeof(buf)};
    dfs_obj_t *obj;
    int rc;

    memset(buf, 0, sizeof(buf));
    switch (which % 4) {
    case 0:
        rc = daos_pool_local2global(fuzz_client_pool(), &glob);
        break;
    case 1:
        rc = daos_cont_local2global(coh, &glob);
        break;
    case 2:
        rc = dfs_local2global(dfs, &glob);
        break;
    default:
        rc = dfs_lookup(dfs, "/key-1", O_RDWR, &obj, NULL, NULL);
        FUZZ_CHECK(rc == 0);
        rc = dfs_obj_local2global(dfs, obj, &glob);
        dfs_release(obj);
    }
    FUZZ_CHECK(rc == 0 && glob.iov_len <= sizeof(buf));
    off = (uint16_t)(off % glob.iov_len);
    if (f.left > 0)
        memcpy(buf + off, f.at, MIN(f.left, glob.iov_len - off));
    blobs(buf, glob.iov_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool made;
    daos_anchor_t a = {0};
    struct feed f = {data, size};
    uint8_t what = feed_u8(&f) % 10;

    fuzz_quiet();
    if (!made)
        make();
    made = true;
    if (what == 8) {
        blobs(f.at, f.left);
    } else if (what == 9) {
        own_blob(f.at, f.left);
    } else {
        if (f.left > 0)
            memcpy(&a, f.at, MIN(f.left, sizeof(a)));
        enumerate(what, &a);
    }
    return 0;
}
