/* Addresses of TCP: see net/addr.h. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "rt/rt.h"

#define HOST_MAX 256u
#define SYNTAX   "write it as host:port, [IPv6 address]:port or, to listen, *:port"

/* One address of a list, taken apart. */
struct item {
    char text[HOST_MAX + 16];
    char host[HOST_MAX];
    char port[8];
    bool any;
};

static const char *doing(enum net_addr_use use)
{
    return use == NET_ADDR_LISTEN ? "listen at" : "connect to";
}

static int bad(const struct item *it, enum net_addr_use use, const char *why, struct err *e)
{
    return err_setf(e, -DER_INVAL, SYNTAX, why, "cannot %s '%.150s'", doing(use), it->text);
}

static bool is_port(const char *s)
{
    size_t n = strspn(s, "0123456789");

    return n > 0 && n <= 5 && s[n] == '\0' && strtoul(s, NULL, 10) <= UINT16_MAX;
}

/* Takes the text apart. -DER_INVAL. */
static int split(struct item *it, enum net_addr_use use, struct err *e)
{
    const char *colon = strrchr(it->text, ':'), *host = it->text, *end = colon;
    size_t n;

    if (it->text[0] == '\0')
        return bad(it, use, "there is nothing between two commas, or at an end", e);
    if (colon == NULL || strchr(colon, ']') != NULL)
        return bad(it, use, "it names no port", e);
    if (!is_port(colon + 1))
        return bad(it, use, "a port is a number up to 65535", e);
    if (use == NET_ADDR_CONNECT && strtoul(colon + 1, NULL, 10) == 0)
        return bad(it, use, "nobody listens at port 0", e);
    if (host[0] == '[') {
        end = colon - 1;
        if (*end != ']' || ++host >= end)
            return bad(it, use, "its brackets do not fit", e);
    } else if (memchr(host, ':', (size_t)(end - host)) != NULL) {
        return bad(it, use, "an IPv6 address stands in brackets", e);
    }
    n = (size_t)(end - host);
    it->any = host == it->text && (n == 0 || (n == 1 && host[0] == '*'));
    if (it->any && use == NET_ADDR_CONNECT)
        return bad(it, use, "it names no host", e);
    if (n >= sizeof(it->host))
        return bad(it, use, "no name is that long", e);
    memcpy(it->host, host, n);
    it->host[n] = '\0';
    snprintf(it->port, sizeof(it->port), "%s", colon + 1);
    return 0;
}

/* ---- Names ---- */

struct asking {
    const struct item *it;
    struct addrinfo hints;
    struct addrinfo *found;
    int rc;
    struct rt_event done;
};

static void *ask(void *arg)
{
    struct asking *a = arg;

    a->rc = getaddrinfo(a->it->host, a->it->port, &a->hints, &a->found);
    rt_event_set(&a->done);
    return NULL;
}

/* Numbers need no waiting. A name on a fiber is asked for by a thread: it waits for other hosts,
 * and libraries that know names want more stack than a fiber has. */
static void look_up(struct asking *a)
{
    pthread_t t;

    a->hints.ai_socktype = SOCK_STREAM;
    a->hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    a->rc = getaddrinfo(a->it->host, a->it->port, &a->hints, &a->found);
    if (a->rc != EAI_NONAME)
        return;
    a->hints.ai_flags = AI_NUMERICSERV;
    if (rt_xs_self() == NULL) {
        ask(a);
        return;
    }
    if (pthread_create(&t, NULL, ask, a) != 0) {
        a->rc = EAI_MEMORY;
        return;
    }
    rt_event_wait(&a->done);
    pthread_join(t, NULL);
}

static int no_host(const struct item *it, enum net_addr_use use, int rc, struct err *e)
{
    char why[ERR_PART_MAX];

    snprintf(why, sizeof(why), "the host '%.100s' has no address: %s", it->host, gai_strerror(rc));
    if (rc == EAI_MEMORY || rc == EAI_SYSTEM)
        return err_setf(e, -DER_NOMEM, "see that the machine has memory left", why,
                        "cannot %s %.150s", doing(use), it->text);
    if (rc == EAI_AGAIN)
        return err_setf(e, -DER_AGAIN, "try again when the name servers answer, or write a number",
                        why, "cannot %s %.150s", doing(use), it->text);
    return err_setf(e, -DER_NONEXIST,
                    "see that the name is right and known here, or write a number", why,
                    "cannot %s %.150s", doing(use), it->text);
}

/* ---- Lists ---- */

static bool known(const struct net_addrs *out, const struct net_addr *a)
{
    for (uint32_t i = 0; i < out->nr; i++)
        if (net_addr_equal(&out->a[i], a))
            return true;
    return false;
}

static int add(struct net_addrs *out, const struct net_addr *a, const struct item *it,
               enum net_addr_use use, struct err *e)
{
    if (known(out, a))
        return 0;
    if (out->nr == NET_ADDRS_MAX)
        return err_setf(e, -DER_OVERFLOW, "name fewer", "there are more than 64 addresses",
                        "cannot %s %.150s and those before it", doing(use), it->text);
    out->a[out->nr++] = *a;
    return 0;
}

static int resolve_item(const struct item *it, uint16_t nr, enum net_addr_use use,
                        struct net_addrs *out, struct err *e)
{
    struct asking ask = {.it = it, .done = RT_EVENT_INIT};
    int rc = 0;

    if (it->any) {
        struct net_addr a = {.len = sizeof(a.u.v6), .item = nr, .both = true};

        a.u.v6.sin6_family = AF_INET6;
        a.u.v6.sin6_port = htons((uint16_t)strtoul(it->port, NULL, 10));
        return add(out, &a, it, use, e);
    }
    look_up(&ask);
    if (ask.rc != 0)
        return no_host(it, use, ask.rc, e);
    for (struct addrinfo *ai = ask.found; ai != NULL && rc == 0; ai = ai->ai_next) {
        struct net_addr a = {.len = ai->ai_addrlen, .item = nr};

        if (ai->ai_addrlen > sizeof(a.u))
            continue;
        memcpy(&a.u, ai->ai_addr, ai->ai_addrlen);
        rc = add(out, &a, it, use, e);
    }
    freeaddrinfo(ask.found);
    return rc;
}

int net_addr_resolve(const char *list, enum net_addr_use use, struct net_addrs *out, struct err *e)
{
    struct net_addrs found = {.nr = 0};
    uint16_t nr = 0;

    for (const char *at = list;; nr++) {
        size_t n = strcspn(at, ",");
        struct item it;
        int rc;

        snprintf(it.text, sizeof(it.text), "%.*s", (int)MIN(n, HOST_MAX + 15), at);
        rc = n < sizeof(it.text) ? split(&it, use, e) : bad(&it, use, "no name is that long", e);
        if (rc == 0)
            rc = resolve_item(&it, nr, use, &found, e);
        if (rc != 0)
            return rc;
        if (at[n] == '\0')
            break;
        at += n + 1;
    }
    *out = found;
    return 0;
}

bool net_addr_numeric(const char *text, struct net_addr *out)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM}, *found;
    bool fits;

    if (getaddrinfo(text, NULL, &hints, &found) != 0)
        return false;
    fits = found->ai_addrlen <= sizeof(out->u);
    if (fits) {
        *out = (struct net_addr){.len = found->ai_addrlen};
        memcpy(&out->u, found->ai_addr, found->ai_addrlen);
    }
    freeaddrinfo(found);
    return fits;
}

/* ---- Texts ---- */

static bool is_v4(const struct net_addr *a, struct in_addr *v4)
{
    if (a->u.sa.sa_family == AF_INET) {
        *v4 = a->u.v4.sin_addr;
        return true;
    }
    if (a->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->u.v6.sin6_addr))
        return false;
    memcpy(v4, &a->u.v6.sin6_addr.s6_addr[12], sizeof(*v4));
    return true;
}

const char *net_addr_text(const struct net_addr *a, char text[NET_ADDR_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "?", scope[IF_NAMESIZE + 1] = "", name[IF_NAMESIZE];
    struct in_addr v4;

    if (is_v4(a, &v4)) {
        inet_ntop(AF_INET, &v4, host, sizeof(host));
        snprintf(text, NET_ADDR_TEXT, "%s:%u", host, ntohs(a->u.v4.sin_port));
        return text;
    }
    inet_ntop(AF_INET6, &a->u.v6.sin6_addr, host, sizeof(host));
    if (a->u.v6.sin6_scope_id != 0 && if_indextoname(a->u.v6.sin6_scope_id, name) != NULL)
        snprintf(scope, sizeof(scope), "%%%s", name);
    snprintf(text, NET_ADDR_TEXT, "[%s%s]:%u", host, scope, ntohs(a->u.v6.sin6_port));
    return text;
}

void net_addr_host(const struct net_addr *a, uint8_t host[16])
{
    struct in_addr v4;

    memset(host, 0, 16);
    if (is_v4(a, &v4))
        memcpy(host + 12, &v4, sizeof(v4));
    else
        memcpy(host, &a->u.v6.sin6_addr, 16);
}

bool net_addr_equal(const struct net_addr *a, const struct net_addr *b)
{
    if (a->u.sa.sa_family != b->u.sa.sa_family || a->both != b->both)
        return false;
    if (a->u.sa.sa_family == AF_INET)
        return a->u.v4.sin_port == b->u.v4.sin_port &&
               a->u.v4.sin_addr.s_addr == b->u.v4.sin_addr.s_addr;
    return a->u.v6.sin6_port == b->u.v6.sin6_port &&
           a->u.v6.sin6_scope_id == b->u.v6.sin6_scope_id &&
           memcmp(&a->u.v6.sin6_addr, &b->u.v6.sin6_addr, sizeof(a->u.v6.sin6_addr)) == 0;
}
