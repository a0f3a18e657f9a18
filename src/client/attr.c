/* User attributes of pools and containers: the same messages, told apart by scope and handle. */
#include <daos.h>
#include <string.h>
#include "base/fail.h"
#include "client/op.h"

struct attr {
    daos_handle_t h;
    uint8_t scope;
    int n;
    const char *const *names;
    const void *const *values;
    const size_t *sizes_in;
    void *const *buffers;
    size_t *sizes;
    char *list;
};

/* The thing whose attributes are meant. */
struct owner {
    struct hobj *h;
    struct net_peer *peer;
    const uint8_t *hdl;
};

static int owner_get(struct client *c, const struct attr *a, struct owner *o)
{
    if (a->scope == MSG_SCOPE_POOL) {
        struct pool *p = pool_get(c, a->h);

        if (p == NULL)
            return -DER_NO_HDL;
        *o = (struct owner){&p->h, p->conn->peer, p->hdl};
    } else {
        struct cont *co = cont_get(c, a->h);

        if (co == NULL)
            return -DER_NO_HDL;
        *o = (struct owner){&co->h, cont_peer(co), co->hdl};
    }
    return 0;
}

static bool names_valid(int n, const char *const *names)
{
    int i;

    if (n <= 0 || names == NULL)
        return false;
    for (i = 0; i < n; i++) {
        size_t len = names[i] ? strnlen(names[i], DAOS_ATTR_NAME_MAX + 1) : 0;

        if (len == 0 || len > DAOS_ATTR_NAME_MAX)
            return false;
    }
    return true;
}

static int set_body(struct client *c, void *args)
{
    struct attr *a = args;
    struct msg_attr_set_req q = {.scope = a->scope,
                                 .names = a->names,
                                 .names_nr = (uint32_t)a->n,
                                 .values_nr = (uint32_t)a->n};
    struct msg_buf *values;
    struct net_call call;
    struct owner o;
    int rc, i;

    rc = owner_get(c, a, &o);
    if (rc)
        return rc;
    values = base_calloc((size_t)a->n, sizeof(*values));
    if (values == NULL) {
        handle_put(o.h);
        return -DER_NOMEM;
    }
    for (i = 0; i < a->n; i++)
        values[i] = (struct msg_buf){.buf = a->values[i], .len = (uint32_t)a->sizes_in[i]};
    memcpy(q.hdl, o.hdl, sizeof(q.hdl));
    q.values = values;
    rc = call_wait(c, o.peer, &call, MSG_ATTR_SET, &q, NULL);
    net_call_fini(&call);
    base_free(values);
    handle_put(o.h);
    return rc;
}

static int get_body(struct client *c, void *args)
{
    struct attr *a = args;
    struct msg_attr_get_req q = {.scope = a->scope, .names = a->names, .names_nr = (uint32_t)a->n};
    struct msg_attr_get_rep r = {0};
    struct net_call call;
    struct owner o;
    int rc, i;

    rc = owner_get(c, a, &o);
    if (rc)
        return rc;
    memcpy(q.hdl, o.hdl, sizeof(q.hdl));
    rc = call_wait(c, o.peer, &call, MSG_ATTR_GET, &q, &r);
    if (rc == 0 && r.values_nr != (uint32_t)a->n)
        rc = -DER_PROTO;
    for (i = 0; rc == 0 && i < a->n; i++) {
        size_t fits = MIN(a->sizes[i], (size_t)r.values[i].len);

        if (a->buffers != NULL && a->buffers[i] != NULL && fits > 0)
            memcpy(a->buffers[i], r.values[i].buf, fits);
        a->sizes[i] = r.values[i].len;
    }
    net_call_fini(&call);
    handle_put(o.h);
    return rc;
}

static int del_body(struct client *c, void *args)
{
    struct attr *a = args;
    struct msg_attr_del_req q = {.scope = a->scope, .names = a->names, .names_nr = (uint32_t)a->n};
    struct net_call call;
    struct owner o;
    int rc;

    rc = owner_get(c, a, &o);
    if (rc)
        return rc;
    memcpy(q.hdl, o.hdl, sizeof(q.hdl));
    rc = call_wait(c, o.peer, &call, MSG_ATTR_DEL, &q, NULL);
    net_call_fini(&call);
    handle_put(o.h);
    return rc;
}

static int list_body(struct client *c, void *args)
{
    struct attr *a = args;
    struct msg_attr_list_req q = {.scope = a->scope};
    struct msg_attr_list_rep r = {0};
    struct net_call call;
    size_t need = 0, room;
    struct owner o;
    uint32_t i;
    int rc;

    rc = owner_get(c, a, &o);
    if (rc)
        return rc;
    memcpy(q.hdl, o.hdl, sizeof(q.hdl));
    rc = call_wait(c, o.peer, &call, MSG_ATTR_LIST, &q, &r);
    room = a->list ? *a->sizes : 0;
    for (i = 0; rc == 0 && i < r.names_nr; i++) {
        size_t len = strlen(r.names[i]) + 1;

        if (need < room)
            memcpy(a->list + need, r.names[i], MIN(len, room - need));
        need += len;
    }
    if (rc == 0)
        *a->sizes = need;
    net_call_fini(&call);
    handle_put(o.h);
    return rc;
}

static int attr_set(daos_handle_t h, uint8_t scope, int n, const char *const *names,
                    const void *const *values, const size_t *sizes, daos_event_t *ev)
{
    struct attr a = {
        .h = h, .scope = scope, .n = n, .names = names, .values = values, .sizes_in = sizes};
    int i;

    if (!names_valid(n, names) || values == NULL || sizes == NULL)
        return -DER_INVAL;
    for (i = 0; i < n; i++)
        if (values[i] == NULL || sizes[i] == 0 || sizes[i] > NET_BODY_MAX)
            return -DER_INVAL;
    return client_run(ev, set_body, &a, sizeof(a));
}

static int attr_get(daos_handle_t h, uint8_t scope, int n, const char *const *names,
                    void *const *buffers, size_t *sizes, daos_event_t *ev)
{
    struct attr a = {
        .h = h, .scope = scope, .n = n, .names = names, .buffers = buffers, .sizes = sizes};

    if (!names_valid(n, names) || sizes == NULL)
        return -DER_INVAL;
    return client_run(ev, get_body, &a, sizeof(a));
}

static int attr_del(daos_handle_t h, uint8_t scope, int n, const char *const *names,
                    daos_event_t *ev)
{
    struct attr a = {.h = h, .scope = scope, .n = n, .names = names};

    return names_valid(n, names) ? client_run(ev, del_body, &a, sizeof(a)) : -DER_INVAL;
}

static int attr_list(daos_handle_t h, uint8_t scope, char *buffer, size_t *size, daos_event_t *ev)
{
    struct attr a = {.h = h, .scope = scope, .list = buffer, .sizes = size};

    if (size == NULL || (*size > 0 && buffer == NULL))
        return -DER_INVAL;
    return client_run(ev, list_body, &a, sizeof(a));
}

int daos_pool_set_attr(daos_handle_t poh, int n, const char *const *names,
                       const void *const *values, const size_t *sizes, daos_event_t *ev)
{
    return attr_set(poh, MSG_SCOPE_POOL, n, names, values, sizes, ev);
}

int daos_pool_get_attr(daos_handle_t poh, int n, const char *const *names, void *const *buffers,
                       size_t *sizes, daos_event_t *ev)
{
    return attr_get(poh, MSG_SCOPE_POOL, n, names, buffers, sizes, ev);
}

int daos_pool_del_attr(daos_handle_t poh, int n, const char *const *names, daos_event_t *ev)
{
    return attr_del(poh, MSG_SCOPE_POOL, n, names, ev);
}

int daos_pool_list_attr(daos_handle_t poh, char *buffer, size_t *size, daos_event_t *ev)
{
    return attr_list(poh, MSG_SCOPE_POOL, buffer, size, ev);
}

int daos_cont_set_attr(daos_handle_t coh, int n, const char *const *names,
                       const void *const *values, const size_t *sizes, daos_event_t *ev)
{
    return attr_set(coh, MSG_SCOPE_CONT, n, names, values, sizes, ev);
}

int daos_cont_get_attr(daos_handle_t coh, int n, const char *const *names, void *const *buffers,
                       size_t *sizes, daos_event_t *ev)
{
    return attr_get(coh, MSG_SCOPE_CONT, n, names, buffers, sizes, ev);
}

int daos_cont_del_attr(daos_handle_t coh, int n, const char *const *names, daos_event_t *ev)
{
    return attr_del(coh, MSG_SCOPE_CONT, n, names, ev);
}

int daos_cont_list_attr(daos_handle_t coh, char *buffer, size_t *size, daos_event_t *ev)
{
    return attr_list(coh, MSG_SCOPE_CONT, buffer, size, ev);
}
