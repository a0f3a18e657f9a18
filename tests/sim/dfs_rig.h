/*
 * A pool on simulated hardware with its engine in this process and a client that has a file system
 * in it mounted: what the tests of libdfs run on when power is to fail. The program that links this
 * has its client_embed_open() here: there is one engine at a time that new connections find.
 *
 * Failures that no test expects end the program with a message.
 */
#ifndef TARN_SIM_DFS_RIG_H
#define TARN_SIM_DFS_RIG_H

#include <daos.h>
#include <daos_fs.h>
#include "engine/engine.h"
#include "sim_dev.h"

struct dfs_rig {
    struct sim_dir *sd;
    struct io_dir *dir;
    struct engine *eng;
    daos_handle_t poh, coh;
    dfs_t *dfs;
    int fs_rc; /* dfs_rig_try_open(): why there is no file system */
};

/* A pool with a container of files of `chunk` bytes a chunk in new hardware, cleanly closed. */
struct sim_dir *dfs_rig_format(uint64_t seed, uint64_t wal_bytes, uint64_t chunk);
/* Turns power on if it is off; opens and mounts. sd stays the caller's. */
void dfs_rig_open(struct dfs_rig *r, struct sim_dir *sd);
/* The same with power on, for a pool that may be damaged: an error leaves nothing open, and e says
 * in words what the person at the pool would read. Without the file system r->dfs is NULL. */
int dfs_rig_try_open(struct dfs_rig *r, struct sim_dir *sd, struct err *e);
/* Unmounts and closes; clean: the engine too. */
void dfs_rig_close(struct dfs_rig *r, bool clean);
/* When the power is gone: the client forgets what it had open, and the engine ends as in a crash.
 * r->dfs must be unmounted or lost with the rest. */
void dfs_rig_lose(struct dfs_rig *r);
/* Problems that the shard checker finds, said on standard error. */
uint64_t dfs_rig_check(struct dfs_rig *r);
_Noreturn void dfs_rig_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
