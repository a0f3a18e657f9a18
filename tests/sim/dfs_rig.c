#include "dfs_rig.h"
#include "base/err.h"
#include "client/impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct engine *engine_now; /* of the rig that is being opened */

_Noreturn void dfs_rig_die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(1);
}

static void must(int rc, const char *what)
{
    if (rc != 0)
        dfs_rig_die("cannot %s: %d", what, rc);
}

/* ---- What the client asks of embed/ ---- */

int client_embed_open(struct client *c, const char *path, unsigned int mode, struct net_peer **peer,
                      uuid_t pool, void **cookie, struct err *e)
{
    (void)path, (void)mode, (void)e;
    engine_pool_uuid(engine_now, pool);
    *cookie = NULL;
    return net_inproc_connect(engine_service(engine_now), peer);
}

void client_embed_close(void *cookie)
{
    (void)cookie;
}

int client_embed_place(void *cookie, char *buf, size_t len)
{
    (void)cookie, (void)buf, (void)len;
    return -DER_NOTSUPPORTED;
}

int client_embed_resolve(const char *name, char *buf, size_t len, struct err *e)
{
    (void)name, (void)buf, (void)len;
    return err_set(e, -DER_NONEXIST, "no such pool", "pools of this test have a path", "name it");
}

int client_embed_list(int (*each)(const uuid_t pool, const char *label, const char *path,
                                  void *arg),
                      void *arg, struct err *e)
{
    (void)each, (void)arg, (void)e;
    return 0;
}

/* ---- Pools ---- */

static void engine_up(struct dfs_rig *r)
{
    struct engine_conf conf = {.cpu = -1};
    struct err e = {0};

    must(sim_dir_open(r->sd, &r->dir), "open the simulated directory");
    conf.dir = r->dir;
    if (engine_open(&conf, &r->eng, &e) != 0)
        dfs_rig_die("%s: %s (%d)", e.what, e.why, e.rc);
    engine_now = r->eng;
    must(daos_pool_connect("/sim", NULL, DAOS_PC_RW, &r->poh, NULL, NULL), "connect");
}

static void engine_down(struct dfs_rig *r, bool clean)
{
    must(daos_pool_disconnect(r->poh, NULL), "disconnect");
    engine_close(r->eng, clean);
    io_dir_close(r->dir);
    memset(r, 0, sizeof(*r));
}

struct sim_dir *dfs_rig_format(uint64_t seed, uint64_t wal_bytes, uint64_t chunk)
{
    struct sim_dir_conf sc = {.seed = seed, .cut = SIM_CUT_RANDOM};
    struct engine_format f = {.pool = {3, 1, 4}, .wal_bytes = wal_bytes};
    struct engine_conf conf = {.cpu = -1};
    dfs_attr_t attr = {.da_chunk_size = chunk};
    struct dfs_rig r = {0};
    struct sim_dir *sd;
    struct ident who;
    struct err e = {0};

    must(ident_self(&who), "find out who runs this");
    f.owner = who.user;
    f.group = who.group;
    must(sim_dir_create(&sc, &r.sd), "make simulated hardware");
    must(sim_dir_open(r.sd, &conf.dir), "open it");
    if (engine_pool_format(&conf, &f, &e) != 0)
        dfs_rig_die("%s: %s (%d)", e.what, e.why, e.rc);
    io_dir_close(conf.dir);
    ident_fini(&who);
    engine_up(&r);
    must(dfs_cont_create_with_label(r.poh, "fs", &attr, NULL, NULL, NULL), "create a container");
    sd = r.sd;
    engine_down(&r, true);
    return sd;
}

void dfs_rig_open(struct dfs_rig *r, struct sim_dir *sd)
{
    *r = (struct dfs_rig){.sd = sd};
    if (!sim_dir_powered(sd))
        sim_dir_power_on(sd);
    engine_up(r);
    must(daos_cont_open(r->poh, "fs", DAOS_COO_RW, &r->coh, NULL, NULL), "open the container");
    must(dfs_mount(r->poh, r->coh, O_RDWR, &r->dfs), "mount");
}

int dfs_rig_try_open(struct dfs_rig *r, struct sim_dir *sd, struct err *e)
{
    struct engine_conf conf = {.cpu = -1};
    int rc;

    *r = (struct dfs_rig){.sd = sd};
    *e = (struct err){0};
    must(sim_dir_open(sd, &r->dir), "open the simulated directory");
    conf.dir = r->dir;
    rc = engine_open(&conf, &r->eng, e);
    if (rc != 0) {
        io_dir_close(r->dir);
        return rc;
    }
    engine_now = r->eng;
    rc = daos_pool_connect("/sim", NULL, DAOS_PC_RW, &r->poh, NULL, NULL);
    if (rc != 0)
        goto no_pool;
    rc = daos_cont_open(r->poh, "fs", DAOS_COO_RW, &r->coh, NULL, NULL);
    r->fs_rc = rc != 0 ? rc : dfs_mount(r->poh, r->coh, O_RDWR, &r->dfs);
    if (r->fs_rc != 0)
        r->dfs = NULL;
    return 0;
no_pool:
    err_set(e, rc, "cannot connect to the pool", d_errstr(rc), "run the checker");
    engine_close(r->eng, true);
    io_dir_close(r->dir);
    return rc;
}

void dfs_rig_close(struct dfs_rig *r, bool clean)
{
    must(dfs_umount(r->dfs), "unmount");
    must(daos_cont_close(r->coh, NULL), "close the container");
    engine_down(r, clean);
}

void dfs_rig_lose(struct dfs_rig *r)
{
    if (r->dfs != NULL)
        dfs_umount(r->dfs);
    daos_cont_close(r->coh, NULL); /* nobody answers */
    daos_pool_disconnect(r->poh, NULL);
    must(daos_fini(), "end the client");
    engine_close(r->eng, false);
    io_dir_close(r->dir);
    memset(r, 0, sizeof(*r));
    must(daos_init(), "start the client");
}

static void complain(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "checker: %s\n", text);
}

uint64_t dfs_rig_check(struct dfs_rig *r)
{
    uint64_t problems = 0;
    int rc = engine_check(r->eng, true, complain, NULL, NULL, &problems);

    must(rc, "run the checker");
    return problems;
}
