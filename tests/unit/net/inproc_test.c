/* The in-process transport: a call reaches the service, on the caller's thread or in a fiber, and
 * is answered exactly once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "net/msg.h"
#include "net/net.h"
#include "rt/rt.h"

struct world {
    struct net_service service;
    struct rt_xs *xs;
    struct net_peer *peer;
    bool take_inline;
    bool saw_fiber, saw_foreign;
    uint32_t served;
    struct net_req *held; /* a request the service has not answered yet */
    struct rt_event holding;
};

/* The service: ATTR_GET answers each name with itself, ENGINE_STAT fills the first bulk vector,
 * POOL_EVICT is held back. */
static void answer(struct world *w, struct net_req *req)
{
    __atomic_add_fetch(&w->served, 1, __ATOMIC_RELAXED);
    if (req->hdr.opcode == MSG_ATTR_GET) {
        const struct msg_attr_get_req *q = req->req;
        struct msg_attr_get_rep *r = req->rep;
        struct msg_buf *v = net_req_alloc(req, (q->names_nr + 1) * sizeof(*v));

        for (uint32_t i = 0; i < q->names_nr; i++)
            v[i] = (struct msg_buf){q->names[i], (uint32_t)strlen(q->names[i])};
        r->values = v;
        r->values_nr = q->names_nr;
        req->hdr.hlc = 4711;
        net_reply(req, 0);
    } else if (req->hdr.opcode == MSG_ENGINE_STAT) {
        assert_int_equal(req->bulk_nr, 1);
        assert_true(req->bulk[0].writable);
        memcpy(req->bulk[0].iov[0].iov_base, "filled", 7);
        net_reply(req, -DER_NOSPACE);
    } else {
        w->held = req;
        rt_event_set(&w->holding);
    }
}

static void handle(struct net_service *s, struct net_req *req)
{
    struct world *w = CONTAINER_OF(s, struct world, service);

    w->saw_fiber = rt_fiber_self() != NULL && rt_xs_self() == w->xs;
    answer(w, req);
}

static bool inline_handle(struct net_service *s, struct net_req *req)
{
    struct world *w = CONTAINER_OF(s, struct world, service);

    if (!w->take_inline)
        return false;
    w->saw_foreign = rt_xs_self() == NULL;
    answer(w, req);
    return true;
}

static struct rt_xs *route(struct net_service *s, const struct net_hdr *hdr)
{
    return hdr->target == 0 ? CONTAINER_OF(s, struct world, service)->xs : NULL;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct rt_xs_conf conf = {.cpu = -1, .name = "net-test"};

    assert_int_equal(rt_xs_create(&conf, &w->xs), 0);
    w->service = (struct net_service){handle, inline_handle, route};
    rt_event_init(&w->holding);
    assert_int_equal(net_inproc_connect(&w->service, &w->peer), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    net_peer_close(w->peer);
    rt_xs_destroy(w->xs);
    free(w);
    return 0;
}

static void ask_names(struct world *w, uint32_t nr)
{
    const char *names[8] = {"alpha", "b", "gamma", "d", "e", "f", "g", "h"};
    struct msg_attr_get_req q = {.scope = MSG_SCOPE_CONT, .names = names, .names_nr = nr};
    struct msg_attr_get_rep r;
    struct net_call call;

    net_call_init(&call, MSG_ATTR_GET);
    call.req = &q;
    call.rep = &r;
    assert_int_equal(net_call_wait(w->peer, &call), 0);
    assert_true(call.hdr.hlc == 4711);
    assert_int_equal(r.values_nr, nr);
    for (uint32_t i = 0; i < nr; i++) {
        assert_int_equal(r.values[i].len, strlen(names[i]));
        assert_memory_equal(r.values[i].buf, names[i], r.values[i].len);
    }
    net_call_fini(&call);
}

static void test_answered_in_a_fiber(void **state)
{
    struct world *w = *state;

    ask_names(w, 3);
    assert_true(w->saw_fiber);
    assert_false(w->saw_foreign);
}

static void test_answered_on_the_callers_thread(void **state)
{
    struct world *w = *state;

    w->take_inline = true;
    ask_names(w, 8);
    assert_true(w->saw_foreign);
    assert_false(w->saw_fiber);
}

static void test_bulk_is_the_callers_memory_and_errors_arrive(void **state)
{
    struct world *w = *state;
    char buf[16] = "";
    struct iovec iov = {buf, sizeof(buf)};
    struct msg_engine_stat_req q = {{0}};
    struct msg_engine_stat_rep r;
    struct net_call call;

    net_call_init(&call, MSG_ENGINE_STAT);
    call.req = &q;
    call.rep = &r;
    call.bulk[0] = (struct net_bulk){&iov, 1, true};
    call.bulk_nr = 1;
    assert_int_equal(net_call_wait(w->peer, &call), -DER_NOSPACE);
    assert_string_equal(buf, "filled");
    assert_int_equal(r.metrics_nr, 0);
    net_call_fini(&call);
}

static void test_refusals(void **state)
{
    struct world *w = *state;
    struct msg_attr_get_req q = {0};
    struct net_call call;

    net_call_init(&call, 999);
    call.req = &q;
    assert_int_equal(net_call_wait(w->peer, &call), -DER_INVAL);
    net_call_fini(&call);

    net_call_init(&call, MSG_ATTR_GET);
    call.req = &q;
    call.hdr.proto = 77;
    assert_int_equal(net_call_wait(w->peer, &call), -DER_PROTO);
    net_call_fini(&call);

    net_call_init(&call, MSG_ATTR_GET);
    call.req = &q;
    call.hdr.target = 5;
    assert_int_equal(net_call_wait(w->peer, &call), -DER_UNREACH);
    net_call_fini(&call);
    assert_int_equal(w->served, 0);
}

static void test_too_large_a_message(void **state)
{
    struct world *w = *state;
    static char name[NET_BODY_MAX];
    const char *names[1] = {name};
    struct msg_attr_get_req q = {.names = names, .names_nr = 1};
    struct net_call call;

    memset(name, 'x', sizeof(name) - 1);
    net_call_init(&call, MSG_ATTR_GET);
    call.req = &q;
    assert_int_equal(net_call_wait(w->peer, &call), -DER_OVERFLOW);
    net_call_fini(&call);
}

static void count_done(struct net_call *call)
{
    __atomic_add_fetch((uint32_t *)call->arg, 1, __ATOMIC_SEQ_CST);
}

static void test_a_held_answer_comes_later_from_any_thread(void **state)
{
    struct world *w = *state;
    struct msg_pool_evict_req q = {{0}};
    struct msg_pool_evict_rep r;
    struct net_call call;
    uint32_t done = 0;

    net_call_init(&call, MSG_POOL_EVICT);
    call.req = &q;
    call.rep = &r;
    call.done = count_done;
    call.arg = &done;
    net_call_send(w->peer, &call);
    rt_event_wait(&w->holding);
    assert_int_equal(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 0);
    net_reply(w->held, -DER_SHUTDOWN);
    assert_int_equal(done, 1);
    assert_int_equal(call.rc, -DER_SHUTDOWN);
    net_call_fini(&call);
}

static void block(void *arg)
{
    usleep(20000); /* the whole xstream stands still */
}

static void test_a_request_that_waited_too_long_is_not_begun(void **state)
{
    struct world *w = *state;
    struct msg_attr_get_req q = {0};
    struct net_call call;

    assert_int_equal(rt_spawn_on(w->xs, block, NULL), 0);
    net_call_init(&call, MSG_ATTR_GET);
    call.req = &q;
    call.hdr.deadline_ms = 1;
    assert_int_equal(net_call_wait(w->peer, &call), -DER_TIMEDOUT);
    net_call_fini(&call);
    assert_int_equal(w->served, 0);
}

static void test_warm_calls_allocate_nothing(void **state)
{
    struct world *w = *state;
    struct base_fail count = {0};

    w->take_inline = true;
    for (int i = 0; i < 10; i++)
        ask_names(w, 8);
    base_fail_set(&count);
    for (int i = 0; i < 1000; i++)
        ask_names(w, 8);
    base_fail_set(NULL);
    assert_int_equal(count.seen, 0);
}

static void test_no_memory_is_an_error(void **state)
{
    struct world *w = *state;

    w->take_inline = true;
    for (uint64_t at = 1; at <= 4; at++) {
        struct base_fail fail = {.fail_at = at, .forever = true};
        const char *names[1] = {"n"};
        struct msg_attr_get_req q = {.names = names, .names_nr = 1};
        struct msg_attr_get_rep r;
        struct net_peer *peer;
        struct net_call call;

        assert_int_equal(net_inproc_connect(&w->service, &peer), 0);
        net_call_init(&call, MSG_ATTR_GET);
        call.req = &q;
        call.rep = &r;
        base_fail_set(&fail);
        net_call_wait(peer, &call);
        base_fail_set(NULL);
        assert_int_equal(call.rc, -DER_NOMEM);
        net_call_fini(&call);
        net_peer_close(peer);
    }
}

static void *caller(void *arg)
{
    for (int i = 0; i < 2000; i++)
        ask_names(arg, (uint32_t)i % 8);
    return NULL;
}

static void test_many_threads(void **state)
{
    struct world *w = *state;
    pthread_t t[4];

    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, caller, w), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(w->served, 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answered_in_a_fiber, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answered_on_the_callers_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk_is_the_callers_memory_and_errors_arrive, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large_a_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_held_answer_comes_later_from_any_thread, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_request_that_waited_too_long_is_not_begun, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_warm_calls_allocate_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_threads, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
