/*
 * The end of a pool: its devices are looked at, then taken away.
 *
 * What lies in the pool's directory under a device's name is the pool's, whatever it holds. What a
 * name leads to elsewhere must say itself that it is: a link may have been changed, or lead to what
 * another pool uses by now. target0 goes last: as long as it is there the directory is a pool's,
 * and can be destroyed again if this is cut short.
 */
#include <stdio.h>

#include "engine/engine_int.h"

struct doomed {
    struct io_dev *dev;
    const char *name;
    uint8_t pool[16];
    bool linked; /* lies elsewhere */
    bool keep;   /* only its name goes */
    bool known;  /* pool is filled in */
};

struct destroy {
    const struct engine_conf *conf;
    struct rt_xs *xs;
    bool force;
    struct err *e;
    struct doomed d[ENGINE_DEVICES_MAX];
    uint32_t nr;
    int rc;
    struct rt_event done;
};

static int add_name(const char *name, void *arg)
{
    struct destroy *j = arg;
    char *path = base_alloc(IO_PATH_MAX);
    struct doomed *d = &j->d[j->nr];

    if (path == NULL)
        return -DER_NOMEM;
    if (engine_is_device(name)) {
        *d = (struct doomed){.name = base_strdup(name),
                             .linked = io_dir_target(j->conf->dir, name, path)};
        j->nr++;
    }
    base_free(path);
    return j->nr > 0 && j->d[j->nr - 1].name == NULL ? -DER_NOMEM : 0;
}

/* Whose is it? rc of super_read(). */
static int read_pool(struct doomed *d, struct err *e)
{
    struct super *s;
    int rc = super_read(d->dev, &s, e);

    if (rc != 0)
        return rc;
    memcpy(d->pool, super_id(s)->pool, sizeof(d->pool));
    d->known = true;
    super_close(s);
    return 0;
}

static const uint8_t *pool_of(const struct destroy *j)
{
    for (uint32_t i = 0; i < j->nr; i++)
        if (j->d[i].known)
            return j->d[i].pool;
    return NULL;
}

/* It lies elsewhere, and is there: may it be taken away? */
static int judge(struct destroy *j, struct doomed *d, int rc, struct err *e)
{
    char why[ERR_PART_MAX];
    bool blank = false;

    if (rc == 0 && memcmp(d->pool, pool_of(j), sizeof(d->pool)) == 0)
        return 0;
    if (rc == 0) {
        snprintf(why, sizeof(why), "%.120s belongs to another pool", d->dev->name);
        rc = err_setf(e, -DER_DF_INVAL, "check where its link in the pool's directory leads", why,
                      "cannot use device %s", d->dev->name);
    }
    /* making or destroying the pool was cut short: there is nothing on it yet, or any more */
    if (rc == -DER_DF_INVAL && !d->known && super_blank(d->dev, &blank) == 0 && blank)
        return 0;
    return rc == -DER_CSUM && j->force ? 0 : rc;
}

static int look_at(struct destroy *j, struct doomed *d)
{
    struct err e = {0};
    int rc = io_dir_open_dev(j->conf->dir, j->xs, d->name, false, &d->dev, &e);

    if (rc == 0) {
        rc = read_pool(d, &e);
        if (!d->linked)
            return 0;
        rc = judge(j, d, rc, &e);
    } else if (!d->linked && rc != -DER_BUSY) {
        return 0; /* no more than a name of ours can be said of it */
    }
    if (rc == 0)
        return 0;
    if (j->force && rc != -DER_BUSY) {
        d->keep = true;
        return 0;
    }
    if (rc != -DER_BUSY)
        err_next(&e, "mend that, or destroy the pool by force: that leaves this device as it is");
    if (j->e != NULL)
        *j->e = e;
    return rc;
}

static int take_away(struct destroy *j, struct doomed *d)
{
    int rc = 0;

    if (d->dev != NULL) {
        if (!d->keep && d->dev->fixed)
            rc = super_wipe(d->dev);
        if (rc != 0)
            return err_setf(j->e, rc, "look at the system's log for errors of this device",
                            "its superblock cannot be wiped", "cannot destroy device %s",
                            d->dev->name);
        io_dev_close(d->dev);
        d->dev = NULL;
    }
    return d->keep ? io_dir_unlink(j->conf->dir, d->name, j->e)
                   : io_dir_remove(j->conf->dir, d->name, j->e);
}

static void destroy_fiber(void *arg)
{
    struct destroy *j = arg;
    int rc = io_dir_list(j->conf->dir, add_name, j); /* sorted: target0 is the first */

    for (uint32_t i = 0; i < j->nr && rc == 0; i++)
        rc = look_at(j, &j->d[i]);
    for (uint32_t i = j->nr; i > 0 && rc == 0; i--)
        rc = take_away(j, &j->d[i - 1]);
    if (rc == 0)
        rc = io_dir_sync(j->conf->dir);
    for (uint32_t i = 0; i < j->nr; i++) {
        io_dev_close(j->d[i].dev);
        base_free((void *)(uintptr_t)j->d[i].name);
    }
    j->rc = rc;
    rt_event_set(&j->done);
}

int engine_pool_destroy(const struct engine_conf *conf, bool force, struct err *e)
{
    struct destroy *j = base_calloc(1, sizeof(*j));
    int rc;

    if (j == NULL)
        return -DER_NOMEM;
    *j = (struct destroy){.conf = conf, .force = force, .e = e};
    rc = engine_xs_create(conf, 0, &j->xs);
    if (rc != 0) {
        base_free(j);
        return rc;
    }
    rt_event_init(&j->done);
    rc = rt_spawn_on(j->xs, destroy_fiber, j);
    if (rc == 0) {
        rt_event_wait(&j->done);
        rc = j->rc;
    }
    rt_xs_destroy(j->xs);
    base_free(j);
    if (rc != 0)
        err_set(e, rc, "cannot destroy the pool", "its devices cannot be taken away",
                "see the log (D_LOG_MASK=INFO)");
    return rc;
}
