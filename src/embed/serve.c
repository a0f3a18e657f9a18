/*
 * An engine that other processes use: see embed/serve.h.
 *
 * Everything that belongs to wires happens on the engine's own xstream, so a request that came in
 * through shared memory is served where it was received, without a hop.
 *
 * The end, in this order: no more connections; no more requests, and those under way are answered;
 * connections are closed, with the answers in them; the pool is closed; the lock is given back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/buf.h"
#include "base/fail.h"
#include "base/label.h"
#include "base/log.h"
#include "embed/embed_int.h"
#include "embed/serve.h"
#include "net/remote.h"
#include "net/shm.h"
#include "net/tcp.h"
#include "rt/rt.h"

#define REFUSING_NS UINT64_C(100000)

struct serve {
    struct serve_conf conf; /* texts in it end with serve_start() */
    char path[PATH_MAX], socket[PATH_MAX];
    bool made;
    struct stat at_path, at_socket; /* what lay there at the start */
    struct io_dir *dir;
    struct engine *eng;
    struct net_keys *keys;
    /* on the engine's xstream */
    struct net_acceptor *acceptor;
    struct net_shm_listener *shm;
    struct net_tcp_listener *tcp; /* NULL: no address is given */
    uint64_t accepted;
    uint64_t quiet_since_ns, quiet_accepted; /* 0: somebody was there when last looked */
};

/* ---- On the engine's xstream ---- */

struct job {
    struct rt_call post;
    struct serve *s;
    int (*fn)(struct serve *s, void *arg, struct err *e);
    void *arg;
    struct err *e;
    int rc;
    struct rt_event done;
};

static void run_job(struct rt_call *post)
{
    struct job *j = CONTAINER_OF(post, struct job, post);

    j->rc = j->fn(j->s, j->arg, j->e);
    rt_event_set(&j->done);
}

/* fn must not wait. What ends an engine must not lack memory for it: a call needs none. */
static int on_engine(struct serve *s, int (*fn)(struct serve *s, void *arg, struct err *e),
                     void *arg, struct err *e)
{
    struct job j = {
        .post.fn = run_job, .s = s, .fn = fn, .arg = arg, .e = e, .done = RT_EVENT_INIT};

    rt_post(engine_xs(s->eng), &j.post);
    rt_event_wait(&j.done);
    return j.rc;
}

static void came(void *arg, struct net_wire *w)
{
    struct serve *s = arg;

    s->accepted++;
    LOG_DEBUG("%s: process %u of user %u connected", s->path, w->pid, w->uid);
    net_acceptor_add(s->acceptor, w);
}

static int socket_error(const struct serve *s, int err, const char *what, struct err *e)
{
    return err_setf(e, err == EPERM || err == EACCES ? -DER_NO_PERM : -DER_IO,
                    "name a group that you belong to, and a directory that is yours", strerror(err),
                    "cannot set the %s of the socket %.180s", what, s->socket);
}

/* Nobody but the owner can connect before the socket is the group's. */
static int open_up(struct serve *s, struct err *e)
{
    mode_t mode = s->conf.socket_mode != 0 ? s->conf.socket_mode : 0600;

    if (s->conf.socket_group != SERVE_ANY_GROUP &&
        lchown(s->socket, (uid_t)-1, s->conf.socket_group) != 0)
        return socket_error(s, errno, "group", e);
    if (chmod(s->socket, mode) != 0)
        return socket_error(s, errno, "mode", e);
    return 0;
}

static void unlisten_net(struct serve *s)
{
    if (s->tcp != NULL)
        net_tcp_unlisten(s->tcp);
}

/* Addresses as one list. -DER_NOMEM. */
static int join(const struct serve_conf *conf, struct wbuf *list)
{
    wbuf_init_grow(list, 0);
    for (uint32_t i = 0; i < conf->listen_nr; i++) {
        wbuf_bytes(list, i > 0 ? "," : "", i > 0);
        wbuf_bytes(list, conf->listen[i], strlen(conf->listen[i]));
    }
    wbuf_u8(list, 0);
    return wbuf_check(list);
}

/* Can they be addresses? Before anything is made. */
static int check_net(const struct serve_conf *conf, struct err *e)
{
    struct net_addrs *a = base_alloc(sizeof(*a));
    struct wbuf list;
    int rc = join(conf, &list);

    if (rc == 0)
        rc = a == NULL ? -DER_NOMEM
                       : net_addr_resolve((const char *)list.data, NET_ADDR_LISTEN, a, e);
    wbuf_fini(&list);
    base_free(a);
    return rc;
}

/* The addresses of the network, if there are any. */
static int listen_net(struct serve *s, struct err *e)
{
    struct net_tcp_listen_conf tc = {.xs = engine_xs(s->eng),
                                     .max = s->conf.clients,
                                     .partial_max = s->conf.all_bytes,
                                     .accept = came,
                                     .arg = s};
    struct net_addr a;
    char text[NET_ADDR_TEXT];
    struct wbuf list;
    int rc;

    if (s->conf.listen_nr == 0)
        return 0;
    rc = join(&s->conf, &list);
    tc.addrs = (const char *)list.data;
    if (rc == 0)
        rc = net_tcp_listen(&tc, &s->tcp, e);
    wbuf_fini(&list);
    for (uint32_t i = 0; rc == 0 && net_tcp_address(s->tcp, i, &a); i++)
        LOG_INFO("%s: serves at %s", s->path, net_addr_text(&a, text));
    if (rc == 0 && s->keys == NULL)
        LOG_WARN("%s: whoever reaches it over the network may say that he is anybody: give it keys "
                 "(--keys=FILE), or see that only hosts that are trusted reach it",
                 s->path);
    return rc;
}

static uint64_t turned_away(void *arg)
{
    const struct serve *s = arg;
    struct net_tcp_stat st = {0};

    if (s->tcp != NULL)
        net_tcp_listener_stat(s->tcp, &st);
    return st.refused + (s->shm != NULL ? net_shm_refused(s->shm) : 0);
}

static int begin(struct serve *s, void *arg, struct err *e)
{
    struct net_acceptor_conf ac = {.service = engine_service(s->eng),
                                   .xs = engine_xs(s->eng),
                                   .keys = s->keys,
                                   .calls = s->conf.calls,
                                   .bytes = s->conf.call_bytes,
                                   .all_bytes = s->conf.all_bytes,
                                   .refused = turned_away,
                                   .refused_arg = s};
    struct net_shm_listen_conf lc = {.xs = engine_xs(s->eng),
                                     .path = s->socket,
                                     .mode = 0600,
                                     .max = s->conf.clients,
                                     .user_max = s->conf.user_clients,
                                     .room_bytes = s->conf.room_bytes,
                                     .accept = came,
                                     .arg = s};
    int rc;

    do
        ac.incarnation = rt_random();
    while (ac.incarnation == 0);
    rc = net_acceptor_create(&ac, &s->acceptor);
    if (rc != 0)
        return rc;
    rc = net_shm_listen(&lc, &s->shm, e);
    if (rc == 0) {
        rc = listen_net(s, e);
        if (rc == 0)
            rc = open_up(s, e);
        if (rc == 0)
            return 0;
        unlisten_net(s);
        net_shm_unlisten(s->shm);
        net_acceptor_stop(s->acceptor);
        net_shm_free(s->shm);
        if (s->tcp != NULL)
            net_tcp_free(s->tcp);
    }
    net_acceptor_free(s->acceptor);
    return rc;
}

static int stop_listening(struct serve *s, void *arg, struct err *e)
{
    unlisten_net(s);
    net_shm_unlisten(s->shm);
    net_acceptor_end(s->acceptor);
    return 0;
}

static int disconnect(struct serve *s, void *arg, struct err *e)
{
    net_acceptor_stop(s->acceptor);
    return 0;
}

static int is_serving(struct serve *s, void *arg, struct err *e)
{
    struct net_acceptor_stat st;

    net_acceptor_stat(s->acceptor, &st);
    return st.serving > 0;
}

static int release(struct serve *s, void *arg, struct err *e)
{
    net_acceptor_free(s->acceptor);
    net_shm_free(s->shm);
    if (s->tcp != NULL)
        net_tcp_free(s->tcp);
    return 0;
}

/* ---- The pool ---- */

static int make_pool(struct serve *s, const struct embed_pool_conf *create, struct err *e)
{
    char text[UUID_TEXT_LEN + 1];
    enum content what;
    struct embed_pool_conf conf = *create;
    uuid_t pool;
    /* pinned, it has so many CPUs of its own */
    uint32_t cpus = s->conf.cpus_nr != 0 ? 2 * s->conf.cpus_nr : rt_cpus();
    int rc = embed_pool_targets(create, cpus, &conf.targets, e);

    if (rc == 0)
        rc = embed_pool_create(s->conf.path, &conf, pool, e);
    if (rc == 0) {
        s->made = true;
        uuid_text_print(pool, text);
        LOG_INFO("%s: made pool %s", s->conf.path, text);
        return 0;
    }
    /* two engines that start at once in an empty directory: one of them makes the pool */
    if (rc == -DER_EXIST && embed_content_of(s->conf.path, &what) == 0 && what == CONTENT_POOL) {
        *e = (struct err){0};
        return 0;
    }
    return rc;
}

/* There is a pool afterwards, and s->path leads to it. */
static int find_pool(struct serve *s, struct err *e)
{
    enum content what = CONTENT_EMPTY;
    int rc = embed_content_of(s->conf.path, &what);

    if (rc == -DER_NONEXIST && s->conf.create != NULL)
        rc = 0;
    else if (rc != 0)
        return err_setf(e, rc, "give a directory that you may read and write, or a new one",
                        rc == -DER_NO_PERM  ? "it cannot be read"
                        : rc == -DER_NOTDIR ? "it is not a directory"
                                            : "there is no such directory",
                        "cannot start the engine of pool %.200s", s->conf.path);
    if (what == CONTENT_OTHER)
        return err_setf(e, -DER_DF_INVAL, "give a pool's directory, or an empty or a new one",
                        "the directory holds files that are not Tarn's, and no pool",
                        "cannot start the engine of pool %.200s", s->conf.path);
    if (what == CONTENT_EMPTY && s->conf.create == NULL)
        return err_setf(e, -DER_DF_INVAL, "make a pool there first: dmg pool create PATH",
                        "the directory is empty", "cannot start the engine of pool %.200s",
                        s->conf.path);
    if (what == CONTENT_EMPTY)
        rc = make_pool(s, s->conf.create, e);
    return rc == 0 ? embed_real_path(s->conf.path, s->path, e) : rc;
}

#define CPU_NEXT "name a CPU that the process may use (nproc, taskset -p)"

static int open_pool(struct serve *s, struct err *e)
{
    struct engine_conf ec = {.keep_handles = true,
                             .cpu = s->conf.cpu,
                             .cpus = s->conf.cpus,
                             .cpus_nr = s->conf.cpus_nr,
                             .xstreams = s->conf.xstreams,
                             .spin_us = s->conf.spin_us,
                             .checkpoint_pct = s->conf.checkpoint_pct,
                             .mem_limit = s->conf.mem_limit};
    int rc = ec.mem_limit == 0 ? embed_mem_limit(&ec.mem_limit, e) : 0;

    if (rc == 0)
        rc = io_dir_open(s->path, false, &s->dir, e);
    if (rc != 0)
        return rc;
    ec.dir = s->dir;
    rc = engine_open(&ec, &s->eng, e);
    if (rc != 0)
        io_dir_close(s->dir);
    if (rc == -DER_BUSY)
        err_what(e, "cannot start the engine of pool %.200s", s->conf.path);
    if (rc == -DER_INVAL && s->conf.cpus_nr == 1)
        err_setf(e, rc, CPU_NEXT, "it cannot be pinned there", "cannot run the engine on CPU %d",
                 (int)s->conf.cpus[0]);
    else if (rc == -DER_INVAL && s->conf.cpus_nr > 1)
        err_setf(e, rc, CPU_NEXT, "it cannot be pinned to one of them",
                 "cannot run the engine on %u CPUs", s->conf.cpus_nr);
    else if (rc == -DER_INVAL && s->conf.cpu >= 0) /* nothing else that was asked can be wrong */
        err_setf(e, rc, CPU_NEXT, "it cannot be pinned there", "cannot run the engine on CPU %d",
                 s->conf.cpu);
    return rc;
}

static int choose_socket(struct serve *s, struct err *e)
{
    int n = s->conf.socket != NULL
                ? snprintf(s->socket, sizeof(s->socket), "%s", s->conf.socket)
                : snprintf(s->socket, sizeof(s->socket), "%s/" EMBED_SOCKET, s->path);

    if (n < 0 || (size_t)n >= sizeof(s->socket))
        return err_setf(e, -DER_OVERFLOW, "give a shorter path", "its path is too long",
                        "cannot make the socket of the engine of pool %.200s", s->conf.path);
    return 0;
}

/* ---- Life ---- */

int serve_start(const struct serve_conf *conf, struct serve **out, struct err *e)
{
    struct serve *s;
    int rc;

    rc = conf->listen_nr > 0 ? check_net(conf, e) : 0;
    if (rc != 0)
        return rc;
    s = base_calloc(1, sizeof(*s));
    if (s == NULL)
        return -DER_NOMEM;
    s->conf = *conf;
    rc = conf->keys != NULL ? net_keys_read(conf->keys, true, &s->keys, e) : 0;
    if (rc == 0)
        rc = find_pool(s, e);
    if (rc == 0)
        rc = choose_socket(s, e);
    if (rc == 0)
        rc = open_pool(s, e);
    if (rc == 0) {
        rc = on_engine(s, begin, NULL, e);
        if (rc != 0) {
            engine_close(s->eng, true);
            io_dir_close(s->dir);
        }
    }
    if (rc != 0) {
        err_setf(e, rc, "free some memory and try again", "something that is needed is missing",
                 "cannot start the engine of pool %.200s", conf->path);
        net_keys_free(s->keys);
        base_free(s);
        return rc;
    }
    s->conf.path = s->conf.socket = s->conf.keys = NULL;
    s->conf.create = NULL;
    /* what cannot be looked at is not missed either */
    if (stat(s->path, &s->at_path) != 0 || lstat(s->socket, &s->at_socket) != 0)
        memset(&s->at_path, 0, sizeof(s->at_path));
    LOG_INFO("%s: serves at %s", s->path, s->socket);
    *out = s;
    return 0;
}

void serve_stop(struct serve *s, bool clean)
{
    struct serve_stat st;

    serve_stat(s, &st);
    LOG_INFO("%s: ends, %u connections, %u requests under way", s->path, st.connections,
             st.serving);
    on_engine(s, stop_listening, NULL, NULL);
    engine_drain(s->eng);
    on_engine(s, disconnect, NULL, NULL);
    /* all that was begun is answered; these are refusals, of what came in meanwhile */
    while (on_engine(s, is_serving, NULL, NULL))
        rt_sleep_ns(REFUSING_NS);
    on_engine(s, release, NULL, NULL);
    engine_close(s->eng, clean);
    io_dir_close(s->dir);
    LOG_INFO("%s: closed", s->path);
    net_keys_free(s->keys);
    base_free(s);
}

/* ---- Being looked at ---- */

static int look(struct serve *s, void *arg, struct err *e)
{
    struct net_acceptor_stat a;
    struct serve_stat *st = arg;

    net_acceptor_stat(s->acceptor, &a);
    *st = (struct serve_stat){.connections = a.conns,
                              .serving = a.serving,
                              .accepted = s->accepted,
                              .requests = a.requests,
                              .bad = a.bad};
    return 0;
}

void serve_stat(struct serve *s, struct serve_stat *st)
{
    memset(st, 0, sizeof(*st));
    on_engine(s, look, st, NULL);
}

static int cease(struct serve *s, void *arg, struct err *e)
{
    uint64_t now = rt_now_ns();
    struct serve_stat st;

    look(s, &st, NULL);
    if (st.connections > 0 || st.serving > 0) {
        s->quiet_since_ns = 0;
        return 0;
    }
    if (s->quiet_since_ns == 0 || s->quiet_accepted != s->accepted) {
        s->quiet_since_ns = now;
        s->quiet_accepted = s->accepted;
        return 0;
    }
    if (now - s->quiet_since_ns < *(const uint64_t *)arg)
        return 0;
    unlisten_net(s);
    net_shm_unlisten(s->shm);
    net_acceptor_end(s->acceptor);
    return 1;
}

bool serve_is_idle(struct serve *s, uint64_t ns)
{
    return on_engine(s, cease, &ns, NULL) == 1;
}

static bool is_another(const char *path, const struct stat *was)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR;
    return st.st_ino != was->st_ino || st.st_dev != was->st_dev;
}

bool serve_is_lost(const struct serve *s)
{
    return s->at_path.st_ino != 0 &&
           (is_another(s->path, &s->at_path) || is_another(s->socket, &s->at_socket));
}

const char *serve_path(const struct serve *s)
{
    return s->path;
}

const char *serve_socket(const struct serve *s)
{
    return s->socket;
}

bool serve_made_pool(const struct serve *s)
{
    return s->made;
}

void serve_pool_uuid(const struct serve *s, uuid_t pool)
{
    engine_pool_uuid(s->eng, pool);
}
