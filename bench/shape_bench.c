/*
 * What things cost in metadata: bytes of the heap that hold no user's bytes, for each pair of key
 * and value, file and directory; freshly made, and after churn (each on average rewritten once,
 * renamed once, and half of them removed and made again, in random order). Two figures: the records
 * (allocations), and the pages that hold them, which counts what lies idle between records too.
 *
 * usage: shape_bench DIRECTORY [NUMBER]      (of each kind, default 20,000; goals for a file of 4
 * KiB: 300 bytes fresh, 400 after churn)
 */
#include <daos.h>
#include <daos_fs.h>
#include <daos_kv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/hash.h"
#include "client/client.h"
#include "embed/embed.h"

struct bench {
    const char *dir;
    unsigned nr;
    char pool[4200];
    daos_handle_t poh, coh;
    dfs_t *dfs;
    uint64_t seed;
};

struct figures {
    uint64_t heap, values, pages;
};

static void die(const char *what, int rc)
{
    char text[1024] = "";

    err_format(err_last(), text, sizeof(text));
    fprintf(stderr, "shape_bench: %s: %d %s\n", what, rc, text);
    exit(1);
}

static void must(const char *what, int rc)
{
    if (rc != 0)
        die(what, rc);
}

static uint64_t draw(struct bench *b, uint64_t n)
{
    return mix64(++b->seed) % n;
}

static void figure(void *arg, const char *name, uint64_t value)
{
    struct figures *f = arg;

    if (strcmp(name, "heap_bytes") == 0)
        f->heap = value;
    if (strcmp(name, "value_bytes_heap") == 0)
        f->values = value;
    if (strcmp(name, "meta_pages_bytes") == 0)
        f->pages = value;
}

static struct figures figures(struct bench *b)
{
    struct figures f = {0};

    client_engine_stat(b->poh, figure, &f);
    return f;
}

/* A pool of its own for each kind, so that nothing of another is counted. */
static void begin(struct bench *b, const char *kind)
{
    struct embed_pool_conf conf = {0};
    struct err e = {0};
    uuid_t uuid;
    int rc;

    snprintf(b->pool, sizeof(b->pool), "%s/pool-%s", b->dir, kind);
    rc = embed_pool_create(b->pool, &conf, uuid, &e);
    if (rc != 0) {
        err_last_set(&e);
        die("create pool", rc);
    }
    must("connect", daos_pool_connect(b->pool, NULL, DAOS_PC_RW, &b->poh, NULL, NULL));
    must("create container", dfs_cont_create_with_label(b->poh, "files", NULL, NULL, NULL, NULL));
    must("open", daos_cont_open(b->poh, "files", DAOS_COO_RW, &b->coh, NULL, NULL));
    must("mount", dfs_mount(b->poh, b->coh, O_RDWR, &b->dfs));
}

static void end(struct bench *b)
{
    struct err e = {0};

    dfs_umount(b->dfs);
    daos_cont_close(b->coh, NULL);
    daos_pool_disconnect(b->poh, NULL);
    must("destroy pool", embed_pool_destroy(b->pool, false, &e));
}

/* What there is beside what there was, for each. The background gets a moment to give back. */
static void say(struct bench *b, const char *kind, const char *when, struct figures was,
                const char *goal)
{
    struct figures is;

    sleep(2);
    is = figures(b);
    printf("%-28s %-12s %7.0f bytes of records, %7.0f of pages%s\n", kind, when,
           (double)(int64_t)(is.heap - is.values - was.heap + was.values) / b->nr,
           (double)(int64_t)(is.pages - is.values - was.pages + was.values) / b->nr, goal);
    fflush(stdout);
}

/* ---- Pairs ---- */

static void pair_put(daos_handle_t oh, unsigned i)
{
    char key[24], value[100];

    snprintf(key, sizeof(key), "key-%012u", i);
    memset(value, 'v', sizeof(value));
    must("put", daos_kv_put(oh, DAOS_TX_NONE, 0, key, sizeof(value), value, NULL));
}

static void pairs(struct bench *b)
{
    daos_obj_id_t oid = {.lo = 77};
    struct figures was;
    daos_handle_t oh;
    char key[24];

    begin(b, "pairs");
    must("oid", daos_obj_generate_oid(b->coh, &oid, DAOS_OT_KV_HASHED, OC_S1, 0, 0));
    must("open", daos_kv_open(b->coh, oid, DAOS_OO_RW, &oh, NULL));
    was = figures(b);
    for (unsigned i = 0; i < b->nr; i++)
        pair_put(oh, i);
    say(b, "pair (16 B key, 100 B value)", "fresh", was, "");
    for (unsigned i = 0; i < b->nr; i++) {
        unsigned k = (unsigned)draw(b, b->nr);

        pair_put(oh, (unsigned)draw(b, b->nr));
        if (i % 2 == 0)
            continue;
        snprintf(key, sizeof(key), "key-%012u", k);
        must("remove", daos_kv_remove(oh, DAOS_TX_NONE, 0, key, NULL));
        pair_put(oh, k);
    }
    for (unsigned i = 0; i < b->nr; i++) /* so many again as there were */
        pair_put(oh, i);
    say(b, "pair (16 B key, 100 B value)", "after churn", was, "");
    daos_kv_close(oh, NULL);
    end(b);
}

/* ---- Files and directories ---- */

struct kind {
    const char *name, *title, *fresh_goal, *churn_goal;
    size_t bytes;
    bool dir;
    unsigned share; /* so many of NUMBER: large ones are fewer */
};

static const struct kind kinds[] = {
    {"small", "file of 4 KiB", " (goal 300)", " (goal 400)", 4096, false, 1},
    {"empty", "empty file", "", "", 0, false, 1},
    {"large", "file of 1 MiB", "", "", 1u << 20, false, 20},
    {"dirs", "directory", "", "", 0, true, 1},
};

static void name_of(char name[32], unsigned i, unsigned gen)
{
    snprintf(name, 32, "name-%07u.%02u", i, gen % 100);
}

static void make(struct bench *b, const struct kind *k, dfs_obj_t *in, const char *name)
{
    static char bytes[1u << 20];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    dfs_obj_t *obj;

    if (k->dir) {
        must("mkdir", dfs_mkdir(b->dfs, in, name, 0755, 0));
        return;
    }
    must("create", dfs_open(b->dfs, in, name, S_IFREG | 0644, O_CREAT | O_RDWR, 0, 0, NULL, &obj));
    memset(bytes, 'f', k->bytes);
    d_iov_set(&iov, bytes, k->bytes);
    if (k->bytes > 0)
        must("write", dfs_write(b->dfs, obj, &sgl, 0, NULL));
    dfs_release(obj);
}

/* gen: how often a name was changed. */
static void churn_one(struct bench *b, const struct kind *k, dfs_obj_t *in, unsigned *gen,
                      unsigned i, bool again)
{
    char name[32], other[32];

    name_of(name, i, gen[i]);
    name_of(other, i, gen[i] + 1);
    if (again) {
        must("remove", dfs_remove(b->dfs, in, name, true, NULL));
        make(b, k, in, name);
    }
    must("chmod", dfs_chmod(b->dfs, in, name, k->dir ? 0700 : 0600));
    must("move", dfs_move(b->dfs, in, name, in, other, NULL));
    gen[i]++;
    if (!k->dir)
        make(b, k, in, other); /* open, and written over */
}

static void files(struct bench *b, const struct kind *k)
{
    unsigned all = b->nr, *gen;
    struct figures was;
    dfs_obj_t *in;
    char name[32];

    b->nr = all / k->share > 0 ? all / k->share : 1;
    gen = calloc(b->nr, sizeof(*gen));
    begin(b, k->name);
    must("mkdir", dfs_open(b->dfs, NULL, "in", S_IFDIR | 0755, O_CREAT | O_RDWR, 0, 0, NULL, &in));
    was = figures(b);
    for (unsigned i = 0; i < b->nr; i++) {
        name_of(name, i, 0);
        make(b, k, in, name);
    }
    say(b, k->title, "fresh", was, k->fresh_goal);
    for (unsigned i = 0; i < b->nr; i++)
        churn_one(b, k, in, gen, (unsigned)draw(b, b->nr), i % 2 == 0);
    say(b, k->title, "after churn", was, k->churn_goal);
    dfs_release(in);
    end(b);
    free(gen);
    b->nr = all;
}

int main(int argc, char **argv)
{
    struct bench b = {.nr = argc > 2 ? (unsigned)atoi(argv[2]) : 20000};

    if (argc < 2 || b.nr == 0) {
        fprintf(stderr, "usage: shape_bench DIRECTORY [NUMBER]\n");
        return 2;
    }
    b.dir = argv[1];
    setenv("TARN_BACKGROUND", "0", 1); /* what is measured is in this process */
    must("init", daos_init());
    pairs(&b);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        files(&b, &kinds[i]);
    daos_fini();
    return 0;
}
