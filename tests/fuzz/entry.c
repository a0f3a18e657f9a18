/*
 * A POSIX container whose records another program wrote: inode records, superblock settings, link
 * targets and extended attributes of any bytes, in a fresh container each time; then everything a
 * file system is asked. Input: mode, a path (to 0xff), then records:
 *
 *   where (1)   0 superblock setting, 1 root entry, else a name in the root directory
 *   kind (1)    inode record over a valid one, inode of raw bytes, inode of another value type,
 *               link target, extended attribute, superblock setting
 *   offset (1), length (1), bytes
 *
 * Every call ends with 0 or an errno.
 */
#include "fuzz_client.h"
#include "dfs/dfs_int.h"

enum { M_WRITE = 1, M_MOVE = 2, M_REMOVE = 4 };
enum { K_INODE, K_RAW, K_SINGLE, K_LINK, K_XATTR, K_SETTING, K_NR };

#define LISTS_MAX 20u

static const char *const names[] = {"a", "b", "dir", "link", "\xc3\x28", ".", "..", "a/b", "long"};
static const char *const settings[] = {"DFS_MAGIC",          "DFS_SB_VERSION", "DFS_LAYOUT_VERSION",
                                       "DFS_CHUNK_SIZE",     "DFS_OBJ_CLASS",  "DFS_DIR_OBJ_CLASS",
                                       "DFS_FILE_OBJ_CLASS", "DFS_MODE",       "DFS_HINTS"};
static char long_name[301];

static struct {
    daos_handle_t coh;
    daos_obj_id_t sb, root;
    dfs_t *dfs;
} fs;

static const char *name_of(uint8_t n)
{
    n = (uint8_t)(n % ARRAY_LEN(names));
    return n == ARRAY_LEN(names) - 1 ? long_name : names[n];
}

/* ---- Records ---- */

static void roots_read(void)
{
    daos_prop_t *prop = daos_prop_alloc(1);
    struct daos_prop_co_roots *roots;

    FUZZ_CHECK(prop != NULL);
    prop->dpp_entries[0].dpe_type = DAOS_PROP_CO_ROOTS;
    FUZZ_CHECK(daos_cont_query(fs.coh, NULL, prop, NULL) == 0);
    roots = prop->dpp_entries[0].dpe_val_ptr;
    FUZZ_CHECK(roots != NULL);
    fs.sb = roots->cr_oids[0];
    fs.root = roots->cr_oids[1];
    daos_prop_free(prop);
}

static void put_inode(daos_obj_id_t oid, const char *name, uint8_t off, const uint8_t *p,
                      size_t len)
{
    static const mode_t modes[] = {S_IFREG | 0644, S_IFDIR | 0755, S_IFLNK | 0777};
    struct dfs_entry e = {.mode = modes[name[0] == 'd'   ? 1
                                        : name[0] == 'l' ? 2
                                                         : 0],
                          .oid = fuzz_client_oid(1000 + (uint64_t)name[0]),
                          .size = name[0] == 'l' ? 4 : 0};
    uint8_t rec[DFS_INODE_LEN];

    dfs_entry_encode(&e, rec);
    off %= DFS_INODE_LEN;
    memcpy(rec + off, p, MIN(len, (size_t)DFS_INODE_LEN - off));
    fuzz_client_put(fs.coh, oid, name, DFS_INODE_KEY, DAOS_IOD_ARRAY, rec, sizeof(rec));
}

static void put_record(struct feed *f)
{
    uint8_t where = feed_u8(f), kind = feed_u8(f) % K_NR, off = feed_u8(f);
    daos_obj_id_t oid = where < 2 ? fs.sb : fs.root;
    const char *name = where == 0 ? "DFS_SB_METADATA" : where == 1 ? "/" : name_of(where);
    size_t len;
    const uint8_t *p = feed_bytes(f, feed_u8(f), &len);

    switch (kind) {
    case K_INODE:
        put_inode(oid, name, off, p, len);
        break;
    case K_RAW:
        fuzz_client_put(fs.coh, oid, name, DFS_INODE_KEY, DAOS_IOD_ARRAY, p, len);
        break;
    case K_SINGLE:
        fuzz_client_put(fs.coh, oid, name, DFS_INODE_KEY, DAOS_IOD_SINGLE, p, len);
        break;
    case K_LINK:
        fuzz_client_put(fs.coh, oid, name, DFS_SLINK_KEY, DAOS_IOD_SINGLE, p, len);
        break;
    case K_XATTR:
        fuzz_client_put(fs.coh, oid, name, off % 2 ? DFS_XATTR_HEAD : DFS_XATTR_HEAD "user.k",
                        off % 3 ? DAOS_IOD_SINGLE : DAOS_IOD_ARRAY, p, len);
        break;
    default:
        fuzz_client_put(fs.coh, fs.sb, "DFS_SB_METADATA", settings[off % ARRAY_LEN(settings)],
                        where % 8 == 7 ? DAOS_IOD_ARRAY : DAOS_IOD_SINGLE, p, len);
    }
}

/* ---- Questions ---- */

static void look(dfs_obj_t *obj)
{
    char buf[300];
    daos_size_t len = sizeof(buf), got;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    dfs_obj_info_t info;
    struct stat st;

    dfs_ostat(fs.dfs, obj, &st);
    dfs_get_size(fs.dfs, obj, &len);
    dfs_obj_get_info(fs.dfs, obj, &info);
    len = sizeof(buf);
    if (dfs_get_symlink_value(obj, buf, &len) == 0)
        FUZZ_CHECK(memchr(buf, 0, sizeof(buf)) != NULL);
    len = sizeof(buf);
    dfs_listxattr(fs.dfs, obj, buf, &len);
    len = 10;
    dfs_getxattr(fs.dfs, obj, "user.k", buf, &len);
    d_iov_set(&iov, buf, sizeof(buf));
    dfs_read(fs.dfs, obj, &sgl, 0, &got, NULL);
    dfs_read(fs.dfs, obj, &sgl, UINT64_C(1) << 62, &got, NULL);
}

static void list(dfs_obj_t *dir)
{
    daos_anchor_t a = {0}, b = {0};
    struct dirent dirs[8];
    struct stat st[8];
    uint32_t nr;

    for (uint32_t i = 0; i < LISTS_MAX && !daos_anchor_is_eof(&a); i++) {
        nr = 8;
        if (dfs_readdirplus(fs.dfs, dir, &a, &nr, dirs, st) != 0)
            break;
        for (uint32_t k = 0; k < nr; k++)
            FUZZ_CHECK(memchr(dirs[k].d_name, 0, sizeof(dirs[k].d_name)) != NULL);
    }
    for (uint32_t i = 0; i < LISTS_MAX && !daos_anchor_is_eof(&b); i++) {
        nr = 8;
        if (dfs_readdir(fs.dfs, dir, &b, &nr, dirs) != 0)
            break;
    }
}

static void ask(const char *path)
{
    static const char *const paths[] = {"/",       "/a",        "/dir/a",  "/link",
                                        "/link/a", "/dir/../a", "/a/../b", "/dir/dir/dir"};
    dfs_obj_t *obj;
    mode_t mode;
    struct stat st;

    for (size_t i = 0; i <= ARRAY_LEN(paths); i++) {
        const char *p = i < ARRAY_LEN(paths) ? paths[i] : path;

        if (dfs_lookup(fs.dfs, p, i % 2 ? O_RDWR : O_RDONLY | O_NOFOLLOW, &obj, &mode, &st) != 0)
            continue;
        look(obj);
        if (S_ISDIR(mode))
            list(obj);
        dfs_release(obj);
    }
    for (uint8_t i = 0; i < ARRAY_LEN(names); i++) {
        dfs_stat(fs.dfs, NULL, name_of(i), &st);
        dfs_access(fs.dfs, NULL, name_of(i), R_OK | X_OK);
        if (dfs_lookup_rel(fs.dfs, NULL, name_of(i), O_RDWR, &obj, &mode, &st) == 0)
            dfs_release(obj);
    }
}

static void write_to(const char *name)
{
    struct stat st = {.st_mode = S_IFREG | 0600, .st_size = 100};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    dfs_obj_t *obj;

    d_iov_set(&iov, (void *)"hello", 5);
    if (dfs_open(fs.dfs, NULL, name, S_IFREG | 0644, O_RDWR | O_CREAT, 0, 0, NULL, &obj) == 0) {
        dfs_write(fs.dfs, obj, &sgl, 3, NULL);
        dfs_punch(fs.dfs, obj, 4, DFS_MAX_FSIZE);
        dfs_osetattr(fs.dfs, obj, &st, DFS_SET_ATTR_SIZE | DFS_SET_ATTR_MODE);
        dfs_setxattr(fs.dfs, obj, "user.n", "v", 1, 0);
        dfs_release(obj);
    }
    dfs_chmod(fs.dfs, NULL, name, 0700);
    dfs_chown(fs.dfs, NULL, name, 5, 6, 0);
}

static void work(uint8_t mode, const char *path)
{
    ask(path);
    if (mode & M_WRITE) {
        write_to("a");
        write_to("link");
        dfs_mkdir(fs.dfs, NULL, "new", 0755, 0);
    }
    if (mode & M_MOVE) {
        dfs_move(fs.dfs, NULL, "a", NULL, "b", NULL);
        dfs_exchange(fs.dfs, NULL, "dir", NULL, "link");
        dfs_move(fs.dfs, NULL, "dir", NULL, "moved", NULL);
    }
    for (uint8_t i = 0; i < ARRAY_LEN(names) && mode & M_REMOVE; i++)
        dfs_remove(fs.dfs, NULL, name_of(i), i % 2, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {data, size};
    uint8_t mode = feed_u8(&f);
    daos_handle_t poh = fuzz_client_pool();
    char path[600];

    fuzz_quiet();
    memset(long_name, 'n', sizeof(long_name) - 1);
    if (feed_text(&f, path, sizeof(path)) == NULL)
        path[0] = '\0';
    FUZZ_CHECK(dfs_cont_create_with_label(poh, "hostile", NULL, NULL, &fs.coh, NULL) == 0);
    roots_read();
    while (f.left > 0)
        put_record(&f);
    if (dfs_mount(poh, fs.coh, O_RDWR, &fs.dfs) == 0) {
        work(mode, path);
        dfs_umount(fs.dfs);
    }
    FUZZ_CHECK(daos_cont_close(fs.coh, NULL) == 0);
    FUZZ_CHECK(daos_cont_destroy(poh, "hostile", 1, NULL) == 0);
    return 0;
}
