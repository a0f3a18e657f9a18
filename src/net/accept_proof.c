/*
 * Clients over the network show that they have a key of the engine's: see net/proof.h.
 *
 * Happy path: HELLO names a key, CHALLENGE goes back, from then on frames are sealed, PROOF comes,
 * the connection's user is the key's, WELCOME follows.
 */
#include <string.h>
#include "base/assert.h"
#include "base/fail.h"
#include "base/mutant.h"
#include "net/accept_int.h"

#define NS_PER_MS UINT64_C(1000000)
#define PROOF_MS  10000u

bool proof_is_due(const struct conn *n)
{
    return n->a->conf.keys != NULL && !n->wire->local;
}

/* ---- HELLO ---- */

static void await(struct conn *n)
{
    struct net_acceptor *a = n->a;
    uint32_t ms = a->conf.proof_ms != 0 ? a->conf.proof_ms : PROOF_MS;

    n->unproven_ns = rt_now_ns() + ms * NS_PER_MS;
    if (list_empty(&a->unproven))
        rt_timer_arm(&a->impatience, n->unproven_ns);
    list_add_tail(&a->unproven, &n->unproven);
}

static void challenge(struct conn *n)
{
    struct net_acceptor *a = n->a;
    struct proof_greeting g = {.generation = n->hello.generation, .features = n->hello.features};

    memcpy(g.client, n->hello.id, sizeof(g.client));
    memcpy(g.hers, n->hello.hers, sizeof(g.hers));
    proof_random(g.its, sizeof(g.its));
    wire_put_head(&a->out, NET_CHALLENGE, 0);
    wbuf_bytes(&a->out, g.its, sizeof(g.its));
    accept_send(n);
    proof_make(&n->proof, n->key->secret, &g, true);
    n->wire->proof = &n->proof;
    n->challenged = true;
    await(n);
}

void proof_demand(struct conn *n)
{
    const struct hello *h = &n->hello;

    if (h->key == NULL) {
        accept_tell(n->a, n->wire, ACCEPT_NO_KEY);
        accept_turn_away(n, NET_REFUSED_NO_KEY);
        return;
    }
    n->key = net_keys_find(n->a->conf.keys, h->key, h->key_len);
    if (n->key == NULL) {
        accept_tell(n->a, n->wire, ACCEPT_KEY);
        accept_turn_away(n, NET_REFUSED_KEY);
        return;
    }
    challenge(n);
}

/* ---- PROOF ---- */

/* Who has the key is its user. -1: no memory. */
static int identify(struct net_wire *w, const struct net_key *k)
{
    if (k->uid == UINT32_MAX)
        return 0;
    w->groups = base_alloc(sizeof(*w->groups) * MAX(k->groups_nr, 1u));
    if (w->groups == NULL)
        return -1;
    if (k->groups_nr > 0)
        memcpy(w->groups, k->groups, sizeof(*w->groups) * k->groups_nr);
    w->groups_nr = k->groups_nr;
    w->uid = k->uid;
    w->gid = k->gid;
    return 0;
}

void proof_came(struct conn *n, struct rbuf *r)
{
    n->challenged = false;
    list_del(&n->unproven);
    if (rbuf_check_end(r) != 0)
        accept_refuse(n, ACCEPT_FRAME);
    else if (identify(n->wire, n->key) != 0)
        accept_close(n);
    else
        accept_welcome(n);
}

/* He cannot read what is sealed by our key, nor could he believe us. */
void proof_failed(struct conn *n)
{
    n->wire->proof = NULL;
    accept_tell(n->a, n->wire, ACCEPT_PROOF);
    accept_turn_away(n, NET_REFUSED_KEY);
}

void proof_overdue(struct rt_timer *t)
{
    struct net_acceptor *a = CONTAINER_OF(t, struct net_acceptor, impatience);
    uint64_t now = rt_now_ns();

    while (!list_empty(&a->unproven)) {
        struct conn *n = LIST_ENTRY(list_first(&a->unproven), struct conn, unproven);

        if (n->unproven_ns > now) {
            rt_timer_arm(t, n->unproven_ns);
            return;
        }
        accept_refuse(n, ACCEPT_SILENT);
    }
}
