/* The stage of the contracts of dfs_*: a file system, mounted for writing, for reading, and by
 * path; and a file that everybody has open. */
#ifndef TESTS_API_CONTRACT_FS_STAGE_H
#define TESTS_API_CONTRACT_FS_STAGE_H

#include "contract.h"
#include "../dfs_api.h"
#include <daos_fs_sys.h>

static inline bool fs_stage_open(struct run *r)
{
    const char *cont = r->a->label;

    NOW(0, daos_pool_connect(r->a->path, NULL, DAOS_PC_RW, &r->poh, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, cont, DAOS_COO_RW, &r->coh, NULL, NULL));
    NOW(0, dfs_mount(r->poh, r->coh, O_RDWR, &r->dfs));
    NOW(0, dfs_mount(r->poh, r->coh, O_RDONLY, &r->ro));
    NOW(0, dfs_sys_mount(r->poh, r->coh, O_RDWR, 0, &r->sys));
    NOW(0, dfs_open(r->dfs, NULL, "shared", S_IFREG | 0644, O_RDWR | O_CREAT, 0, 4096, NULL,
                    &r->file));
    return true;
}

static inline bool fs_stage_close(struct run *r)
{
    r->story = "the end";
    NOW(0, dfs_release(r->file));
    NOW(0, r->taken ? dfs_sys_disconnect(r->sys) : dfs_sys_umount(r->sys));
    NOW(0, dfs_umount(r->ro));
    NOW(0, r->taken ? dfs_disconnect(r->dfs) : dfs_umount(r->dfs));
    NOW(0, daos_cont_close(r->coh, NULL));
    NOW(0, daos_pool_disconnect(r->poh, NULL));
    if (r->taken)
        NOW(0, dfs_fini());
    return true;
}

static inline bool fs_stage_give(struct run *r, struct given *g)
{
    for (int i = 0; i < 6; i++)
        d_iov_set(&g->iov[i], g->bytes[i], sizeof(g->bytes[i]));
    NOW(0, daos_pool_local2global(r->poh, &g->iov[0]));
    NOW(0, daos_cont_local2global(r->coh, &g->iov[1]));
    NOW(0, dfs_local2global_all(r->dfs, &g->iov[2]));
    NOW(0, dfs_local2global(r->ro, &g->iov[3]));
    NOW(0, dfs_sys_local2global_all(r->sys, &g->iov[4]));
    NOW(0, dfs_obj_local2global(r->dfs, r->file, &g->iov[5]));
    return true;
}

static inline bool fs_stage_take(struct run *r, const struct given *g)
{
    r->taken = true;
    NOW(0, dfs_init());
    NOW(0, daos_pool_global2local(g->iov[0], &r->poh));
    NOW(0, daos_cont_global2local(r->poh, g->iov[1], &r->coh));
    NOW(0, dfs_global2local_all(O_RDWR, g->iov[2], &r->dfs));
    NOW(0, dfs_global2local(r->poh, r->coh, 0, g->iov[3], &r->ro));
    NOW(0, dfs_sys_global2local_all(O_RDWR, 0, g->iov[4], &r->sys));
    NOW(0, dfs_obj_global2local(r->dfs, 0, g->iov[5], &r->file));
    return true;
}

static const struct stage fs_stage = {fs_stage_open, fs_stage_close, fs_stage_give, fs_stage_take};

/* ---- A directory that is this telling's alone, with "f" ("text"), "d" and "l" -> "f" in it ----
 */

struct own {
    dfs_obj_t *dir, *ro_dir;      /* of r->dfs and of r->ro */
    dfs_obj_t *file, *sub, *link; /* open for reading and writing */
    dfs_obj_t *ro_file;
};

static inline bool own_open(struct run *r, struct own *o)
{
    o->dir = fs_dir(r->dfs, NULL, r->name);
    fs_text(r->dfs, o->dir, "f", "text");
    o->sub = fs_dir(r->dfs, o->dir, "d");
    fs_link(r->dfs, o->dir, "l", "f");
    NOW(0, dfs_lookup_rel(r->dfs, o->dir, "f", O_RDWR, &o->file, NULL, NULL));
    NOW(0, dfs_lookup_rel(r->dfs, o->dir, "l", O_RDWR | O_NOFOLLOW, &o->link, NULL, NULL));
    NOW(0, dfs_lookup_rel(r->ro, NULL, r->name, O_RDONLY, &o->ro_dir, NULL, NULL));
    NOW(0, dfs_lookup_rel(r->ro, o->ro_dir, "f", O_RDONLY, &o->ro_file, NULL, NULL));
    return true;
}

static inline bool own_close(struct run *r, struct own *o)
{
    NOW(0, dfs_release(o->ro_file));
    NOW(0, dfs_release(o->ro_dir));
    NOW(0, dfs_release(o->link));
    NOW(0, dfs_release(o->file));
    NOW(0, dfs_release(o->sub));
    NOW(0, dfs_release(o->dir));
    NOW(0, dfs_remove(r->dfs, NULL, r->name, true, NULL));
    return true;
}

/* Is there a file of this text? */
static inline bool file_is(dfs_t *dfs, dfs_obj_t *dir, const char *name, const char *text)
{
    char buf[64] = "";
    dfs_obj_t *obj;
    daos_size_t got = 0;
    int rc;

    if (dfs_lookup_rel(dfs, dir, name, O_RDONLY, &obj, NULL, NULL) != 0)
        return false;
    rc = fs_read(dfs, obj, buf, sizeof(buf) - 1, 0, &got);
    return dfs_release(obj) == 0 && rc == 0 && got == strlen(text) && strcmp(buf, text) == 0;
}

static inline bool there(dfs_t *dfs, dfs_obj_t *dir, const char *name)
{
    struct stat st;

    return dfs_stat(dfs, dir, name, &st) == 0;
}

static inline const char *name_too_long(void)
{
    static char name[DFS_MAX_NAME + 2];

    memset(name, 'n', DFS_MAX_NAME + 1);
    return name;
}

#endif
