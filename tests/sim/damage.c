/* Damage: see damage.h. Where things lie is read from the superblock and the log themselves. */
#include "damage.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/err.h"
#include "engine/engine_int.h"
#include "heap/wal.h"
#include "io/super_format.h"
#include "sim_scar.h"

#define TRIES 40u
#define BLOCK 4096u

static uint64_t draw(struct run *r, uint64_t n)
{
    return sim_rng_below(&r->rng, n);
}

static struct sim_dir *disk_of(struct run *r)
{
    return r->cl->engine[0].disk;
}

#define NAMES 3u /* that a target's devices may have */

static const char *name_of(uint32_t target, uint32_t i, char name[DEVICE_NAME_MAX])
{
    static const char *const suffix[NAMES] = {"", ".wal", ".data"};

    snprintf(name, DEVICE_NAME_MAX, "target%u%s", target, suffix[i]);
    return name;
}

uint32_t damage_any_target(struct run *r)
{
    uint32_t nr = r->p.cluster.targets;

    return nr > 1 ? (uint32_t)draw(r, nr) : 0;
}

/* The device that holds a role of a target. */
struct home {
    char name[DEVICE_NAME_MAX];
    struct super_block b;
};

static bool peek(struct run *r, const char *name, uint64_t off, void *buf, size_t len)
{
    return sim_dev_peek(disk_of(r), name, off, buf, len, false) == 0;
}

/* ---- Where things lie ---- */

/* The newest whole superblock; false: there is none yet. */
static bool read_super(struct run *r, const char *name, struct super_block *b)
{
    uint8_t *copy = malloc(SUPER_COPY_STEP); /* a fiber's stack is small */
    struct super_block one;
    bool found = false;

    ASSERT(copy != NULL);
    for (uint32_t i = 0; i < SUPER_COPIES; i++) {
        if (!peek(r, name, (uint64_t)i * SUPER_COPY_STEP, copy, SUPER_COPY_STEP) ||
            super_decode(copy, i, &one) != SUPER_COPY_WHOLE ||
            (found && one.generation <= b->generation))
            continue;
        *b = one;
        found = true;
    }
    free(copy);
    return found;
}

/* The device that holds a role; false: there is none yet. */
static bool find_home(struct run *r, uint32_t target, enum super_role role, struct home *h)
{
    for (uint32_t i = 0; i < NAMES; i++)
        if (read_super(r, name_of(target, i, h->name), &h->b) && h->b.id.roles & (1u << role))
            return true;
    return false;
}

/* Of a byte of a role; it must be there. */
static uint64_t on_device(const struct super_block *b, enum super_role role, uint64_t off)
{
    for (uint32_t i = 0; i < b->extent_nr; i++) {
        if (b->extent[i].role != role)
            continue;
        if (off < b->extent[i].len)
            return b->extent[i].off + off;
        off -= b->extent[i].len;
    }
    ASSERT(!"beyond the role");
    return 0;
}

/* The last group of the log: bytes of the ring; they may wrap. False: there is none. */
static bool last_group(struct run *r, const struct home *h, uint64_t *start, uint64_t *len)
{
    const struct super_block *b = &h->b;
    uint64_t ring = super_block_role_size(b, SUPER_WAL) - WAL_RING_OFF, newest = 0;

    for (uint64_t at = 0; at < ring; at += WAL_BLOCK) {
        struct wal_group_hdr g;

        if (!peek(r, h->name, on_device(b, SUPER_WAL, WAL_RING_OFF + at), &g, sizeof(g)) ||
            g.magic != WAL_GROUP_MAGIC || g.hdr_csum != wal_group_hdr_csum(&g) ||
            g.lsn % ring != at || g.lsn <= newest)
            continue;
        newest = g.lsn;
        *start = at;
        *len = g.len;
    }
    return newest != 0;
}

/* ---- Dealing it ---- */

/* In the log, where recovery may look: not far before its end, or a checkpoint record. */
static uint64_t pick_log(struct run *r, const struct home *h)
{
    const struct super_block *b = &h->b;
    uint64_t ring = super_block_role_size(b, SUPER_WAL) - WAL_RING_OFF, start = 0, len = 0, back;

    if (draw(r, 8) == 0)
        return on_device(b, SUPER_WAL, draw(r, 2) * WAL_BLOCK);
    if (!last_group(r, h, &start, &len))
        return 0;
    back = WAL_BLOCK * (1 + draw(r, UINT64_C(2) << draw(r, 6)));
    return on_device(b, SUPER_WAL,
                     WAL_RING_OFF + (start + ring - back) % ring + draw(r, 8) * SIM_SECTOR);
}

/* Somewhere in a role, where something is stored; 0: nothing was found. Roles fill from their
 * beginning, so small numbers are more likely. */
static uint64_t pick(struct run *r, const struct home *h, enum super_role role)
{
    const struct super_block *b = &h->b;
    static const uint8_t nothing[SIM_SECTOR];
    uint64_t blocks = super_block_role_size(b, role) / BLOCK, bits = 0;
    uint8_t now[SIM_SECTOR];

    if (role == SUPER_WAL)
        return pick_log(r, h);
    while (blocks >> bits != 0)
        bits++;
    for (uint32_t i = 0; i < TRIES; i++) {
        uint64_t block = draw(r, UINT64_C(1) << draw(r, bits)), off;

        if (block >= blocks)
            continue;
        off = on_device(
            b, role, block * BLOCK + (draw(r, 2) ? 0 : draw(r, BLOCK / SIM_SECTOR)) * SIM_SECTOR);
        if (peek(r, h->name, off, now, sizeof(now)) && memcmp(now, nothing, sizeof(now)) != 0)
            return off;
    }
    return 0;
}

static void rot_one(struct run *r)
{
    static const char *const words[] = {"a flipped bit", "zeros", "noise", "cannot be read"};
    static const enum super_role roles[] = {SUPER_DATA, SUPER_META, SUPER_META, SUPER_WAL};
    enum sim_rot how = (enum sim_rot)draw(r, SIM_ROT_NR);
    uint64_t off, arg = draw(r, UINT64_C(1) << 40);
    bool copy = draw(r, 10) == 0;
    enum super_role role;
    uint32_t target;
    struct home h;

    if (copy)
        off = r->bad_copy * SUPER_COPY_STEP + draw(r, 2) * SIM_SECTOR;
    role = copy ? r->bad_super : roles[draw(r, ARRAY_LEN(roles))];
    target = copy ? r->bad_target : damage_any_target(r);
    if (!find_home(r, target, role, &h))
        return;
    if (!copy)
        off = pick(r, &h, role);
    /* what is stored in memory later is known by its difference: zeros look like zeros */
    if (r->p.cluster.disk.memory && how == SIM_ROT_ZERO)
        how = SIM_ROT_NOISE;
    if ((off == 0 && r->bad_copy != 0) || sim_dev_rot(disk_of(r), h.name, off, how, arg) != 0)
        return;
    sim_tell(r->w, "disk", "%s rots at %llu: %s", h.name, (unsigned long long)off, words[how]);
    if (off >= SUPER_AREA)
        r->work.faults |= WORK_ROT;
}

void damage_rot(struct run *r)
{
    uint64_t nr = 1 + draw(r, draw(r, 2) ? 2 : 8);

    while (nr-- > 0)
        rot_one(r);
}

struct evict {
    struct run *r;
    struct heap *heap;
    struct rt_event done;
};

static bool by_a_coin(void *arg, uint64_t page)
{
    return draw(((struct evict *)arg)->r, 2);
}

static void evict_fiber(void *arg)
{
    struct evict *v = arg;

    heap_lock(v->heap);
    heap_evict(v->heap, by_a_coin, v);
    heap_unlock(v->heap);
    rt_event_set(&v->done);
}

void damage_evict(struct run *r)
{
    struct engine *eng = r->cl->engine[0].eng;
    struct evict v = {.r = r, .done = RT_EVENT_INIT};
    struct shard *s;

    if (eng == NULL)
        return;
    s = &eng->shard[damage_any_target(r)];
    if (!shard_serves(s))
        return;
    v.heap = s->heap;
    sim_spawn(s->xs, evict_fiber, &v);
    rt_event_wait(&v.done);
}

void damage_misdirect(struct run *r)
{
    static const enum super_role roles[] = {SUPER_DATA, SUPER_META, SUPER_META, SUPER_WAL};
    uint64_t to, nth = 1 + draw(r, 30);
    enum super_role role = roles[draw(r, ARRAY_LEN(roles))];
    struct home h;

    if (!find_home(r, damage_any_target(r), role, &h))
        return;
    to = pick(r, &h, role);
    to = to == 0 ? SUPER_AREA : to - to % BLOCK;
    sim_tell(r->w, "disk", "write %llu from now of %s will land at %llu", (unsigned long long)nth,
             h.name, (unsigned long long)to);
    sim_dir_fault_at(disk_of(r), h.name, IO_WRITE, nth, SIM_FAULT_MISDIRECT, to);
    r->astray = true;
    r->work.faults |= WORK_ROT;
}

/* ---- Judging and healing it ---- */

bool damage_there(struct run *r)
{
    char name[DEVICE_NAME_MAX];
    bool there = r->astray;

    for (uint32_t i = 0; i < NAMES * r->p.cluster.targets && !there; i++)
        there = sim_dev_scars(disk_of(r), name_of(i / NAMES, i % NAMES, name), SUPER_AREA,
                              UINT64_MAX) > 0;
    return there;
}

/* Until what is the last group is not damaged, and nothing behind it may have been one. */
static void heal_last_group(struct run *r, uint32_t target)
{
    uint64_t start = 0, len = 0, ring;
    uint32_t healed = 1;
    struct home h;

    if (!find_home(r, target, SUPER_WAL, &h))
        return;
    ring = super_block_role_size(&h.b, SUPER_WAL) - WAL_RING_OFF;
    while (healed > 0) {
        healed = 0;
        if (!last_group(r, &h, &start, &len))
            len = ring;
        for (uint64_t at = 0; at < len + WAL_BLOCK; at += WAL_BLOCK)
            healed += sim_dev_heal(disk_of(r), h.name,
                                   on_device(&h.b, SUPER_WAL, WAL_RING_OFF + (start + at) % ring),
                                   WAL_BLOCK);
        if (healed > 0)
            sim_tell(r->w, "disk", "the end of the log in %s is healed", h.name);
    }
}

void damage_fair(struct run *r)
{
    for (uint32_t t = 0; t < r->p.cluster.targets; t++)
        heal_last_group(r, t);
}

void damage_heal(struct run *r)
{
    char name[DEVICE_NAME_MAX];
    uint32_t nr = 0;

    for (uint32_t i = 0; i < NAMES * r->p.cluster.targets; i++)
        nr += sim_dev_heal(disk_of(r), name_of(i / NAMES, i % NAMES, name), 0, UINT64_MAX);
    if (r->astray)
        sim_dir_faults_clear(disk_of(r));
    r->astray = false;
    sim_tell(r->w, "disk", "%u sectors are healed", nr);
}

static bool says_why(int rc, const struct err *e)
{
    /* -DER_DF_INVAL: both checkpoint records are gone */
    if (rc != -DER_CSUM && rc != -DER_IO && rc != -DER_DF_INVAL)
        return false;
    return e->what[0] != '\0' && e->why[0] != '\0' && e->next[0] != '\0';
}

bool damage_refused(struct run *r, int rc, const struct err *e)
{
    return damage_there(r) && says_why(rc, e);
}

bool damage_left_out(struct run *r)
{
    const struct engine *eng = r->cl->engine[0].eng;
    bool out = false;

    for (uint32_t t = 1; t < eng->shard_nr && damage_there(r); t++) {
        const struct shard *s = &eng->shard[t];

        if (s->down.rc == 0)
            continue;
        if (!says_why(s->down.rc, &s->down))
            run_wrong(r, "target %u is left out: %d, %s: %s", t, s->down.rc, s->down.what,
                      s->down.why);
        sim_tell(r->w, "engine0", "does without target %u: %s", t, s->down.why);
        out = true;
    }
    return out;
}
