/* A pool service on a heap in memory whose pages vanish at random, and the retry loop that commands
 * run in. */
#ifndef TESTS_UNIT_SVC_SVC_RIG_H
#define TESTS_UNIT_SVC_SVC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <daos_cont.h>
#include <daos_errno.h>
#include <daos_pool.h>
#include <daos_security.h>
#include "base/err.h"
#include "base/hash.h"
#include "place/place.h"
#include "svc/acl.h"
#include "svc/svc.h"

struct rig {
    struct heap *h;
    struct svc *svc;
    struct arena mem;
    uint64_t seed;
    uint64_t now;
    uint32_t fault_every;
    uint64_t faults;
    uint8_t fresh; /* next handle is this byte, 16 times */
    uint64_t seq, acked;
    uint64_t session; /* 0: the one that all have */
    bool replayed;
};

static inline bool rig_fault(void *arg, uint64_t page)
{
    struct rig *r = arg;

    if (r->fault_every == 0 || mix64(r->seed++ * 77 + 5) % r->fault_every != 0)
        return false;
    r->faults++;
    return true;
}

/* Runs one locked operation until it meets no fault. */
#define RIG_RUN(r, rc, operation)                                                                  \
    do {                                                                                           \
        struct heap_pins pins_ = HEAP_PINS_INIT;                                                   \
        do {                                                                                       \
            heap_lock((r)->h);                                                                     \
            rc = (operation);                                                                      \
            heap_pins_take((r)->h, &pins_);                                                        \
            heap_unlock((r)->h);                                                                   \
        } while (heap_retry((r)->h, &pins_, &rc));                                                 \
        heap_pins_drop((r)->h, &pins_);                                                            \
    } while (0)

static inline int rig_apply(struct rig *r, uint16_t opcode, const void *req, void *rep,
                            uint64_t epoch)
{
    struct svc_cmd cmd = {.opcode = opcode,
                          .req = req,
                          .now = ++r->now,
                          .epoch = epoch,
                          .seq = r->seq,
                          .acked = r->acked,
                          .session_hlc = r->session ? r->session : 7,
                          .session_rand = 8};
    uint64_t lsn = 0;
    int rc;

    memset(cmd.fresh, ++r->fresh, 16);
    RIG_RUN(r, rc,
            svc_apply(r->svc, svc_applied(r->svc) + 1, &cmd, &r->mem, rep, &lsn, &r->replayed));
    return rc;
}

static inline int rig_read(struct rig *r, uint16_t opcode, const void *req, void *rep)
{
    int rc;

    RIG_RUN(r, rc, svc_read(r->svc, opcode, req, &r->mem, rep));
    return rc;
}

static inline void rig_reopen(struct rig *r)
{
    int rc;

    svc_close(r->svc);
    RIG_RUN(r, rc, svc_open(r->h, &r->svc));
    assert_int_equal(rc, 0);
}

static inline int rig_setup(void **state)
{
    static const struct place_target one = {0, {0, 0, 0}, 1, DAOS_TS_UP_IN, 1, 1};
    struct rig *r = calloc(1, sizeof(*r));
    struct heap_conf conf = {.spurious_fault = rig_fault, .arg = r};
    struct svc_format f = {.pool = {1, 2, 3}, .owner = "ann@", .group = "lab@", .domains = 1};
    struct place_map *map;
    uint8_t buf[64];
    size_t len = sizeof(buf);
    uint32_t bad = 0;
    struct err e = {0};
    int rc;

    assert_int_equal(place_map_create(1, &one, 1, &map), 0);
    assert_int_equal(place_map_encode(map, buf, &len), 0);
    place_map_free(map);
    f.map = buf;
    f.map_len = (uint32_t)len;
    arena_init(&r->mem, 0);
    assert_int_equal(heap_open(&conf, &r->h, &e), 0);
    RIG_RUN(r, rc, svc_format(r->h, &f, &bad));
    assert_int_equal(rc, 0);
    r->fault_every = 200;
    RIG_RUN(r, rc, svc_open(r->h, &r->svc));
    assert_int_equal(rc, 0);
    *state = r;
    return 0;
}

static inline int rig_teardown(void **state)
{
    struct rig *r = *state;

    svc_close(r->svc);
    r->fault_every = 0;
    assert_int_equal(heap_close(r->h, true), 0);
    arena_fini(&r->mem);
    free(r);
    return 0;
}

/* ---- Sentences of the tests ---- */

static inline int rig_connect(struct rig *r, const char *user, const char *group, uint32_t flags,
                              struct msg_pool_connect_rep *rep)
{
    const char *groups[] = {group, "staff@"};
    struct msg_pool_connect_req q = {
        .flags = flags, .user = user, .group = group, .groups = groups, .groups_nr = 2};

    memset(rep, 0, sizeof(*rep));
    return rig_apply(r, MSG_POOL_CONNECT, &q, rep, 0);
}

static inline int rig_create(struct rig *r, const uint8_t pool[16], uint8_t uuid, const char *label,
                             const struct msg_prop *more, uint32_t more_nr)
{
    struct msg_prop props[8] = {{.type = DAOS_PROP_CO_LABEL, .text = label}};
    struct msg_cont_create_req q = {.props = label != NULL ? props : more,
                                    .props_nr = more_nr + (label != NULL)};
    struct msg_cont_create_rep rep;

    for (uint32_t i = 0; i < more_nr; i++)
        props[i + 1] = more[i];
    memcpy(q.hdl, pool, 16);
    memset(q.uuid, uuid, 16);
    return rig_apply(r, MSG_CONT_CREATE, &q, &rep, 0);
}

static inline int rig_cont_open(struct rig *r, const uint8_t pool[16], const char *cont,
                                uint32_t flags, struct msg_cont_open_rep *rep)
{
    struct msg_cont_open_req q = {.cont = cont, .flags = flags};

    memset(rep, 0, sizeof(*rep));
    memcpy(q.hdl, pool, 16);
    return rig_apply(r, MSG_CONT_OPEN, &q, rep, 0);
}

static inline int rig_cont_close(struct rig *r, const uint8_t hdl[16])
{
    struct msg_cont_close_req q = {{0}};
    struct msg_cont_close_rep rep;

    memcpy(q.hdl, hdl, 16);
    return rig_apply(r, MSG_CONT_CLOSE, &q, &rep, 0);
}

static inline int rig_disconnect(struct rig *r, const uint8_t hdl[16])
{
    struct msg_pool_disconnect_req q = {{0}};
    struct msg_pool_disconnect_rep rep;

    memcpy(q.hdl, hdl, 16);
    return rig_apply(r, MSG_POOL_DISCONNECT, &q, &rep, 0);
}

static inline const struct msg_prop *rig_prop(const struct msg_prop *props, uint32_t nr,
                                              uint32_t type)
{
    for (uint32_t i = 0; i < nr; i++)
        if (props[i].type == type)
            return &props[i];
    fail_msg("property %u is missing", type);
    return NULL;
}

#endif
