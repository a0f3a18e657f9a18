/* Figures of an acceptor: what was asked of it is what it says. */
#include "net/metrics.h"
#include "wire_rig.h"

/* The figures, copied: what a reply holds ends with its call. */
struct seen {
    struct msg_kind echo, update, fetch, metrics;
    uint64_t connections, accepted, requests, took, fetch_took, metrics_took;
};

static uint64_t sum(const struct msg_kind *k)
{
    uint64_t n = 0;

    assert_int_equal(k->took_nr, NET_TOOK_NR);
    for (uint32_t i = 0; i < k->took_nr; i++)
        n += k->took[i];
    return n;
}

static struct seen look(struct stage *s)
{
    static const struct msg_engine_metrics_req q;
    struct msg_engine_metrics_rep r;
    struct seen seen = {.requests = 0};
    struct net_call call;

    net_call_init(&call, MSG_ENGINE_METRICS);
    call.req = &q;
    call.rep = &r;
    assert_int_equal(net_call_wait(s->peer, &call), 0);
    for (uint32_t i = 0; i < r.figures_nr; i++) {
        const struct msg_metric *m = &r.figures[i];

        if (strcmp(m->name, "connections") == 0)
            seen.connections = m->value;
        if (strcmp(m->name, "connections_ever") == 0)
            seen.accepted = m->value;
        if (strcmp(m->name, "requests_ever") == 0)
            seen.requests = m->value;
    }
    for (uint32_t i = 0; i < r.kinds_nr; i++) {
        const struct msg_kind *k = &r.kinds[i];

        if (strcmp(k->name, "ECHO") == 0) {
            seen.echo = *k;
            seen.took = sum(k);
        } else if (strcmp(k->name, "OBJ_UPDATE") == 0) {
            seen.update = *k;
        } else if (strcmp(k->name, "OBJ_FETCH") == 0) {
            seen.fetch = *k;
            seen.fetch_took = sum(k);
        } else if (strcmp(k->name, "ENGINE_METRICS") == 0) {
            seen.metrics = *k;
            seen.metrics_took = sum(k);
        } else {
            fail_msg("%s: nobody asked for it", k->name);
        }
    }
    net_call_fini(&call);
    return seen;
}

static void counts(enum transport transport)
{
    struct stage s = {.transport = transport};
    static uint8_t data[30000], back[3 * 30000];
    struct seen v;

    stage_open(&s);
    for (int i = 0; i < 100; i++)
        assert_int_equal(echo(&s, data, 1000), 0);
    assert_int_equal(update(&s, data, sizeof(data), 2), 0);
    s.delay_ns = 3000000;
    for (int i = 0; i < 3; i++)
        assert_int_equal(fetch(&s, back, sizeof(data), 3), 0);
    v = look(&s);
    assert_int_equal(v.connections, 1);
    assert_int_equal(v.accepted, 1);
    assert_int_equal(v.requests, 105);
    assert_int_equal(v.metrics.requests, 1);
    assert_int_equal(v.metrics_took, 0); /* it is not a matter of time */
    assert_int_equal(v.echo.requests, 100);
    assert_int_equal(v.echo.errors + v.echo.refused + v.echo.cancelled, 0);
    assert_in_range(v.echo.bytes_in, 100 * 1000, 100 * 1300);
    assert_in_range(v.echo.bytes_out, 100 * 1000, 100 * 1300);
    assert_int_equal(v.took, 100); /* each of them waited for a fiber */
    assert_in_range(v.update.bytes_in, 2 * sizeof(data), 2 * sizeof(data) + 1000);
    assert_in_range(v.update.bytes_out, 50, 1000);
    /* what the service writes: all but what lies between a third and the half */
    assert_in_range(v.fetch.bytes_out, 3 * 3 * sizeof(data) * 5 / 6,
                    3 * 3 * sizeof(data) * 5 / 6 + 2000);
    assert_in_range(v.fetch.time_us, 9000, 9000000);
    assert_int_equal(v.fetch_took, 3);
    stage_close(&s);
}

static void through_memory(void **state)
{
    counts(SHM);
}

static void over_tcp(void **state)
{
    counts(TCP4);
}

/* One in so many is timed, and stands for them. */
static void at_once(void **state)
{
    struct stage s = {.transport = SHM, .inline_too = true};
    struct seen v;

    stage_open(&s);
    for (uint32_t i = 0; i < 10 * NET_SAMPLED; i++)
        assert_int_equal(echo(&s, "x", 1), 0);
    v = look(&s);
    assert_int_equal(v.echo.requests, 10 * NET_SAMPLED);
    assert_int_equal(v.took, 10 * NET_SAMPLED);
    stage_close(&s);
}

static void bad_ones(void **state)
{
    struct stage s = {.transport = SHM};
    struct net_call call;
    struct seen v;

    stage_open(&s);
    for (uint32_t target = 0; target < 2; target++) { /* it has one target, and no attributes */
        net_call_init(&call, MSG_ECHO);
        call.hdr.target = target;
        call.req = &(struct msg_echo_req){{NULL, 0}};
        assert_int_equal(net_call_wait(s.peer, &call), target == 0 ? 0 : -DER_UNREACH);
        net_call_fini(&call);
    }
    v = look(&s);
    assert_int_equal(v.echo.requests, 2);
    assert_int_equal(v.echo.refused, 1);
    assert_int_equal(v.echo.errors, 0);
    net_call_init(&call, MSG_OBJ_LIST);
    call.req = &(struct msg_obj_list_req){.level = 0};
    assert_int_equal(net_call_wait(s.peer, &call), -DER_NOSYS);
    net_call_fini(&call);
    on_engine(&s, engine_stat);
    assert_int_equal(s.stat.requests, 3);
    stage_close(&s);
}

static void histogram(void **state)
{
    struct kind_metrics k = {.requests = 0};

    metrics_took(&k, 0, 1);
    metrics_took(&k, 999, 1);
    metrics_took(&k, 1000, 3);
    metrics_took(&k, 3999, 1);
    metrics_took(&k, 4000, 1);
    metrics_took(&k, UINT64_MAX / 2, 1);
    assert_int_equal(k.took[0], 2);
    assert_int_equal(k.took[1], 3);
    assert_int_equal(k.took[2], 1);
    assert_int_equal(k.took[3], 1);
    assert_int_equal(k.took[NET_TOOK_NR - 1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histogram), cmocka_unit_test(through_memory), cmocka_unit_test(over_tcp),
        cmocka_unit_test(at_once),   cmocka_unit_test(bad_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
