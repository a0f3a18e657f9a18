/*
 * Updates of several targets: what each has to do.
 *
 * An operation on a dkey goes to its target. One on a whole object goes to all of its groups: a
 * punch, and checks that must hold everywhere. That an object exists, though, may be true in one
 * group and not in others: which one is found out first, with questions at one epoch, and the check
 * is made there.
 */
#include <daos_errno.h>
#include <string.h>
#include "client/op.h"
#include "client/route_int.h"
#include "net/msg.h"

#define PARTS_MAX 64u
#define OPS_MAX   64u /* of a part */
#define NOWHERE   UINT32_MAX

static bool of_object(const struct msg_op *m)
{
    return m->kind != MSG_OP_UPDATE && m->level == MSG_OBJ;
}

static bool exists_somewhere(const struct msg_op *m)
{
    if (!of_object(m))
        return false;
    return m->kind == MSG_OP_PUNCH ? (m->cond & DAOS_COND_PUNCH) != 0
                                   : m->check == MSG_CHECK_EXISTS;
}

/* ---- Where objects are ---- */

static void ask_where(struct op *op, uint32_t i)
{
    const struct msg_op *m = &op->walk.update.ops[i];

    op->walk.find = i;
    op->req.probe = (struct msg_obj_probe_req){.level = MSG_OBJ, .oid = m->oid};
    memcpy(op->req.probe.hdl, op->walk.update.hdl, sizeof(op->req.probe.hdl));
}

/* The next operation behind `from` that has to be found; NOWHERE: none. */
static uint32_t next_to_find(const struct op *op, const struct msg_obj_update_req *q, uint32_t from)
{
    for (uint32_t i = from; i < q->ops_nr; i++)
        if (exists_somewhere(&q->ops[i]) && route_groups(op->co, q->ops[i].oid) > 1)
            return i;
    return NOWHERE;
}

/* ---- Parts ---- */

struct parts {
    struct msg_part *part;
    struct msg_op *op; /* room of all */
    uint32_t nr, ops_nr;
    /* of each operation of each part, in the order they were met */
    struct {
        uint32_t target;
        struct msg_op m;
    } * met;
    uint32_t met_nr;
};

static int meet(const struct op *op, struct parts *p, const struct msg_op *m, uint32_t group)
{
    p->met[p->met_nr].m = *m;
    return route_group(op->co, m->oid, group, &p->met[p->met_nr++].target);
}

/* One on a whole object. found: the group it exists in, if that was asked. */
static int meet_object(const struct op *op, struct parts *p, const struct msg_op *m, uint32_t found)
{
    uint32_t nr = route_groups(op->co, m->oid);
    int rc = 0;

    if (m->kind == MSG_OP_CHECK && m->check == MSG_CHECK_EXISTS && found != NOWHERE)
        return meet(op, p, m, found);
    for (uint32_t g = 0; g < nr && rc == 0; g++) {
        struct msg_op mine = *m;

        if (g != found && found != NOWHERE)
            mine.cond = 0;
        rc = meet(op, p, &mine, g);
    }
    return rc;
}

/* Nothing but this dkey: elsewhere there is nothing at all. */
static int meet_only(const struct op *op, struct parts *p, const struct msg_op *m)
{
    uint32_t nr = route_groups(op->co, m->oid), own, target;
    int rc = route_dkey(op->co, m->oid, m->dkey.buf, m->dkey.len, &own);

    for (uint32_t g = 0; g < nr && rc == 0; g++) {
        struct msg_op mine = *m;

        rc = route_group(op->co, m->oid, g, &target);
        if (rc != 0)
            break;
        if (target != own) {
            mine.check = MSG_CHECK_EMPTY;
            mine.level = MSG_OBJ;
            mine.dkey = (struct msg_buf){0};
        }
        rc = meet(op, p, &mine, g);
    }
    return rc;
}

static int meet_one(const struct op *op, struct parts *p, const struct msg_op *m, uint32_t found)
{
    if (of_object(m))
        return meet_object(op, p, m, found);
    if (m->kind == MSG_OP_CHECK && m->check == MSG_CHECK_ONLY)
        return meet_only(op, p, m);
    p->met[p->met_nr].m = *m;
    return route_dkey(op->co, m->oid, m->dkey.buf, m->dkey.len, &p->met[p->met_nr++].target);
}

static struct msg_part *part_of(struct parts *p, uint32_t target)
{
    for (uint32_t i = 0; i < p->nr; i++)
        if (p->part[i].target == target)
            return &p->part[i];
    if (p->nr == PARTS_MAX)
        return NULL;
    p->part[p->nr] = (struct msg_part){.target = target};
    return &p->part[p->nr++];
}

/* Puts together what was met; the target of the first change leads. */
static int sort(struct parts *p)
{
    uint32_t first = 0;

    while (first < p->met_nr && p->met[first].m.kind == MSG_OP_CHECK)
        first++;
    part_of(p, p->met[first < p->met_nr ? first : 0].target);
    for (uint32_t i = 0; i < p->met_nr; i++) {
        struct msg_part *part = part_of(p, p->met[i].target);

        if (part == NULL || ++part->ops_nr > OPS_MAX)
            return -DER_OVERFLOW;
    }
    for (uint32_t k = 0; k < p->nr; k++) {
        p->part[k].ops = &p->op[p->ops_nr];
        for (uint32_t i = 0; i < p->met_nr; i++)
            if (p->met[i].target == p->part[k].target)
                p->op[p->ops_nr++] = p->met[i].m;
    }
    return 0;
}

static int split(struct op *op, const struct msg_obj_update_req *q, const uint32_t *found,
                 struct parts *p)
{
    uint32_t max = 0;
    int rc = 0;

    for (uint32_t i = 0; i < q->ops_nr; i++) {
        bool only = q->ops[i].kind == MSG_OP_CHECK && q->ops[i].check == MSG_CHECK_ONLY;

        max += of_object(&q->ops[i]) || only ? route_groups(op->co, q->ops[i].oid) : 1;
    }
    *p = (struct parts){.part = op_alloc(op, MIN(max, PARTS_MAX) * sizeof(*p->part)),
                        .op = op_alloc(op, max * sizeof(*p->op)),
                        .met = op_alloc(op, max * sizeof(*p->met))};
    if (p->part == NULL || p->op == NULL || p->met == NULL)
        return -DER_NOMEM;
    for (uint32_t i = 0; i < q->ops_nr && rc == 0; i++)
        rc = meet_one(op, p, &q->ops[i], found != NULL ? found[i] : NOWHERE);
    return rc != 0 ? rc : sort(p);
}

/* Everything is known: one target's own update, or a transaction. */
static int make(struct op *op, const struct msg_obj_update_req *q, const uint32_t *found,
                uint16_t *opcode)
{
    struct msg_obj_tx_req tx = {{0}};
    struct msg_obj_update_req one = *q;
    struct parts p;
    int rc = split(op, q, found, &p);

    if (rc != 0)
        return rc;
    op->call.hdr.target = p.part[0].target;
    if (p.nr == 1) {
        one.ops = p.part[0].ops;
        one.ops_nr = p.part[0].ops_nr;
        op->req.update = one;
        *opcode = MSG_OBJ_UPDATE;
        return 0;
    }
    memcpy(tx.hdl, q->hdl, sizeof(tx.hdl));
    tx.parts = p.part;
    tx.parts_nr = p.nr;
    op->req.tx = tx;
    *opcode = MSG_OBJ_TX;
    return 0;
}

/* Most have one operation, on one dkey. */
static bool simple(const struct msg_obj_update_req *q)
{
    const struct msg_op *m = &q->ops[0];

    return q->ops_nr == 1 && !of_object(m) && m->kind != MSG_OP_CHECK;
}

int route_update(struct op *op, uint16_t *opcode)
{
    const struct msg_obj_update_req *q = &op->req.update;
    uint32_t find;

    if (simple(q))
        return route_dkey(op->co, q->ops[0].oid, q->ops[0].dkey.buf, q->ops[0].dkey.len,
                          &op->call.hdr.target);
    find = next_to_find(op, q, 0);
    if (find == NOWHERE) {
        struct msg_obj_update_req whole = *q;

        return make(op, &whole, NULL, opcode);
    }
    op->walk = (struct route_walk){
        .finding = true, .update = *q, .where = op_alloc(op, q->ops_nr * sizeof(uint32_t))};
    if (op->walk.where == NULL)
        return -DER_NOMEM;
    op->walk.bulk_nr = op->call.bulk_nr;
    op->call.bulk_nr = 0;
    for (uint32_t i = 0; i < op->walk.update.ops_nr; i++)
        op->walk.where[i] = NOWHERE;
    *opcode = MSG_OBJ_PROBE;
    ask_where(op, find);
    return route_group(op->co, op->req.probe.oid, 0, &op->call.hdr.target);
}

/* Is it in the group that answered? Then nobody else is asked. */
static bool ask_on(struct op *op)
{
    struct route_walk *w = &op->walk;
    uint32_t groups = route_groups(op->co, op->req.probe.oid);

    if (op->call.rc == 0) {
        w->where[w->find] = w->at;
        return false;
    }
    if (op->call.rc != -DER_NONEXIST || w->at + 1 >= groups)
        return false;
    op->req.probe.epoch = op->rep.probe.read_at; /* all at one moment */
    op->call.rc = route_group(op->co, op->req.probe.oid, ++w->at, &op->asked.target);
    if (op->call.rc != 0)
        return false;
    route_again(op);
    return true;
}

bool route_found(struct op *op)
{
    struct route_walk *w = &op->walk;
    uint16_t opcode = MSG_OBJ_UPDATE;
    uint32_t find;

    if (ask_on(op))
        return true;
    if (op->call.rc == -DER_TX_RESTART) { /* that moment is past: what was there is not kept */
        w->at = 0;
        op->req.probe.epoch = 0;
        op->call.rc = route_group(op->co, op->req.probe.oid, 0, &op->asked.target);
        if (op->call.rc == 0)
            route_again(op);
        return op->call.rc == 0;
    }
    if (op->call.rc != 0)
        return false;
    w->at = 0;
    find = next_to_find(op, &w->update, w->find + 1);
    if (find != NOWHERE) {
        ask_where(op, find);
        op->call.rc = route_group(op->co, op->req.probe.oid, 0, &op->asked.target);
        if (op->call.rc == 0)
            route_again(op);
        return op->call.rc == 0;
    }
    w->finding = false;
    op->call.bulk_nr = w->bulk_nr;
    op->call.rc = make(op, &w->update, w->where, &opcode);
    if (op->call.rc == 0)
        op->call.rc = op_stamp(op, opcode);
    return op->call.rc == 0;
}
