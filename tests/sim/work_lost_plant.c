/* Of the workload "dfs_check": what loses its names, and is found again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/assert.h"
#include "work_lost.h"

#define NAMES      16u
#define DEPTH_MAX  8u
#define LOST_FOUND "lost+found"

static dfs_t *dfs_of(const struct work_client *c)
{
    return c->priv;
}

static const char *top_name(uint32_t i)
{
    static const char *const names[LOST_TOPS] = {"z0", "z1", "z2"};

    return names[i];
}

/* What is in file `name` of node i. */
static uint32_t contents(struct lost_work *w, uint32_t i, char name)
{
    uint32_t key = w->session * 131 + i * 977 + (uint32_t)name * 53, len = 1 + key % LOST_BYTES;

    for (uint32_t k = 0; k < len; k++)
        w->want[k] = (char)(key * 7 + k * 13 + (k >> 8));
    return len;
}

/* ---- Planting ---- */

static int known(struct work_client *c, dfs_obj_t *obj, daos_obj_id_t *oid)
{
    struct lost_work *w = lost_work_of(c);
    int rc = dfs_obj2id(obj, oid);

    ASSERT(w->nodes < LOST_NODES);
    w->oid[w->nodes++] = *oid;
    return rc;
}

static int make_file(struct work_client *c, dfs_obj_t *dir, const char *name, uint32_t i,
                     daos_obj_id_t *oid)
{
    struct lost_work *w = lost_work_of(c);
    dfs_obj_t *obj;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc =
        dfs_open(dfs_of(c), dir, name, S_IFREG | 0600, O_CREAT | O_EXCL | O_RDWR, 0, 0, NULL, &obj);

    if (rc != 0)
        return lost_err(c, "making a file", rc);
    d_iov_set(&iov, w->want, contents(w, i, name[strlen(name) - 1]));
    rc = known(c, obj, oid);
    if (rc == 0)
        rc = dfs_write(dfs_of(c), obj, &sgl, 0, NULL);
    dfs_release(obj);
    return lost_err(c, "writing a file", rc);
}

static int make_dir(struct work_client *c, dfs_obj_t *in, const char *name, daos_obj_id_t *oid,
                    dfs_obj_t **dir)
{
    int rc = dfs_mkdir(dfs_of(c), in, name, 0700, 0);

    if (rc == 0)
        rc = dfs_lookup_rel(dfs_of(c), in, name, O_RDWR, dir, NULL, NULL);
    if (rc == 0)
        rc = known(c, *dir, oid);
    return lost_err(c, "making a directory", rc);
}

static int make_top(struct work_client *c, uint32_t i)
{
    struct lost_work *w = lost_work_of(c);
    dfs_obj_t *dir, *deep;
    daos_obj_id_t oid;
    int rc;

    if (w->shape[i] == LOST_FILE)
        return make_file(c, NULL, top_name(i), i, &w->top[i]);
    rc = make_dir(c, NULL, top_name(i), &w->top[i], &dir);
    if (rc != 0)
        return rc;
    if (w->shape[i] != LOST_EMPTY_DIR)
        rc = make_file(c, dir, "f", i, &oid);
    if (rc == 0 && w->shape[i] == LOST_DIR_DEEP) {
        rc = make_dir(c, dir, "d", &oid, &deep);
        if (rc == 0) {
            rc = make_file(c, deep, "g", i, &oid);
            dfs_release(deep);
        }
    }
    dfs_release(dir);
    return rc;
}

static int take_names(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    daos_obj_id_t oid;
    daos_handle_t oh;
    dfs_obj_t *root;
    int rc = dfs_lookup(dfs_of(c), "/", O_RDWR, &root, NULL, NULL);

    if (rc != 0)
        return lost_err(c, "looking up the root", rc);
    rc = dfs_obj2id(root, &oid);
    ASSERT(rc == 0);
    dfs_release(root);
    rc = daos_obj_open(c->coh, oid, DAOS_OO_RW, &oh, NULL);
    if (rc != 0)
        return lost_der(c, "opening the root", rc);
    for (uint32_t i = 0; i < w->tops && rc == 0; i++) {
        daos_key_t dkey;

        d_iov_set(&dkey, (void *)(uintptr_t)top_name(i), strlen(top_name(i)));
        rc = daos_obj_punch_dkeys(oh, DAOS_TX_NONE, 0, 1, &dkey, NULL);
    }
    daos_obj_close(oh, NULL);
    return lost_der(c, "taking a name away", rc);
}

int lost_plant(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    int rc = 0;

    w->session++;
    w->nodes = 0;
    w->tops = (uint32_t)sim_rng_below(&w->rng, LOST_TOPS + 1);
    for (uint32_t i = 0; i < w->tops; i++)
        w->shape[i] = (uint8_t)sim_rng_below(&w->rng, LOST_SHAPES);
    for (uint32_t i = 0; i < w->tops && rc == 0; i++)
        rc = make_top(c, i);
    return rc == 0 && w->tops > 0 ? take_names(c) : rc;
}

static int remove_all(struct work_client *c, const char *name)
{
    int rc = dfs_remove(dfs_of(c), NULL, name, true, NULL);

    return rc == ENOENT ? 0 : lost_err(c, "removing what was made beside the tree", rc);
}

int lost_unplant(struct work_client *c)
{
    int rc = remove_all(c, LOST_FOUND);

    for (uint32_t i = 0; i < LOST_TOPS && rc == 0; i++)
        rc = remove_all(c, top_name(i));
    return rc;
}

/* ---- Looking ---- */

static void differs(struct work_client *c, uint32_t i, const char *what)
{
    work_wrong(c->work, "what lost its name and was linked in /lost+found, %llu.%llu: %s",
               (unsigned long long)lost_work_of(c)->top[i].hi,
               (unsigned long long)lost_work_of(c)->top[i].lo, what);
}

static int read_file(struct work_client *c, dfs_obj_t *obj, daos_size_t *got)
{
    struct lost_work *w = lost_work_of(c);
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, w->buf, sizeof(w->buf));
    return dfs_read(dfs_of(c), obj, &sgl, 0, got, NULL);
}

/* errno; ENOENT: it is not there. name: of the file in its node, which its contents follow from. */
static int look_file(struct work_client *c, dfs_obj_t *dir, const char *as, uint32_t i, char name)
{
    struct lost_work *w = lost_work_of(c);
    daos_size_t got = 0;
    dfs_obj_t *obj;
    mode_t mode;
    int rc = dfs_lookup_rel(dfs_of(c), dir, as, O_RDONLY, &obj, &mode, NULL);

    if (rc != 0)
        return rc;
    if (!S_ISREG(mode))
        differs(c, i, "no file");
    else
        rc = read_file(c, obj, &got);
    dfs_release(obj);
    if (rc == 0 && (got != contents(w, i, name) || memcmp(w->want, w->buf, got) != 0))
        differs(c, i, "other bytes");
    return rc;
}

static int look_below(struct work_client *c, dfs_obj_t *dir, uint32_t i)
{
    struct lost_work *w = lost_work_of(c);
    dfs_obj_t *deep;
    int rc = 0;

    if (w->shape[i] != LOST_EMPTY_DIR)
        rc = look_file(c, dir, "f", i, 'f');
    if (rc == 0 && w->shape[i] == LOST_DIR_DEEP) {
        rc = dfs_lookup_rel(dfs_of(c), dir, "d", O_RDONLY, &deep, NULL, NULL);
        if (rc == 0) {
            rc = look_file(c, deep, "g", i, 'g');
            dfs_release(deep);
        }
    }
    return rc;
}

static int look_top(struct work_client *c, dfs_obj_t *in, uint32_t i)
{
    struct lost_work *w = lost_work_of(c);
    char name[64];
    dfs_obj_t *dir;
    int rc;

    snprintf(name, sizeof(name), "%llu.%llu", (unsigned long long)w->top[i].hi,
             (unsigned long long)w->top[i].lo);
    if (w->shape[i] == LOST_FILE) {
        rc = look_file(c, in, name, i, top_name(i)[1]);
    } else {
        rc = dfs_lookup_rel(dfs_of(c), in, name, O_RDONLY, &dir, NULL, NULL);
        if (rc == 0) {
            rc = look_below(c, dir, i);
            dfs_release(dir);
        }
    }
    if (rc == ENOENT || rc == ENOTDIR)
        differs(c, i, "it, or something in it, is not there");
    return rc == ENOENT || rc == ENOTDIR ? rc : lost_err(c, "looking into /lost+found", rc);
}

int lost_look(struct work_client *c)
{
    struct lost_work *w = lost_work_of(c);
    dfs_obj_t *in;
    int rc = dfs_lookup(dfs_of(c), "/" LOST_FOUND "/" LOST_DIR, O_RDONLY, &in, NULL, NULL);

    if (rc == ENOENT && w->tops == 0)
        return 0;
    if (rc == ENOENT)
        work_wrong(c->work, "a check has linked what was lost, and there is no /lost+found");
    if (rc != 0)
        return lost_err(c, "looking up /lost+found", rc);
    for (uint32_t i = 0; i < w->tops && rc == 0; i++)
        rc = look_top(c, in, i);
    dfs_release(in);
    return rc;
}

/* ---- Everything ---- */

struct reading {
    struct work_client *c;
    daos_obj_id_t *bad;
    uint32_t nr, max, depth;
};

static void read_dir(struct reading *r, dfs_obj_t *dir);

/* What cannot be looked up is not read either. */
static void read_one(struct reading *r, dfs_obj_t *dir, const char *name)
{
    daos_size_t got;
    dfs_obj_t *obj;
    mode_t mode;

    if (dfs_lookup_rel(dfs_of(r->c), dir, name, O_RDONLY | O_NOFOLLOW, &obj, &mode, NULL) != 0)
        return;
    if (S_ISDIR(mode))
        read_dir(r, obj);
    else if (S_ISREG(mode) && read_file(r->c, obj, &got) == EIO && r->nr < r->max)
        (void)dfs_obj2id(obj, &r->bad[r->nr++]);
    dfs_release(obj);
}

static void read_dir(struct reading *r, dfs_obj_t *dir)
{
    struct dirent *ents = calloc(NAMES, sizeof(*ents));
    daos_anchor_t anchor = {0};

    ASSERT(ents != NULL);
    while (++r->depth < DEPTH_MAX && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = NAMES;

        if (dfs_readdir(dfs_of(r->c), dir, &anchor, &nr, ents) != 0)
            break;
        for (uint32_t i = 0; i < nr; i++)
            read_one(r, dir, ents[i].d_name);
        r->depth--;
    }
    r->depth--;
    free(ents);
}

int lost_read_all(struct work_client *c, daos_obj_id_t *bad, uint32_t *nr, uint32_t max)
{
    struct reading r = {.c = c, .bad = bad, .max = max};
    dfs_obj_t *root;
    int rc = dfs_lookup(dfs_of(c), "/", O_RDONLY, &root, NULL, NULL);

    if (rc == 0) {
        read_dir(&r, root);
        dfs_release(root);
    }
    *nr = r.nr;
    return rc;
}
