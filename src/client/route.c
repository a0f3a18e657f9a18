/* Reads: see route.h. Updates: route_tx.c. */
#include "client/route.h"

#include <daos_errno.h>
#include <string.h>
#include "base/mutant.h"
#include "client/op.h"
#include "client/route_int.h"
#include "place/place.h"

static const struct place_map *map_of(const struct cont *co)
{
    return co->pool->conn->map;
}

static enum place_level level_of(const struct cont *co)
{
    return co->redun_lvl == DAOS_PROP_CO_REDUN_RANK ? PLACE_RANK : PLACE_NODE;
}

uint32_t route_targets(const struct cont *co)
{
    uint32_t nr;

    place_map_targets(map_of(co), &nr);
    return nr;
}

uint32_t route_groups(const struct cont *co, daos_obj_id_t oid)
{
    uint32_t nr = route_targets(co) > 1 ? place_groups(map_of(co), oid, level_of(co)) : 1;

    return MAX(nr, 1u);
}

int route_group(const struct cont *co, daos_obj_id_t oid, uint32_t group, uint32_t *target)
{
    *target = 0;
    return route_targets(co) == 1
               ? 0
               : place_group_target(map_of(co), oid, level_of(co), group, target);
}

uint32_t route_dkey_group(const struct cont *co, daos_obj_id_t oid, const void *dkey, size_t len)
{
    uint32_t nr = route_groups(co, oid);

    return nr > 1 ? place_dkey_group(oid, dkey, len, nr) : 0;
}

int route_dkey(const struct cont *co, daos_obj_id_t oid, const void *dkey, size_t len,
               uint32_t *target)
{
    return route_group(co, oid, route_dkey_group(co, oid, dkey, len), target);
}

/* ---- One group after the other ---- */

static int walk_groups(struct op *op, daos_obj_id_t oid, uint32_t first, uint32_t end)
{
    op->walk = (struct route_walk){.oid = oid, .at = first, .end = end};
    return route_group(op->co, oid, first, &op->call.hdr.target);
}

/* Sends the request to the next group; true if there is one. */
static bool go_on(struct op *op)
{
    int rc;

    if (op->walk.at + 1 >= op->walk.end)
        return false;
    rc = route_group(op->co, op->walk.oid, ++op->walk.at, &op->asked.target);
    if (rc != 0) {
        op->call.rc = rc;
        return false;
    }
    route_again(op);
    return true;
}

void route_again(struct op *op)
{
    /* the others are read as the first one was */
    if (op->tx != NULL && *op_epoch(op) == 0)
        *op_epoch(op) = *op_read_at(op);
    op->asked.hlc = MAX(op->asked.hlc, op->call.hdr.hlc);
    op->call.hdr = op->asked;
}

/*
 * Questions about all groups are answered for one moment, so that a change of several targets is
 * seen whole: the first group says which (epoch 0), and the others are read at it. Clocks differ
 * between engines. So if another group has changed since, that may have been over before this call
 * began, and all are asked once more: by then the first one has heard of the clocks of all.
 */
static int walk_at_once(struct op *op, daos_obj_id_t oid, uint32_t first, uint32_t end)
{
    int rc = walk_groups(op, oid, first, end);

    op->walk.first = first;
    op->walk.at_once = op->tx == NULL && end - first > 1 && *op_epoch(op) == DAOS_EPOCH_MAX &&
                       !MUTANT(CLIENT_WALK_NOW);
    if (op->walk.at_once)
        *op_epoch(op) = 0;
    return rc;
}

/* changed: of the group that answered, its newest; at least the epoch of the read if that is above
 * it. */
static void saw_change(struct op *op, uint64_t changed)
{
    struct route_walk *w = &op->walk;

    if (*op_epoch(op) == 0) /* the first group's answer: nothing is newer */
        *op_epoch(op) = *op_read_at(op);
    else if (changed >= *op_epoch(op))
        w->newer = true;
}

/* All is known, or that moment is past and what was there is not kept. True: all over again. */
static bool walk_again(struct op *op)
{
    struct route_walk *w = &op->walk;
    bool past = op->call.rc == -DER_TX_RESTART;

    if (!w->at_once || !(past || (w->newer && !w->second && !MUTANT(CLIENT_WALK_ONCE))))
        return false;
    w->second = w->second || !past;
    w->at = w->first;
    w->newer = w->found = false;
    memset(&w->best, 0, sizeof(w->best));
    *op_epoch(op) = 0;
    op->call.rc = route_group(op->co, w->oid, w->at, &op->asked.target);
    if (op->call.rc == 0)
        route_again(op);
    return op->call.rc == 0;
}

/* ---- Lists ---- */

static int begin_list(struct op *op)
{
    const struct msg_obj_list_req *q = &op->req.list;

    if (q->level == MSG_AKEY || q->level == MSG_RECX)
        return route_dkey(op->co, q->oid, q->dkey.buf, q->dkey.len, &op->call.hdr.target);
    if (q->level == MSG_OBJ) {
        op->call.hdr.target = op->first;
        return 0;
    }
    op->walk_anchor = q->anchor;
    return walk_at_once(op, q->oid, op->first,
                        op->last != 0 ? op->last : route_groups(op->co, q->oid));
}

/* A group that has nothing, or no more: the list goes on in the next one, with this answer if there
 * is anything in it. What one answer is put together from is of one moment, as far as the clocks of
 * the groups are one; a list of several answers is not. */
static bool next_list(struct op *op)
{
    struct msg_obj_list_rep *rep = &op->rep.list;

    if (op->call.rc != 0) {
        if (op->walk.at_once)
            op->req.list.anchor = op->walk_anchor;
        return walk_again(op);
    }
    if (op->walk.at_once)
        saw_change(op, rep->rec_size);
    /* it was ahead of those before it, which had nothing */
    if (op->walk.at_once && op->walk.newer &&
        (rep->key_lens_nr > 0 || op->walk.at + 1 >= op->walk.end)) {
        op->req.list.anchor = op->walk_anchor;
        if (walk_again(op))
            return true;
    }
    if (!rep->eof || op->walk.at + 1 >= op->walk.end)
        return false;
    op->req.list.anchor = (struct msg_buf){0};
    if (rep->key_lens_nr == 0)
        return go_on(op);
    rep->eof = false;
    rep->anchor = (struct msg_buf){0};
    op->walk.at++;
    return false;
}

/* ---- Smallest, largest, newest; existence ---- */

static int begin_query(struct op *op)
{
    const struct msg_obj_query_key_req *q = &op->req.query_key;

    if (q->flags != 0 && !(q->flags & DAOS_GET_DKEY))
        return route_dkey(op->co, q->oid, q->dkey.buf, q->dkey.len, &op->call.hdr.target);
    return walk_at_once(op, q->oid, 0, route_groups(op->co, q->oid));
}

static void merge_query(struct op *op)
{
    struct msg_obj_query_key_rep *rep = &op->rep.query_key, *best = &op->walk.best.query;
    bool max = op->req.query_key.flags & DAOS_GET_MAX;

    best->max_epoch = MAX(best->max_epoch, rep->max_epoch);
    if (op->call.rc != 0)
        return;
    if (!op->walk.found || (max ? rep->dkey > best->dkey : rep->dkey < best->dkey)) {
        uint64_t newest = best->max_epoch;

        *best = *rep;
        best->max_epoch = newest;
    }
    op->walk.found = true;
}

static bool next_query(struct op *op)
{
    if (op->walk.end <= 1)
        return false;
    if (op->call.rc != 0 && op->call.rc != -DER_NONEXIST)
        return walk_again(op);
    merge_query(op);
    op->walk.best.query.read_at = op->rep.query_key.read_at;
    if (op->walk.at_once)
        saw_change(op, op->rep.query_key.max_epoch);
    if (go_on(op) || walk_again(op))
        return true;
    if (op->call.rc == 0 || op->call.rc == -DER_NONEXIST) {
        op->rep.query_key = op->walk.best.query;
        op->call.rc = op->walk.found ? 0 : -DER_NONEXIST;
    }
    return false;
}

static int begin_probe(struct op *op)
{
    const struct msg_obj_probe_req *q = &op->req.probe;

    if (q->level != MSG_OBJ)
        return route_dkey(op->co, q->oid, q->dkey.buf, q->dkey.len, &op->call.hdr.target);
    return walk_at_once(op, q->oid, op->first,
                        op->last != 0 ? op->last : route_groups(op->co, q->oid));
}

static bool next_probe(struct op *op)
{
    struct msg_obj_probe_rep *rep = &op->rep.probe;

    if (op->walk.end <= 1)
        return false;
    if (op->call.rc != 0 && op->call.rc != -DER_NONEXIST)
        return walk_again(op);
    op->walk.best.probe.changed = MAX(op->walk.best.probe.changed, rep->changed);
    op->walk.best.probe.read_at = rep->read_at;
    op->walk.found = op->walk.found || op->call.rc == 0;
    if (op->walk.at_once)
        saw_change(op, rep->changed);
    if (go_on(op) || walk_again(op))
        return true;
    if (op->call.rc == 0 || op->call.rc == -DER_NONEXIST) {
        *rep = op->walk.best.probe;
        op->call.rc = op->walk.found ? 0 : -DER_NONEXIST;
    }
    return false;
}

/* ---- Gathers: gets of one target after the other ---- */

struct gather {
    struct msg_get *gets;                    /* by target */
    uint32_t *target, *place, nr, done, now; /* of each: target; where the caller has it */
    struct msg_got *gots;                    /* in the caller's order */
    struct msg_fres *res;
};

static int gather_alloc(struct op *op, uint32_t nr, struct gather **out)
{
    struct gather *g = op_alloc(op, sizeof(*g));

    if (g == NULL)
        return -DER_NOMEM;
    *g = (struct gather){.gets = op_alloc(op, nr * sizeof(*g->gets)),
                         .target = op_alloc(op, nr * sizeof(*g->target)),
                         .place = op_alloc(op, nr * sizeof(*g->place)),
                         .gots = op_alloc(op, nr * sizeof(*g->gots)),
                         .res = op_alloc(op, nr * sizeof(*g->res)),
                         .nr = nr};
    *out = g;
    return g->gets && g->target && g->place && g->gots && g->res ? 0 : -DER_NOMEM;
}

/* The gets of the next target. */
static void gather_turn(struct op *op, struct gather *g, struct net_hdr *hdr)
{
    g->now = 1;
    while (g->done + g->now < g->nr && g->target[g->done + g->now] == g->target[g->done])
        g->now++;
    op->req.gather.gets = g->gets + g->done;
    op->req.gather.gets_nr = g->now;
    hdr->target = g->target[g->done];
}

static int begin_gather(struct op *op)
{
    const struct msg_obj_gather_req *q = &op->req.gather;
    uint32_t t, at;
    struct gather *g;
    int rc;

    rc = gather_alloc(op, q->gets_nr, &g);
    for (uint32_t i = 0; i < q->gets_nr && rc == 0; i++) {
        rc = route_dkey(op->co, q->gets[i].oid, q->gets[i].dkey.buf, q->gets[i].dkey.len, &t);
        for (at = i; rc == 0 && at > 0 && g->target[at - 1] > t; at--) {
            g->target[at] = g->target[at - 1];
            g->place[at] = g->place[at - 1];
        }
        if (rc == 0) {
            g->target[at] = t;
            g->place[at] = i;
        }
    }
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < q->gets_nr; i++)
        g->gets[i] = q->gets[g->place[i]];
    op->walk = (struct route_walk){.gather = g};
    gather_turn(op, g, &op->call.hdr);
    return 0;
}

static bool next_gather(struct op *op)
{
    struct msg_obj_gather_rep *rep = &op->rep.gather;
    struct gather *g = op->walk.gather;

    if (g == NULL || op->call.rc != 0 || rep->gots_nr != g->now)
        return false;
    for (uint32_t i = 0; i < g->now; i++) {
        uint32_t to = g->place[g->done + i];

        if (rep->gots[i].res_nr != 1)
            return false;
        g->res[to] = rep->gots[i].res[0];
        g->res[to].map_nr = 0;
        g->gots[to] = (struct msg_got){rep->gots[i].epoch, &g->res[to], 1};
    }
    g->done += g->now;
    if (g->done < g->nr) {
        gather_turn(op, g, &op->asked);
        route_again(op);
        return true;
    }
    rep->gots = g->gots;
    rep->gots_nr = op->req.gather.gets_nr = g->nr;
    return false;
}

/* ---- All of them ---- */

int route_begin(struct op *op, const struct cont *co, uint16_t *opcode)
{
    op->co = co;
    if (route_targets(co) == 1)
        return 0;
    switch (*opcode) {
    case MSG_OBJ_UPDATE:
        return route_update(op, opcode);
    case MSG_OBJ_FETCH:
        return route_dkey(co, op->req.fetch.oid, op->req.fetch.dkey.buf, op->req.fetch.dkey.len,
                          &op->call.hdr.target);
    case MSG_OBJ_LIST:
        return begin_list(op);
    case MSG_OBJ_QUERY_KEY:
        return begin_query(op);
    case MSG_OBJ_PROBE:
        return begin_probe(op);
    case MSG_OBJ_GATHER:
        return begin_gather(op);
    case MSG_OBJ_FOLLOW:
        return route_dkey(co, op->req.follow.oid, op->req.follow.dkey.buf, op->req.follow.dkey.len,
                          &op->call.hdr.target);
    default:
        return 0;
    }
}

bool route_next(struct op *op)
{
    if (op->walk.finding)
        return route_found(op);
    switch (op->asked.opcode) {
    case MSG_OBJ_LIST:
        return next_list(op);
    case MSG_OBJ_QUERY_KEY:
        return next_query(op);
    case MSG_OBJ_PROBE:
        return next_probe(op);
    case MSG_OBJ_GATHER:
        return next_gather(op);
    default:
        return false;
    }
}
