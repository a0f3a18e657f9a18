/*
 * link: how the threads of a program reach engines. A thread has a context: a driven xstream, and
 * on it a connection to each engine it talks to. So threads do not meet on the way to an engine,
 * nothing runs where nobody waits, and whoever waits for an answer makes progress for it.
 *
 * There are at most so many contexts as CPUs (or NET_LINKS_MAX); more threads share them. A fiber
 * has the connection of its xstream, whose thread drives it.
 *
 * A call belongs to the context it was sent on. Waiting drives the caller's own, and looks after
 * the others that have calls under way, so that a queue can be polled by another thread than the
 * one that launched.
 */
#ifndef TARN_NET_LINK_H
#define TARN_NET_LINK_H

#include "net/net.h"

struct net_links;
struct net_dialer;
struct rt_event;

#define NET_LINKS_MAX 64u

/* spin_us: see rt_xs_conf. -DER_NOMEM. */
int net_links_create(uint32_t spin_us, struct net_links **ls);
/* Every peer is closed. */
void net_links_destroy(struct net_links *ls);

struct net_link_conf {
    /* A dialer to the engine, for xs, which may be a driven one. DER codes. */
    int (*dialer)(void *arg, struct rt_xs *xs, bool driven, struct net_dialer **d);
    void (*dialer_free)(void *arg, struct net_dialer *d); /* on its xstream */
    /* In a child of fork(): d is not used any more, what it has open is the parent's. */
    void (*dialer_forked)(void *arg, struct net_dialer *d);
    void *arg;
    uint32_t suspect_ms; /* this and the next: see net_remote_conf */
    const struct net_key *key;
};

/* In a child of fork(), before anything else: connections and contexts are the parent's. They are
 * left alone (their memory is lost); new ones are made when needed. Calls
 * that were under way are the parent's too. */
void net_links_forked(struct net_links *ls);

/* The peer; connections are made when first needed. -DER_NOMEM. */
int net_link_connect(struct net_links *ls, const struct net_link_conf *conf,
                     struct net_peer **peer);

/* Waits until ev is set, at most timeout_ns; what is under way goes on meanwhile. 0: one look.
 * -DER_TIMEDOUT. ls NULL: as rt_event_wait_timeout(). */
int net_links_wait(struct net_links *ls, struct rt_event *ev, uint64_t timeout_ns);
/* One turn of everything that is under way; on a fiber nothing. */
void net_links_poll(struct net_links *ls);

#endif
