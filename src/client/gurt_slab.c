/*
 * Caches of objects (gurt/slab.h). An object is made once (sr_init), and before each use sr_reset
 * makes it fit; objects that have been made fit ahead of need wait in `ready`, the others in
 * `idle`. While an object waits, its link in the caller's structure (sr_offset) is the slab's.
 */
#include <gurt/common.h>
#include <gurt/slab.h>
#include "base/fail.h"

struct d_slab_type {
    d_list_t link; /* d_slab.slab_list */
    struct d_slab_reg reg;
    void *arg;
    pthread_mutex_t lock; /* the rest */
    d_list_t ready, idle;
    int made;    /* objects that exist */
    int idle_nr; /* of them in either list */
};

static d_list_t *link_of(struct d_slab_type *type, void *obj)
{
    return (d_list_t *)(void *)((char *)obj + type->reg.sr_offset);
}

static void *obj_of(struct d_slab_type *type, d_list_t *link)
{
    return (char *)link - type->reg.sr_offset;
}

int d_slab_init(struct d_slab *slab, void *arg)
{
    int rc = D_MUTEX_INIT(&slab->slab_lock, NULL);

    if (rc != 0)
        return rc;
    D_INIT_LIST_HEAD(&slab->slab_list);
    slab->slab_arg = arg;
    slab->slab_init = true;
    return 0;
}

static void obj_free(struct d_slab_type *type, void *obj)
{
    if (type->reg.sr_release != NULL)
        type->reg.sr_release(obj);
    base_free(obj);
}

/* A waiting object, fit ones first; NULL when none waits. *fit: it need not be reset. */
static void *take_waiting(struct d_slab_type *type, bool *fit)
{
    d_list_t *l;

    *fit = !d_list_empty(&type->ready);
    if (!*fit && d_list_empty(&type->idle))
        return NULL;
    l = *fit ? type->ready.next : type->idle.next;
    d_list_del_init(l);
    type->idle_nr--;
    return obj_of(type, l);
}

static void uncount(struct d_slab_type *type)
{
    D_MUTEX_LOCK(&type->lock);
    type->made--;
    D_MUTEX_UNLOCK(&type->lock);
}

static void *make(struct d_slab_type *type)
{
    void *obj = base_calloc(1, (size_t)type->reg.sr_size);

    if (obj == NULL) {
        uncount(type);
        return NULL;
    }
    D_INIT_LIST_HEAD(link_of(type, obj));
    if (type->reg.sr_init != NULL)
        type->reg.sr_init(obj, type->arg);
    return obj;
}

/* An object fit for use, from those that wait or new. Callbacks run without the lock. */
static void *get(struct d_slab_type *type, bool want_fit)
{
    bool fit = false, room = true;
    void *obj;

    D_MUTEX_LOCK(&type->lock);
    if (!want_fit && !d_list_empty(&type->ready)) { /* restocking: there is one already */
        D_MUTEX_UNLOCK(&type->lock);
        return NULL;
    }
    obj = take_waiting(type, &fit);
    if (obj == NULL) {
        room = type->reg.sr_max_desc == 0 || type->made < type->reg.sr_max_desc;
        type->made += room;
    }
    D_MUTEX_UNLOCK(&type->lock);
    if (obj == NULL && room)
        obj = make(type);
    if (obj == NULL || fit || type->reg.sr_reset == NULL || type->reg.sr_reset(obj))
        return obj;
    obj_free(type, obj);
    uncount(type);
    return NULL;
}

void *d_slab_acquire(struct d_slab_type *type)
{
    return get(type, true);
}

void d_slab_restock(struct d_slab_type *type)
{
    void *obj = get(type, false);

    if (obj == NULL)
        return;
    D_MUTEX_LOCK(&type->lock);
    d_list_add(link_of(type, obj), &type->ready);
    type->idle_nr++;
    D_MUTEX_UNLOCK(&type->lock);
}

void d_slab_release(struct d_slab_type *type, void *desc)
{
    bool keep;

    D_MUTEX_LOCK(&type->lock);
    keep = type->reg.sr_max_free_desc == 0 || type->idle_nr < type->reg.sr_max_free_desc;
    if (keep) {
        d_list_add(link_of(type, desc), &type->idle);
        type->idle_nr++;
    } else {
        type->made--;
    }
    D_MUTEX_UNLOCK(&type->lock);
    if (!keep)
        obj_free(type, desc);
}

int d_slab_register(struct d_slab *slab, struct d_slab_reg *reg, void *arg,
                    struct d_slab_type **type)
{
    struct d_slab_type *t;
    int rc;

    if (slab == NULL || !slab->slab_init || reg == NULL || type == NULL || reg->sr_offset < 0 ||
        reg->sr_size < reg->sr_offset + (int)sizeof(d_list_t))
        return -DER_INVAL;
    t = base_calloc(1, sizeof(*t));
    if (t == NULL)
        return -DER_NOMEM;
    t->reg = *reg;
    t->arg = arg;
    D_INIT_LIST_HEAD(&t->ready);
    D_INIT_LIST_HEAD(&t->idle);
    rc = D_MUTEX_INIT(&t->lock, NULL);
    if (rc != 0) {
        base_free(t);
        return rc;
    }
    D_MUTEX_LOCK(&slab->slab_lock);
    d_list_add_tail(&t->link, &slab->slab_list);
    D_MUTEX_UNLOCK(&slab->slab_lock);
    *type = t;
    return 0;
}

/* Frees what waits; are there others? */
static bool type_reclaim(struct d_slab_type *t)
{
    bool fit, used;
    void *obj;

    D_MUTEX_LOCK(&t->lock);
    while ((obj = take_waiting(t, &fit)) != NULL) {
        obj_free(t, obj);
        t->made--;
    }
    used = t->made > 0;
    D_MUTEX_UNLOCK(&t->lock);
    return used;
}

bool d_slab_reclaim(struct d_slab *slab)
{
    struct d_slab_type *t;
    bool used = false;

    D_MUTEX_LOCK(&slab->slab_lock);
    d_list_for_each_entry(t, &slab->slab_list, link) used |= type_reclaim(t);
    D_MUTEX_UNLOCK(&slab->slab_lock);
    return used;
}

void d_slab_destroy(struct d_slab *slab)
{
    struct d_slab_type *t;

    if (!slab->slab_init)
        return;
    while ((t = d_list_pop_entry(&slab->slab_list, struct d_slab_type, link)) != NULL) {
        if (type_reclaim(t))
            D_ERROR("%s: %d objects still in use when their slab is destroyed\n",
                    t->reg.sr_name ? t->reg.sr_name : "slab", t->made);
        pthread_mutex_destroy(&t->lock);
        base_free(t);
    }
    pthread_mutex_destroy(&slab->slab_lock);
    slab->slab_init = false;
}
