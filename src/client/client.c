/*
 * The client itself: made by daos_init(), found by every public function, and the fibers that
 * asynchronous calls of several steps run on.
 */
#include <pthread.h>
#include <daos.h>
#include "base/fail.h"
#include "base/log.h"
#include "client/impl.h"
#include "client/op.h"
#include "net/link.h"

/* The one writable global of the room: the process's client, which the public API has no argument
 * for. */
struct client_default {
    struct rt_mutex lock;
    struct client *client;
    uint32_t inits;
    bool watches_fork;
};
static struct client_default client_default = {.lock = RT_MUTEX_INIT};

struct client *client_current(void)
{
    struct client *c = rt_local_get();

    return c ? c : __atomic_load_n(&client_default.client, __ATOMIC_ACQUIRE);
}

struct client_slot *client_dfs_slot(void)
{
    struct client *c = client_current();

    return c ? &c->dfs : NULL;
}

void client_use(struct client *c)
{
    rt_local_set(c);
}

int client_create(struct client **out)
{
    struct client *c = base_calloc(1, sizeof(*c));
    int rc;

    if (c == NULL)
        return -DER_NOMEM;
    rt_mutex_init(&c->lock);
    rt_mutex_init(&c->dfs.lock);
    session_set_init(&c->sessions);
    list_init(&c->conns);
    rc = handle_table_create(&c->handles);
    if (rc == 0)
        rc = eq_hidden_create(c, &c->hidden_eq);
    if (rc) {
        if (c->handles)
            handle_table_destroy(c->handles);
        base_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void client_destroy(struct client *c)
{
    struct op *op;

    /* Calls under way end first: they hold what is freed below. */
    while (atomic_load(&c->tasks) > 0) {
        client_poll(c);
        rt_sleep_ns(100000);
    }
    if (c->links != NULL) {
        handle_each(c->handles, DAOS_HTYPE_CO, cont_abandon);
        handle_each(c->handles, DAOS_HTYPE_POOL, pool_abandon);
    }
    handle_table_destroy(c->handles);
    while (!list_empty(&c->conns)) {
        struct conn *cn = LIST_ENTRY(list_first(&c->conns), struct conn, link);

        cn->refs = 1;
        conn_put(cn);
    }
    if (c->xs != NULL)
        rt_xs_destroy(c->xs);
    if (c->links != NULL)
        net_links_destroy(c->links);
    eq_hidden_destroy(c->hidden_eq);
    session_set_fini(&c->sessions);
    while ((op = c->op_free) != NULL) {
        c->op_free = op->next;
        base_free(op);
    }
    base_free(c);
}

void client_error(const struct err *e)
{
    struct client *c = client_current();
    char text[3 * ERR_PART_MAX];

    err_last_set(e);
    if (c == NULL || !c->logs_errors)
        return;
    err_format(e, text, sizeof(text));
    LOG_WARN("%s", text);
}

void client_shows_errors(void)
{
    struct client *c = client_current();

    if (c != NULL)
        c->logs_errors = false;
}

int client_links(struct client *c, struct net_links **ls)
{
    int rc = 0;

    lock_short(&c->lock);
    if (c->links == NULL)
        rc = net_links_create(rt_shared_spin_us(), ls);
    if (rc == 0 && c->links == NULL)
        __atomic_store_n(&c->links, *ls, __ATOMIC_RELEASE);
    *ls = c->links;
    rt_mutex_unlock(&c->lock);
    return rc;
}

int client_wait(struct client *c, struct rt_event *ev, uint64_t timeout_ns)
{
    return net_links_wait(__atomic_load_n(&c->links, __ATOMIC_ACQUIRE), ev, timeout_ns);
}

void client_poll(struct client *c)
{
    net_links_poll(__atomic_load_n(&c->links, __ATOMIC_ACQUIRE));
}

/* In a child of fork(): it has one thread, so every lock is free, whoever held it. What was under
 * way is the parent's, its ids of requests too; handles stay good and find new connections. */
static void forked(void)
{
    struct client *c = client_default.client;

    rt_mutex_init(&client_default.lock);
    gurt_forked();
    if (c == NULL)
        return;
    rt_mutex_init(&c->lock);
    rt_mutex_init(&c->dfs.lock);
    eq_hidden_forked(c->hidden_eq);
    session_set_init(&c->sessions);
    atomic_store(&c->tasks, 0);
    c->op_free = NULL;
    c->op_free_nr = 0;
    c->xs = NULL;
    if (c->links != NULL)
        net_links_forked(c->links);
}

int daos_init(void)
{
    int rc = 0;

    rt_mutex_lock(&client_default.lock);
    if (client_default.inits == 0) {
        struct client *c;

        log_init_env();
        if (!client_default.watches_fork && pthread_atfork(NULL, NULL, forked) == 0)
            client_default.watches_fork = true;
        rc = client_create(&c);
        if (rc == 0) {
            c->logs_errors = true;
            __atomic_store_n(&client_default.client, c, __ATOMIC_RELEASE);
        }
    }
    if (rc == 0)
        client_default.inits++;
    rt_mutex_unlock(&client_default.lock);
    return rc;
}

int daos_fini(void)
{
    struct client *c = NULL;
    int rc = 0;

    rt_mutex_lock(&client_default.lock);
    if (client_default.inits == 0) {
        rc = -DER_UNINIT;
    } else if (--client_default.inits == 0) {
        c = client_default.client;
        __atomic_store_n(&client_default.client, NULL, __ATOMIC_RELEASE);
    }
    rt_mutex_unlock(&client_default.lock);
    if (c != NULL)
        client_destroy(c);
    return rc;
}

int daos_reinit(void)
{
    struct client *c;
    int rc;

    /* The child has none of the threads that serve its handles, and its locks may be held for ever
     * by threads that do not exist here: the old client is left alone and a new one made. Imported
     * pools need a daemon to share. */
    rt_mutex_init(&client_default.lock);
    if (client_default.inits == 0)
        return daos_init();
    rc = client_create(&c);
    if (rc)
        return rc;
    c->logs_errors = true;
    __atomic_store_n(&client_default.client, c, __ATOMIC_RELEASE);
    return 0;
}

/* ---- Calls of several steps ---- */

struct task {
    struct client *client;
    int (*body)(struct client *c, void *args);
    struct ev_run run;
    max_align_t args[];
};

static void task_main(void *arg)
{
    struct task *t = arg;
    struct client *c = t->client;
    struct ev_run run = t->run;
    int rc;

    client_use(c);
    rc = t->body(c, t->args);
    base_free(t);
    event_done(&run, rc);
    client_use(NULL);
    atomic_fetch_sub(&c->tasks, 1);
}

/* In simulation the caller's xstream, so that its node's clock is used; otherwise one of the
 * client's own. */
static int own_xs(struct client *c, struct rt_xs **out)
{
    struct rt_xs_conf conf = {.cpu = -1, .ring_entries = UINT32_MAX, .name = "tarn-client"};
    struct rt_xs *self = rt_xs_self();
    int rc = 0;

    if (self != NULL && rt_xs_world(self)->simulated) {
        *out = self;
        return 0;
    }
    *out = __atomic_load_n(&c->xs, __ATOMIC_ACQUIRE);
    if (*out != NULL)
        return 0;
    lock_short(&c->lock);
    if (c->xs == NULL)
        rc = rt_xs_create(&conf, out);
    if (rc == 0 && c->xs == NULL)
        __atomic_store_n(&c->xs, *out, __ATOMIC_RELEASE);
    *out = c->xs;
    rt_mutex_unlock(&c->lock);
    return rc;
}

int client_start(struct client *c)
{
    struct rt_xs *xs;

    return own_xs(c, &xs);
}

int client_spawn(struct client *c, void (*fn)(void *arg), void *arg)
{
    struct rt_xs *xs;
    int rc = own_xs(c, &xs);

    return rc ? rc : rt_spawn_on(xs, fn, arg);
}

int client_run(daos_event_t *ev, int (*body)(struct client *c, void *args), void *args, size_t size)
{
    struct client *c = client_current();
    struct rt_xs *xs;
    struct task *t;
    int rc;

    if (c == NULL)
        return -DER_UNINIT;
    if (ev == NULL)
        return body(c, args);
    t = base_alloc(sizeof(*t) + size);
    if (t == NULL)
        return -DER_NOMEM;
    t->client = c;
    t->body = body;
    memcpy(t->args, args, size);
    rc = own_xs(c, &xs);
    if (rc == 0)
        rc = event_launch(c, ev, &t->run);
    if (rc) {
        base_free(t);
        return rc;
    }
    atomic_fetch_add(&c->tasks, 1);
    rc = rt_spawn_on(xs, task_main, t);
    if (rc) {
        atomic_fetch_sub(&c->tasks, 1);
        event_unlaunch(&t->run);
        base_free(t);
    }
    return rc;
}

int client_now_begin(daos_event_t *ev, struct ev_run *run)
{
    struct client *c = client_current();

    if (ev == NULL)
        return 0;
    return c == NULL ? -DER_UNINIT : event_launch(c, ev, run);
}

int client_now_end(daos_event_t *ev, struct ev_run *run, int rc)
{
    if (ev == NULL)
        return rc;
    if (rc != 0)
        event_unlaunch(run);
    else
        event_done(run, 0);
    return rc;
}

int client_now(daos_event_t *ev, int rc)
{
    struct ev_run run;

    if (rc == 0)
        rc = client_now_begin(ev, &run);
    return rc != 0 ? rc : client_now_end(ev, &run, 0);
}
