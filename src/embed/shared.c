/*
 * Ways to the engine of a pool that runs in a process of its own: on this host, where it may have
 * to be started again, or over the network.
 *
 * An engine can go while it has clients: killed, told to end, its host's batch job over. Those that
 * want something of it dial again; a way that is kept starts the next one when nobody listens,
 * beside whoever is dialing (a thread that lives as long as the start), for he has deadlines.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <daos_errno.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/log.h"
#include "client/client.h"
#include "embed/embed_int.h"
#include "net/keys.h"
#include "net/link.h"
#include "net/msg.h"
#include "net/shm.h"
#include "net/tcp.h"
#include "rt/rt.h"

#define OLD_MAX   128u
#define ASK_MS    250u /* for its answer, before looking whether it has turned us away, or is gone */
#define ASKS      40u
#define REVIVE_NS UINT64_C(1000000000) /* between attempts to start an engine */

/* The socket and who may listen on it, or addresses: a connection is made anew as often as it
 * breaks. */
struct shared {
    char place[PATH_MAX];
    char dir[PATH_MAX]; /* of a way that is kept */
    enum shared_way way;
    _Atomic uint64_t revived_ns; /* when the next engine was last begun */
    uint32_t uid;
    struct net_peer *peer;
    struct net_keys *keys;           /* the first is ours, over the network; NULL: we have none */
    struct net_dialer *old[OLD_MAX]; /* of the process that we were forked from */
    uint32_t old_nr;
    enum net_refusal refused; /* why no connection came about, when its dialers are gone */
    struct err *e;            /* while it is opened */
    bool open;                /* it has answered once */
};

/* ---- Starting the next one ---- */

static void *revive(void *arg)
{
    struct err e = {0};
    int rc = embed_launch(arg, &e);

    if (rc != 0)
        LOG_WARN("the engine of pool %s is gone, and another one cannot be started: %s",
                 (const char *)arg, e.why);
    base_free(arg);
    return NULL;
}

/* At most once a second; in a child of fork() as well, where the last attempt was the parent's. */
static void revive_soon(struct shared *s)
{
    uint64_t now = rt_now_ns(), last = atomic_load(&s->revived_ns);
    pthread_attr_t attr;
    sigset_t all, was;
    pthread_t t;
    char *dir;

    if (now - last < REVIVE_NS || !atomic_compare_exchange_strong(&s->revived_ns, &last, now) ||
        program_unfit(s->dir) != NULL)
        return;
    dir = base_strdup(s->dir);
    if (dir == NULL)
        return;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all); /* the program's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &was);
    if (pthread_create(&t, &attr, revive, dir) != 0)
        base_free(dir);
    pthread_sigmask(SIG_SETMASK, &was, NULL);
    pthread_attr_destroy(&attr);
}

/* A dialer to a directory, which may start what it dials. */
struct dialer {
    struct net_dialer d;
    struct net_dialer *shm;
    struct shared *s;
};

static int dial(struct net_dialer *nd, struct net_wire **w)
{
    struct dialer *d = CONTAINER_OF(nd, struct dialer, d);
    int rc;

    rc = d->shm->dial(d->shm, w);
    if (rc == -DER_UNREACH && d->s->way == SHARED_KEPT && d->s->open)
        revive_soon(d->s);
    return rc;
}

static int make_dialer(void *arg, struct rt_xs *xs, bool driven, struct net_dialer **out)
{
    struct shared *s = arg;
    struct net_tcp_dial_conf tc = {.addrs = s->place, .driven = driven};
    struct err e = {0};
    struct dialer *d;
    int rc;

    if (s->way == SHARED_TCP)
        return net_tcp_dialer(xs, &tc, out, s->e != NULL ? s->e : &e);
    d = base_calloc(1, sizeof(*d));
    if (d == NULL)
        return -DER_NOMEM;
    d->d.dial = dial;
    d->s = s;
    rc = net_shm_dialer(xs, s->place, s->uid, &d->shm);
    if (rc != 0)
        base_free(d);
    else
        *out = &d->d;
    return rc;
}

static void free_dialer(void *arg, struct net_dialer *nd)
{
    struct shared *s = arg;
    struct dialer *d;

    if (nd->refused != NET_NOT_REFUSED)
        s->refused = nd->refused;
    if (s->way == SHARED_TCP) {
        net_tcp_dialer_free(nd);
        return;
    }
    d = CONTAINER_OF(nd, struct dialer, d);
    net_shm_dialer_free(d->shm);
    base_free(d);
}

static void forked_dialer(void *arg, struct net_dialer *nd)
{
    struct shared *s = arg;
    struct net_dialer *shm;

    if (s->way == SHARED_TCP) {
        net_tcp_dialer_forget(nd);
        return;
    }
    shm = CONTAINER_OF(nd, struct dialer, d)->shm;
    if (s->old_nr < OLD_MAX)
        s->old[s->old_nr++] = shm;
    else
        net_shm_dialer_forget(shm);
}

/* ---- Connecting ---- */

static int ask(struct net_peer *peer, uint32_t ms, uuid_t pool)
{
    static const struct msg_engine_info_req q;
    struct msg_engine_info_rep r = {0};
    struct net_call call;
    int rc;

    net_call_init(&call, MSG_ENGINE_INFO);
    call.hdr.deadline_ms = ms;
    call.req = &q;
    call.rep = &r;
    rc = net_call_wait(peer, &call);
    if (rc == 0)
        memcpy(pool, r.pool, sizeof(r.pool));
    net_call_fini(&call);
    return rc;
}

int shared_path(const char *real, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/" EMBED_SOCKET, real);

    return n > 0 && n < PATH_MAX ? 0 : -DER_OVERFLOW;
}

bool shared_is_there(const char *real, struct err *e, int *rc)
{
    char path[PATH_MAX];
    struct net_shm_host host = {UINT32_MAX, 0};
    struct stat st;

    *rc = shared_path(real, path) == 0 ? net_shm_answers(path, &host) : -DER_UNREACH;
    if (*rc == -DER_NO_PERM)
        err_setf(e, *rc, "ask its owner for access to " EMBED_SOCKET " there",
                 "you may not connect to the engine that serves it", "cannot open pool %s", real);
    if (*rc == 0 && host.uid != UINT32_MAX && host.uid != 0 && stat(real, &st) == 0 &&
        host.uid != st.st_uid)
        *rc = err_setf(e, -DER_NO_PERM,
                       "let the owner of the directory, or root, run its engine, or give it to the "
                       "user who does",
                       "whoever listens there is neither the directory's owner nor root",
                       "cannot open pool %s", real);
    return *rc != -DER_UNREACH;
}

/* Asked again, somebody else may answer, or have left: -DER_BUSY, there is no room for us now. */
static bool may_change(int rc)
{
    return rc == -DER_TIMEDOUT || rc == -DER_SHUTDOWN || rc == -DER_BUSY;
}

/* It may end between being found and being asked: then nobody listens any more. */
static int ask_until(struct shared *s, uuid_t pool)
{
    int rc = -DER_TIMEDOUT;

    for (uint32_t i = 0; i < ASKS && may_change(rc); i++) {
        rc = ask(s->peer, ASK_MS, pool);
        if (may_change(rc) && s->way != SHARED_TCP &&
            net_shm_answers(s->place, NULL) == -DER_UNREACH)
            return -DER_UNREACH;
    }
    return rc;
}

static int connect_to(struct client *c, struct shared *s, uuid_t pool)
{
    struct net_link_conf conf = {.dialer = make_dialer,
                                 .dialer_free = free_dialer,
                                 .dialer_forked = forked_dialer,
                                 .arg = s,
                                 .key = s->keys != NULL ? &s->keys->key[0] : NULL};
    struct net_links *ls;
    int rc = client_links(c, &ls);

    if (rc == 0)
        rc = net_link_connect(ls, &conf, &s->peer);
    if (rc != 0)
        return rc;
    rc = ask_until(s, pool);
    if (rc != 0)
        net_peer_close(s->peer);
    return rc;
}

/* Where it is, and whom it may belong to. */
static int locate(struct shared *s, const char *place)
{
    struct stat st;
    int rc;

    if (s->way == SHARED_TCP) {
        snprintf(s->place, sizeof(s->place), "%s", place);
        return 0;
    }
    rc = shared_path(place, s->place);
    if (rc == 0 && stat(place, &st) != 0)
        rc = -DER_NONEXIST;
    if (rc != 0)
        return rc;
    s->uid = st.st_uid; /* or root: nobody else's program stands in for the engine */
    snprintf(s->dir, sizeof(s->dir), "%s", place);
    return 0;
}

static int refuse(const char *place, const struct shared *s, int rc, struct err *e)
{
    bool tcp = s->way == SHARED_TCP;
    bool ours = s->refused == NET_REFUSED_UNPROVEN || s->refused == NET_REFUSED_FOREIGN;
    char why[ERR_PART_MAX];

    if (rc == net_refusal_rc(s->refused)) {
        snprintf(why, sizeof(why), "%s %s%s %s: %s", ours ? "what answers" : "the engine",
                 tcp ? "at " : "of it", tcp ? place : "",
                 ours ? "is not trusted" : "turns this program away", net_refusal_why(s->refused));
        return err_setf(e, rc, net_refusal_next(s->refused), why, "cannot open pool %s%s",
                        tcp ? "tcp://" : "", place);
    }
    return err_setf(e, rc == -DER_TIMEDOUT && tcp ? -DER_UNREACH : rc,
                    tcp ? "see that it runs and listens there, and that no firewall is between"
                        : "end it, the next one is ours: tarn engine --end, or kill",
                    tcp ? "no engine answers there"
                        : "its engine listens but does not answer; it may be of another version",
                    "cannot open pool %s", place);
}

int shared_open(struct client *c, const char *place, enum shared_way way, struct shared **out,
                struct net_peer **peer, uuid_t pool, struct err *e)
{
    struct shared *s = base_calloc(1, sizeof(*s));
    int rc;

    if (s == NULL)
        return -DER_NOMEM;
    s->way = way;
    s->e = e;
    rc = locate(s, place);
    if (rc == 0 && way == SHARED_TCP)
        rc = embed_key(&s->keys, e);
    if (rc == 0)
        rc = connect_to(c, s, pool);
    s->e = NULL;
    if (rc != 0) {
        rc = refuse(place, s, rc, e);
        net_keys_free(s->keys);
        base_free(s);
        return rc;
    }
    s->open = true;
    *peer = s->peer;
    *out = s;
    return 0;
}

void shared_close(struct shared *s)
{
    for (uint32_t i = 0; i < s->old_nr; i++)
        net_shm_dialer_forget(s->old[i]);
    net_keys_free(s->keys);
    base_free(s);
}

int shared_place(const struct shared *s, char *buf, size_t len)
{
    bool tcp = s->way == SHARED_TCP;
    int n = snprintf(buf, len, "%s%s", tcp ? "tcp://" : "", tcp ? s->place : s->dir);

    return n >= 0 && (size_t)n < len ? 0 : -DER_OVERFLOW;
}
