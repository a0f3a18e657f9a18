/* Enumeration. A run fills the reply as far as it goes; one that must be repeated (HEAP_FAULT)
 * starts again from the request's anchor. */
#include "engine/engine_int.h"

#define LIST_ENTRIES_MAX 65536u
#define LIST_BYTES_MAX   (512u << 10)

struct listing {
    struct net_req *req;
    struct vos_anchor anchor;
    char *keys;
    uint32_t *lens;
    daos_obj_id_t *oids;
    daos_recx_t *recxs;
    uint64_t *epochs;
    uint32_t max, max_bytes;
    uint32_t nr, bytes, need;
    uint64_t rec_size;
    uint8_t type;
    uint64_t lsn;
};

static int emit(void *arg, const struct vos_entry *e)
{
    struct listing *l = arg;
    const struct msg_obj_list_req *m = l->req->req;

    if (l->nr == l->max)
        return 1;
    switch (m->level) {
    case MSG_OBJ:
        l->oids[l->nr] = e->oid;
        break;
    case MSG_RECX:
        l->recxs[l->nr] = e->recx;
        l->rec_size = e->rec_size;
        l->type = (uint8_t)e->type;
        break;
    default:
        if (e->key.len > l->max_bytes - l->bytes) {
            l->need = e->key.len;
            return 1;
        }
        memcpy(l->keys + l->bytes, e->key.buf, e->key.len);
        l->lens[l->nr] = e->key.len;
        l->bytes += e->key.len;
    }
    l->epochs[l->nr++] = e->epoch;
    return 0;
}

/* Who puts an answer together from several shards has to know whether this one is ahead. */
static int changed_since(struct listing *l, struct vos_cont *c)
{
    const struct msg_obj_list_req *m = l->req->req;
    const struct msg_obj_list_rep *rep = l->req->rep;
    daos_epoch_t newest;
    int rc = vos_obj_changed(c, m->oid, &newest);

    l->rec_size = rc == 0 && newest > rep->read_at ? newest : 0;
    return rc;
}

static int run(struct shard *s, void *arg)
{
    struct listing *l = arg;
    const struct msg_obj_list_req *m = l->req->req;
    struct msg_obj_list_rep *rep = l->req->rep;
    struct vos_key dkey = {m->dkey.buf, m->dkey.len}, akey = {m->akey.buf, m->akey.len};
    struct vos_cont *c;
    int rc = shard_cont_read(s, m->hdl, m->epoch, &c, &l->lsn);

    if (rc != 0)
        return rc;
    memset(&l->anchor, 0, sizeof(l->anchor));
    if (m->anchor.len > 0)
        memcpy(&l->anchor, m->anchor.buf, m->anchor.len);
    l->nr = l->bytes = l->need = 0;
    rep->read_at = shard_read_at(s, m->epoch);
    rc = vos_list(c, rep->read_at, (enum vos_level)m->level, m->oid, &dkey,
                  m->level == VOS_RECX ? &akey : NULL, m->down != 0, &l->anchor, emit, l, &l->lsn);
    if (rc == 0 && m->level == MSG_DKEY && m->epoch != 0 && m->epoch != DAOS_EPOCH_MAX)
        rc = changed_since(l, c);
    return rc;
}

static void *room(struct listing *l, bool wanted, size_t bytes, bool *ok)
{
    void *p = wanted ? net_req_alloc(l->req, bytes) : NULL;

    if (wanted && p == NULL)
        *ok = false;
    return p;
}

static int prepare(struct listing *l)
{
    const struct msg_obj_list_req *m = l->req->req;
    bool keyed = m->level == MSG_DKEY || m->level == MSG_AKEY, ok = true;

    if (m->level > MSG_RECX || (m->anchor.len != 0 && m->anchor.len != sizeof(l->anchor)) ||
        m->max_entries == 0)
        return -DER_PROTO;
    l->max = MIN(m->max_entries, LIST_ENTRIES_MAX);
    l->max_bytes = MIN(m->max_bytes, LIST_BYTES_MAX);
    l->keys = room(l, keyed, l->max_bytes + 1, &ok);
    l->lens = room(l, keyed, l->max * sizeof(*l->lens), &ok);
    l->oids = room(l, m->level == MSG_OBJ, l->max * sizeof(*l->oids), &ok);
    l->recxs = room(l, m->level == MSG_RECX, l->max * sizeof(*l->recxs), &ok);
    l->epochs = room(l, true, l->max * sizeof(*l->epochs), &ok);
    return ok ? 0 : -DER_NOMEM;
}

static int finish(struct listing *l, int rc)
{
    struct msg_obj_list_rep *rep = l->req->rep;
    struct vos_anchor *anchor;

    rep->need = l->need;
    if (rc == 0 && l->nr == 0 && l->need > 0)
        return -DER_KEY2BIG;
    if (rc != 0)
        return rc;
    anchor = net_req_alloc(l->req, sizeof(*anchor));
    if (anchor == NULL)
        return -DER_NOMEM;
    *anchor = l->anchor;
    rep->anchor.buf = anchor;
    rep->anchor.len = sizeof(*anchor);
    rep->eof = l->anchor.eof;
    rep->keys.buf = l->keys;
    rep->keys.len = l->bytes;
    rep->key_lens = l->lens;
    rep->key_lens_nr = l->lens != NULL ? l->nr : 0;
    rep->oids = l->oids;
    rep->oids_nr = l->oids != NULL ? l->nr : 0;
    rep->recxs = l->recxs;
    rep->recxs_nr = l->recxs != NULL ? l->nr : 0;
    rep->epochs = l->epochs;
    rep->epochs_nr = l->nr;
    rep->rec_size = l->rec_size;
    rep->type = l->type;
    return 0;
}

bool list_inline(struct shard *s, struct net_req *req)
{
    struct listing l = {.req = req};
    int rc = prepare(&l);

    if (rc != 0) {
        shard_reply(s, req, rc, 0);
        return true;
    }
    if (!heap_trylock(s->heap))
        return false;
    rc = run(s, &l);
    if (shard_again(rc)) {
        heap_miss_clear(s->heap);
        heap_unlock(s->heap);
        return false;
    }
    shard_reply_unlock(s, req, finish(&l, rc), l.lsn);
    return true;
}

void list_fiber(struct shard *s, struct net_req *req)
{
    struct listing l = {.req = req};
    int rc = prepare(&l);

    if (rc == 0) {
        rc = shard_run(s, run, &l);
        rc = finish(&l, rc);
    }
    shard_reply(s, req, rc, l.lsn);
}
