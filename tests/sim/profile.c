#include "profile.h"
#include <stdio.h>
#include <string.h>

/* Draws between lo and hi, each order of magnitude as likely as the next. */
static uint64_t spread(struct sim_rng *r, uint64_t lo, uint64_t hi)
{
    uint64_t steps = 0, v;

    for (v = lo; v * 2 <= hi; v *= 2)
        steps++;
    v = lo << sim_rng_below(r, steps + 1);
    return v + sim_rng_below(r, v + 1) / 2;
}

static void draw_net(struct sim_rng *r, struct sim_net_conf *n)
{
    n->spike_ppm = (uint32_t)spread(r, 100, 20000);
    n->spike_max_ns = spread(r, 10 * SIM_MS, 20 * SIM_S);
    if (sim_rng_below(r, 2))
        n->silence_ppm = (uint32_t)spread(r, 100, 10000);
    if (sim_rng_below(r, 2))
        n->break_ppm = (uint32_t)spread(r, 100, 20000);
}

static void draw_disk(struct sim_rng *r, uint32_t faults, struct sim_dir_conf *d)
{
    static const enum sim_cut cuts[] = {SIM_CUT_RANDOM, SIM_CUT_RANDOM, SIM_CUT_LOSE_ALL};

    d->cut = cuts[sim_rng_below(r, 3)];
    d->reorder = faults & SIM_ORDER;
    if (sim_rng_below(r, 2)) {
        d->latency_min_ns = 1000;
        d->latency_max_ns = spread(r, 10 * SIM_US, 2 * SIM_MS);
    }
}

#define UNIT          UINT64_C(65536)
#define PREPARED_META (4 * UNIT)
#define FIXED_BYTES   (UINT64_C(256) << 20) /* of a block device that is never full */

/* So little room at first that it has to grow again and again, and that what is given back is used
 * again soon. */
static void draw_small(struct sim_rng *r, struct sim_cluster_conf *c)
{
    c->meta_bytes = spread(r, 6 * UNIT, 24 * UNIT) / UNIT * UNIT;
    c->data_bytes = spread(r, UNIT, 8 * UNIT) / UNIT * UNIT;
}

/* Metadata or data run out first. The pool's limit ends it, or the disk. */
static void draw_full(struct sim_rng *r, struct sim_cluster_conf *c)
{
    uint64_t end;

    c->meta_bytes =
        (12 + sim_rng_below(r, 5)) * UNIT; /* a quarter of a MiB of it is kept for deletes */
    c->data_bytes = (1 + sim_rng_below(r, 4)) * UNIT;
    end = UNIT + c->wal_bytes + c->meta_bytes + c->data_bytes + sim_rng_below(r, 4) * UNIT;
    if (sim_rng_below(r, 2))
        c->limit_bytes = end;
    else
        c->disk.capacity_bytes = end;
}

/* Log, metadata and data on devices of their own, which may be block devices. By a generator of
 * their own: what else a seed draws is as it was without them. */
static void draw_devices(uint64_t seed, uint32_t devices, struct sim_profile *p)
{
    static const uint8_t places[][SUPER_ROLE_NR] = {
        {0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 1, 2}};
    static const uint8_t first[] = {0, 1, 4, 5}; /* those on one device, on two, on three */
    struct sim_cluster_conf *c = &p->cluster;
    struct sim_rng rng;
    uint64_t which, more;

    sim_rng_seed(&rng, seed ^ UINT64_C(0xde71ce5000000000));
    which = sim_rng_below(&rng, 2) ? sim_rng_below(&rng, ARRAY_LEN(places)) : 0;
    if (devices != 0)
        which = first[devices - 1] + which % (first[devices] - first[devices - 1]);
    memcpy(c->place, places[which], sizeof(c->place));
    p->devices = which == 0 ? 1 : which == 4 ? 3 : 2;
    more = (p->devices - 1) * UNIT; /* for superblocks */
    if (c->limit_bytes != 0)
        c->limit_bytes += more;
    if (c->disk.capacity_bytes != 0)
        c->disk.capacity_bytes += more;
    if (devices == 1) /* as all was before there were several */
        return;
    /* damage is remembered by sectors: half a sector of it could not be healed */
    c->disk.tear_words = sim_rng_below(&rng, 3) == 0 && !(p->faults & (SIM_ROT | SIM_MISDIRECT));
    if (sim_rng_below(&rng, 3) != 0)
        return;
    /* a full one ends at its limit, or at what is left of a device */
    if (c->disk.capacity_bytes == 0)
        c->disk.fixed_bytes = FIXED_BYTES;
    else if (p->devices == 1)
        c->disk.fixed_bytes = c->disk.capacity_bytes;
}

/* Devices that are memory: values go there without requests. By a generator of its own too. */
static void draw_memory(uint64_t seed, struct sim_profile *p)
{
    struct sim_dir_conf *d = &p->cluster.disk;
    struct sim_rng rng;

    sim_rng_seed(&rng, seed ^ UINT64_C(0x3e3027000000000));
    d->memory = d->fixed_bytes == 0 && sim_rng_below(&rng, 4) == 0;
    if (d->memory) /* no firmware between it and who stores there */
        p->faults &= ~(uint32_t)SIM_MISDIRECT;
}

/* Targets, in half of the runs several, which share xstreams or not, and a clock or not. By a
 * generator of their own too. */
static void draw_targets(uint64_t seed, uint32_t targets, struct sim_profile *p)
{
    struct sim_cluster_conf *c = &p->cluster;
    struct sim_rng rng;

    sim_rng_seed(&rng, seed ^ UINT64_C(0x7a29e7500000000));
    c->targets = sim_rng_below(&rng, 2) != 0 ? 2 + (uint32_t)sim_rng_below(&rng, 3) : 1;
    if (targets != 0)
        c->targets = targets;
    c->xstreams = 1 + (uint32_t)sim_rng_below(&rng, c->targets);
    c->own_clocks = sim_rng_below(&rng, 2) != 0;
    if (c->targets == 1)
        return;
    if (p->faults & SIM_NET && sim_rng_below(&rng, 4) != 0)
        c->net.peer_ppm = (uint32_t)spread(&rng, 1000, 200000);
    /* each has its share of a limit; of a disk that is full the first who grows has all. What is
     * prepared is promised all that it may need, so that the least to begin with is more. */
    if (c->limit_bytes + c->disk.capacity_bytes != 0) {
        c->limit_bytes = (c->limit_bytes + c->disk.capacity_bytes + PREPARED_META) * c->targets;
        c->meta_bytes += PREPARED_META;
        c->disk.fixed_bytes += c->disk.fixed_bytes != 0 ? PREPARED_META : 0;
    }
    c->disk.capacity_bytes = 0;
}

void sim_profile_draw(uint64_t seed, uint32_t allowed, uint32_t devices, uint32_t targets,
                      struct sim_profile *p)
{
    struct sim_rng rng, *r = &rng;

    memset(p, 0, sizeof(*p));
    sim_rng_seed(r, seed ^ UINT64_C(0x5eed0f9a0f11e000));
    /* one in eight runs has no faults but those of concurrency; else each kind by a coin */
    if (sim_rng_below(r, 8) != 0)
        p->faults = (uint32_t)sim_rng_next(r) & allowed;
    p->clients = 1 + (uint32_t)sim_rng_below(r, 4);
    p->world.seed = sim_rng_next(r);
    p->world.turn_max_ns = spread(r, 500, 20000);
    if (p->faults & SIM_STALL) {
        p->world.stall_ppm = (uint32_t)spread(r, 50, 5000);
        p->world.stall_max_ns = spread(r, SIM_MS, 8 * SIM_S);
    }
    p->cluster.engines = 1;
    p->cluster.wal_bytes = 1u << 20;
    p->cluster.checkpoint_pct = p->faults & SIM_LOG ? 10 + (uint32_t)sim_rng_below(r, 50) : 0;
    if (p->faults & SIM_PAGE)
        p->cluster.fault_ppm = (uint32_t)spread(r, 100, 20000);
    if (p->faults & SIM_NET)
        draw_net(r, &p->cluster.net);
    draw_disk(r, p->faults, &p->cluster.disk);
    p->deeds = (uint32_t)spread(r, 1, 24);
    if (p->faults & SIM_DISK)
        p->disk_fail_ppm = (uint32_t)spread(r, 50, 1000);
    if (p->faults & SIM_SHORT)
        p->cluster.disk.short_ppm = (uint32_t)spread(r, 1000, 300000);
    if (sim_rng_below(r, 2))
        draw_small(r, &p->cluster);
    if (p->faults & SIM_FULL || sim_rng_below(r, 2))
        p->large_pct = (uint8_t)spread(r, 5, 80);
    if (p->faults & SIM_FULL)
        draw_full(r, &p->cluster);
    if (sim_rng_below(r, 2)) {
        p->cluster.disk.spike_ppm = (uint32_t)spread(r, 1000, 200000);
        p->cluster.disk.spike_max_ns = spread(r, SIM_MS, 20 * SIM_MS);
    }
    if (p->faults & SIM_DISK)
        p->flush_fail_ppm = (uint32_t)spread(r, 500, 100000);
    p->storm = sim_rng_below(r, 3) == 0;
    if (p->storm)
        p->deeds = (uint32_t)spread(r, 24, 96);
    /* damage excuses much: in a quarter of the runs only */
    if (sim_rng_below(r, 2))
        p->faults &= ~(uint32_t)(SIM_ROT | SIM_MISDIRECT);
    if (p->faults & SIM_PAGE && sim_rng_below(r, 2))
        p->cluster.mem_limit = spread(r, 16, 128) * 16384; /* pages of a heap */
    if (sim_rng_below(r, 2))
        p->leave_one_in = (uint32_t)spread(r, 20, 500);
    p->together = sim_rng_below(r, 4) == 0;
    p->cluster.drop_handles = p->together;
    draw_devices(seed, devices, p);
    draw_memory(seed, p);
    draw_targets(seed, targets, p);
}

void sim_profile_text(const struct sim_profile *p, char *buf, size_t len)
{
    static const char *const names[] = {
#define NAME_(NAME, name, what) #name,
        SIM_FAULTS(NAME_)};
    size_t at = (size_t)snprintf(buf, len, "%u clients, faults:", p->clients);

    for (uint32_t i = 0; i < SIM_FAULT_KINDS && at < len; i++)
        if (p->faults & 1u << i)
            at += (size_t)snprintf(buf + at, len - at, " %s", names[i]);
    if (p->faults == 0 && at < len)
        at += (size_t)snprintf(buf + at, len - at, " none");
    if (p->together && at < len)
        at += (size_t)snprintf(buf + at, len - at, "; clients die with the engine");
    if (p->devices > 1 && at < len)
        at += (size_t)snprintf(buf + at, len - at, "; on %u devices", p->devices);
    if (p->cluster.targets > 1 && at < len)
        at += (size_t)snprintf(buf + at, len - at, "; %u targets on %u xstreams%s",
                               p->cluster.targets, p->cluster.xstreams,
                               p->cluster.own_clocks ? " with clocks of their own" : "");
    if (p->cluster.disk.fixed_bytes != 0 && at < len)
        at += (size_t)snprintf(buf + at, len - at, "; block devices");
    if (p->cluster.disk.memory && at < len)
        at += (size_t)snprintf(buf + at, len - at, "; in memory");
    if (p->cluster.disk.tear_words && at < len)
        at += (size_t)snprintf(buf + at, len - at, "; torn at words");
    if (p->leave_one_in != 0 && at < len)
        snprintf(buf + at, len - at, "; clients leave after about %u steps", p->leave_one_in);
}
