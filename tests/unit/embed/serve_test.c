/* An engine for other processes, run in this one: what it makes of a directory, who gets in, how it
 * ends. Clients are as in another process: through the socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/label.h"
#include "embed/serve.h"
#include "net/msg.h"
#include "net/remote.h"
#include "net/shm.h"
#include "rt/rt.h"

#define MS UINT64_C(1000000)

static char root[64];

static const char *at(const char *name)
{
    static char buf[4][PATH_MAX];
    static unsigned turn;

    turn = (turn + 1) % 4;
    snprintf(buf[turn], sizeof(buf[turn]), "%s/%s", root, name);
    return buf[turn];
}

static const struct embed_pool_conf small = {.wal_bytes = 8u << 20};

static struct serve_conf conf_of(const char *dir)
{
    return (struct serve_conf){
        .path = dir, .create = &small, .socket_group = SERVE_ANY_GROUP, .cpu = -1};
}

static struct serve *started(const struct serve_conf *conf)
{
    struct serve *s = NULL;
    struct err e = {0};
    int rc = serve_start(conf, &s, &e);

    if (rc != 0)
        fail_msg("%s: %s; %s", e.what, e.why, e.next);
    return s;
}

static void refused(const struct serve_conf *conf, int code, const char *why)
{
    struct serve *s = NULL;
    struct err e = {0};

    assert_int_equal(serve_start(conf, &s, &e), code);
    assert_int_equal(e.rc, code);
    if (strstr(e.why, why) == NULL)
        fail_msg("why: %s", e.why);
    assert_true(e.what[0] != '\0' && e.next[0] != '\0');
}

/* ---- A client ---- */

struct client {
    struct rt_xs *xs;
    struct net_dialer *dialer;
    struct net_peer *peer;
};

static void client_open(struct client *c, const char *socket)
{
    struct rt_xs_conf xc = {.cpu = -1, .name = "client", .driven = true};
    struct net_remote_conf rc = {.driven = true};

    assert_int_equal(rt_xs_create(&xc, &c->xs), 0);
    assert_int_equal(net_shm_dialer(c->xs, socket, getuid(), &c->dialer), 0);
    rc.dialer = c->dialer;
    rc.xs = c->xs;
    assert_int_equal(net_remote_connect(&rc, &c->peer), 0);
}

static void client_close(struct client *c)
{
    net_peer_close(c->peer);
    assert_true(rt_drive_enter(c->xs));
    net_shm_dialer_free(c->dialer);
    rt_drive_leave(c->xs);
    rt_xs_destroy(c->xs);
}

static int echo_within(struct client *c, uint32_t deadline_ms)
{
    struct msg_echo_req q = {.data = {"hello", 5}};
    struct msg_echo_rep r;
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ECHO);
    call.hdr.deadline_ms = deadline_ms;
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(c->peer, &call);
    if (rc == 0)
        assert_memory_equal(r.data.buf, "hello", 5);
    net_call_fini(&call);
    return rc;
}

static int echo(struct client *c)
{
    return echo_within(c, 20000);
}

static uint64_t incarnation(struct client *c)
{
    struct net_remote_stat st;

    net_remote_stat(c->peer, &st);
    return st.incarnation;
}

/* ---- Tests ---- */

static void makes_a_pool_and_serves_it(void **state)
{
    struct serve_conf conf = conf_of(at("new"));
    struct client c, d;
    struct serve_stat st;
    struct stat sb;
    uuid_t pool, again;
    struct serve *s = started(&conf);

    assert_true(serve_made_pool(s));
    assert_string_equal(serve_path(s), at("new"));
    assert_string_equal(serve_socket(s), at("new/engine.sock"));
    assert_int_equal(stat(serve_socket(s), &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0600);
    serve_pool_uuid(s, pool);
    client_open(&c, serve_socket(s));
    client_open(&d, serve_socket(s));
    assert_int_equal(echo(&c), 0);
    assert_int_equal(echo(&d), 0);
    assert_int_equal(echo(&c), 0);
    serve_stat(s, &st);
    assert_int_equal(st.connections, 2);
    assert_int_equal(st.accepted, 2);
    assert_int_equal(st.requests, 3);
    assert_int_equal(st.serving, 0);
    assert_int_equal(st.bad, 0);
    client_close(&d);
    serve_stop(s, true);
    assert_int_not_equal(access(at("new/engine.sock"), F_OK), 0);

    /* the next one serves the same pool, to the client that stayed */
    uint64_t first = incarnation(&c);

    assert_int_not_equal(first, 0);
    s = started(&conf);
    assert_false(serve_made_pool(s));
    serve_pool_uuid(s, again);
    assert_memory_equal(pool, again, sizeof(pool));
    assert_int_equal(echo(&c), 0);
    assert_int_not_equal(incarnation(&c), first);
    client_close(&c);
    serve_stop(s, false);
}

static void an_empty_directory_will_do(void **state)
{
    struct serve_conf conf = conf_of(at("empty"));
    struct serve *s;
    int fd;

    assert_int_equal(mkdir(at("empty"), 0755), 0);
    conf.create = NULL;
    refused(&conf, -DER_DF_INVAL, "empty");
    /* what a killed engine leaves of itself is not somebody else's */
    fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    close(fd);
    assert_int_equal(mknod(at("empty/engine.sock"), S_IFSOCK | 0600, 0), 0);
    assert_int_equal(close(open(at("empty/lock"), O_CREAT | O_WRONLY, 0600)), 0);
    conf.create = &small;
    s = started(&conf);
    assert_true(serve_made_pool(s));
    serve_stop(s, true);
}

static void refuses_what_is_no_pool(void **state)
{
    struct serve_conf conf = conf_of(at("foreign"));

    assert_int_equal(mkdir(at("foreign"), 0755), 0);
    assert_int_equal(close(open(at("foreign/thesis.tex"), O_CREAT | O_WRONLY, 0600)), 0);
    refused(&conf, -DER_DF_INVAL, "not Tarn's");
    assert_int_not_equal(access(at("foreign/lock"), F_OK), 0);
    conf.path = at("foreign/thesis.tex");
    refused(&conf, -DER_NOTDIR, "not a directory");
    conf.path = at("no/such/parent");
    refused(&conf, -DER_NONEXIST, "No such file");
    conf.create = NULL;
    refused(&conf, -DER_NONEXIST, "no such directory");
}

static void one_engine_a_directory(void **state)
{
    struct serve_conf conf = conf_of(at("one"));
    struct serve *s = started(&conf);
    struct client c;

    refused(&conf, -DER_BUSY, "this process");
    client_open(&c, serve_socket(s));
    assert_int_equal(echo(&c), 0); /* the first one is none the worse */
    client_close(&c);
    serve_stop(s, true);
}

static void the_socket_elsewhere(void **state)
{
    struct serve_conf conf = conf_of(at("else"));
    char deep[PATH_MAX];
    struct client c;
    struct stat sb;
    struct serve *s;

    conf.socket = at("s");
    conf.socket_mode = 0660;
    conf.socket_group = getgid();
    s = started(&conf);
    assert_int_equal(stat(at("s"), &sb), 0);
    assert_int_equal(sb.st_mode & 0777, 0660);
    assert_int_equal(sb.st_gid, getgid());
    /* two engines cannot share one */
    conf.path = at("else-2");
    refused(&conf, -DER_BUSY, "listens there");
    client_open(&c, at("s"));
    assert_int_equal(echo(&c), 0);
    client_close(&c);
    serve_stop(s, true);

    conf.socket = at("no/such/place");
    refused(&conf, -DER_IO, "No such file");
    /* the pool was left in order: no lock, no socket */
    conf.socket = NULL;
    s = started(&conf);
    serve_stop(s, true);

    /* a directory whose path is longer than a socket's name may be */
    snprintf(deep, sizeof(deep), "%s/", root);
    for (int i = 0; i < 12; i++) {
        strcat(deep, "a-directory-with-a-long-name");
        assert_int_equal(mkdir(deep, 0755), 0);
        strcat(deep, "/");
    }
    strcat(deep, "p");
    conf = conf_of(deep);
    s = started(&conf);
    client_open(&c, serve_socket(s));
    assert_int_equal(echo(&c), 0);
    client_close(&c);
    serve_stop(s, true);
}

static void what_it_cannot_have(void **state)
{
    static const char *const addr = "127.0.0.1:port";
    struct serve_conf conf = conf_of(at("cannot"));

    conf.listen = &addr;
    conf.listen_nr = 1;
    refused(&conf, -DER_INVAL, "port");
    assert_int_not_equal(access(at("cannot"), F_OK), 0); /* found out before anything was made */
    conf.listen_nr = 0;
    conf.cpu = 1000;
    refused(&conf, -DER_INVAL, "pinned");
    conf.cpu = -1;
    if (getuid() != 0) {
        conf.socket_group = 0;
        refused(&conf, -DER_NO_PERM, "permitted");
    }
}

static void idle(void **state)
{
    struct serve_conf conf = conf_of(at("idle"));
    struct serve *s = started(&conf);
    struct client c, late;
    uint64_t begun;

    client_open(&c, serve_socket(s));
    assert_int_equal(echo(&c), 0);
    rt_sleep_ns(30 * MS);
    assert_false(serve_is_idle(s, 10 * MS));
    rt_sleep_ns(30 * MS);
    assert_false(serve_is_idle(s, 10 * MS)); /* he is connected, whether he asks or not */
    client_close(&c);
    while (access(serve_socket(s), F_OK) == 0) {
        begun = rt_now_ns();
        if (serve_is_idle(s, 50 * MS))
            break;
        rt_sleep_ns(5 * MS);
        assert_true(rt_now_ns() - begun < 5000 * MS);
    }
    assert_int_not_equal(access(at("idle/engine.sock"), F_OK), 0);

    /* somebody who comes now finds nobody, and whoever is next when it is there */
    client_open(&late, at("idle/engine.sock"));
    assert_int_equal(echo_within(&late, 100), -DER_TIMEDOUT);
    serve_stop(s, true);
    s = started(&conf);
    assert_int_equal(echo(&late), 0);

    /* who came and went between two looks was there all the same */
    client_close(&late);
    rt_sleep_ns(10 * MS);
    assert_false(serve_is_idle(s, UINT64_MAX));
    rt_sleep_ns(60 * MS);
    client_open(&c, serve_socket(s));
    assert_int_equal(echo(&c), 0);
    client_close(&c);
    rt_sleep_ns(10 * MS); /* it is seen to have gone */
    assert_false(serve_is_idle(s, 50 * MS));
    serve_stop(s, true);
}

static int setup(void **state)
{
    strcpy(root, "/tmp/tarn-serve-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    setenv("XDG_STATE_HOME", at("state"), 1);
    return 0;
}

static int teardown(void **state)
{
    char cmd[128];

    snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
    return system(cmd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_pool_and_serves_it),
        cmocka_unit_test(an_empty_directory_will_do),
        cmocka_unit_test(refuses_what_is_no_pool),
        cmocka_unit_test(one_engine_a_directory),
        cmocka_unit_test(the_socket_elsewhere),
        cmocka_unit_test(what_it_cannot_have),
        cmocka_unit_test(idle),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
