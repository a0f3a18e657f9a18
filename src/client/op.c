/* One request under way; see op.h. */
#include "client/op.h"

#include <sched.h>

#include <daos_errno.h>
#include "base/bare.h"
#include "base/fail.h"
#include "client/route.h"
#include "client/tx.h"

#define POOL_MAX    256u /* idle ops kept for reuse */
#define RENAMES_MAX 3u
#define GIVEN_UP_NS UINT64_C(600000000000) /* and until this is past */

/* Somebody may abort an op while its answer comes: what it holds stays until he is done with it. */
enum op_gate { GATE_OPEN, GATE_ABORTS, GATE_SHUT };

static void op_init(struct op *op, struct client *c)
{
    op->client = c;
    op->txid.session = NULL;
    op->renamed = 0;
    op->given_up_ns = 0;
    op->tx = NULL;
    op->asks = false;
    op->turn = NULL;
    op->holds_nr = 0;
    op->async = false;
    op->has_event = false;
    op->peer = NULL;
    op->gate = GATE_OPEN;
    op->finish = NULL;
    op->then = NULL;
    op->arg = NULL;
    op->arena_used = false;
    op->room_used = 0;
    op->first = op->last = 0;
    op->walk.end = 0;
    op->walk.at_once = false;
    op->walk.finding = false;
    op->walk.gather = NULL;
    net_call_init(&op->call, 0);
    op->call.bulk_nr = 0;
}

static struct op *pool_take(struct client *c)
{
    struct op *op;

    lock_short(&c->lock);
    op = c->op_free;
    if (op != NULL) {
        c->op_free = op->next;
        c->op_free_nr--;
    }
    rt_mutex_unlock(&c->lock);
    return op ? op : base_alloc(sizeof(*op));
}

static void pool_give(struct client *c, struct op *op)
{
    lock_short(&c->lock);
    if (c->op_free_nr < POOL_MAX) {
        op->next = c->op_free;
        c->op_free = op;
        c->op_free_nr++;
        op = NULL;
    }
    rt_mutex_unlock(&c->lock);
    base_free(op);
}

int op_begin(struct client *c, daos_event_t *ev, struct op *local, struct op **out)
{
    struct op *op = local;
    int rc;

    if (ev == NULL) {
        op_init(op, c);
        *out = op;
        return 0;
    }
    op = pool_take(c);
    if (op == NULL)
        return -DER_NOMEM;
    op_init(op, c);
    op->async = true;
    rc = event_launch_op(c, ev, op, &op->run);
    if (rc) {
        pool_give(c, op);
        return rc;
    }
    op->has_event = true;
    *out = op;
    return 0;
}

int op_begin_part(struct client *c, void (*then)(struct op *op, int rc), void *arg, struct op **out)
{
    struct op *op = pool_take(c);

    if (op == NULL)
        return -DER_NOMEM;
    op_init(op, c);
    op->async = true;
    op->then = then;
    op->arg = arg;
    *out = op;
    return 0;
}

void *op_alloc(struct op *op, size_t size)
{
    size_t need = ROUND_UP(size, (size_t)16);

    if (need <= OP_ROOM - op->room_used) {
        void *p = op->room + op->room_used;

        op->room_used += need;
        return p;
    }
    if (!op->arena_used) {
        arena_init(&op->arena, 0);
        op->arena_used = true;
    }
    return arena_alloc(&op->arena, size);
}

void op_hold(struct op *op, struct hobj *o)
{
    ASSERT(op->holds_nr < OP_HOLDS);
    op->holds[op->holds_nr++] = o;
}

static void op_unhold(struct op *op)
{
    while (op->holds_nr > 0)
        handle_put(op->holds[--op->holds_nr]);
}

/* Gives back everything but the op's own memory. */
static void op_release(struct op *op)
{
    session_end(&op->client->sessions, &op->txid);
    net_call_fini(&op->call);
    if (op->arena_used)
        arena_fini(&op->arena);
    op_unhold(op);
}

int op_fail(struct op *op, int rc)
{
    struct client *c = op->client;

    op_release(op);
    if (op->has_event)
        event_unlaunch(&op->run);
    if (op->async)
        pool_give(c, op);
    return rc;
}

/* Takes over the clock of an answer. */
static void hear(struct client *c, const struct net_call *call)
{
    if (call->hdr.hlc > hlc_peek(&c->clock) && !MUTANT(CLIENT_CLOCK_ALONE))
        hlc_raise(&c->clock, call->hdr.hlc);
}

/* The answer is there (or none will come). */
static int op_end(struct op *op, int rc)
{
    hear(op->client, &op->call);
    if (rc == -DER_TX_UNCERTAIN)
        session_refused(&op->client->sessions, &op->txid);
    if (op->asks)
        tx_answered(op, rc);
    if (op->finish != NULL)
        rc = op->finish(op, rc);
    if (rc == -DER_TX_RESTART && op->tx != NULL)
        tx_failed(op->tx);
    return rc;
}

/* Fills what every request carries. */
static int stamp(struct client *c, struct net_call *call, struct txid *id, uint16_t opcode)
{
    int rc;

    call->hdr.opcode = opcode;
    call->hdr.hlc = hlc_get(&c->clock, rt_wall_ns());
    if (msg_info(opcode)->flags & MSG_CHANGES && !(BARE_UPDATES && opcode == MSG_OBJ_UPDATE)) {
        rc = session_begin(&c->sessions, &c->clock, id);
        if (rc)
            return rc;
        call->hdr.session_hlc = id->hlc;
        call->hdr.session_rand = id->rand;
        call->hdr.seq = id->seq;
        call->hdr.acked = id->acked;
    }
    return 0;
}

/* An engine answers -DER_STALE to the first copy of a request whose session it may have forgotten:
 * nothing was done, and of no other copy will anything be. So it goes once more, under a new name.
 * False: it does not, and call->rc says why. */
static bool renamed(struct client *c, struct net_call *call, struct txid *id,
                    const struct net_hdr *asked, uint32_t *times)
{
    if (call->rc != -DER_STALE || id->session == NULL || MUTANT(CLIENT_NO_RENAME))
        return false;
    if (++*times > RENAMES_MAX) {
        call->rc = -DER_HLC_SYNC; /* its clock is behind, and does not follow */
        return false;
    }
    hear(c, call);
    session_refused(&c->sessions, id);
    session_end(&c->sessions, id);
    call->hdr = *asked;
    call->rc = stamp(c, call, id, asked->opcode);
    return call->rc == 0;
}

static bool op_renamed(struct op *op)
{
    return renamed(op->client, &op->call, &op->txid, &op->asked, &op->renamed);
}

int op_stamp(struct op *op, uint16_t opcode)
{
    uint32_t target = op->call.hdr.target;
    int rc;

    op->call.hdr = (struct net_hdr){.proto = NET_PROTO, .target = target};
    rc = stamp(op->client, &op->call, &op->txid, opcode);
    op->asked = op->call.hdr;
    return rc;
}

/* A plain change of several targets that its leader gave up, which was not asked to look at what
 * the client had read: nothing was done, and nothing will be under that name. An engine that dies
 * again and again may give it up each time. */
static bool given_up(struct op *op)
{
    const struct msg_obj_tx_req *q = &op->req.tx;

    if (op->call.rc != -DER_TX_RESTART || op->asked.opcode != MSG_OBJ_TX ||
        op->txid.session == NULL)
        return false;
    if (op->given_up_ns == 0)
        op->given_up_ns = rt_now_ns();
    if (++op->renamed > RENAMES_MAX && rt_now_ns() - op->given_up_ns > GIVEN_UP_NS)
        return false;
    for (uint32_t i = 0; i < q->parts_nr; i++)
        for (uint32_t k = 0; k < q->parts[i].ops_nr; k++)
            if (q->parts[i].ops[k].kind == MSG_OP_CHECK &&
                q->parts[i].ops[k].check == MSG_CHECK_UNCHANGED)
                return false;
    hear(op->client, &op->call);
    session_end(&op->client->sessions, &op->txid);
    op->call.rc = op_stamp(op, MSG_OBJ_TX);
    return op->call.rc == 0;
}

/* Goes on: once more, or to another target. */
static bool op_again(struct op *op)
{
    if (op_renamed(op) || given_up(op))
        return true;
    if (!route_next(op))
        return false;
    if (__atomic_load_n(&op->call.cancel, __ATOMIC_RELAXED) == 0)
        return true;
    op->call.rc = -DER_CANCELED; /* what was not asked yet is not */
    return false;
}

void op_abort(struct op *op)
{
    uint32_t gate = GATE_OPEN;
    struct net_peer *peer;

    if (!__atomic_compare_exchange_n(&op->gate, &gate, GATE_ABORTS, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return; /* it has ended */
    peer = __atomic_load_n(&op->peer, __ATOMIC_ACQUIRE);
    if (peer != NULL) /* NULL: somebody is still launching it */
        net_call_cancel(peer, &op->call);
    __atomic_store_n(&op->gate, GATE_OPEN, __ATOMIC_RELEASE);
}

static void shut_gate(struct op *op)
{
    uint32_t gate = GATE_OPEN;

    while (!__atomic_compare_exchange_n(&op->gate, &gate, GATE_SHUT, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        ASSERT(gate == GATE_ABORTS);
        gate = GATE_OPEN;
        sched_yield();
    }
}

static void op_done(struct net_call *call)
{
    struct op *op = CONTAINER_OF(call, struct op, call);
    struct client *c = op->client;
    int rc;

    if (op_again(op)) {
        net_call_send(op->peer, call);
        return;
    }
    rc = op_end(op, call->rc);
    if (op->then != NULL) {
        /* whoever then() wakes may close what is held here, and must find it unused */
        op_unhold(op);
        op->then(op, rc);
    }
    if (op->has_event)
        shut_gate(op);
    op_release(op);
    if (op->has_event) /* until then its event leads to it */
        event_done(&op->run, rc);
    pool_give(c, op);
    atomic_fetch_sub(&c->tasks, 1);
}

void op_turn(struct op *op, int rc)
{
    if (op->turn != NULL) {
        op->turn_rc = rc;
        rt_event_set(op->turn);
        return;
    }
    if (rc == 0 && __atomic_load_n(&op->call.cancel, __ATOMIC_RELAXED) != 0)
        rc = -DER_CANCELED;
    if (rc == 0) {
        net_call_send(op->peer, &op->call);
        return;
    }
    op->call.rc = rc;
    op_done(&op->call);
}

/* Sends, and waits for the answer. */
static int op_wait(struct op *op, struct net_peer *peer)
{
    struct rt_event turn = RT_EVENT_INIT;

    if (op->tx != NULL) {
        op->turn = &turn;
        if (!tx_may_send(op)) {
            client_wait(op->client, &turn, UINT64_MAX);
            if (op->turn_rc != 0)
                return op->turn_rc;
        }
    }
    do
        net_call_wait(peer, &op->call);
    while (op_again(op));
    return op->call.rc;
}

static int op_wait_timed(struct op *op, struct net_peer *peer)
{
    struct net_times at = {{0}};
    int rc;

    op->call.times = &at;
    rc = op_wait(op, peer);
    op->call.times = NULL;
    *op->client->times =
        (struct client_times){at.ns[NET_SENT], at.ns[NET_TAKEN], at.ns[NET_DECODED],
                              at.ns[NET_ANSWERED], at.ns[NET_RECEIVED]};
    return rc;
}

int op_run(struct op *op, const struct cont *co, uint16_t opcode)
{
    struct net_peer *peer = cont_peer(co);
    int rc;

    op->call.req = &op->req;
    op->call.rep = &op->rep;
    rc = route_begin(op, co, &opcode);
    if (rc == 0)
        rc = stamp(op->client, &op->call, &op->txid, opcode);
    if (rc)
        return op_fail(op, rc);
    op->asked = op->call.hdr;
    if (op->async) {
        op->call.done = op_done;
        __atomic_store_n(&op->peer, peer, __ATOMIC_RELEASE);
        atomic_fetch_add(&op->client->tasks, 1);
        if (op->tx == NULL || tx_may_send(op))
            net_call_send(peer, &op->call);
        return 0;
    }
    rc = op->client->times == NULL ? op_wait(op, peer) : op_wait_timed(op, peer);
    rc = op_end(op, rc);
    op_release(op);
    return rc;
}

int call_wait(struct client *c, struct net_peer *peer, struct net_call *call, uint16_t opcode,
              const void *req, void *rep)
{
    return call_wait_ms(c, peer, call, opcode, req, rep, 0);
}

int call_wait_ms(struct client *c, struct net_peer *peer, struct net_call *call, uint16_t opcode,
                 const void *req, void *rep, uint32_t deadline_ms)
{
    struct txid id = {0};
    struct net_hdr asked;
    uint32_t times = 0;
    int rc;

    net_call_init(call, opcode);
    call->hdr.deadline_ms = deadline_ms;
    call->req = req;
    call->rep = rep;
    rc = stamp(c, call, &id, opcode);
    if (rc)
        return rc;
    asked = call->hdr;
    while (net_call_wait(peer, call) == -DER_STALE && renamed(c, call, &id, &asked, &times))
        ;
    hear(c, call);
    if (call->rc == -DER_TX_UNCERTAIN)
        session_refused(&c->sessions, &id);
    session_end(&c->sessions, &id);
    return call->rc;
}
