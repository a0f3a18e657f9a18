/* Addresses as people write them: what each means, and what is said to what means nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "net/addr.h"
#include "rt/rt.h"

static void good(void **state)
{
    static const struct {
        const char *list;
        enum net_addr_use use;
        uint32_t nr;
        const char *first, *last;
    } t[] = {
        {"127.0.0.1:10001", NET_ADDR_CONNECT, 1, "127.0.0.1:10001", NULL},
        {"[::1]:1", NET_ADDR_CONNECT, 1, "[::1]:1", NULL},
        {"[::ffff:10.0.0.9]:7", NET_ADDR_CONNECT, 1, "10.0.0.9:7", NULL},
        {"10.0.0.1:5,[fd00::1]:65535,10.0.0.1:5", NET_ADDR_CONNECT, 2, "10.0.0.1:5",
         "[fd00::1]:65535"},
        {":10001", NET_ADDR_LISTEN, 1, "[::]:10001", NULL},
        {"*:0", NET_ADDR_LISTEN, 1, "[::]:0", NULL},
        {"0.0.0.0:0", NET_ADDR_LISTEN, 1, "0.0.0.0:0", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct net_addrs a;
        char text[NET_ADDR_TEXT];
        struct err e = {0};

        assert_int_equal(net_addr_resolve(t[i].list, t[i].use, &a, &e), 0);
        assert_int_equal(a.nr, t[i].nr);
        assert_string_equal(net_addr_text(&a.a[0], text), t[i].first);
        assert_string_equal(net_addr_text(&a.a[a.nr - 1], text),
                            t[i].last != NULL ? t[i].last : t[i].first);
        assert_int_equal(a.a[0].both, t[i].list[0] == ':' || t[i].list[0] == '*');
    }
}

/* Three parts, and the address in the first. */
static void assert_told(const struct err *e, const char *name)
{
    assert_non_null(strstr(e->what, name));
    assert_true(e->why[0] != '\0' && e->next[0] != '\0');
}

static void bad(void **state)
{
    static const struct {
        const char *list;
        enum net_addr_use use;
        const char *why;
    } t[] = {
        {"", NET_ADDR_LISTEN, "between two commas"},
        {"10.0.0.1:1,", NET_ADDR_CONNECT, "between two commas"},
        {"10.0.0.1", NET_ADDR_LISTEN, "no port"},
        {"[::1]", NET_ADDR_LISTEN, "no port"},
        {"10.0.0.1:", NET_ADDR_LISTEN, "a port is"},
        {"10.0.0.1:x", NET_ADDR_LISTEN, "a port is"},
        {"10.0.0.1:-1", NET_ADDR_LISTEN, "a port is"},
        {"10.0.0.1:65536", NET_ADDR_LISTEN, "a port is"},
        {"10.0.0.1:00000000001", NET_ADDR_LISTEN, "a port is"},
        {"10.0.0.1:0", NET_ADDR_CONNECT, "port 0"},
        {"::1:10001", NET_ADDR_CONNECT, "in brackets"},
        {"[::1:10001", NET_ADDR_CONNECT, "brackets"},
        {"[]:10001", NET_ADDR_CONNECT, "brackets"},
        {":10001", NET_ADDR_CONNECT, "no host"},
        {"*:10001", NET_ADDR_CONNECT, "no host"},
    };
    char text[600];

    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct net_addrs a = {.nr = 77};
        struct err e = {0};

        assert_int_equal(net_addr_resolve(t[i].list, t[i].use, &a, &e), -DER_INVAL);
        assert_non_null(strstr(e.why, t[i].why));
        assert_told(&e, t[i].use == NET_ADDR_LISTEN ? "cannot listen at" : "cannot connect to");
        assert_int_equal(a.nr, 77);
    }
    for (size_t n = 200; n < sizeof(text) - 4; n++) {
        struct net_addrs a;
        struct err e = {0};

        memset(text, 'a', n);
        strcpy(text + n, ":1");
        assert_true(net_addr_resolve(text, NET_ADDR_CONNECT, &a, &e) != 0);
        n += 90;
    }
}

static void too_many(void **state)
{
    char list[4096];
    struct net_addrs a;
    struct err e = {0};
    size_t n = 0;

    for (unsigned i = 0; i < NET_ADDRS_MAX; i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, "%s10.0.0.%u:1", i > 0 ? "," : "", i);
    assert_int_equal(net_addr_resolve(list, NET_ADDR_CONNECT, &a, &e), 0);
    assert_int_equal(a.nr, NET_ADDRS_MAX);
    snprintf(list + n, sizeof(list) - n, ",10.0.1.1:1");
    assert_int_equal(net_addr_resolve(list, NET_ADDR_CONNECT, &a, &e), -DER_OVERFLOW);
    assert_told(&e, "10.0.1.1:1");
}

/* "invalid" is a name that never is one; a machine without name servers does not even know that. */
static void no_host(void *arg)
{
    struct net_addrs a;
    struct err e = {0};
    int rc = net_addr_resolve("127.0.0.1:1,no-such.invalid:10001", NET_ADDR_CONNECT, &a, &e);

    assert_true(rc == -DER_NONEXIST || rc == -DER_AGAIN);
    assert_told(&e, "no-such.invalid:10001");
    assert_non_null(strstr(e.why, "no-such.invalid"));
    if (arg != NULL)
        rt_event_set(arg);
}

static void names(void **state)
{
    struct rt_xs_conf c = {.cpu = -1};
    struct rt_event done = RT_EVENT_INIT;
    struct net_addrs a;
    struct err e = {0};
    struct rt_xs *xs;

    assert_int_equal(net_addr_resolve("localhost:9", NET_ADDR_CONNECT, &a, &e), 0);
    assert_in_range(a.nr, 1, NET_ADDRS_MAX);
    no_host(NULL);
    assert_int_equal(rt_xs_create(&c, &xs), 0);
    assert_int_equal(rt_spawn_on(xs, no_host, &done), 0); /* on a fiber, by another thread */
    rt_event_wait(&done);
    rt_xs_destroy(xs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(too_many),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
