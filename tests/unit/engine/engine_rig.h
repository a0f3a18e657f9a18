/* An engine on a directory in memory, or on files in memory (tmpfs), and a peer that sends it
 * messages: what the tests say in one line each. */
#ifndef TESTS_UNIT_ENGINE_ENGINE_RIG_H
#define TESTS_UNIT_ENGINE_ENGINE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <daos.h>
#include "base/err.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "net/msg.h"
#include "net/net.h"
#include "rt/rt.h"

struct rig {
    struct io_dir *dir;
    char path[64]; /* of files in memory; "": not */
    struct engine *eng;
    struct net_peer *peer;
    uint32_t targets; /* of a new pool; 0: one */
    uint32_t target;  /* where objects are put and looked for */
    uint8_t poh[16], coh[16];
    uint64_t seq, seed;
    uint32_t fault_every;
    bool readonly;
    char *mem[64]; /* copies of replies, freed at the end */
};

static inline bool rig_fault(void *arg, uint64_t page)
{
    struct rig *r = arg;
    uint64_t n = __atomic_add_fetch(&r->seed, 1, __ATOMIC_RELAXED);

    return r->fault_every != 0 && mix64(n) % r->fault_every == 0;
}

/* Sends and waits. The reply's variable parts stay until net_call_fini(call). */
static inline int rig_call(struct rig *r, struct net_call *call, uint16_t opcode, const void *req,
                           void *rep)
{
    net_call_init(call, opcode);
    call->req = req;
    call->rep = rep;
    if (msg_info(opcode)->flags & MSG_CHANGES) {
        call->hdr.session_hlc = 5;
        call->hdr.session_rand = 6;
        call->hdr.seq = ++r->seq;
        call->hdr.acked = r->seq - 1;
    }
    return net_call_wait(r->peer, call);
}

/* The same when only fixed fields of the reply matter. */
static inline int rig_ask(struct rig *r, uint16_t opcode, const void *req, void *rep)
{
    struct net_call call;
    int rc = rig_call(r, &call, opcode, req, rep);

    net_call_fini(&call);
    return rc;
}

static inline struct engine_conf rig_conf(struct rig *r)
{
    return (struct engine_conf){.dir = r->dir,
                                .locked = true,
                                .cpu = -1,
                                .readonly = r->readonly,
                                .spurious_fault = rig_fault,
                                .arg = r};
}

static inline void rig_open(struct rig *r)
{
    struct engine_conf conf = rig_conf(r);
    struct err e = {0};
    int rc = engine_open(&conf, &r->eng, &e);

    if (rc != 0)
        fail_msg("%s: %s (%d)", e.what, e.why, rc);
    assert_int_equal(net_inproc_connect(engine_service(r->eng), &r->peer), 0);
}

static inline void rig_close(struct rig *r, bool clean)
{
    net_peer_close(r->peer);
    engine_close(r->eng, clean);
    r->eng = NULL;
    r->peer = NULL;
}

static inline void rig_connect(struct rig *r)
{
    const char *groups[] = {"lab@"};
    struct msg_pool_connect_req q = {.flags = r->readonly ? DAOS_PC_RO : DAOS_PC_RW,
                                     .user = "ann@",
                                     .group = "lab@",
                                     .groups = groups,
                                     .groups_nr = 1};
    struct msg_pool_connect_rep rep;

    assert_int_equal(rig_ask(r, MSG_POOL_CONNECT, &q, &rep), 0);
    memcpy(r->poh, rep.hdl, 16);
}

static inline int rig_cont_create(struct rig *r, const char *label, uint8_t uuid)
{
    struct msg_prop prop = {.type = DAOS_PROP_CO_LABEL, .text = label};
    struct msg_cont_create_req q = {.props = &prop, .props_nr = 1};
    struct msg_cont_create_rep rep;

    memcpy(q.hdl, r->poh, 16);
    memset(q.uuid, uuid, 16);
    return rig_ask(r, MSG_CONT_CREATE, &q, &rep);
}

static inline int rig_cont_open(struct rig *r, const char *label, uint32_t flags)
{
    struct msg_cont_open_req q = {.cont = label, .flags = flags};
    struct msg_cont_open_rep rep;
    int rc;

    memcpy(q.hdl, r->poh, 16);
    rc = rig_ask(r, MSG_CONT_OPEN, &q, &rep);
    if (rc == 0)
        memcpy(r->coh, rep.hdl, 16);
    return rc;
}

static inline int rig_setup_in(void **state, struct rig *r)
{
    struct engine_format f = {
        .pool = {9, 8, 7}, .wal_bytes = 8u << 20, .owner = "ann@", .group = "lab@"};
    struct engine_conf conf;
    struct err e = {0};
    int rc;

    if (r->path[0] == '\0')
        assert_int_equal(io_dir_open_mem(&r->dir), 0);
    else
        assert_int_equal(io_dir_open(r->path, false, &r->dir, &e), 0);
    conf = rig_conf(r);
    f.targets = r->targets;
    rc = engine_pool_format(&conf, &f, &e);
    if (rc != 0)
        fail_msg("%s: %s (%d)", e.what, e.why, rc);
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_create(r, "data", 1), 0);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
    *state = r;
    return 0;
}

static inline int rig_setup(void **state)
{
    return rig_setup_in(state, calloc(1, sizeof(struct rig)));
}

/* Values lie in memory that the engine reaches by loads and stores (io_dev_memory()); where there
 * is no such, as rig_setup(). */
static inline int rig_setup_memory(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct statfs st;

    strcpy(r->path, "/dev/shm/tarn-engine-XXXXXX");
    if (statfs("/dev/shm", &st) != 0 || st.f_type != TMPFS_MAGIC || mkdtemp(r->path) == NULL)
        r->path[0] = '\0';
    return rig_setup_in(state, r);
}

static inline int rig_teardown(void **state)
{
    struct rig *r = *state;
    char command[96];

    if (r->eng != NULL)
        rig_close(r, true);
    io_dir_close(r->dir);
    snprintf(command, sizeof(command), "rm -rf '%s'", r->path);
    assert_true(r->path[0] == '\0' || system(command) == 0);
    free(r);
    return 0;
}

/* As after a crash: everything open is gone, the pool is opened again. */
static inline void rig_crash(struct rig *r)
{
    rig_close(r, false);
    rig_open(r);
    rig_connect(r);
    assert_int_equal(rig_cont_open(r, "data", DAOS_COO_RW), 0);
}

/* ---- Objects ---- */

static inline daos_obj_id_t rig_oid(uint64_t n)
{
    daos_obj_id_t oid = {n, (uint64_t)DAOS_OT_MULTI_HASHED << OID_FMT_TYPE_SHIFT |
                                (uint64_t)OR_RP_1 << OID_FMT_CLASS_SHIFT |
                                UINT64_C(1) << OID_FMT_META_SHIFT};

    return oid;
}

static inline struct msg_buf rig_key(const char *s)
{
    return (struct msg_buf){s, (uint32_t)strlen(s)};
}

static inline int rig_put_at(struct rig *r, uint64_t obj, const char *dkey, const char *akey,
                             const void *val, uint64_t len, uint64_t cond, uint64_t *epoch)
{
    struct msg_iod iod = {.akey = rig_key(akey),
                          .type = DAOS_IOD_SINGLE,
                          .rec_size = len,
                          .bulk = len > 0 ? 0 : MSG_NO_BULK};
    struct msg_op op = {.kind = MSG_OP_UPDATE,
                        .oid = rig_oid(obj),
                        .dkey = rig_key(dkey),
                        .iods = &iod,
                        .iods_nr = 1,
                        .cond = cond};
    struct msg_obj_update_req q = {.ops = &op, .ops_nr = 1};
    struct msg_obj_update_rep rep;
    struct iovec iov = {(void *)(uintptr_t)val, len};
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_UPDATE);
    call.hdr.target = r->target;
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, false};
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    if (epoch != NULL)
        *epoch = rep.epoch;
    net_call_fini(&call);
    return rc;
}

static inline int rig_put(struct rig *r, uint64_t obj, const char *dkey, const char *akey,
                          const void *val, uint64_t len)
{
    return rig_put_at(r, obj, dkey, akey, val, len, 0, NULL);
}

/* rec_size of what is there; bytes in buf. */
static inline int rig_get_at(struct rig *r, uint64_t obj, const char *dkey, const char *akey,
                             void *buf, uint64_t room, uint64_t epoch, uint64_t cond, uint64_t *len)
{
    struct msg_fiod iod = {
        .akey = rig_key(akey), .type = DAOS_IOD_SINGLE, .rec_size = DAOS_REC_ANY};
    struct msg_obj_fetch_req q = {.epoch = epoch,
                                  .cond = cond,
                                  .oid = rig_oid(obj),
                                  .dkey = rig_key(dkey),
                                  .iods = &iod,
                                  .iods_nr = 1};
    struct msg_obj_fetch_rep rep;
    struct iovec iov = {buf, room};
    struct net_call call;
    int rc;

    memcpy(q.hdl, r->coh, 16);
    net_call_init(&call, MSG_OBJ_FETCH);
    call.hdr.target = r->target;
    call.req = &q;
    call.rep = &rep;
    call.bulk[0] = (struct net_bulk){&iov, 1, true};
    call.bulk_nr = 1;
    rc = net_call_wait(r->peer, &call);
    if (len != NULL)
        *len = rep.res_nr > 0 ? rep.res[0].rec_size : 0;
    net_call_fini(&call);
    return rc;
}

static inline int rig_get(struct rig *r, uint64_t obj, const char *dkey, const char *akey,
                          void *buf, uint64_t room, uint64_t *len)
{
    return rig_get_at(r, obj, dkey, akey, buf, room, DAOS_EPOCH_MAX, 0, len);
}

static inline void assert_value(struct rig *r, uint64_t obj, const char *dkey, const char *akey,
                                const void *want, uint64_t want_len)
{
    char *buf = malloc(want_len + 1);
    uint64_t len = 0;

    assert_int_equal(rig_get(r, obj, dkey, akey, buf, want_len + 1, &len), 0);
    assert_int_equal(len, want_len);
    if (len > 0)
        assert_memory_equal(buf, want, want_len);
    free(buf);
}

#endif
