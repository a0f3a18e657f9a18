/*
 * ACE: every short sequence of calls, and a power cut at every step of the last one (bounded
 * black-box testing: Mohan et al., "Finding crash-consistency bugs with bounded black-box crash
 * testing", OSDI 2018).
 *
 * From each of a few first trees, all sequences of up to N calls of a small alphabet (ace_ops.c)
 * are made, depth first. A call that changes nothing is only compared with the model: a sequence
 * with it in the middle is a shorter one. While a call that changes something runs, a copy of the
 * hardware is taken at every step of the device and after the answer; each copy then loses its
 * power, is turned on again, recovered, mounted, read back and checked. What is found must be the
 * tree after some of the call's atomic steps (spec_dfs_plan), after the answer the tree after all
 * of them.
 *
 * usage: ace LENGTH [KEEP [SEED [FIRST]]] | ace lie
 *   KEEP: of 1000 sequences of 3 calls and more that many are tried, drawn from SEED
 *   FIRST: only this letter of the alphabet begins a sequence
 *   lie: does it find anything? What is on the disk after an answer is what was there at the first
 *   step of the call.
 * Without arguments: as `make check` runs it, all with TARN_CHECK_LONG=1 in the environment; fewer
 * under sanitizers, where it is ten times as slow.
 */
#include "ace_ops.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/log.h"
#include "dfs_act.h"
#include "dfs_rig.h"
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 4u
#define IMAGES_MAX 128u
#define WAL_BYTES  (1u << 20)
#define FIRST_INO  10u

struct ace {
    uint32_t length, keep; /* keep: of 1000 sequences of sampled calls or more */
    uint32_t sampled;
    uint64_t seed;
    int32_t first; /* -1: any */
    bool lie;
    struct dfs_rig rig;
    uint32_t path[LENGTH_MAX], depth;
    const char *setup;
    /* copies taken during a call */
    struct sim_dir *image[IMAGES_MAX];
    uint32_t images;
    bool lost_image;
    /* figures */
    uint64_t sequences, refused, cuts, either, by_length[LENGTH_MAX + 1];
};

#ifdef __SANITIZE_ADDRESS__
#define SLOW true /* ten times */
#else
#define SLOW false
#endif

/* A point of the search: a tree, and hardware that holds it. */
struct point {
    struct spec_dfs s;
    struct sim_dir *sd;
    struct dfs_ids ids;
};

static _Noreturn void die(struct ace *a, const char *what, const struct spec_tree *t)
{
    char text[4096];

    fprintf(stderr, "from %s tree", a->setup);
    for (uint32_t i = 0; i < a->depth; i++) {
        ace_name(a->path[i], text, sizeof(text));
        fprintf(stderr, ", %s", text);
    }
    fprintf(stderr, "\n%s\n", what);
    if (t != NULL) {
        spec_print_tree(t, text, sizeof(text));
        fprintf(stderr, "found: %s\n", text);
    }
    exit(a->lie ? 0 : 1);
}

/* ---- What may be there after a power cut ---- */

/* The trees after some of the steps, in their order (all prefixes) or any of them. Calls each()
 * until it says true. */
static bool any_outcome(const struct spec_dfs *s, const struct spec_plan *p,
                        bool (*each)(const struct spec_tree *t, void *arg), void *arg)
{
    uint32_t nr = p->in_order ? p->nr + 1 : 1u << p->nr;
    struct spec_seen seen;

    for (uint32_t i = 0; i < nr; i++) {
        uint32_t done = p->in_order ? (1u << i) - 1 : i;
        struct spec_dfs now = *s;

        for (uint32_t k = 0; k < p->nr; k++)
            if (done & 1u << k)
                spec_dfs_run(&now, &p->op[k], &seen);
        if (each(&now.now, arg))
            return true;
    }
    return false;
}

static bool same(const struct spec_tree *t, void *arg)
{
    struct spec_op walk = {.kind = SPEC_WALK};
    struct spec_dfs s = {.now = *t};

    walk.tree = *(struct spec_tree *)arg;
    return spec_dfs.apply(&s, &walk, true);
}

/* ---- Looking at what a power cut left ---- */

static void walk(struct ace *a, struct dfs_rig *r, struct dfs_ids *ids, struct spec_tree *seen)
{
    char why[256];
    int rc = dfs_act_walk(r->dfs, ids, seen, why, sizeof(why));

    if (rc != 0 || why[0] != '\0')
        die(a, rc != 0 ? strerror(rc) : why, seen);
}

/* What was recovered can be worked with. */
static void use(struct ace *a, struct dfs_rig *r)
{
    int rc = dfs_mkdir(r->dfs, NULL, "c", 0755, 0);

    if (rc == 0)
        rc = dfs_remove(r->dfs, NULL, "c", false, NULL);
    if (rc != 0)
        die(a, "what was recovered cannot be changed", NULL);
}

/* plan NULL: all of it happened, s is the state after it. */
static void look(struct ace *a, struct sim_dir *sd, struct point *before,
                 const struct spec_plan *plan, const struct spec_dfs *after)
{
    struct spec_tree seen;
    struct dfs_rig r;

    dfs_rig_open(&r, sd);
    walk(a, &r, &before->ids, &seen);
    if (plan == NULL ? !same(&after->now, &seen) : !any_outcome(&before->s, plan, same, &seen))
        die(a,
            plan == NULL ? "a power cut after the answer lost what was acknowledged"
                         : "a power cut left what no part of the call explains",
            &seen);
    a->either += plan != NULL && same(&after->now, &seen);
    if (dfs_rig_check(&r) != 0)
        die(a, "the checker found problems", &seen);
    if (a->cuts % 4 == 0)
        use(a, &r);
    dfs_rig_close(&r, false);
    sim_dir_destroy(sd);
    a->cuts++;
}

/* ---- Making calls ---- */

static uint64_t draw_seed(struct ace *a)
{
    uint64_t h = a->seed;

    for (uint32_t i = 0; i < a->depth; i++)
        h = mix128(h, a->path[i]);
    return mix128(h, a->images);
}

static void copy(struct sim_dir *sd, void *arg)
{
    struct ace *a = arg;

    a->lost_image = a->images == IMAGES_MAX;
    if (!a->lost_image && sim_dir_clone(sd, draw_seed(a), &a->image[a->images]) == 0)
        a->images++;
}

/* One call: what the model says of each of its steps, and whether libdfs agrees. */
static int call(struct ace *a, struct point *p, const struct spec_op *op,
                const struct spec_plan *plan, struct spec_dfs *after)
{
    struct dfs_act act = {.dfs = a->rig.dfs, .ids = &p->ids};
    struct spec_seen seen = {0};
    struct spec_op did = *op;
    int rc = 0;

    *after = p->s;
    for (uint32_t i = 0; rc == 0 && i < plan->nr; i++)
        rc = spec_dfs_run(after, &plan->op[i], &seen);
    if (dfs_act_prepare(&act, &p->s.now, op) != 0)
        die(a, "what the call needs cannot be opened", NULL);
    if (rc == 0 && memcmp(after, &p->s, sizeof(*after)) != 0)
        sim_dir_on_step(a->rig.sd, copy, a);
    dfs_act_run(&act, &did);
    sim_dir_on_step(a->rig.sd, NULL, NULL);
    dfs_act_done(&act);
    if (did.rc != rc ||
        (rc == 0 && op->kind < SPEC_STEPS && memcmp(&seen, &did.seen, sizeof(seen)) != 0)) {
        char text[4096];

        spec_print_op(&did, true, text, sizeof(text));
        fprintf(stderr, "the model says %d\n", rc);
        die(a, text, NULL);
    }
    return rc;
}

static void copy_ids(struct dfs_ids *to, const struct dfs_ids *from)
{
    *to = *from;
    to->id = malloc((from->room + 1) * sizeof(*to->id));
    ASSERT(to->id);
    if (from->nr > 0)
        memcpy(to->id, from->id, from->nr * sizeof(*to->id));
}

/* Opens the point's hardware (a copy of it) unless it is open already and unchanged. */
static void open_point(struct ace *a, struct point *p)
{
    struct sim_dir *sd;

    if (a->rig.dfs != NULL)
        return;
    if (sim_dir_clone(p->sd, a->seed, &sd) != 0)
        dfs_rig_die("out of memory");
    dfs_rig_open(&a->rig, sd);
}

static void close_point(struct ace *a)
{
    struct sim_dir *sd = a->rig.sd;

    if (a->rig.dfs == NULL)
        return;
    dfs_rig_close(&a->rig, false);
    sim_dir_destroy(sd);
}

/* Hardware that holds what the open pool holds, nothing lost. */
static struct sim_dir *keep(struct ace *a)
{
    struct sim_dir *sd;

    if (sim_dir_clone(a->rig.sd, a->seed, &sd) != 0)
        dfs_rig_die("out of memory");
    sim_dir_conf(sd)->cut = SIM_CUT_KEEP_ALL;
    sim_dir_power_on(sd);
    sim_dir_conf(sd)->cut = SIM_CUT_RANDOM;
    return sd;
}

static bool changes(const struct point *p, const struct spec_plan *plan)
{
    struct spec_dfs after = p->s;
    struct spec_seen seen;

    for (uint32_t i = 0; i < plan->nr; i++)
        if (spec_dfs_run(&after, &plan->op[i], &seen) != 0)
            return false;
    return memcmp(&after, &p->s, sizeof(after)) != 0;
}

static void explore(struct ace *a, struct point *p);

/* The last letter of a->path changes something. */
static void step(struct ace *a, struct point *p, const struct spec_op *op,
                 const struct spec_plan *plan)
{
    struct point next = {0};
    struct sim_dir *end;
    uint32_t images;

    open_point(a, p);
    call(a, p, op, plan, &next.s);
    if (a->lost_image)
        die(a, "a call of too many steps", NULL);
    if (sim_dir_clone(a->rig.sd, draw_seed(a), &end) != 0)
        dfs_rig_die("out of memory");
    if (a->lie && a->images > 0) {
        struct sim_dir *stale = a->image[0];

        a->image[0] = end;
        end = stale;
    }
    if (a->depth < a->length)
        next.sd = keep(a);
    close_point(a);
    images = a->images;
    a->images = 0;
    for (uint32_t i = 0; i < images; i++)
        look(a, a->image[i], p, plan, &next.s);
    look(a, end, p, NULL, &next.s);
    a->sequences++;
    a->by_length[a->depth]++;
    if (a->depth == a->length)
        return;
    copy_ids(&next.ids, &p->ids);
    explore(a, &next);
    dfs_ids_fini(&next.ids);
    sim_dir_destroy(next.sd);
}

static bool wanted(struct ace *a, uint32_t letter)
{
    bool yes;

    if (a->depth == 0)
        return a->first < 0 || (uint32_t)a->first == letter;
    if (a->depth + 1 < a->sampled)
        return true;
    a->path[a->depth++] = letter;
    yes = draw_seed(a) % 1000 < a->keep;
    a->depth--;
    return yes;
}

/* All sequences that go on from here: first what changes nothing. */
static void explore(struct ace *a, struct point *p)
{
    struct spec_dfs after;
    struct spec_plan plan;
    struct spec_tree seen;
    struct spec_op op;
    uint16_t fresh = (uint16_t)(FIRST_INO + a->depth);

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < ace_letters(); i++) {
            if (!ace_op(&p->s.now, i, fresh, &op) || !spec_dfs_plan(&p->s.now, &op, &plan) ||
                changes(p, &plan) != (pass == 1) || !wanted(a, i))
                continue;
            a->path[a->depth++] = i;
            if (pass == 1) {
                step(a, p, &op, &plan);
            } else {
                open_point(a, p);
                call(a, p, &op, &plan, &after);
                a->refused++;
            }
            a->depth--;
        }
        if (pass == 0 && a->rig.dfs != NULL) {
            walk(a, &a->rig, &p->ids, &seen);
            if (!same(&p->s.now, &seen))
                die(a, "a call that was refused changed something", &seen);
        }
    }
    close_point(a);
}

/* ---- First trees ---- */

static void do_now(struct ace *a, struct point *p, struct spec_op op)
{
    struct spec_plan plan;
    struct spec_dfs after;

    spec_dfs_plan(&p->s.now, &op, &plan);
    if (call(a, p, &op, &plan, &after) != 0)
        die(a, "the first tree cannot be made", NULL);
    while (a->images > 0)
        sim_dir_destroy(a->image[--a->images]);
    p->s = after;
}

static struct spec_op op_at(enum spec_kind kind, uint16_t dir, uint8_t name, uint16_t ino)
{
    return (struct spec_op){.kind = (uint8_t)kind,
                            .dir = dir,
                            .name = name,
                            .ino = ino,
                            .mode = dfs_act_mode(ino),
                            .val = ino};
}

/* /a with a file /a/a over two chunks that has an attribute, and a small file /b. */
static void populate(struct ace *a, struct point *p)
{
    struct spec_op op;

    do_now(a, p, op_at(SPEC_MKDIR, SPEC_ROOT, 0, 2));
    do_now(a, p, op_at(SPEC_CREATE, 2, 0, 3));
    op = op_at(SPEC_WRITE_RANGE, 0, 0, 3);
    op.nr = 6;
    do_now(a, p, op);
    op = op_at(SPEC_SETXATTR, 2, 0, 3);
    op.which = 0;
    do_now(a, p, op);
    op = op_at(SPEC_PUT, SPEC_ROOT, 1, 4);
    op.nr = 3;
    do_now(a, p, op);
}

static void from(struct ace *a, struct sim_dir *formatted, const char *setup)
{
    struct point p = {.sd = formatted};

    a->setup = setup;
    open_point(a, &p);
    if (strcmp(setup, "a small") == 0)
        populate(a, &p);
    p.sd = keep(a);
    close_point(a);
    explore(a, &p);
    dfs_ids_fini(&p.ids);
    sim_dir_destroy(p.sd);
}

static void no_log(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

/* Of 1000 sequences. */
static uint32_t how_many(bool all)
{
    if (all)
        return SLOW ? 200 : 1000;
    return SLOW ? 100 : 10;
}

int main(int argc, char **argv)
{
    bool all = getenv("TARN_CHECK_LONG") != NULL, lie = argc > 1 && strcmp(argv[1], "lie") == 0;
    struct ace a = {.lie = lie,
                    .length = lie        ? 1
                              : argc > 1 ? (uint32_t)atoi(argv[1])
                                         : 3,
                    .sampled = argc > 2 || all || !SLOW ? 3 : 2,
                    .keep = argc > 2 ? (uint32_t)atoi(argv[2]) : how_many(all),
                    .seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1,
                    .first = argc > 4 ? atoi(argv[4]) : -1};
    struct sim_dir *sd;

    if (a.length < 1 || a.length > LENGTH_MAX)
        dfs_rig_die("usage: ace LENGTH [KEEP [SEED [FIRST]]] | ace lie");
    /* engines come and go by the thousand: their memory need not go back to the kernel each time */
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    log_set_sink(no_log); /* a power cut is news in every run */
    if (daos_init() != 0)
        dfs_rig_die("cannot start the client");
    sd = dfs_rig_format(a.seed, WAL_BYTES, DFS_CHUNK_BYTES);
    from(&a, sd, "an empty");
    from(&a, sd, "a small");
    sim_dir_destroy(sd);
    daos_fini();
    if (a.lie)
        dfs_rig_die("a disk that lies was not found");
    printf("%llu sequences (", (unsigned long long)a.sequences);
    for (uint32_t i = 1; i <= a.length; i++)
        printf("%s%llu of length %u", i > 1 ? ", " : "", (unsigned long long)a.by_length[i], i);
    printf("), %llu refused calls, %llu power cuts (%llu before the answer left the tree after)\n",
           (unsigned long long)a.refused, (unsigned long long)a.cuts, (unsigned long long)a.either);
    return 0;
}
