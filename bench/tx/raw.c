/* The engine by its messages: transactions are prepared, or decided, and then left alone. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"
#include "client/impl.h"
#include "engine/engine_int.h"
#include "io/io.h"

#define OF_SESSION 128u /* transactions of one session: fewer than it may have open */

struct raw {
    struct io_dir *dir;
    struct engine *eng;
    struct net_peer *peer;
    uint8_t poh[16], coh[16];
    uint64_t seq;
    struct hlc clock;
};

static int ask(struct raw *r, uint16_t opcode, const void *req, void *rep)
{
    struct net_call call;
    int rc;

    net_call_init(&call, opcode);
    call.req = req;
    call.rep = rep;
    call.hdr.session_hlc = hlc_get(&r->clock, engine_wall_ns(r->eng));
    call.hdr.session_rand = 1;
    call.hdr.seq = 1;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

static void connect_pool(struct raw *r)
{
    struct ident id;
    struct msg_pool_connect_req q = {.flags = DAOS_PC_RW};
    struct msg_pool_connect_rep rep;
    struct msg_cont_open_req o = {.cont = "bench", .flags = DAOS_COO_RW};
    struct msg_cont_open_rep opened;
    int rc = ident_self(&id);

    if (rc == 0) {
        q.user = id.user;
        q.group = id.group;
        q.groups = (const char *const *)id.groups;
        q.groups_nr = id.groups_nr;
        rc = ask(r, MSG_POOL_CONNECT, &q, &rep);
        ident_fini(&id);
    }
    if (rc != 0)
        die("connect to the engine", rc);
    memcpy(o.hdl, rep.hdl, sizeof(o.hdl));
    rc = ask(r, MSG_CONT_OPEN, &o, &opened);
    if (rc != 0)
        die("container of the engine", rc);
    memcpy(r->coh, opened.hdl, sizeof(r->coh));
}

struct raw *raw_open(const char *dir)
{
    struct raw *r = calloc(1, sizeof(*r));
    struct engine_conf conf = {.cpu = -1};
    struct err e = {0};

    if (io_dir_open(dir, false, &r->dir, &e) != 0)
        die(e.what, -DER_IO);
    conf.dir = r->dir;
    if (engine_open(&conf, &r->eng, &e) != 0)
        die(e.what, -DER_IO);
    if (net_inproc_connect(engine_service(r->eng), &r->peer) != 0)
        die("engine", -DER_NOMEM);
    return r;
}

void raw_close(struct raw *r)
{
    net_peer_close(r->peer);
    engine_close(r->eng, true);
    io_dir_close(r->dir);
    free(r);
}

static void id_of(struct net_call *call, uint64_t session, uint32_t n)
{
    call->hdr.session_hlc = session + n / OF_SESSION;
    call->hdr.session_rand = 77;
    call->hdr.seq = n % OF_SESSION + 1;
}

/* Through MSG_OBJ_TX, as clients do. */
static int decide(struct raw *r, struct msg_part *parts, uint32_t nr, struct net_bulk bulk,
                  uint64_t session, uint32_t n)
{
    struct msg_obj_tx_req q = {.parts = parts, .parts_nr = nr};
    struct msg_obj_tx_rep rep;
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, sizeof(q.hdl));
    net_call_init(&call, MSG_OBJ_TX);
    id_of(&call, session, n);
    call.hdr.target = parts[0].target;
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = bulk;
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

static int prepare(struct raw *r, const struct msg_part *p, uint32_t leader, struct net_bulk bulk,
                   uint64_t session, uint32_t n, uint64_t epoch)
{
    struct msg_tx_prepare_req q = {.session_hlc = session + n / OF_SESSION,
                                   .session_rand = 77,
                                   .seq = n % OF_SESSION + 1,
                                   .epoch = epoch,
                                   .leader = leader,
                                   .ops = p->ops,
                                   .ops_nr = p->ops_nr};
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, sizeof(q.hdl));
    net_call_init(&call, MSG_TX_PREPARE);
    call.hdr.target = p->target;
    call.req = &q;
    call.bulk[0] = bulk;
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    net_call_fini(&call);
    return rc;
}

void raw_doubt(struct raw *r, const struct world *w, uint32_t n, enum doubt how)
{
    static char value[VALUE_BYTES];
    static uint64_t session;
    struct iovec iov = {value, VALUE_BYTES};
    struct net_bulk bulk = {&iov, 1, false};
    struct msg_iod iod = {.akey = {"v", 1}, .type = DAOS_IOD_SINGLE, .rec_size = VALUE_BYTES};
    uint64_t key = n, epoch;
    struct msg_part part[DOUBT_PARTS];
    struct msg_op op[DOUBT_PARTS];
    uint32_t tries = 0;
    int rc;

    if (r->coh[0] == 0 && r->coh[15] == 0)
        connect_pool(r);
    if (session == 0)
        session = hlc_get(&r->clock, engine_wall_ns(r->eng));
    for (uint32_t i = 0; i < DOUBT_PARTS; i++) {
        uint32_t t = (n + i) % w->targets;

        op[i] = (struct msg_op){.kind = MSG_OP_UPDATE,
                                .oid = w->oid[t],
                                .dkey = {&key, sizeof(key)},
                                .iods = &iod,
                                .iods_nr = 1};
        part[i] = (struct msg_part){.target = t, .ops = &op[i], .ops_nr = 1};
    }
    do { /* the first one of a shard is asked to come again later */
        epoch = hlc_get(&r->clock, engine_wall_ns(r->eng));
        rc = how == DECIDED ? decide(r, part, DOUBT_PARTS, bulk, session, n) : 0;
        for (uint32_t i = 0; i < DOUBT_PARTS && how != DECIDED && rc == 0; i++)
            rc = prepare(r, &part[i], how == LOST ? UINT32_MAX : part[0].target, bulk, session, n,
                         epoch);
    } while ((rc == -DER_TX_RESTART || rc == -DER_AGAIN) && ++tries < 5000 && usleep(1000) == 0);
    if (rc != 0)
        die("a transaction that is to stay in doubt", rc);
}

/* The first of its ids that is placed there, as in world.c. */
daos_obj_id_t raw_object(struct raw *r, uint32_t target)
{
    uint32_t t;

    for (uint64_t i = 1;; i++) {
        daos_obj_id_t oid = {i, (uint64_t)DAOS_OT_DKEY_UINT64 << OID_FMT_TYPE_SHIFT |
                                    (uint64_t)OR_RP_1 << OID_FMT_CLASS_SHIFT |
                                    UINT64_C(1) << OID_FMT_META_SHIFT};

        if (place_group_target(r->eng->map, oid, PLACE_RANK, 0, &t) != 0)
            die("where an object is", -DER_NONEXIST);
        if (t == target)
            return oid;
    }
}

void raw_hold(struct raw *r)
{
    tx_hold(r->eng);
}

static bool settled(struct raw *r)
{
    struct engine_stat st;
    bool all;

    engine_stat(r->eng, &st);
    all = st.prepared == 0;
    for (uint32_t t = 0; t < r->eng->shard_nr; t++) {
        rt_mutex_lock(&r->eng->shard[t].txs.lock);
        all = all && !r->eng->shard[t].txs.telling;
        rt_mutex_unlock(&r->eng->shard[t].txs.lock);
    }
    return all;
}

double raw_settled(struct raw *r, double from)
{
    while (!settled(r)) {
        if (wall_s() - from > 120)
            die("transactions stay in doubt", -DER_TIMEDOUT);
        usleep(2000);
    }
    return wall_s() - from;
}
