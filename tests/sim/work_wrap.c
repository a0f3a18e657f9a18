/* See work_wrap.h. */
#include <daos.h>
#include <string.h>
#include "base/assert.h"
#include "work_wrap.h"

struct work_wrap work_wrap;

/* Is it time to tell this lie? Not of a call that only begins. */
static bool lie(const daos_event_t *ev, enum work_lie which)
{
    if (work_wrap.lie != which || ev != NULL)
        return false;
    if (work_wrap.after > 0) {
        work_wrap.after--;
        return false;
    }
    work_wrap.told++;
    work_wrap.lie = LIE_NONE;
    return true;
}

/* The library calls some of these itself: only the outermost call counts. */
static __thread unsigned int depth;

static void enter(void)
{
    if (depth++ == 0 && work_wrap.enter != NULL)
        work_wrap.enter();
}

static int leave(int rc)
{
    if (--depth == 0 && work_wrap.leave != NULL)
        work_wrap.leave();
    return rc;
}

#define AROUND(call) (enter(), leave(call))

static bool lose(const daos_event_t *ev)
{
    if (ev != NULL || depth > 0 || work_wrap.lose == 0 ||
        sim_rng_below(&work_wrap.rng, work_wrap.lose) != 0)
        return false;
    work_wrap.lost++;
    return true;
}

static int lost(int rc)
{
    (void)rc;
    return -DER_TX_UNCERTAIN;
}

/* Of calls that may time out. */
#define ASK(call)                                                                                  \
    (!lose(ev)                          ? AROUND(call)                                             \
     : sim_rng_below(&work_wrap.rng, 2) ? lost(AROUND(call))                                       \
                                        : -DER_TX_UNCERTAIN)

#define WRAP(name, params, args)                                                                   \
    int __real_##name params;                                                                      \
    int __wrap_##name params;                                                                      \
    int __wrap_##name params                                                                       \
    {                                                                                              \
        return AROUND(__real_##name args);                                                         \
    }

#define WRAP_ASK(name, params, args)                                                               \
    int __real_##name params;                                                                      \
    int __wrap_##name params;                                                                      \
    int __wrap_##name params                                                                       \
    {                                                                                              \
        return ASK(__real_##name args);                                                            \
    }

#define WRAP_OWN(name, params)                                                                     \
    int __real_##name params;                                                                      \
    int __wrap_##name params;                                                                      \
    int __wrap_##name params

/* ---- Objects ---- */

/* Does this surely write its last akey? */
static bool writes(uint64_t flags, unsigned int nr, const daos_iod_t *iods)
{
    bool plain = (flags & ~(uint64_t)DAOS_COND_PER_AKEY) == 0;

    for (unsigned int i = 0; i < nr; i++)
        plain &= iods[i].iod_flags == 0;
    return plain && iods[nr - 1].iod_size > 0;
}

WRAP_OWN(daos_obj_update, (daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                           unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls, daos_event_t *ev))
{
    if (th.cookie == 0 && writes(flags, nr, iods) && lie(ev, LIE_LOST_UPDATE))
        return 0;
    if (nr > 1 && th.cookie == 0 && writes(flags, nr, iods) && lie(ev, LIE_HALF_UPDATE))
        nr--;
    return ASK(__real_daos_obj_update(oh, th, flags, dkey, nr, iods, sgls, ev));
}

static bool punch_lost(daos_handle_t th, uint64_t flags, const daos_event_t *ev)
{
    return th.cookie == 0 && flags == 0 && lie(ev, LIE_LOST_PUNCH);
}

WRAP_OWN(daos_obj_punch, (daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_event_t *ev))
{
    return punch_lost(th, flags, ev) ? 0 : ASK(__real_daos_obj_punch(oh, th, flags, ev));
}

WRAP_OWN(daos_obj_punch_dkeys, (daos_handle_t oh, daos_handle_t th, uint64_t flags, unsigned int nr,
                                daos_key_t *dkeys, daos_event_t *ev))
{
    int rc;

    if (punch_lost(th, flags, ev))
        return 0;
    rc = ASK(__real_daos_obj_punch_dkeys(oh, th, flags, nr, dkeys, ev));
    return rc == 0 && (flags & DAOS_COND_PUNCH) && lie(ev, LIE_DID_ANYWAY) ? -DER_NONEXIST : rc;
}

WRAP_ASK(daos_obj_punch_akeys,
         (daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey, unsigned int nr,
          daos_key_t *akeys, daos_event_t *ev),
         (oh, th, flags, dkey, nr, akeys, ev))

/* The first byte that was brought. */
static unsigned char *first_byte(unsigned int nr, daos_iod_t *iods, d_sg_list_t *sgls)
{
    for (unsigned int i = 0; sgls != NULL && i < nr; i++)
        for (uint32_t k = 0; k < sgls[i].sg_nr && iods[i].iod_size > 0; k++)
            if (sgls[i].sg_iovs[k].iov_len > 0)
                return sgls[i].sg_iovs[k].iov_buf;
    return NULL;
}

WRAP_OWN(daos_obj_fetch,
         (daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey, unsigned int nr,
          daos_iod_t *iods, d_sg_list_t *sgls, daos_iom_t *ioms, daos_event_t *ev))
{
    int rc = ASK(__real_daos_obj_fetch(oh, th, flags, dkey, nr, iods, sgls, ioms, ev));
    unsigned char *p = rc == 0 ? first_byte(nr, iods, sgls) : NULL;

    if (p != NULL && lie(ev, LIE_FLIPPED_BYTE))
        *p ^= 1;
    return rc;
}

WRAP_OWN(daos_obj_list_dkey,
         (daos_handle_t oh, daos_handle_t th, uint32_t *nr, daos_key_desc_t *kds, d_sg_list_t *sgl,
          daos_anchor_t *anchor, daos_event_t *ev))
{
    int rc = ASK(__real_daos_obj_list_dkey(oh, th, nr, kds, sgl, anchor, ev));

    if (rc == 0 && *nr > 0 && lie(ev, LIE_MISSING_KEY))
        (*nr)--;
    return rc;
}

WRAP_ASK(daos_obj_list_akey,
         (daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, uint32_t *nr, daos_key_desc_t *kds,
          d_sg_list_t *sgl, daos_anchor_t *anchor, daos_event_t *ev),
         (oh, th, dkey, nr, kds, sgl, anchor, ev))
WRAP_ASK(daos_obj_list_recx,
         (daos_handle_t oh, daos_handle_t th, daos_key_t *dkey, daos_key_t *akey, daos_size_t *size,
          uint32_t *nr, daos_recx_t *recxs, daos_epoch_range_t *eprs, daos_anchor_t *anchor,
          bool incr_order, daos_event_t *ev),
         (oh, th, dkey, akey, size, nr, recxs, eprs, anchor, incr_order, ev))

WRAP_OWN(daos_obj_query_key, (daos_handle_t oh, daos_handle_t th, uint64_t flags, daos_key_t *dkey,
                              daos_key_t *akey, daos_recx_t *recx, daos_event_t *ev))
{
    uint64_t none = 0;
    int rc = ASK(__real_daos_obj_query_key(oh, th, flags, dkey, akey, recx, ev));

    if (rc == 0 && (flags & DAOS_GET_DKEY) && memcmp(dkey->iov_buf, &none, sizeof(none)) != 0 &&
        lie(ev, LIE_QUERY))
        memset(dkey->iov_buf, 0, sizeof(none));
    return rc;
}

/* ---- Transactions and snapshots ---- */

WRAP(daos_tx_open, (daos_handle_t coh, daos_handle_t *th, uint64_t flags, daos_event_t *ev),
     (coh, th, flags, ev))
WRAP_OWN(daos_tx_commit, (daos_handle_t th, daos_event_t *ev))
{
    return lie(ev, LIE_LOST_COMMIT) ? 0 : ASK(__real_daos_tx_commit(th, ev));
}
WRAP(daos_tx_restart, (daos_handle_t th, daos_event_t *ev), (th, ev))
WRAP(daos_tx_abort, (daos_handle_t th, daos_event_t *ev), (th, ev))
WRAP_OWN(daos_tx_open_snap,
         (daos_handle_t coh, daos_epoch_t epoch, daos_handle_t *th, daos_event_t *ev))
{
    if (work_wrap.lie == LIE_SNAPSHOT) { /* every time: it may be the same by chance */
        work_wrap.told++;
        return AROUND(__real_daos_tx_open(coh, th, DAOS_TF_RDONLY, ev));
    }
    return AROUND(__real_daos_tx_open_snap(coh, epoch, th, ev));
}
WRAP_OWN(daos_cont_create_snap,
         (daos_handle_t coh, daos_epoch_t *epoch, char *name, daos_event_t *ev))
{
    daos_epoch_t made = 0;
    int rc;

    if (ev != NULL)
        return AROUND(__real_daos_cont_create_snap(coh, epoch, name, ev));
    rc = ASK(__real_daos_cont_create_snap(coh, &made, name, ev));
    if (rc == 0)
        *epoch = made;
    return rc;
}
WRAP_OWN(daos_cont_destroy_snap, (daos_handle_t coh, daos_epoch_range_t epr, daos_event_t *ev))
{
    return lie(ev, LIE_SNAPSHOT_KEPT) ? 0 : ASK(__real_daos_cont_destroy_snap(coh, epr, ev));
}
WRAP_ASK(daos_cont_list_snap,
         (daos_handle_t coh, int *nr, daos_epoch_t *epochs, char **names, daos_anchor_t *anchor,
          daos_event_t *ev),
         (coh, nr, epochs, names, anchor, ev))

/* ---- Key-value objects ---- */

WRAP_OWN(daos_kv_put, (daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                       daos_size_t size, const void *buf, daos_event_t *ev))
{
    if (flags == 0 && lie(ev, LIE_LOST_PUT))
        return 0;
    return ASK(__real_daos_kv_put(oh, th, flags, key, size, buf, ev));
}

WRAP_OWN(daos_kv_get, (daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key,
                       daos_size_t *size, void *buf, daos_event_t *ev))
{
    int rc = ASK(__real_daos_kv_get(oh, th, flags, key, size, buf, ev));

    if (rc == 0 && lie(ev, LIE_GET_SIZE))
        (*size)++;
    return rc;
}

WRAP_OWN(daos_kv_remove,
         (daos_handle_t oh, daos_handle_t th, uint64_t flags, const char *key, daos_event_t *ev))
{
    if (flags == 0 && lie(ev, LIE_LOST_REMOVE))
        return 0;
    return ASK(__real_daos_kv_remove(oh, th, flags, key, ev));
}

WRAP_ASK(daos_kv_list,
         (daos_handle_t oh, daos_handle_t th, uint32_t *nr, daos_key_desc_t *kds, d_sg_list_t *sgl,
          daos_anchor_t *anchor, daos_event_t *ev),
         (oh, th, nr, kds, sgl, anchor, ev))
WRAP(daos_kv_open,
     (daos_handle_t coh, daos_obj_id_t oid, unsigned int mode, daos_handle_t *oh, daos_event_t *ev),
     (coh, oid, mode, oh, ev))
WRAP_ASK(daos_kv_destroy, (daos_handle_t oh, daos_handle_t th, daos_event_t *ev), (oh, th, ev))

/* ---- Arrays ---- */

WRAP_OWN(daos_array_write, (daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod,
                            d_sg_list_t *sgl, daos_event_t *ev))
{
    return lie(ev, LIE_LOST_WRITE) ? 0 : ASK(__real_daos_array_write(oh, th, iod, sgl, ev));
}

WRAP_ASK(daos_array_read,
         (daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, d_sg_list_t *sgl,
          daos_event_t *ev),
         (oh, th, iod, sgl, ev))
WRAP_ASK(daos_array_punch,
         (daos_handle_t oh, daos_handle_t th, daos_array_iod_t *iod, daos_event_t *ev),
         (oh, th, iod, ev))

WRAP_OWN(daos_array_get_size,
         (daos_handle_t oh, daos_handle_t th, daos_size_t *size, daos_event_t *ev))
{
    int rc = ASK(__real_daos_array_get_size(oh, th, size, ev));

    if (rc == 0 && *size > 0 && lie(ev, LIE_ARRAY_SIZE))
        (*size)--;
    return rc;
}

WRAP_ASK(daos_array_set_size,
         (daos_handle_t oh, daos_handle_t th, daos_size_t size, daos_event_t *ev),
         (oh, th, size, ev))
WRAP(daos_array_create,
     (daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, daos_size_t cell_size,
      daos_size_t chunk_size, daos_handle_t *oh, daos_event_t *ev),
     (coh, oid, th, cell_size, chunk_size, oh, ev))
WRAP(daos_array_open,
     (daos_handle_t coh, daos_obj_id_t oid, daos_handle_t th, unsigned int mode,
      daos_size_t *cell_size, daos_size_t *chunk_size, daos_handle_t *oh, daos_event_t *ev),
     (coh, oid, th, mode, cell_size, chunk_size, oh, ev))
WRAP_ASK(daos_array_destroy, (daos_handle_t oh, daos_handle_t th, daos_event_t *ev), (oh, th, ev))
WRAP_ASK(daos_array_stat,
         (daos_handle_t oh, daos_handle_t th, daos_array_stbuf_t *st, daos_event_t *ev),
         (oh, th, st, ev))

/* ---- Containers ---- */

WRAP_OWN(daos_cont_set_attr, (daos_handle_t coh, int n, const char *const *names,
                              const void *const *values, const size_t *sizes, daos_event_t *ev))
{
    if (lie(ev, LIE_LOST_ATTR))
        return 0;
    return ASK(__real_daos_cont_set_attr(coh, n, names, values, sizes, ev));
}

WRAP_OWN(daos_cont_alloc_oids,
         (daos_handle_t coh, daos_size_t num_oids, uint64_t *oid, daos_event_t *ev))
{
    int rc = AROUND(__real_daos_cont_alloc_oids(coh, num_oids, oid, ev));

    if (rc == 0 && ev == NULL && *oid > 1 && lie(ev, LIE_SAME_OIDS))
        (*oid)--;
    return rc;
}

WRAP_OWN(daos_cont_destroy2, (daos_handle_t poh, const char *cont, int force, daos_event_t *ev))
{
    return lie(ev, LIE_CONT_KEPT) ? 0 : ASK(__real_daos_cont_destroy2(poh, cont, force, ev));
}
