/*
 * Containers: create, open, close, destroy, query, properties.
 *
 * A request names the container's handle by the uuid the service gave for it; what the client needs
 * at every operation (rights, redundancy, cell size) comes with the open and stays in struct cont.
 */
#include <daos.h>
#include <daos/common.h>
#include <string.h>
#include "base/fail.h"
#include "client/cont.h"
#include "client/op.h"
#include "client/pool.h"
#include "client/prop_desc.h"

void cont_info_out(const struct msg_cont_info *m, daos_cont_info_t *info)
{
    memset(info, 0, sizeof(*info));
    memcpy(info->ci_uuid, m->uuid, sizeof(info->ci_uuid));
    info->ci_lsnapshot = m->latest_snapshot;
    info->ci_nhandles = m->handles;
    info->ci_nsnapshots = m->snapshots;
    info->ci_md_otime = m->open_time;
    info->ci_md_mtime = m->modify_time;
}

/* ---- Create ---- */

struct create {
    daos_handle_t poh;
    const char *label; /* replaces one in prop; NULL: prop's */
    daos_prop_t *prop;
    uuid_t *uuid;
};

/* A random UUID of version 4, from the world's random numbers. */
static void uuid_random(uuid_t out)
{
    rt_random_bytes(out, sizeof(uuid_t));
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

/* The list to send: prop's entries but its label, then the label. */
static uint32_t create_props(const struct create *a, struct msg_prop *all)
{
    struct msg_prop mine[DAOS_PROP_ENTRIES_MAX_NR];
    uint32_t i, n = 0;

    prop_to_msg(a->prop, mine);
    for (i = 0; a->prop != NULL && i < a->prop->dpp_nr; i++)
        if (a->label == NULL || mine[i].type != DAOS_PROP_CO_LABEL)
            all[n++] = mine[i];
    if (a->label != NULL)
        all[n++] = (struct msg_prop){.type = DAOS_PROP_CO_LABEL, .text = a->label};
    return n;
}

static int create_body(struct client *c, void *args)
{
    struct create *a = args;
    struct msg_prop props[DAOS_PROP_ENTRIES_MAX_NR + 1];
    struct msg_cont_create_req q = {.props = props};
    struct net_call call;
    struct pool *p = pool_get(c, a->poh);
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    uuid_random(q.uuid);
    q.props_nr = create_props(a, props);
    rc = call_wait(c, p->conn->peer, &call, MSG_CONT_CREATE, &q, NULL);
    net_call_fini(&call);
    handle_put(&p->h);
    if (rc == 0 && a->uuid != NULL)
        memcpy(*a->uuid, q.uuid, sizeof(q.uuid));
    return rc;
}

/* What a creator may state: no computed values. */
static bool create_prop_valid(daos_prop_t *prop)
{
    uint32_t i;

    if (prop == NULL)
        return true;
    if (!daos_prop_valid(prop, false, true))
        return false;
    for (i = 0; i < prop->dpp_nr; i++)
        if (prop_desc_of(prop->dpp_entries[i].dpe_type)->access == PROP_RO)
            return false;
    return true;
}

int daos_cont_create2(daos_handle_t poh, uuid_t *uuid, daos_prop_t *cont_prop, daos_event_t *ev)
{
    struct create a = {poh, NULL, cont_prop, uuid};

    if (!create_prop_valid(cont_prop))
        return -DER_INVAL;
    return client_run(ev, create_body, &a, sizeof(a));
}

int daos_cont_create_with_label(daos_handle_t poh, const char *label, daos_prop_t *cont_prop,
                                uuid_t *uuid, daos_event_t *ev)
{
    struct create a = {poh, label, cont_prop, uuid};

    if (!daos_label_is_valid(label) || strcmp(label, DAOS_PROP_CO_LABEL_DEFAULT) == 0 ||
        !create_prop_valid(cont_prop))
        return -DER_INVAL;
    return client_run(ev, create_body, &a, sizeof(a));
}

/* ---- Open ---- */

static void cont_free(struct hobj *h)
{
    struct cont *co = CONTAINER_OF(h, struct cont, h);

    atomic_fetch_sub(&co->pool->conts, 1);
    handle_put(&co->pool->h);
    base_free(co);
}

static void props_in(struct cont *co, const struct msg_prop *props, uint32_t nr)
{
    uint32_t i;

    for (i = 0; i < nr; i++) {
        switch (props[i].type) {
        case DAOS_PROP_CO_REDUN_FAC:
            co->redun_fac = (uint32_t)props[i].val;
            break;
        case DAOS_PROP_CO_REDUN_LVL:
            co->redun_lvl = (uint32_t)props[i].val;
            break;
        case DAOS_PROP_CO_EC_CELL_SZ:
            co->ec_cell = (uint32_t)props[i].val;
            break;
        default:
            break;
        }
    }
}

int cont_new(struct client *c, struct pool *p, const struct cont *like, daos_handle_t *coh)
{
    struct cont *co = base_alloc(sizeof(*co));
    int rc;

    if (co == NULL)
        return -DER_NOMEM;
    *co = *like;
    co->client = c;
    co->pool = p;
    co->objs = 0;
    co->h = (struct hobj){.free = cont_free};
    rc = handle_open(c->handles, &co->h, DAOS_HTYPE_CO, coh);
    if (rc) {
        base_free(co);
        return rc;
    }
    handle_ref(&p->h);
    atomic_fetch_add(&p->conts, 1);
    return 0;
}

struct open_args {
    daos_handle_t poh;
    const char *cont;
    unsigned int flags;
    daos_handle_t *coh;
    daos_cont_info_t *info;
};

static void open_failed(const struct open_args *a, int rc)
{
    struct err e = {0};
    const char *why = d_errdesc(rc), *next = "";

    switch (rc) {
    case -DER_NONEXIST:
        why = "the pool has no container of that label or UUID";
        next = "list them with `daos cont list POOL`";
        break;
    case -DER_NO_PERM:
        why = "its access control list does not let you do that";
        next = "ask the owner, or open it read-only";
        break;
    case -DER_BUSY:
        why = "it is open elsewhere, and exclusive use was asked for here or there";
        next = "close the other handles first";
        break;
    case -DER_RF:
        why = "it lost more copies than its redundancy factor allows";
        next = "`daos cont set-prop POOL CONT --properties status:healthy` accepts the loss";
        break;
    default:
        break;
    }
    err_setf(&e, rc, next, why, "cannot open container %s", a->cont);
    client_error(&e);
}

static int send_open(struct client *c, struct cont *co, const struct open_args *a)
{
    struct msg_cont_open_req q = {.cont = a->cont, .flags = a->flags | DAOS_COO_NEW_LAYOUT};
    struct msg_cont_open_rep r = {0};
    struct net_call call;
    int rc;

    memcpy(q.hdl, co->pool->hdl, sizeof(q.hdl));
    rc = call_wait(c, cont_peer(co), &call, MSG_CONT_OPEN, &q, &r);
    if (rc == 0) {
        memcpy(co->uuid, r.info.uuid, sizeof(co->uuid));
        memcpy(co->hdl, r.hdl, sizeof(co->hdl));
        co->caps = r.caps;
        props_in(co, r.props, r.props_nr);
        if (a->info != NULL)
            cont_info_out(&r.info, a->info);
    }
    net_call_fini(&call);
    return rc;
}

/* The handle comes first: once it is open on the other side, which may have closed others for it,
 * nothing may fail any more. */
static int open_body(struct client *c, void *args)
{
    struct open_args *a = args;
    struct cont like = {.flags = a->flags, .redun_lvl = DAOS_PROP_CO_REDUN_DEFAULT};
    struct pool *p = pool_get(c, a->poh);
    daos_handle_t coh;
    struct cont *co;
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    rc = cont_new(c, p, &like, &coh);
    handle_put(&p->h);
    if (rc == 0) {
        co = cont_get(c, coh);
        rc = send_open(c, co, a);
        if (rc == 0)
            *a->coh = coh;
        else
            handle_close(&co->h);
        handle_put(&co->h);
    }
    if (rc)
        open_failed(a, rc);
    return rc;
}

/* Exactly one of RO, RW, EX; the modifiers only with what they modify. */
static bool open_flags_valid(unsigned int flags)
{
    if ((flags & ~DAOS_COO_MASK) != 0 || __builtin_popcount(flags & DAOS_COO_IO_BASE_MASK) != 1)
        return false;
    if ((flags & DAOS_COO_RO_MDSTATS) && !(flags & DAOS_COO_RO))
        return false;
    if ((flags & DAOS_COO_EVICT) && (flags & DAOS_COO_EX))
        return false;
    return !(flags & DAOS_COO_EVICT_ALL) || (flags & DAOS_COO_EX);
}

static bool cont_name_valid(const char *name)
{
    return daos_label_is_valid(name) || daos_is_valid_uuid_string(name, UUID_SST_NONE);
}

int daos_cont_open2(daos_handle_t poh, const char *cont, unsigned int flags, daos_handle_t *coh,
                    daos_cont_info_t *info, daos_event_t *ev)
{
    struct open_args a = {poh, cont, flags, coh, info};

    if (coh == NULL || !cont_name_valid(cont) || !open_flags_valid(flags))
        return -DER_INVAL;
    return client_run(ev, open_body, &a, sizeof(a));
}

/* ---- Close, destroy ---- */

static int close_body(struct client *c, void *args)
{
    struct cont *co = cont_get(c, *(daos_handle_t *)args);
    struct msg_cont_close_req q;
    struct net_call call;
    int rc = 0;

    if (co == NULL)
        return -DER_NO_HDL;
    if (atomic_load(&co->objs) > 0)
        rc = -DER_BUSY;
    if (rc == 0 && !co->slave) {
        memcpy(q.hdl, co->hdl, sizeof(q.hdl));
        rc = call_wait(c, cont_peer(co), &call, MSG_CONT_CLOSE, &q, NULL);
        net_call_fini(&call);
        /* Evicted meanwhile, or destroyed by force: gone on the other side already. */
        if (rc == -DER_NO_HDL || rc == -DER_NONEXIST)
            rc = 0;
    }
    if (rc == 0 && !handle_close(&co->h))
        rc = -DER_NO_HDL;
    handle_put(&co->h);
    return rc;
}

void cont_abandon(struct hobj *o)
{
    struct cont *co = CONTAINER_OF(o, struct cont, h);
    struct msg_cont_close_req q;
    struct net_call call;

    if (co->slave)
        return;
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    call_wait_ms(co->client, cont_peer(co), &call, MSG_CONT_CLOSE, &q, NULL, CLIENT_LEAVE_MS);
    net_call_fini(&call);
}

int daos_cont_close(daos_handle_t coh, daos_event_t *ev)
{
    return client_run(ev, close_body, &coh, sizeof(coh));
}

struct destroy {
    daos_handle_t poh;
    const char *cont;
    int force;
};

static int destroy_body(struct client *c, void *args)
{
    struct destroy *a = args;
    struct msg_cont_destroy_req q = {.cont = a->cont, .force = a->force != 0};
    struct net_call call;
    struct pool *p = pool_get(c, a->poh);
    int rc;

    if (p == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, p->hdl, sizeof(q.hdl));
    rc = call_wait(c, p->conn->peer, &call, MSG_CONT_DESTROY, &q, NULL);
    net_call_fini(&call);
    handle_put(&p->h);
    return rc;
}

int daos_cont_destroy2(daos_handle_t poh, const char *cont, int force, daos_event_t *ev)
{
    struct destroy a = {poh, cont, force};

    if (!cont_name_valid(cont))
        return -DER_INVAL;
    return client_run(ev, destroy_body, &a, sizeof(a));
}

/* ---- Query, properties ---- */

struct query {
    daos_handle_t coh;
    daos_cont_info_t *info;
    daos_prop_t *prop;
};

static int query_body(struct client *c, void *args)
{
    struct query *a = args;
    uint32_t types[DAOS_PROP_ENTRIES_MAX_NR];
    struct msg_cont_query_req q = {0};
    struct msg_cont_query_rep r = {0};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    bool all = false;
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    if (a->prop != NULL) {
        q.props_nr = prop_wanted(a->prop, types, &all);
        q.props = types;
        q.all_props = all;
    }
    rc = call_wait(c, cont_peer(co), &call, MSG_CONT_QUERY, &q, &r);
    if (rc == 0 && a->prop != NULL)
        rc = prop_fill(a->prop, r.props, r.props_nr);
    if (rc == 0 && a->info != NULL)
        cont_info_out(&r.info, a->info);
    net_call_fini(&call);
    handle_put(&co->h);
    return rc;
}

int daos_cont_query(daos_handle_t coh, daos_cont_info_t *info, daos_prop_t *cont_prop,
                    daos_event_t *ev)
{
    struct query a = {coh, info, cont_prop};

    if (cont_prop != NULL && cont_prop->dpp_nr > DAOS_PROP_ENTRIES_MAX_NR)
        return -DER_INVAL;
    return client_run(ev, query_body, &a, sizeof(a));
}

struct set_prop {
    daos_handle_t coh;
    daos_prop_t *prop;
};

static int set_prop_body(struct client *c, void *args)
{
    struct set_prop *a = args;
    struct msg_prop msgs[DAOS_PROP_ENTRIES_MAX_NR];
    struct msg_cont_set_prop_req q = {.props = msgs, .props_nr = a->prop->dpp_nr};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    prop_to_msg(a->prop, msgs);
    rc = call_wait(c, cont_peer(co), &call, MSG_CONT_SET_PROP, &q, NULL);
    net_call_fini(&call);
    handle_put(&co->h);
    return rc;
}

int daos_cont_set_prop(daos_handle_t coh, daos_prop_t *prop, daos_event_t *ev)
{
    struct set_prop a = {coh, prop};
    uint32_t i;

    if (!daos_prop_valid(prop, false, true) || prop->dpp_nr == 0)
        return -DER_INVAL;
    for (i = 0; i < prop->dpp_nr; i++) {
        uint32_t type = prop->dpp_entries[i].dpe_type;

        if (type == DAOS_PROP_CO_GLOBAL_VERSION || type == DAOS_PROP_CO_OBJ_VERSION)
            return -DER_INVAL;
    }
    return client_run(ev, set_prop_body, &a, sizeof(a));
}

static int status_clear_body(struct client *c, void *args)
{
    struct daos_prop_entry e = {
        .dpe_type = DAOS_PROP_CO_STATUS,
        .dpe_val = DAOS_PROP_CO_STATUS_VAL(DAOS_PROP_CO_HEALTHY, DAOS_PROP_CO_CLEAR, 0),
    };
    daos_prop_t prop = {.dpp_nr = 1, .dpp_entries = &e};
    struct set_prop a = {*(daos_handle_t *)args, &prop};

    return set_prop_body(c, &a);
}

int daos_cont_status_clear(daos_handle_t coh, daos_event_t *ev)
{
    return client_run(ev, status_clear_body, &coh, sizeof(coh));
}

/* ---- Object ids, history ---- */

struct alloc_oids {
    daos_handle_t coh;
    daos_size_t num;
    uint64_t *oid;
};

static int alloc_oids_body(struct client *c, void *args)
{
    struct alloc_oids *a = args;
    struct msg_oid_alloc_req q = {.count = a->num};
    struct msg_oid_alloc_rep r = {0};
    struct net_call call;
    struct cont *co = cont_get(c, a->coh);
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    if (co->flags & DAOS_COO_RO) {
        handle_put(&co->h);
        return -DER_NO_PERM;
    }
    memcpy(q.hdl, co->hdl, sizeof(q.hdl));
    rc = call_wait(c, cont_peer(co), &call, MSG_OID_ALLOC, &q, &r);
    net_call_fini(&call);
    handle_put(&co->h);
    if (rc == 0)
        *a->oid = r.first;
    return rc;
}

int daos_cont_alloc_oids(daos_handle_t coh, daos_size_t num_oids, uint64_t *oid, daos_event_t *ev)
{
    struct alloc_oids a = {coh, num_oids, oid};

    if (num_oids == 0 || oid == NULL)
        return -DER_INVAL;
    return client_run(ev, alloc_oids_body, &a, sizeof(a));
}

int cont_ask(struct client *c, daos_handle_t coh, uint16_t opcode, void *q, uint8_t hdl[16])
{
    struct net_call call;
    struct cont *co = cont_get(c, coh);
    int rc;

    if (co == NULL)
        return -DER_NO_HDL;
    memcpy(hdl, co->hdl, sizeof(co->hdl));
    rc = call_wait(c, cont_peer(co), &call, opcode, q, NULL);
    net_call_fini(&call);
    handle_put(&co->h);
    return rc;
}

struct at_epoch {
    daos_handle_t coh;
    daos_epoch_t epoch;
};

static int aggregate_body(struct client *c, void *args)
{
    struct at_epoch *a = args;
    struct msg_cont_aggregate_req q = {.epoch = a->epoch};

    return cont_ask(c, a->coh, MSG_CONT_AGGREGATE, &q, q.hdl);
}

int daos_cont_aggregate(daos_handle_t coh, daos_epoch_t epoch, daos_event_t *ev)
{
    struct at_epoch a = {coh, epoch};

    return epoch == DAOS_EPOCH_MAX ? -DER_INVAL : client_run(ev, aggregate_body, &a, sizeof(a));
}

static int rollback_body(struct client *c, void *args)
{
    struct at_epoch *a = args;
    struct msg_cont_rollback_req q = {.epoch = a->epoch};

    return cont_ask(c, a->coh, MSG_CONT_ROLLBACK, &q, q.hdl);
}

int daos_cont_rollback(daos_handle_t coh, daos_epoch_t epoch, daos_event_t *ev)
{
    struct at_epoch a = {coh, epoch};

    return epoch == 0 || epoch == DAOS_EPOCH_MAX ? -DER_INVAL
                                                 : client_run(ev, rollback_body, &a, sizeof(a));
}

int daos_cont_subscribe(daos_handle_t coh, daos_epoch_t *epoch, daos_event_t *ev)
{
    return -DER_NOSYS;
}
