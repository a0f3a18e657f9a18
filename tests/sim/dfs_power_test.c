/*
 * The workload "dfs" on a disk that loses power now and then. A call that was under way may have
 * happened, step by step or not; everything before it must be there, in the present and in the
 * snapshots.
 *
 * usage: dfs_power_test seeds FIRST NUMBER | bites
 *   bites: changes made behind the oracle's back must be found
 */
#include "base/log.h"
#include "dfs_rig.h"
#include "work_dfs.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUTS      4u
#define STEPS_MAX 300u
#define WAL_BYTES (8u << 20)

struct world {
    struct dfs_rig rig;
    struct sim_dir *sd;
    struct work w;
    struct work_client c;
    uint64_t cuts, unknown;
};

static void say(void *arg, uint32_t client, const char *line)
{
    (void)arg, (void)client;
    printf("%s\n", line);
}

static void open_world(struct world *x)
{
    dfs_rig_open(&x->rig, x->sd);
    dfs_umount(x->rig.dfs); /* the workload has its own mount */
    x->rig.dfs = NULL;
    x->c.poh = x->rig.poh;
    x->c.coh = x->rig.coh;
    if (work_dfs.attach(&x->c) != 0)
        dfs_rig_die("cannot mount");
}

static void make_world(struct world *x, struct sim_dir *formatted, uint64_t seed)
{
    memset(x, 0, sizeof(*x));
    x->w = (struct work){.load = &work_dfs,
                         .clients = 1,
                         .faults = WORK_DEVICE,
                         .tell = say,
                         .telling = getenv("SIM_TELL") != NULL};
    x->c.work = &x->w;
    sim_rng_seed(&x->c.rng, seed);
    if (sim_dir_clone(formatted, seed, &x->sd) != 0 || work_dfs.setup(&x->c) != 0)
        dfs_rig_die("out of memory");
    open_world(x);
}

static void end_world(struct world *x)
{
    work_dfs.detach(&x->c);
    dfs_rig_lose(&x->rig);
    work_fini(&x->w);
    sim_dir_destroy(x->sd);
}

/* Works until the power goes. */
static void work(struct world *x, uint32_t steps)
{
    for (uint32_t i = 0; i < steps && !x->w.failed && sim_dir_powered(x->sd); i++)
        if (work_dfs.step(&x->c) != 0)
            break;
}

static void cut(struct world *x)
{
    x->unknown += dfs_work_of(&x->c)->lost_nr > 0;
    work_dfs.detach(&x->c);
    dfs_rig_lose(&x->rig);
    sim_dir_power_cut(x->sd); /* if the step never came */
    open_world(x);
    work_settle(&x->w);
    x->cuts++;
    if (dfs_rig_check(&x->rig) != 0)
        work_wrong(&x->w, "the checker found problems");
    if (!x->w.failed && work_dfs.verify(&x->c) != 0)
        work_wrong(&x->w, "what was recovered cannot be read");
}

static int seeds(struct sim_dir *formatted, uint64_t first, uint64_t nr)
{
    static struct world x;
    uint64_t ops = 0, cuts = 0, unknown = 0;

    for (uint64_t i = 0; i < nr; i++) {
        make_world(&x, formatted, first + i);
        for (uint32_t k = 0; k < CUTS && !x.w.failed; k++) {
            sim_dir_power_cut_at(x.sd, 1 + sim_rng_below(&x.c.rng, STEPS_MAX));
            work(&x, STEPS_MAX);
            if (!x.w.failed)
                cut(&x);
        }
        if (x.w.failed) {
            fprintf(stderr, "seed %llu: %s\n", (unsigned long long)(first + i), x.w.why);
            return 1;
        }
        ops += x.w.ops;
        cuts += x.cuts;
        unknown += x.unknown;
        end_world(&x);
    }
    printf(
        "%llu seeds, %llu operations, %llu power cuts, %llu of them in a call of unknown outcome, "
        "nothing lost\n",
        (unsigned long long)nr, (unsigned long long)ops, (unsigned long long)cuts,
        (unsigned long long)unknown);
    return 0;
}

/* ---- Does it find anything? ---- */

static const struct spec_node *any(const struct world *x, uint8_t type)
{
    const struct spec_tree *t = dfs_work_tree(&x->c);

    for (uint32_t i = 0; i < spec_nodes(t); i++)
        if (t->node[i].type == type && (type != SPEC_FILE || spec_size(&t->node[i]) > 1))
            return &t->node[i];
    return NULL;
}

/* Does a call that nobody hears of, which changes kind's node. */
static bool meddle(struct world *x, uint32_t how)
{
    static const uint8_t kinds[] = {SPEC_REMOVE,   SPEC_WRITE_RANGE, SPEC_CHMOD,
                                    SPEC_SETXATTR, SPEC_SET_SIZE,    SPEC_MOVE};
    struct spec_tree t = *dfs_work_tree(&x->c);
    const struct spec_node *n = any(x, SPEC_FILE);
    struct dfs_act act = {.dfs = x->c.priv, .ids = &dfs_work_of(&x->c)->ids};
    struct spec_op op = {.kind = kinds[how], .nr = 1, .val = 60001};

    if (n == NULL)
        return false;
    op.ino = n->ino;
    op.dir = n->parent;
    op.name = n->name;
    op.mode = n->mode ^ 1;
    if (op.kind == SPEC_WRITE_RANGE)
        op.off = 1;
    if (op.kind == SPEC_WRITE_RANGE || op.kind == SPEC_SET_SIZE)
        op.dir = 0;
    if (op.kind == SPEC_MOVE) {
        op.dir2 = op.dir;
        op.name2 = (uint8_t)((op.name + 1) % SPEC_NAMES);
    }
    if (op.kind == SPEC_MOVE && spec_child(&t, op.dir2, op.name2) != NULL)
        return false;
    if (dfs_act_prepare(&act, &t, &op) != 0)
        dfs_rig_die("nothing to meddle with");
    dfs_act_run(&act, &op);
    dfs_act_done(&act);
    if (op.rc != 0)
        dfs_rig_die("cannot meddle: %s", strerror(op.rc));
    return true;
}

static int bites(struct sim_dir *formatted)
{
    static struct world x;
    uint64_t seed = 1;

    for (uint32_t how = 0; how < 6; how++) {
        bool done = false, found;

        for (; !done; seed++) {
            make_world(&x, formatted, seed);
            work(&x, 200);
            done = !x.w.failed && meddle(&x, how);
            if (done) {
                work_settle(&x.w);
                work_dfs.verify(&x.c);
            }
            found = x.w.failed;
            end_world(&x);
        }
        if (!found)
            dfs_rig_die("change %u behind the oracle's back was not found", how);
    }
    printf("6 changes behind the oracle's back, all found\n");
    return 0;
}

static void no_log(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

int main(int argc, char **argv)
{
    struct sim_dir *sd;
    int rc;

    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    log_set_sink(no_log);
    if (argc < 2 || (strcmp(argv[1], "bites") != 0 && argc < 4))
        dfs_rig_die("usage: dfs_power_test seeds FIRST NUMBER | bites");
    if (daos_init() != 0)
        dfs_rig_die("cannot start the client");
    sd = dfs_rig_format(1, WAL_BYTES, DFS_CHUNK_BYTES);
    if (strcmp(argv[1], "bites") == 0)
        rc = bites(sd);
    else
        rc = seeds(sd, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
    sim_dir_destroy(sd);
    daos_fini();
    return rc;
}
