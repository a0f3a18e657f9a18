#include "page_damage_rig.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_fs.h>
#include "base/hash.h"
#include "engine/engine_int.h"

#define FILES     24u
#define KEYS      240u
#define BIG_BYTES (300u << 10)

static daos_handle_t kv_coh; /* of the rig that is open */
static int kv_rc;            /* why it is not */

/* ---- Opening ---- */

void pool_open(struct dfs_rig *r, struct sim_dir *sd)
{
    struct err e;

    if (!sim_dir_powered(sd))
        sim_dir_power_on(sd);
    if (pool_try_open(r, sd, &e) != 0)
        dfs_rig_die("%s: %s", e.what, e.why);
}

int pool_try_open(struct dfs_rig *r, struct sim_dir *sd, struct err *e)
{
    int rc = dfs_rig_try_open(r, sd, e);

    if (rc != 0)
        return rc;
    kv_rc = daos_cont_open(r->poh, "kv", DAOS_COO_RW, &kv_coh, NULL, NULL);
    return 0;
}

void pool_close(struct dfs_rig *r, bool clean)
{
    if (kv_rc == 0)
        daos_cont_close(kv_coh, NULL);
    if (r->dfs != NULL)
        dfs_umount(r->dfs);
    daos_cont_close(r->coh, NULL);
    daos_pool_disconnect(r->poh, NULL);
    engine_close(r->eng, clean);
    io_dir_close(r->dir);
}

struct on_xs {
    struct heap *h;
    int rc;
    struct rt_event done;
};

static void checkpoint_fiber(void *arg)
{
    struct on_xs *x = arg;

    x->rc = heap_checkpoint(x->h);
    rt_event_set(&x->done);
}

void pool_checkpoint(struct dfs_rig *r, const char *what)
{
    struct on_xs x = {.h = r->eng->shard->heap, .done = RT_EVENT_INIT};

    if (rt_spawn_on(r->eng->shard->xs, checkpoint_fiber, &x) != 0)
        dfs_rig_die("out of memory");
    rt_event_wait(&x.done);
    if (x.rc != 0 || heap_failed(r->eng->shard->heap))
        dfs_rig_die("%s: the shard has stopped (%d)", what, x.rc);
}

static void tell(void *arg, const char *text)
{
    (void)arg;
    if (getenv("DAMAGE_TELL") != NULL)
        printf("checker: %s\n", text);
}

uint64_t pool_problems(struct dfs_rig *r)
{
    uint64_t problems = 0;
    int rc = engine_check(r->eng, true, tell, NULL, NULL, &problems);

    if (rc != 0)
        dfs_rig_die("the checker does not come to its end: %d", rc);
    return problems;
}

/* What a repair would do; nothing is written. */
static void repair_plan(struct sim_dir *sd)
{
    struct engine_conf conf = {.cpu = -1, .readonly = true, .locked = true};
    struct engine_repaired done;
    struct engine *eng;
    struct err e = {0};

    if (sim_dir_open(sd, &conf.dir) != 0)
        dfs_rig_die("cannot open the simulated directory");
    if (engine_open(&conf, &eng, &e) == 0) {
        engine_repair(eng, true, tell, NULL, NULL, &done);
        engine_close(eng, true);
    }
    io_dir_close(conf.dir);
}

static void note_cut(void *arg, const char *text)
{
    *(bool *)arg |= strstr(text, "cut short") != NULL;
}

bool pool_says_cut_short(struct sim_dir *sd)
{
    struct engine_conf conf = {.cpu = -1, .readonly = true, .locked = true};
    uint64_t problems = 0;
    struct engine *eng;
    struct err e = {0};
    bool says = false;

    if (sim_dir_open(sd, &conf.dir) != 0)
        dfs_rig_die("cannot open the simulated directory");
    if (engine_open(&conf, &eng, &e) != 0)
        dfs_rig_die("a half repaired pool cannot be read: %s: %s", e.what, e.why);
    engine_check(eng, false, note_cut, NULL, &says, &problems);
    engine_close(eng, true);
    io_dir_close(conf.dir);
    return says && problems > 0;
}

int pool_repair(struct sim_dir *sd, uint64_t cut_at, struct engine_repaired *done, struct err *e)
{
    struct engine_conf conf = {.cpu = -1, .repair = true};
    struct engine *eng;
    int rc;

    repair_plan(sd);
    *e = (struct err){0};
    *done = (struct engine_repaired){0};
    if (sim_dir_open(sd, &conf.dir) != 0)
        dfs_rig_die("cannot open the simulated directory");
    rc = engine_open(&conf, &eng, e);
    if (rc == 0) {
        sim_dir_power_cut_at(sd, cut_at);
        rc = engine_repair(eng, false, NULL, NULL, NULL, done);
        engine_close(eng, rc == 0 && sim_dir_powered(sd));
        if (rc == 0 && !sim_dir_powered(sd))
            rc = -DER_IO;
    }
    io_dir_close(conf.dir);
    sim_dir_power_cut_at(sd, 0);
    if (!sim_dir_powered(sd))
        sim_dir_power_on(sd);
    return rc;
}

/* ---- Files ---- */

static void fill(uint8_t *buf, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t x = mix64(seed + i);

        memcpy(buf + i, &x, MIN(len - i, 8u));
    }
}

static size_t file_size(uint64_t n)
{
    return n % 6 == 5 ? BIG_BYTES : n % 6 == 4 ? 3000 : 40 + n * 37;
}

static void file_path(uint64_t n, char *path, size_t len)
{
    static const char *const dirs[] = {"", "/docs", "/docs/deep", "/docs/deep/deeper"};

    snprintf(path, len, "%s/file-%llu", dirs[n % 4], (unsigned long long)n);
}

static int file_put(struct dfs_rig *r, const char *path, const void *buf, size_t len)
{
    char dir[200], *name;
    dfs_obj_t *parent = NULL, *obj;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    snprintf(dir, sizeof(dir), "%s", path);
    name = strrchr(dir, '/') + 1;
    name[-1] = '\0';
    rc = dfs_lookup(r->dfs, dir[0] ? dir : "/", O_RDWR, &parent, NULL, NULL);
    if (rc != 0)
        return rc;
    rc = dfs_open(r->dfs, parent, name, S_IFREG | 0644, O_RDWR | O_CREAT, 0, 0, NULL, &obj);
    if (rc == 0) {
        d_iov_set(&iov, (void *)(uintptr_t)buf, len);
        rc = dfs_write(r->dfs, obj, &sgl, 0, NULL);
        dfs_release(obj);
    }
    dfs_release(parent);
    return rc;
}

static int file_read(struct dfs_rig *r, struct item *it, uint64_t *sum)
{
    daos_size_t len = BIG_BYTES + 100;
    uint8_t *buf = calloc(1, len);
    char path[100];
    struct stat st;
    dfs_obj_t *obj;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    file_path(it->arg, path, sizeof(path));
    rc = dfs_lookup(r->dfs, path, O_RDONLY, &obj, NULL, &st);
    if (rc == 0) {
        d_iov_set(&iov, buf, len);
        rc = dfs_read(r->dfs, obj, &sgl, 0, &len, NULL);
        if (rc == 0)
            *sum = mix64(hash_bytes(buf, len) + (uint64_t)st.st_size + st.st_mode);
        dfs_release(obj);
    }
    free(buf);
    return rc;
}

/* Another file in the same directory. */
static int file_write(struct dfs_rig *r, struct item *it)
{
    char path[120];
    uint8_t buf[9000];

    file_path(it->arg, path, sizeof(path));
    strcat(path, "-new");
    fill(buf, sizeof(buf), it->arg);
    return file_put(r, path, buf, it->arg % 2 ? 100 : sizeof(buf));
}

static int dir_read(struct dfs_rig *r, struct item *it, uint64_t *sum)
{
    static const char *const dirs[] = {"/", "/docs", "/docs/deep", "/many"};
    daos_anchor_t anchor = {0};
    struct dirent ent[16];
    dfs_obj_t *dir;
    int rc = dfs_lookup(r->dfs, dirs[it->arg], O_RDONLY, &dir, NULL, NULL);

    *sum = 0;
    if (rc != 0)
        return rc;
    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = 16;

        rc = dfs_readdir(r->dfs, dir, &anchor, &nr, ent);
        for (uint32_t i = 0; rc == 0 && i < nr; i++)
            if (strstr(ent[i].d_name, "-new") == NULL)
                *sum += hash_bytes(ent[i].d_name, strlen(ent[i].d_name));
    }
    dfs_release(dir);
    return rc;
}

static int xattr_read(struct dfs_rig *r, struct item *it, uint64_t *sum)
{
    char val[100] = {0};
    daos_size_t len = sizeof(val);
    dfs_obj_t *obj;
    int rc = dfs_lookup(r->dfs, "/docs", O_RDONLY, &obj, NULL, NULL);

    if (rc != 0)
        return rc;
    rc = dfs_getxattr(r->dfs, obj, "user.colour", val, &len);
    *sum = hash_bytes(val, len);
    dfs_release(obj);
    return rc;
}

/* ---- Keys and arrays ---- */

static daos_obj_id_t oid_of(uint64_t n, enum daos_otype_t type)
{
    daos_obj_id_t oid = {.lo = 100 + n};

    if (daos_obj_generate_oid(kv_coh, &oid, type, OC_UNKNOWN, 0, 0) != 0)
        dfs_rig_die("no oid");
    return oid;
}

static size_t value_size(uint64_t key)
{
    return key % 11 == 3 ? 5000 : key % 7 == 2 ? 2500 : 30 + key;
}

static int kv_do(uint64_t obj, const char *key, void *buf, daos_size_t *len, bool put,
                 uint64_t epoch)
{
    daos_handle_t oh, th = DAOS_TX_NONE;
    int rc = epoch != 0 ? daos_tx_open_snap(kv_coh, epoch, &th, NULL) : 0;

    if (rc == 0)
        rc = daos_kv_open(kv_coh, oid_of(obj, DAOS_OT_KV_HASHED), DAOS_OO_RW, &oh, NULL);
    if (rc != 0)
        return rc;
    rc = put ? daos_kv_put(oh, th, 0, key, *len, buf, NULL)
             : daos_kv_get(oh, th, DAOS_COND_KEY_GET, key, len, buf, NULL);
    daos_kv_close(oh, NULL);
    if (epoch != 0)
        daos_tx_close(th, NULL);
    return rc;
}

static int kv_read(struct dfs_rig *r, struct item *it, uint64_t *sum)
{
    uint8_t buf[8192];
    daos_size_t len = sizeof(buf);
    char key[40];
    int rc;

    snprintf(key, sizeof(key), "key-%llu", (unsigned long long)it->arg);
    rc = kv_do(it->arg % 3, key, buf, &len, false, it->epoch);
    if (rc == 0)
        *sum = hash_bytes(buf, len);
    return rc;
}

static int kv_write(struct dfs_rig *r, struct item *it)
{
    daos_size_t len = it->arg % 2 ? 6000 : 70;
    uint8_t buf[6000];
    char key[48];

    fill(buf, sizeof(buf), it->arg);
    snprintf(key, sizeof(key), "key-%llu-new", (unsigned long long)it->arg);
    return kv_do(it->arg % 3, key, buf, &len, true, 0);
}

static int array_do(uint64_t n, uint64_t at, uint8_t *buf, uint64_t len, bool write)
{
    daos_range_t range = {.rg_idx = at, .rg_len = len};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &range};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_handle_t oh;
    int rc = daos_array_open_with_attr(kv_coh, oid_of(50 + n, DAOS_OT_ARRAY_BYTE), DAOS_TX_NONE,
                                       DAOS_OO_RW, 1, 4096, &oh, NULL);

    if (rc != 0)
        return rc;
    d_iov_set(&iov, buf, len);
    rc = write ? daos_array_write(oh, DAOS_TX_NONE, &iod, &sgl, NULL)
               : daos_array_read(oh, DAOS_TX_NONE, &iod, &sgl, NULL);
    daos_array_close(oh, NULL);
    return rc;
}

static int array_read(struct dfs_rig *r, struct item *it, uint64_t *sum)
{
    uint8_t buf[6000] = {0};
    int rc = array_do(it->arg, it->arg * 3000, buf, sizeof(buf), false);

    *sum = hash_bytes(buf, sizeof(buf));
    return rc;
}

static int array_write(struct dfs_rig *r, struct item *it)
{
    uint8_t buf[500];

    fill(buf, sizeof(buf), it->arg);
    return array_do(it->arg, 1 << 20, buf, sizeof(buf), true);
}

/* ---- The whole ---- */

static bool is_file(const struct item *it)
{
    return it->read == file_read || it->read == dir_read || it->read == xattr_read;
}

bool item_is_list(const struct item *it)
{
    return it->read == dir_read;
}

void item_read(struct dfs_rig *r, struct item *it)
{
    it->sum = 0;
    it->rc = is_file(it) ? r->fs_rc : kv_rc;
    if (it->rc == 0)
        it->rc = it->read(r, it, &it->sum);
}

int item_write(struct dfs_rig *r, struct item *it)
{
    int rc = is_file(it) ? r->fs_rc : kv_rc;

    return rc == 0 && it->write != NULL ? it->write(r, it) : rc;
}

static void must(int rc, const char *what)
{
    if (rc != 0)
        dfs_rig_die("cannot %s: %d", what, rc);
}

static void fill_files(struct dfs_rig *r)
{
    static uint8_t buf[BIG_BYTES];
    dfs_obj_t *obj, *dir = NULL;
    char name[100];

    must(dfs_mkdir(r->dfs, NULL, "docs", 0755, 0), "make a directory");
    must(dfs_lookup(r->dfs, "/docs", O_RDWR, &dir, NULL, NULL), "look it up");
    must(dfs_setxattr(r->dfs, dir, "user.colour", "blue", 4, 0), "set an attribute");
    must(dfs_mkdir(r->dfs, dir, "deep", 0755, 0), "make a directory");
    dfs_release(dir);
    must(dfs_lookup(r->dfs, "/docs/deep", O_RDWR, &dir, NULL, NULL), "look it up");
    must(dfs_mkdir(r->dfs, dir, "deeper", 0755, 0), "make a directory");
    must(dfs_open(r->dfs, dir, "link", S_IFLNK | 0777, O_CREAT, 0, 0, "../../file-0", &obj),
         "link");
    dfs_release(obj);
    dfs_release(dir);
    must(dfs_mkdir(r->dfs, NULL, "many", 0755, 0), "make a directory");
    for (uint64_t n = 0; n < FILES; n++) {
        file_path(n, name, sizeof(name));
        fill(buf, file_size(n), n);
        must(file_put(r, name, buf, file_size(n)), "write a file");
    }
    for (uint64_t n = 0; n < 150; n++) {
        snprintf(name, sizeof(name), "/many/entry-%llu", (unsigned long long)n);
        must(file_put(r, name, name, 20), "write a file");
    }
}

static void fill_keys(uint64_t round)
{
    uint8_t buf[6000];
    char key[40];

    for (uint64_t n = 0; n < KEYS; n++) {
        daos_size_t len = value_size(n + round);

        snprintf(key, sizeof(key), "key-%llu", (unsigned long long)n);
        fill(buf, len, n + 1000 * round);
        must(kv_do(n % 3, key, buf, &len, true, 0), "put a key");
    }
    for (uint64_t n = 0; n < 4; n++) {
        fill(buf, sizeof(buf), n);
        for (uint64_t at = 0; at < 30000; at += 5000)
            must(array_do(n, at, buf, 5000, true), "write an array");
    }
}

struct sim_dir *pool_make(uint64_t wal_bytes, bool checkpoint, struct item *items, uint32_t *nr)
{
    struct sim_dir *sd = dfs_rig_format(1, wal_bytes, 65536);
    daos_epoch_t epoch;
    struct dfs_rig r;
    uint32_t n = 0;

    dfs_rig_open(&r, sd);
    must(daos_cont_create_with_label(r.poh, "kv", NULL, NULL, NULL), "create a container");
    dfs_rig_close(&r, true);
    pool_open(&r, sd);
    fill_files(&r);
    fill_keys(0);
    must(daos_cont_create_snap(kv_coh, &epoch, NULL, NULL), "take a snapshot");
    fill_keys(1);
    if (checkpoint)
        pool_checkpoint(&r, "a sound pool");
    pool_close(&r, true);
#define ITEM(fmt, a, e, rd, wr)                                                                    \
    do {                                                                                           \
        snprintf(items[n].name, sizeof(items[n].name), fmt, (unsigned)(a));                        \
        items[n].arg = (a);                                                                        \
        items[n].epoch = (e);                                                                      \
        items[n].read = (rd);                                                                      \
        items[n++].write = (wr);                                                                   \
    } while (0)
    for (uint32_t i = 0; i < FILES; i++)
        ITEM("file %u", i, 0, file_read, file_write);
    for (uint32_t i = 0; i < 4; i++)
        ITEM("directory %u", i, 0, dir_read, NULL);
    ITEM("attribute %u", 0, 0, xattr_read, NULL);
    for (uint32_t i = 0; i < KEYS; i += 9)
        ITEM("key %u", i, 0, kv_read, kv_write);
    for (uint32_t i = 4; i < KEYS; i += 13)
        ITEM("key %u in the snapshot", i, epoch, kv_read, NULL);
    for (uint32_t i = 0; i < 4; i++)
        ITEM("array %u", i, 0, array_read, array_write);
#undef ITEM
    *nr = n;
    return sd;
}
