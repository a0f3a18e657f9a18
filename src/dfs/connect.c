/*
 * Connections by names. All mounts made by dfs_connect() share pool and container handles: a handle
 * is opened for the first that needs it and closed with the last. The record of them (struct conns)
 * hangs off the client, made by the first dfs_init() and ended by the last dfs_fini(), which also
 * closes whatever is still connected.
 *
 * The slot's lock is held while a handle is opened or closed, so that two threads that connect to
 * one pool open it once.
 */
#include "base/list.h"
#include "client/event.h"
#include "dfs/dfs_int.h"

#define CREATING_MS                                                                                \
    10000u /* how long a container may take from its creation by another process to its superblock \
            */

/* A pool (of NULL) or container handle that connections share. */
struct shared {
    struct list link; /* conns.handles */
    struct shared *of;
    char *name;
    unsigned int flags;
    daos_handle_t hdl;
    uint32_t refs;
};

struct dfs_conn {
    struct list link; /* conns.open */
    struct dfs *dfs;
    struct shared *pool, *cont;
};

struct conns {
    uint32_t inits;
    struct list handles, open;
};

static void shared_put(struct shared *s)
{
    struct shared *of;

    if (s == NULL || --s->refs > 0)
        return;
    of = s->of;
    list_del(&s->link);
    if (of != NULL)
        daos_cont_close(s->hdl, NULL);
    else
        daos_pool_disconnect(s->hdl, NULL);
    base_free(s->name);
    base_free(s);
    shared_put(of);
}

/* Takes the handle, and a reference of `of`, in any case. */
static int shared_new(struct conns *cs, struct shared *of, const char *name, unsigned int flags,
                      daos_handle_t hdl, struct shared **out)
{
    struct shared *s = base_calloc(1, sizeof(*s));

    if (s != NULL)
        s->name = base_strdup(name);
    if (s == NULL || s->name == NULL) {
        base_free(s);
        if (of != NULL)
            daos_cont_close(hdl, NULL);
        else
            daos_pool_disconnect(hdl, NULL);
        return ENOMEM;
    }
    if (of != NULL)
        of->refs++;
    s->of = of;
    s->flags = flags;
    s->hdl = hdl;
    s->refs = 1;
    list_add_tail(&cs->handles, &s->link);
    *out = s;
    return 0;
}

static struct shared *shared_find(struct conns *cs, const struct shared *of, const char *name,
                                  unsigned int flags)
{
    struct list *l;

    LIST_FOREACH(l, &cs->handles)
    {
        struct shared *s = LIST_ENTRY(l, struct shared, link);

        if (s->of == of && s->flags == flags && strcmp(s->name, name) == 0) {
            s->refs++;
            return s;
        }
    }
    return NULL;
}

static int pool_open(struct conns *cs, const char *pool, const char *sys, bool write,
                     struct shared **out)
{
    unsigned int flags = write ? DAOS_PC_RW : DAOS_PC_RO;
    daos_handle_t poh;
    int rc;

    *out = shared_find(cs, NULL, pool, flags);
    if (*out != NULL)
        return 0;
    rc = dfs_errno(daos_pool_connect(pool, sys, flags, &poh, NULL, NULL));
    return rc ? rc : shared_new(cs, NULL, pool, flags, poh, out);
}

static int cont_open(struct conns *cs, struct shared *pool, const char *cont, int flags,
                     dfs_attr_t *attr, struct shared **out)
{
    unsigned int mode = (flags & O_ACCMODE) == O_RDONLY ? DAOS_COO_RO : DAOS_COO_RW;
    daos_handle_t coh;
    int rc;

    if ((flags & O_CREAT) && (flags & O_EXCL)) {
        rc = dfs_cont_create_with_label(pool->hdl, cont, attr, NULL, NULL, NULL);
        if (rc != 0)
            return rc;
    }
    *out = shared_find(cs, pool, cont, mode);
    if (*out != NULL)
        return 0;
    rc = dfs_errno(daos_cont_open(pool->hdl, cont, mode, &coh, NULL, NULL));
    if (rc == ENOENT && (flags & O_CREAT)) {
        rc = dfs_cont_create_with_label(pool->hdl, cont, attr, NULL, NULL, NULL);
        if (rc == 0 || rc == EEXIST) /* or another process was faster */
            rc = dfs_errno(daos_cont_open(pool->hdl, cont, mode, &coh, NULL, NULL));
    }
    return rc ? rc : shared_new(cs, pool, cont, mode, coh, out);
}

/* Mounts; a container that another process is just creating may have no superblock yet. */
static int mount_wait(struct dfs_conn *cn, int flags, daos_epoch_t epoch)
{
    int rc = 0;

    for (uint32_t ms = 0; ms < CREATING_MS; ms += 10) {
        rc = dfs_mount_at(cn->pool->hdl, cn->cont->hdl, flags & (O_ACCMODE | (int)DFS_BALANCED),
                          epoch, &cn->dfs);
        if (rc != ENOENT || !(flags & O_CREAT))
            break;
        rt_sleep_ns(10000000);
    }
    return rc;
}

static int conn_open(struct conns *cs, const char *pool, const char *sys, const char *cont,
                     int flags, daos_epoch_t epoch, dfs_attr_t *attr, dfs_t **dfs)
{
    struct dfs_conn *cn = base_calloc(1, sizeof(*cn));
    int rc;

    if (cn == NULL)
        return ENOMEM;
    if (attr != NULL && (flags & O_CREAT))
        flags |= (int)(attr->da_mode & DFS_BALANCED);
    rc = pool_open(cs, pool, sys, (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT), &cn->pool);
    if (rc == 0)
        rc = cont_open(cs, cn->pool, cont, flags, attr, &cn->cont);
    if (rc == 0)
        rc = mount_wait(cn, flags, epoch);
    if (rc != 0) {
        shared_put(cn->cont);
        shared_put(cn->pool);
        base_free(cn);
        return rc;
    }
    cn->dfs->owner = cn;
    list_add_tail(&cs->open, &cn->link);
    *dfs = cn->dfs;
    return 0;
}

static void conn_close(struct dfs_conn *cn)
{
    list_del(&cn->link);
    dfs_mount_free(cn->dfs);
    shared_put(cn->cont);
    shared_put(cn->pool);
    base_free(cn);
}

/* The record with its lock held; EACCES before dfs_init(). */
static int conns_lock(struct client_slot **slot, struct conns **cs)
{
    *slot = client_dfs_slot();
    if (*slot == NULL)
        return EACCES;
    rt_mutex_lock(&(*slot)->lock);
    *cs = (*slot)->data;
    if (*cs != NULL)
        return 0;
    rt_mutex_unlock(&(*slot)->lock);
    return EACCES;
}

bool dfs_conn_ready(void)
{
    struct client_slot *slot;
    struct conns *cs;

    if (conns_lock(&slot, &cs) != 0)
        return false;
    rt_mutex_unlock(&slot->lock);
    return true;
}

int dfs_init(void)
{
    struct client_slot *slot;
    struct conns *cs;
    int rc = dfs_errno(daos_init());

    if (rc != 0)
        return rc;
    slot = client_dfs_slot();
    rt_mutex_lock(&slot->lock);
    cs = slot->data;
    if (cs == NULL) {
        cs = base_calloc(1, sizeof(*cs));
        if (cs != NULL) {
            list_init(&cs->handles);
            list_init(&cs->open);
            slot->data = cs;
        }
    }
    if (cs != NULL)
        cs->inits++;
    rt_mutex_unlock(&slot->lock);
    if (cs == NULL) {
        daos_fini();
        return ENOMEM;
    }
    return 0;
}

int dfs_fini(void)
{
    struct client_slot *slot;
    struct conns *cs;
    int rc = conns_lock(&slot, &cs);

    if (rc != 0)
        return rc;
    if (--cs->inits == 0) {
        while (!list_empty(&cs->open))
            conn_close(LIST_ENTRY(list_first(&cs->open), struct dfs_conn, link));
        slot->data = NULL;
        base_free(cs);
    }
    rt_mutex_unlock(&slot->lock);
    return dfs_errno(daos_fini());
}

static int connect_any(const char *pool, const char *sys, const char *cont, int flags,
                       daos_epoch_t epoch, dfs_attr_t *attr, dfs_t **dfs)
{
    int amode = flags & O_ACCMODE;
    struct client_slot *slot;
    struct conns *cs;
    int rc;

    if (pool == NULL || cont == NULL || dfs == NULL || (amode != O_RDONLY && amode != O_RDWR))
        return EINVAL;
    rc = conns_lock(&slot, &cs);
    if (rc != 0)
        return rc;
    rc = conn_open(cs, pool, sys, cont, flags, epoch, attr, dfs);
    rt_mutex_unlock(&slot->lock);
    return rc;
}

int dfs_connect(const char *pool, const char *sys, const char *cont, int flags, dfs_attr_t *attr,
                dfs_t **dfs)
{
    return connect_any(pool, sys, cont, flags, 0, attr, dfs);
}

int dfs_connect_snap(const char *pool, const char *sys, const char *cont, int flags,
                     daos_epoch_t epoch, const char *name, dfs_t **dfs)
{
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) || (epoch == 0 && name == NULL))
        return EINVAL;
    if (epoch == 0)
        return dfs_conn_ready() ? ENOENT : EACCES; /* snapshots have no names */
    return connect_any(pool, sys, cont, O_RDONLY, epoch, NULL, dfs);
}

int dfs_disconnect(dfs_t *dfs)
{
    struct client_slot *slot;
    struct conns *cs;
    int rc;

    if (dfs == NULL)
        return EINVAL;
    rc = conns_lock(&slot, &cs);
    if (rc != 0)
        return rc;
    if (dfs->owner == NULL)
        rc = EINVAL;
    else if (dfs_borrowed(dfs))
        rc = EBUSY;
    else
        conn_close(dfs->owner);
    rt_mutex_unlock(&slot->lock);
    return rc;
}

static int destroy(const char *pool, const char *sys, const char *cont, int force)
{
    struct client_slot *slot;
    struct shared *s;
    struct conns *cs;
    int rc = conns_lock(&slot, &cs);

    if (rc != 0)
        return rc;
    rc = pool_open(cs, pool, sys, true, &s);
    if (rc == 0) {
        rc = dfs_errno(daos_cont_destroy(s->hdl, cont, force, NULL));
        shared_put(s);
    }
    rt_mutex_unlock(&slot->lock);
    return rc;
}

int dfs_destroy(const char *pool, const char *sys, const char *cont, int force, daos_event_t *ev)
{
    struct ev_run run;
    int rc;

    if (pool == NULL || cont == NULL)
        return EINVAL;
    if (!dfs_conn_ready())
        return EACCES;
    rc = dfs_errno(client_now_begin(ev, &run));
    return rc != 0 ? rc : client_now_end(ev, &run, destroy(pool, sys, cont, force));
}

int dfs_conn_adopt(daos_handle_t poh, daos_handle_t coh, struct dfs *dfs)
{
    struct dfs_conn *cn;
    struct client_slot *slot;
    struct conns *cs;
    int rc = conns_lock(&slot, &cs);

    if (rc != 0)
        return rc;
    cn = base_calloc(1, sizeof(*cn));
    if (cn != NULL)
        cn->pool = base_calloc(1, sizeof(*cn->pool));
    if (cn != NULL)
        cn->cont = base_calloc(1, sizeof(*cn->cont));
    if (cn == NULL || cn->pool == NULL || cn->cont == NULL) {
        rc = ENOMEM;
        if (cn != NULL) {
            base_free(cn->pool);
            base_free(cn->cont);
        }
        base_free(cn);
        goto out;
    }
    /* nameless, so that nobody else finds them */
    *cn->pool = (struct shared){.name = base_calloc(1, 1), .hdl = poh, .refs = 2};
    *cn->cont = (struct shared){.of = cn->pool, .name = base_calloc(1, 1), .hdl = coh, .refs = 1};
    list_add_tail(&cs->handles, &cn->pool->link);
    list_add_tail(&cs->handles, &cn->cont->link);
    cn->dfs = dfs;
    dfs->owner = cn;
    list_add_tail(&cs->open, &cn->link);
out:
    rt_mutex_unlock(&slot->lock);
    return rc;
}
