/*
 * Which devices a pool has (docs/formats.md, "Devices of a pool").
 *
 * The device with the metadata of target N is called targetN; one that holds others but not it is
 * called after the log if it has that, else after the data: targetN.wal, targetN.data. A name is a
 * file, or leads elsewhere (io_dir_link()).
 *
 * Names only say where to look; superblocks say what is there: which pool, which roles. So devices
 * that have changed places are no harm, and a pool is whole if the devices that its names lead to
 * are all of one pool and hold each role once. Until that is known nothing is written to any.
 *
 * Making them: all names first, durably, then the devices, then the superblocks. At any moment a
 * crash leaves only what a name leads to, so that destroying the pool finds it.
 */
#include <stdio.h>

#include "base/label.h"
#include "engine/engine_int.h"

#define ROLES_ALL ((1u << SUPER_ROLE_NR) - 1)

static const char *const suffix[SUPER_ROLE_NR] = {
    [SUPER_META] = "",
    [SUPER_WAL] = ".wal",
    [SUPER_DATA] = ".data",
};
static const char *const role_names[SUPER_ROLE_NR] = {
    [SUPER_META] = "meta", [SUPER_WAL] = "wal", [SUPER_DATA] = "data"};
/* the order in which a device is named after one of its roles */
static const enum super_role name_order[SUPER_ROLE_NR] = {SUPER_META, SUPER_WAL, SUPER_DATA};

static void device_name(char name[DEVICE_NAME_MAX], uint32_t target, uint32_t role)
{
    snprintf(name, DEVICE_NAME_MAX, "target%u%s", target, suffix[role]);
}

bool engine_device_target(const char *name, uint32_t *target)
{
    char mine[DEVICE_NAME_MAX];
    unsigned int t;

    if (sscanf(name, "target%3u", &t) != 1 || t >= ENGINE_TARGETS_MAX)
        return false;
    *target = t;
    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++) {
        device_name(mine, t, r);
        if (strcmp(name, mine) == 0)
            return true;
    }
    return false;
}

bool engine_is_device(const char *name)
{
    uint32_t target;

    return engine_device_target(name, &target);
}

void devices_close(struct devices *ds)
{
    for (uint32_t i = 0; i < ds->nr; i++)
        super_close(ds->d[i].super);
    for (uint32_t i = 0; i < ds->nr; i++)
        io_dev_close(ds->d[i].dev);
    memset(ds, 0, sizeof(*ds));
}

static void devices_join(struct devices *ds)
{
    struct super *all[SUPER_ROLE_NR];

    for (uint32_t i = 0; i < ds->nr; i++) {
        all[i] = ds->d[i].super;
        for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
            if (super_id(all[i])->roles & (1u << r))
                ds->role[r] = all[i];
    }
    super_share_limit(all, ds->nr);
}

/* ---- Opening ---- */

struct names {
    uint32_t target;
    bool there[SUPER_ROLE_NR];
};

static int note_name(const char *name, void *arg)
{
    struct names *n = arg;
    char mine[DEVICE_NAME_MAX];

    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++) {
        device_name(mine, n->target, r);
        n->there[r] = n->there[r] || strcmp(name, mine) == 0;
    }
    return 0;
}

static int read_all(const struct engine_conf *conf, struct rt_xs *xs, uint32_t target,
                    struct devices *ds, struct err *e)
{
    struct names n = {.target = target};
    int rc = io_dir_list(conf->dir, note_name, &n);

    n.there[SUPER_META] = true; /* if it is not, opening it says so */
    if (rc != 0)
        err_setf(e, rc, "check the directory's permissions, and the system's log",
                 "its names cannot be read", "cannot open pool %s", conf->dir->path);
    for (uint32_t i = 0; rc == 0 && i < SUPER_ROLE_NR; i++) {
        struct device *d = &ds->d[ds->nr];

        if (!n.there[name_order[i]])
            continue;
        device_name(d->name, target, name_order[i]);
        rc = io_dir_open_dev(conf->dir, xs, d->name, conf->readonly, &d->dev, e);
        if (rc != 0)
            break;
        ds->nr++;
        rc = super_read(d->dev, &d->super, e);
    }
    return rc;
}

static bool same_pool(const struct super_id *a, const struct super_id *b)
{
    return memcmp(a->pool, b->pool, sizeof(a->pool)) == 0 && a->shard == b->shard &&
           a->page_size == b->page_size;
}

static int refuse_stranger(const struct device *d, const struct device *first, struct err *e)
{
    char mine[UUID_TEXT_LEN + 1], its[UUID_TEXT_LEN + 1], why[ERR_PART_MAX];

    uuid_text_print(super_id(first->super)->pool, mine);
    uuid_text_print(super_id(d->super)->pool, its);
    snprintf(why, sizeof(why), "%.80s belongs to pool %s, and %s to pool %s", d->dev->name, its,
             first->name, mine);
    return err_setf(e, -DER_DF_INVAL,
                    "make the link in the pool's directory lead to its own device", why,
                    "cannot use device %s", d->dev->name);
}

static int refuse_twice(const struct device *d, const struct device *other, uint32_t roles,
                        struct err *e)
{
    char why[ERR_PART_MAX];
    uint32_t r = 0;

    while (!(roles & (1u << r)))
        r++;
    snprintf(why, sizeof(why), "%.80s holds the pool's %s, and so does %.80s", d->dev->name,
             role_names[r], other->dev->name);
    return err_setf(e, -DER_DF_INVAL,
                    "remove the name of the one that is not the pool's, or a copy", why,
                    "cannot use device %s", d->dev->name);
}

static int refuse_missing(const struct engine_conf *conf, uint32_t target, uint32_t found,
                          struct err *e)
{
    char why[ERR_PART_MAX], next[ERR_PART_MAX], name[DEVICE_NAME_MAX];
    uint32_t r = 0;

    while (found & (1u << r))
        r++;
    device_name(name, target, r);
    snprintf(why, sizeof(why), "none of its devices holds its %s", role_names[r]);
    snprintf(next, sizeof(next), "put the device back: ln -s PATH-OF-DEVICE %.160s/%s",
             conf->dir->path, name);
    return err_setf(e, -DER_NONEXIST, next, why, "cannot open pool %s", conf->dir->path);
}

static int refuse_target(const struct device *d, uint32_t target, struct err *e)
{
    char why[ERR_PART_MAX];

    snprintf(why, sizeof(why), "%.80s says that it is of target %u", d->dev->name,
             super_id(d->super)->target);
    return err_setf(e, -DER_DF_INVAL, "give the pool's devices the names they had when it was made",
                    why, "cannot use device %s for target %u", d->dev->name, target);
}

/* Are they one target of one pool, and all of it? */
static int check_whole(const struct engine_conf *conf, uint32_t target, const struct devices *ds,
                       struct err *e)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < ds->nr; i++) {
        const struct super_id *id = super_id(ds->d[i].super);

        if (!same_pool(id, super_id(ds->d[0].super)))
            return refuse_stranger(&ds->d[i], &ds->d[0], e);
        if (id->target != target)
            return refuse_target(&ds->d[i], target, e);
        for (uint32_t j = 0; j < i; j++) {
            uint32_t both = id->roles & super_id(ds->d[j].super)->roles;

            if (both != 0)
                return refuse_twice(&ds->d[i], &ds->d[j], both, e);
        }
        found |= id->roles;
    }
    return found == ROLES_ALL ? 0 : refuse_missing(conf, target, found, e);
}

int devices_open(const struct engine_conf *conf, struct rt_xs *xs, uint32_t target,
                 struct devices *ds, struct err *e)
{
    int rc = read_all(conf, xs, target, ds, e);

    if (rc == 0)
        rc = check_whole(conf, target, ds, e);
    for (uint32_t i = 0; i < ds->nr && rc == 0; i++)
        rc = super_settle(ds->d[i].super, e);
    if (rc == 0)
        devices_join(ds);
    return rc;
}

/* ---- Making ---- */

/* A device that is to be: what its roles have in common. */
struct plan {
    char name[DEVICE_NAME_MAX];
    const char *path;
    bool pmem;
    uint32_t roles;
};

static uint32_t plan_devices(const struct engine_format *fmt, uint32_t target,
                             struct plan p[SUPER_ROLE_NR])
{
    const struct engine_places in_the_directory = {0};
    const struct engine_places *place =
        fmt->place != NULL ? &fmt->place[target] : &in_the_directory;
    uint8_t number[SUPER_ROLE_NR];
    uint32_t nr = 0;

    for (uint32_t i = 0; i < SUPER_ROLE_NR; i++) {
        enum super_role r = name_order[i];
        uint32_t k = 0;

        while (k < nr && number[k] != place->role[r].device)
            k++;
        if (k == nr) {
            number[nr++] = place->role[r].device;
            p[k] = (struct plan){.path = place->role[r].path, .pmem = place->role[r].pmem};
            device_name(p[k].name, target, r);
        }
        p[k].roles |= 1u << r;
    }
    return nr;
}

static int name_all(const struct engine_conf *conf, const struct plan *p, uint32_t nr,
                    struct err *e)
{
    int rc = 0;
    uint32_t i;

    for (i = 0; i < nr && rc == 0; i++)
        rc = p[i].path != NULL ? io_dir_link(conf->dir, p[i].name, p[i].path, e) : 0;
    if (rc == 0)
        return 0;
    while (--i > 0) /* the last one was not made */
        if (p[i - 1].path != NULL)
            io_dir_unlink(conf->dir, p[i - 1].name, NULL);
    return rc;
}

static int format_one(struct device *d, const struct plan *p, const struct super_id *common,
                      const uint64_t size[SUPER_ROLE_NR], bool force, struct err *e)
{
    struct super_id id = *common;
    uint64_t mine[SUPER_ROLE_NR];

    id.roles = p->roles;
    rt_random_bytes(id.device, sizeof(id.device));
    for (uint32_t r = 0; r < SUPER_ROLE_NR; r++)
        mine[r] = p->roles & (1u << r) ? size[r] : 0;
    return super_format(d->dev, &id, mine, 0, 0, 0, force, &d->super, e);
}

static int refuse_pmem(const struct device *d, struct err *e)
{
    return err_setf(e, -DER_NOTSUPPORTED,
                    io_has_pmem()
                        ? "name a file on a file system that is mounted with -o dax, or leave the "
                          "\"pmem:\" away"
                        : "install libpmem-dev and build again, or leave the \"pmem:\" away",
                    io_has_pmem() ? "it is not persistent memory that can be mapped"
                                  : "this program was built without libpmem",
                    "cannot use device pmem:%s", d->dev->name);
}

int devices_format(const struct engine_conf *conf, struct rt_xs *xs,
                   const struct engine_format *fmt, const struct super_id *id,
                   const uint64_t size[SUPER_ROLE_NR], struct devices *ds, struct err *e)
{
    struct plan p[SUPER_ROLE_NR];
    uint32_t nr = plan_devices(fmt, id->target, p);
    int rc = name_all(conf, p, nr, e);

    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        memcpy(ds->d[i].name, p[i].name, sizeof(p[i].name));
        rc = io_dir_create_dev(conf->dir, xs, p[i].name, SUPER_AREA, &ds->d[i].dev, e);
        ds->nr += rc == 0;
        if (rc == 0 && p[i].pmem && !ds->d[i].dev->pmem)
            rc = refuse_pmem(&ds->d[i], e);
    }
    if (rc == 0 && (nr > 1 || p[0].path != NULL))
        rc = io_dir_sync(conf->dir);
    for (uint32_t i = 0; i < nr && rc == 0; i++)
        rc = format_one(&ds->d[i], &p[i], id, size, fmt->force, e);
    if (rc == 0) {
        devices_join(ds);
        return 0;
    }
    for (uint32_t i = ds->nr; i < nr; i++) /* those that were not made are only names */
        if (p[i].path != NULL)
            io_dir_unlink(conf->dir, p[i].name, NULL);
    devices_undo(conf, ds);
    return rc;
}

void devices_undo(const struct engine_conf *conf, struct devices *ds)
{
    char name[SUPER_ROLE_NR][DEVICE_NAME_MAX];
    uint32_t nr = ds->nr;

    for (uint32_t i = 0; i < nr; i++) {
        memcpy(name[i], ds->d[i].name, sizeof(name[i]));
        /* one that was refused is not ours */
        if (ds->d[i].dev->fixed && ds->d[i].super != NULL)
            super_wipe(ds->d[i].dev);
    }
    devices_close(ds);
    for (uint32_t i = nr; i > 0; i--)
        io_dir_remove(conf->dir, name[i - 1], NULL);
}
