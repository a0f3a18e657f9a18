/*
 * A hostile client: messages that decode, with fields that no honest client sends. The engine may
 * refuse them or do what they say, but it stays up, answers each, and what honest clients stored
 * stays whole.
 */
#include "engine_rig.h"
#include "base/arena.h"

static uint64_t seed;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t any_number(void)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     7,
                                     8,
                                     63,
                                     64,
                                     255,
                                     4096,
                                     4097,
                                     65536,
                                     1u << 20,
                                     UINT32_MAX,
                                     UINT64_C(1) << 62,
                                     UINT64_C(1) << 63,
                                     UINT64_MAX - 1,
                                     UINT64_MAX};

    return rnd() % 3 == 0 ? rnd() : edges[rnd() % (sizeof(edges) / sizeof(edges[0]))];
}

static char bytes[8192];
static const char *const names[] = {
    NULL,   "",   "data", "x", "container_label_not_set", "01234567-89ab-cdef-0123-456789abcdef",
    "ann@", "a b"};

static const char *any_name(void)
{
    return names[rnd() % 8];
}

static struct msg_buf any_buf(void)
{
    static const uint32_t lens[] = {0, 1, 2, 8, 8, 100, 100, 104, 97, 4096, 4097, 8192};
    uint32_t len = lens[rnd() % 12];

    return (struct msg_buf){len > 0 ? bytes + rnd() % (sizeof(bytes) - len + 1) : NULL, len};
}

static struct arena mem;
static struct rig *rig;

/* Mostly honest values, so that requests get far. */
#define ANY_num(t, n) s->n = (t)(rnd() % 2 == 0 ? rnd() % 4 : any_number());
#define ANY_uuid(t, n)                                                                             \
    memcpy(s->n, rnd() % 4 == 0 ? (const void *)bytes : rnd() % 2 ? rig->coh : rig->poh, 16);
#define ANY_oid(t, n)                                                                              \
    s->n = rnd() % 4 == 0 ? (daos_obj_id_t){any_number(), any_number()} : rig_oid(100 + rnd() % 3);
#define ANY_str(t, n) s->n = any_name();
#define ANY_buf(t, n) s->n = any_buf();
#define ANY_sub(t, n) any_##t(&s->n);
#define ANY_EACH_(type, n, one)                                                                    \
    {                                                                                              \
        uint32_t nr_ = (uint32_t)(rnd() % 4);                                                      \
        type *v_ = arena_calloc(&mem, nr_ + 1, sizeof(type));                                      \
        for (uint32_t i = 0; i < nr_; i++)                                                         \
            one;                                                                                   \
        s->n = v_;                                                                                 \
        s->n##_nr = nr_;                                                                           \
    }
#define ANY_arr(t, n)  ANY_EACH_(struct t, n, any_##t(&v_[i]))
#define ANY_strs(t, n) ANY_EACH_(const char *, n, v_[i] = any_name())
#define ANY_bufs(t, n) ANY_EACH_(struct msg_buf, n, v_[i] = any_buf())
#define ANY_u32s(t, n) ANY_EACH_(uint32_t, n, v_[i] = (uint32_t)(rnd() % 5000))
#define ANY_u64s(t, n) ANY_EACH_(uint64_t, n, v_[i] = any_number())
#define ANY_oids(t, n) ANY_EACH_(daos_obj_id_t, n, v_[i] = rig_oid(any_number()))
#define ANY_recxs(t, n)                                                                            \
    ANY_EACH_(daos_recx_t, n,                                                                      \
              (v_[i] = rnd() % 2 ? (daos_recx_t){rnd() % 100, rnd() % 10}                          \
                                 : (daos_recx_t){any_number(), any_number()}))
#define ANY_F_(kind, t, n, doc) ANY_##kind(t, n)

#define ANY_STRUCT_(name, FIELDS, doc)                                                             \
    __attribute__((unused)) static void any_##name(struct name *s)                                 \
    {                                                                                              \
        FIELDS(ANY_F_)                                                                             \
    }
MSG_STRUCTS(ANY_STRUCT_)
#define ANY_REQ_(id, name, NAME, Q, R, flags, doc)                                                 \
    static void any_##name##_req(struct msg_##name##_req *s)                                       \
    {                                                                                              \
        Q(ANY_F_)                                                                                  \
    }
MSG_TABLE(ANY_REQ_)

#define ANY_CASE_(id, name, NAME, Q, R, flags, doc)                                                \
    case id:                                                                                       \
        any_##name##_req(req);                                                                     \
        break;
static void any_request(uint16_t op, void *req)
{
    switch (op) {
        MSG_TABLE(ANY_CASE_)
    }
}

static void send_any(uint16_t op)
{
    static char room[4][70000];
    uint64_t req[128] = {0}, rep[128];
    struct iovec iov[4];
    struct net_call call;

    arena_reset(&mem);
    any_request(op, req);
    net_call_init(&call, op);
    call.req = req;
    call.rep = rep;
    call.bulk_nr = (uint32_t)(rnd() % 5);
    for (uint32_t i = 0; i < call.bulk_nr; i++) {
        iov[i] = (struct iovec){room[i], rnd() % 2 ? sizeof(room[i]) : rnd() % 100};
        call.bulk[i] = (struct net_bulk){&iov[i], 1, rnd() % 4 != 0};
    }
    if (rnd() % 2) {
        call.hdr.session_hlc = rnd() % 3;
        call.hdr.session_rand = rnd() % 3;
        call.hdr.seq = rnd() % 100;
        call.hdr.acked = rnd() % 4 == 0 ? rnd() % 100 : 0;
    }
    call.hdr.target = (uint32_t)rnd();
    net_call_wait(rig->peer, &call);
    net_call_fini(&call);
}

/* Handles that were closed or evicted on the way. */
static void reconnect(struct rig *r)
{
    struct msg_pool_query_req q = {.bits = 0};
    struct msg_pool_query_rep rep;

    memcpy(q.hdl, r->poh, 16);
    if (rig_ask(r, MSG_POOL_QUERY, &q, &rep) != 0)
        rig_connect(r);
    if (rig_put(r, 1, "honest", "a", "value", 5) == -DER_NO_HDL)
        rig_cont_open(r, "data", DAOS_COO_RW);
}

static void storm(struct rig *r, uint32_t nr, bool (*spare)(uint16_t op))
{
    for (uint32_t i = 0; i < nr; i++) {
        uint16_t op = (uint16_t)(rnd() % MSG_OPCODE_MAX);

        if (msg_info(op) == NULL || spare(op))
            continue;
        send_any(op);
        if (i % 50 == 0)
            reconnect(r);
    }
}

/* Leaves the honest client's container, name and rights alone. */
static bool not_objects(uint16_t op)
{
    return op < MSG_OBJ_UPDATE;
}

static void report(void *arg, const char *text)
{
    print_message("%s\n", text);
}

static void check_whole(struct rig *r)
{
    uint64_t problems = 0;

    assert_int_equal(engine_check(r->eng, true, report, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
}

static void test_object_requests(void **state)
{
    struct rig *r = *state;
    char big[30000];

    rig = r;
    memset(big, 9, sizeof(big));
    assert_int_equal(rig_put(r, 1, "honest", "a", "value", 5), 0);
    assert_int_equal(rig_put(r, 1, "honest", "big", big, sizeof(big)), 0);
    for (int round = 0; round < 4; round++) {
        r->fault_every = round % 2 ? 100 : 0;
        storm(r, 4000, not_objects);
        r->fault_every = 0;
        reconnect(r);
        assert_value(r, 1, "honest", "a", "value", 5);
        assert_value(r, 1, "honest", "big", big, sizeof(big));
        check_whole(r);
        rig_crash(r);
    }
    assert_value(r, 1, "honest", "a", "value", 5);
}

/* With the honest client's own handle it may take that client's rights away, for good. */
static bool rights(uint16_t op)
{
    return op == MSG_ACL_UPDATE || op == MSG_ACL_OVERWRITE || op == MSG_ACL_DELETE ||
           op == MSG_SET_OWNER;
}

static void test_all_requests(void **state)
{
    struct rig *r = *state;

    rig = r;
    for (int round = 0; round < 4; round++) {
        r->fault_every = round % 2 ? 100 : 0;
        storm(r, 4000, rights);
        r->fault_every = 0;
        check_whole(r);
        rig_close(r, false);
        rig_open(r);
        rig_connect(r);
        rig_cont_create(r, "data", (uint8_t)(50 + round));
        rig_cont_open(r, "data", DAOS_COO_RW);
    }
}

static void test_rights(void **state)
{
    struct rig *r = *state;

    rig = r;
    for (uint32_t i = 0; i < 4000; i++) {
        uint16_t op = (uint16_t)(MSG_ACL_UPDATE + rnd() % (MSG_SET_OWNER - MSG_ACL_UPDATE + 1));

        send_any(i % 10 == 0 ? MSG_CONT_QUERY : op);
    }
    check_whole(r);
    rig_close(r, false);
    rig_open(r);
    check_whole(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_object_requests),
        TEST(test_all_requests),
        TEST(test_rights),
    };
    int rc;

    seed = 0x7461726e2d31;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i < 200 ? 0 : mix64(i));
    arena_init(&mem, 0);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&mem);
    return rc;
}
