/*
 * Clients that take more than their share: requests without end, connections without end,
 * connections that say nothing. The engine's memory stays bounded, and others are served.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "base/log.h"
#include "wire_rig.h"

#define ASKED  10000u
#define BUDGET (UINT64_C(1) << 20)
#define MANY   6
#define LARGE  (256u << 10)
#define EACH   80u /* of these: 20 MiB, more than sockets take */
#define ALL    (UINT64_C(4) << 20)

/* ---- Requests without end ---- */

struct greedy {
    struct rt_xs *xs;
    struct net_dialer *dialer;
    struct net_wire *wire;
    uint32_t welcomes, answers, bad;
    bool broken;
    uint8_t id;
    struct wbuf out;
};

static void got(struct net_wire *w, const void *frame, size_t len)
{
    struct greedy *g = w->arg;
    enum net_frame kind;
    struct net_hdr h;
    struct rbuf r;
    uint64_t id;

    if (wire_open(frame, len, !w->local, &kind, &id, &r) != 0) {
        g->bad++;
        return;
    }
    g->welcomes += kind == NET_WELCOME;
    if (kind != NET_REPLY)
        return;
    wire_get_hdr(&r, &h);
    g->answers++;
    g->bad += h.rc != 0;
}

static void broke(struct net_wire *w)
{
    ((struct greedy *)w->arg)->broken = true;
}

static void push(struct greedy *g)
{
    assert_int_equal(wire_seal(&g->out, !g->wire->local), 0);
    g->wire->ops->send(g->wire, g->out.data, g->out.len);
}

static void greedy_open(struct stage *s, struct greedy *g)
{
    struct rt_xs_conf cc = {.cpu = -1, .name = "greedy", .driven = true};
    struct net_tcp_dial_conf dc = {.addrs = s->addr, .driven = true};
    struct err e = {0};

    assert_int_equal(rt_xs_create(&cc, &g->xs), 0);
    if (s->transport == SHM)
        assert_int_equal(net_shm_dialer(g->xs, s->path, getuid(), &g->dialer), 0);
    else
        assert_int_equal(net_tcp_dialer(g->xs, &dc, &g->dialer, &e), 0);
    wbuf_init_grow(&g->out, 1 << 20);
    assert_true(rt_drive_enter(g->xs));
    assert_int_equal(g->dialer->dial(g->dialer, &g->wire), 0);
    g->wire->received = got;
    g->wire->broken = broke;
    g->wire->arg = g;
    wire_put_head(&g->out, NET_HELLO, 0);
    for (int i = 0; i < 16; i++)
        wbuf_u8(&g->out, (uint8_t)(0x66 + g->id));
    wbuf_u64(&g->out, 1);
    wbuf_u64(&g->out, 0); /* it knows of no limits */
    push(g);
    rt_drive_leave(g->xs);
    for (int i = 0; i < 5000 && g->welcomes == 0; i++) {
        rt_drive(g->xs);
        usleep(1000);
    }
    assert_int_equal(g->welcomes, 1);
}

/* OBJ_UPDATE of 3000 bytes, in the frame. */
static void ask(struct greedy *g, uint64_t id)
{
    struct net_hdr h = {.proto = NET_PROTO, .opcode = MSG_OBJ_UPDATE, .incarnation = 7};
    static const struct msg_obj_update_req q;
    static const uint8_t data[3000];

    wire_put_head(&g->out, NET_REQUEST, id);
    wire_put_hdr(&g->out, &h);
    assert_int_equal(wire_put_body(&g->out, MSG_OBJ_UPDATE, &q, false), 0);
    wbuf_u32(&g->out, 1);
    wbuf_u8(&g->out, 0);
    wbuf_u64(&g->out, sizeof(data));
    wbuf_bytes(&g->out, data, sizeof(data));
    push(g);
}

/* OBJ_FETCH of LARGE bytes, in frames: the engine has to have them. */
static void ask_large(struct greedy *g, uint64_t id)
{
    struct net_hdr h = {.proto = NET_PROTO, .opcode = MSG_OBJ_FETCH, .incarnation = 7};
    static const struct msg_obj_fetch_req q;

    wire_put_head(&g->out, NET_REQUEST, id);
    wire_put_hdr(&g->out, &h);
    assert_int_equal(wire_put_body(&g->out, MSG_OBJ_FETCH, &q, false), 0);
    wbuf_u32(&g->out, 1);
    wbuf_u8(&g->out, NET_BULK_WRITABLE);
    wbuf_u64(&g->out, LARGE);
    push(g);
}

static void greedy_close(struct stage *s, struct greedy *g)
{
    assert_true(rt_drive_enter(g->xs));
    g->wire->ops->close(g->wire);
    if (s->transport == SHM)
        net_shm_dialer_free(g->dialer);
    else
        net_tcp_dialer_free(g->dialer);
    rt_drive_leave(g->xs);
    rt_xs_destroy(g->xs);
    wbuf_fini(&g->out);
}

/* He asks ten thousand times and reads nothing. What he asked for that was begun is all that the
 * engine holds; somebody else is answered; and when he does read, everything has an answer. */
static void never_reads(enum transport transport)
{
    struct stage s = {.transport = transport, .bytes = BUDGET, .held_op = MSG_OBJ_UPDATE};
    struct rt_event hold = RT_EVENT_INIT;
    struct greedy g = {.answers = 0};

    s.hold = &hold;
    stage_open(&s);
    greedy_open(&s, &g);
    assert_true(rt_drive_enter(g.xs));
    for (uint64_t id = 1; id <= ASKED; id++)
        ask(&g, id);
    rt_drive_leave(g.xs);
    for (int i = 0; i < 100; i++) {
        rt_drive(g.xs); /* sends; what is held takes nothing */
        assert_int_equal(echo(&s, "others", 6), 0);
        on_engine(&s, engine_stat);
        assert_in_range(s.stat.bytes, 0, BUDGET + (NET_CONTROL_CALLS + 2) * NET_HOLDS);
    }
    assert_in_range(s.stat.serving, 50, BUDGET / NET_HOLDS + NET_CONTROL_CALLS);
    assert_in_range(s.stat.held, 1, 3);
    assert_int_equal(g.answers, 0);
    rt_event_set(&hold);
    for (int i = 0; i < 200; i++) /* answered, and nobody takes it: others are */
        assert_int_equal(echo(&s, "others", 6), 0);
    for (uint64_t i = 0; i < 60000000 && g.answers < ASKED && !g.broken; i++)
        rt_drive(g.xs);
    assert_false(g.broken);
    assert_int_equal(g.answers, ASKED);
    assert_int_equal(g.bad, 0);
    on_engine(&s, engine_stat);
    assert_int_equal(s.stat.bytes, 0);
    greedy_close(&s, &g);
    stage_close(&s);
}

static void never_reads_memory(void **state)
{
    never_reads(SHM);
}

static void never_reads_tcp(void **state)
{
    never_reads(TCP4);
}

/* ---- Many of them ---- */

static int fetch_large(struct stage *s, uint32_t deadline_ms)
{
    static uint8_t data[LARGE];
    struct msg_obj_fetch_req q = {0};
    struct msg_obj_fetch_rep r;
    struct iovec iov = {data, sizeof(data)};
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_OBJ_FETCH);
    call.hdr.deadline_ms = deadline_ms;
    call.req = &q;
    call.rep = &r;
    call.bulk[0] = (struct net_bulk){&iov, 1, true};
    call.bulk_nr = 1;
    rc = net_call_wait(s->peer, &call);
    net_call_fini(&call);
    return rc;
}

/* A question of control: it never waits for data. */
static uint64_t figure(struct stage *s, const char *name)
{
    static const struct msg_engine_metrics_req q;
    struct msg_engine_metrics_rep r;
    uint64_t value = UINT64_MAX;
    struct net_call call;

    net_call_init(&call, MSG_ENGINE_METRICS);
    call.hdr.deadline_ms = 2000;
    call.req = &q;
    call.rep = &r;
    assert_int_equal(net_call_wait(s->peer, &call), 0);
    for (uint32_t i = 0; i < r.figures_nr; i++)
        if (strcmp(r.figures[i].name, name) == 0)
            value = r.figures[i].value;
    net_call_fini(&call);
    assert_int_not_equal(value, UINT64_MAX);
    return value;
}

static void all_ask(struct stage *s, struct greedy g[MANY])
{
    for (int i = 0; i < MANY; i++) {
        g[i] = (struct greedy){.id = (uint8_t)i};
        greedy_open(s, &g[i]);
        assert_true(rt_drive_enter(g[i].xs));
        for (uint64_t id = 1; id <= EACH; id++)
            ask_large(&g[i], id);
        rt_drive_leave(g[i].xs);
    }
    for (int k = 0; k < 50; k++) { /* sends */
        for (int i = 0; i < MANY; i++) {
            g[i].wire->held = true;
            rt_drive(g[i].xs);
        }
        on_engine(s, engine_stat);
        assert_in_range(s->stat.bytes + s->stat.backlog, 0, ALL + (64 << 10));
    }
}

/* None of them reads. What all hold together has its bound; control is served; who wants data waits
 * until those are gone who take nothing, which does not take for ever. */
static void many_never_read(void **state)
{
    struct stage s = {.transport = TCP4, .all_bytes = ALL, .inline_too = true, .stall_ms = 700};
    struct greedy g[MANY];

    stage_open(&s);
    assert_int_equal(fetch_large(&s, 0), 0);
    all_ask(&s, g);
    assert_in_range(s.stat.parked, 1, MANY * EACH);
    assert_in_range(s.stat.parked_bytes, s.stat.parked * 100, s.stat.parked * 300);
    assert_true(figure(&s, "requests_waiting") > 0);
    assert_int_equal(fetch_large(&s, 60), -DER_TIMEDOUT); /* and taken back: it was not begun */
    assert_int_equal(fetch_large(&s, 0), 0);
    on_engine(&s, engine_stat);
    assert_in_range(s.stat.stalled, 1, MANY);
    for (int i = 0; i < MANY; i++)
        greedy_close(&s, &g[i]);
    for (int i = 0; i < 5000 && s.stat.conns > 1; i++) {
        usleep(1000);
        on_engine(&s, engine_stat);
    }
    assert_int_equal(s.stat.bytes + s.stat.backlog, 0);
    assert_int_equal(s.stat.parked + s.stat.parked_bytes, 0);
    assert_int_equal(fetch_large(&s, 0), 0);
    stage_close(&s);
}

/* They read late: everything that waited is answered then. */
static void many_read_late(void **state)
{
    struct stage s = {.transport = TCP4, .all_bytes = ALL, .inline_too = true, .stall_ms = 600000};
    struct greedy g[MANY];
    uint32_t left = MANY;

    stage_open(&s);
    all_ask(&s, g);
    assert_in_range(s.stat.parked, 1, MANY * EACH);
    for (int i = 0; i < MANY; i++) {
        g[i].wire->held = false;
        assert_true(rt_drive_enter(g[i].xs));
        g[i].wire->ops->release(g[i].wire);
        rt_drive_leave(g[i].xs);
    }
    for (uint64_t k = 0; k < 60000000 && left > 0; k++) {
        left = 0;
        for (int i = 0; i < MANY; i++) {
            rt_drive(g[i].xs);
            assert_false(g[i].broken);
            left += g[i].answers < EACH;
        }
    }
    on_engine(&s, engine_stat);
    assert_int_equal(s.stat.bytes + s.stat.backlog + s.stat.parked, 0);
    assert_int_equal(s.stat.stalled, 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(g[i].answers, EACH);
        assert_int_equal(g[i].bad, 0);
        greedy_close(&s, &g[i]);
    }
    stage_close(&s);
}

/* ---- Connections without end ---- */

static unsigned crowds; /* lines of the log; atomic */

static void too_many_of_a_user(void **state)
{
    struct stage s = {.transport = SHM, .shm_conf = {.user_max = 3}}, others[4];

    engine_open(&s);
    for (int i = 0; i < 4; i++) {
        others[i] = s;
        client_open(&others[i]);
        if (i < 3)
            assert_int_equal(echo(&others[i], "in", 2), 0);
    }
    assert_int_equal(echo_within(&others[3], "out", 3, 300), -DER_BUSY);
    assert_int_equal(others[3].dialer->refused, NET_REFUSED_USER_CROWD);
    assert_int_equal(echo_within(&others[0], "in", 2, 0), 0);
    client_close(&others[0]);
    assert_int_equal(echo_within(&others[3], "in", 2, 0), 0); /* there is room now */
    for (int i = 1; i < 4; i++)
        client_close(&others[i]);
    engine_close(&s);
}

static void count_crowds(enum log_level level, const char *line)
{
    if (strstr(line, "refuses connections") != NULL)
        __atomic_add_fetch(&crowds, 1, __ATOMIC_RELAXED);
}

/* However often he tries, the log is told once. */
static void too_many_of_all(void **state)
{
    struct stage s = {.transport = SHM, .shm_conf = {.max = 1}}, others[2];

    engine_open(&s);
    log_set_sink(count_crowds);
    for (int i = 0; i < 2; i++) {
        others[i] = s;
        client_open(&others[i]);
    }
    assert_int_equal(echo(&others[0], "in", 2), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(echo_within(&others[1], "out", 3, 100), -DER_BUSY);
    assert_int_equal(others[1].dialer->refused, NET_REFUSED_CROWD);
    assert_int_equal(__atomic_load_n(&crowds, __ATOMIC_RELAXED), 1);
    for (int i = 0; i < 2; i++)
        client_close(&others[i]);
    log_set_sink(NULL);
    engine_close(&s);
}

/* ---- Connections that say nothing ---- */

static int plug(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

static void says_nothing(void **state)
{
    struct stage s = {.transport = SHM, .shm_conf = {.hello_ms = 200}};
    int fd[3];

    stage_open(&s);
    assert_int_equal(echo(&s, "x", 1), 0);
    for (int i = 0; i < 3; i++)
        fd[i] = plug(s.path);
    on_engine(&s, engine_stat);
    for (int i = 0; i < 3; i++) {
        struct pollfd p = {.fd = fd[i], .events = POLLRDHUP};

        assert_int_equal(poll(&p, 1, 10000), 1);
        close(fd[i]);
    }
    usleep(300000);
    on_engine(&s, engine_stat);
    assert_int_equal(s.stat.conns, 1); /* who has spoken may be silent afterwards */
    assert_int_equal(s.stat.accepted, 4);
    assert_int_equal(net_shm_refused(s.shm), 3);
    assert_int_equal(echo(&s, "x", 1), 0);
    on_engine(&s, engine_stat);
    assert_int_equal(s.stat.accepted, 4); /* over the same connection */
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_reads_memory), cmocka_unit_test(never_reads_tcp),
        cmocka_unit_test(many_never_read),    cmocka_unit_test(many_read_late),
        cmocka_unit_test(too_many_of_a_user), cmocka_unit_test(too_many_of_all),
        cmocka_unit_test(says_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
