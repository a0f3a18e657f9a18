/* Handles and the processes that hold them: the last one takes them along. */
#include "svc_rig.h"
#include "svc/state.h"

static struct svc_holder somebody(uint32_t pid)
{
    return (struct svc_holder){.boot = 1, .space = 2, .born = 1000 + pid, .pid = pid};
}

/* Opens the pool for a process, and n containers through it. */
static void come(struct rig *r, uint32_t pid, uint32_t n, uint8_t hdl[16],
                 struct msg_cont_open_rep *cont)
{
    const char *groups[] = {"lab@"};
    struct msg_pool_connect_req q = {
        .flags = DAOS_PC_RW, .user = "ann@", .group = "lab@", .groups = groups, .groups_nr = 1};
    struct msg_pool_connect_rep p = {0};
    struct svc_holder who = somebody(pid);
    struct svc_cmd cmd = {
        .opcode = MSG_POOL_CONNECT, .req = &q, .now = ++r->now, .holder = pid ? &who : NULL};
    uint64_t lsn;
    int rc;

    memset(cmd.fresh, ++r->fresh, 16);
    RIG_RUN(r, rc,
            svc_apply(r->svc, svc_applied(r->svc) + 1, &cmd, &r->mem, &p, &lsn, &r->replayed));
    assert_int_equal(rc, 0);
    memcpy(hdl, p.hdl, 16);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(rig_cont_open(r, hdl, "c", DAOS_COO_RW, cont), 0);
}

static int gone(struct rig *r, const uint8_t hdl[16], uint32_t pid)
{
    struct svc_holding h = {.who = somebody(pid)};

    memcpy(h.hdl, hdl, 16);
    return rig_apply(r, SVC_HOLDER_GONE, &h, NULL, 0);
}

/* As the engine does it: only what has something to do is told. */
static bool uses(struct rig *r, const uint8_t hdl[16], uint32_t pid)
{
    struct svc_holding h = {.who = somebody(pid)};
    bool yes;
    int rc;

    memcpy(h.hdl, hdl, 16);
    RIG_RUN(r, rc, svc_may_hold(r->svc, &h, &yes));
    assert_int_equal(rc, 0);
    if (yes)
        assert_int_equal(rig_apply(r, SVC_HOLD, &h, NULL, 0), 0);
    return yes;
}

static uint32_t holdings(struct rig *r)
{
    struct svc_holding h;
    bool started = false;
    uint32_t nr = 0;
    int rc;

    for (;; nr++) {
        RIG_RUN(r, rc, svc_next_holding(r->svc, &h, &started));
        if (rc != 0)
            break;
        assert_int_equal(h.who.boot, 1);
        assert_int_equal(h.who.space, 2);
        assert_int_equal(h.who.born, 1000 + h.who.pid);
    }
    assert_int_equal(rc, -DER_NONEXIST);
    return nr;
}

static bool is_open(struct rig *r, const uint8_t hdl[16])
{
    uint64_t caps;
    int rc;

    RIG_RUN(r, rc, svc_pool_handle(r->svc, hdl, &caps));
    return rc == 0;
}

static uint32_t handles_of_cont(struct rig *r)
{
    struct cont_rec rec;
    uint8_t uuid[16];
    int rc;

    memset(uuid, 9, sizeof(uuid));
    RIG_RUN(r, rc, st_get_rec(r->svc, T_CONT, uuid, 16, &rec, sizeof(rec)));
    assert_int_equal(rc, 0);
    return rec.handles;
}

static struct rig *with_cont(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 9, "c", NULL, 0), 0);
    assert_int_equal(rig_disconnect(r, p.hdl), 0);
    return r;
}

static void test_the_last_one_takes_them_along(void **state)
{
    struct rig *r = with_cont(state);
    struct msg_cont_open_rep c, c2;
    uint8_t hdl[16], other[16];

    come(r, 5, 3, hdl, &c);
    come(r, 6, 1, other, &c2);
    assert_false(uses(r, hdl, 5));  /* it opened it */
    assert_true(uses(r, c.hdl, 7)); /* a child, through a container */
    assert_false(uses(r, hdl, 7));
    rig_reopen(r);
    assert_int_equal(holdings(r), 3);
    assert_int_equal(gone(r, hdl, 5), 0);
    assert_true(is_open(r, hdl));
    assert_int_equal(gone(r, hdl, 5), -DER_NONEXIST);
    assert_int_equal(gone(r, hdl, 7), 0);
    assert_false(is_open(r, hdl));
    assert_null(svc_cont_handle(r->svc, c.hdl));
    assert_true(is_open(r, other)); /* somebody else's */
    assert_non_null(svc_cont_handle(r->svc, c2.hdl));
    assert_int_equal(handles_of_cont(r), 1);
    assert_int_equal(gone(r, other, 6), 0);
    assert_int_equal(holdings(r), 0);
    assert_int_equal(handles_of_cont(r), 0);
}

/* More handles than one command closes: it is told again while it is found. */
static void test_many_go_in_steps(void **state)
{
    struct rig *r = with_cont(state);
    struct msg_cont_open_rep c;
    uint8_t hdl[16];
    uint32_t steps = 0;

    come(r, 5, 60, hdl, &c);
    while (holdings(r) > 0) {
        assert_int_equal(gone(r, hdl, 5), 0);
        assert_true(++steps < 10);
    }
    assert_in_range(steps, 3, 4);
    assert_int_equal(handles_of_cont(r), 0);
    assert_false(is_open(r, hdl));
}

static void test_nobodys_handle_stays_nobodys(void **state)
{
    struct rig *r = with_cont(state);
    struct msg_cont_open_rep c;
    uint8_t hdl[16], none[16] = {1};

    come(r, 0, 1, hdl, &c);
    assert_false(uses(r, hdl, 5));
    assert_false(uses(r, c.hdl, 5));
    assert_false(uses(r, none, 5));
    assert_int_equal(holdings(r), 0);
    assert_int_equal(gone(r, hdl, 5), -DER_NONEXIST);
    assert_true(is_open(r, hdl));
}

/* Closing drops holdings; what is left of very many goes with its processes. */
static void test_closing_drops_holdings(void **state)
{
    struct rig *r = with_cont(state);
    struct msg_cont_open_rep c;
    uint8_t hdl[16];

    come(r, 5, 0, hdl, &c);
    for (uint32_t pid = 6; pid < 16; pid++)
        assert_true(uses(r, hdl, pid));
    assert_int_equal(holdings(r), 11);
    assert_int_equal(rig_disconnect(r, hdl), 0);
    assert_int_equal(holdings(r), 3);
    for (uint32_t pid = 5; pid < 16; pid++)
        gone(r, hdl, pid);
    assert_int_equal(holdings(r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_last_one_takes_them_along, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(test_many_go_in_steps, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_nobodys_handle_stays_nobodys, rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(test_closing_drops_holdings, rig_setup, rig_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
