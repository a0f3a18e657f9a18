/*
 * The search for an order.
 *
 * hist holds every possibility (hist_int.h: conf): the state the domain may be in, and which of the
 * operations under way have taken effect in it. When operation B is answered, it must have taken
 * effect in each possibility that remains:
 *
 *     it has already        what it answered must be what it does in the state it met (a past of
 *                           the conf); else the possibility falls
 *     without a trace       in a past state, or in the state now, it changes nothing and answers
 *                           that: the possibility stays as it is
 *     now                   it changes the state; and, because they could be earlier, also after
 *                           any sequence of open operations that change something
 *
 * What keeps this small: operations that change nothing in a state are never put before another
 * one, the state is kept as a past for them instead; where B has been found to change nothing, no
 * sequence before it is kept in which it changes nothing either (whoever is open may come later
 * just as well); and only operations connected with B by what they touch are looked at, because
 * the others could change places with it.
 *
 * Operations of unknown outcome are open without end: they may come before any later one or never.
 * After hist_settle() they have happened or have not: decided when the first operation that has
 * anything to do with them is called, not before.
 */
#include <stdlib.h>
#include <string.h>
#include "hist_int.h"

struct search {
    struct hist *h;
    const struct conf *from;
    uint32_t slot; /* B; NO_SLOT: none, see decide() */
    const void *op;
    uint64_t cand;  /* who may go before B */
    uint64_t drop;  /* no longer open afterwards */
    bool traceless; /* B was found to have changed nothing, in a past or in from */
};

/* A step of a sequence: the state reached, and what of it must be kept when it is left. */
struct node {
    const struct node *up;
    struct blob *st;
    uint64_t done;
    uint64_t own;  /* who takes effect in st */
    uint64_t pure; /* who may have happened in st without a trace */
};

/* Does the open operation in slot change nothing in this state? */
static bool is_pure(struct hist *h, uint32_t slot, const struct blob *st)
{
    if (h->reads & BIT(slot))
        return true;
    memcpy(h->scratch2, st->bytes, h->spec.state_bytes);
    (void)h->spec.apply(h->scratch2, hist_op(h, slot), false);
    return memcmp(h->scratch2, st->bytes, h->spec.state_bytes) == 0;
}

/* Open operations that will be answered, touch bits, and change nothing in the state that is being
 * left. */
static uint64_t pure_in(struct search *s, const struct node *n, uint64_t bits, uint64_t but)
{
    struct hist *h = s->h;
    uint64_t pure = 0;

    FOR_BITS(i, h->open & ~h->unknown & ~h->let_off & ~n->done & ~but & ~s->drop)
    {
        if ((h->touches[i] & bits) && is_pure(h, i, n->st))
            pure |= BIT(i);
    }
    return pure;
}

/* Keeps the possibility that ends in st after the steps up to n. */
static void emit(struct search *s, const struct node *n, struct blob *st)
{
    struct hist *h = s->h;
    struct set *out = h->next;
    const struct conf *from = s->from;
    uint64_t done = n->done & ~from->done, gone = s->drop | h->let_off;
    const struct node *m;

    set_begin(out, st, n->done & ~s->drop);
    for (uint32_t i = 0; i < from->past_nr; i++) {
        const struct past *p = &h->cur->pool[from->past_at + i];

        set_past(out, p->st, p->ops & ~done & ~gone);
    }
    for (m = n; m != NULL; m = m->up)
        set_past(out, m->st, (m->own | (m->pure & ~done)) & ~gone);
    set_end(h, out);
}

/* B at this instant: false if it cannot have answered that. *after NULL: it changed nothing. */
static bool answer_here(struct search *s, struct blob *st, struct blob **after)
{
    struct hist *h = s->h;

    *after = NULL;
    memcpy(h->scratch, st->bytes, h->spec.state_bytes);
    if (!h->spec.apply(h->scratch, s->op, true))
        return false;
    if (memcmp(h->scratch, st->bytes, h->spec.state_bytes) != 0)
        *after = blob_get(h, h->scratch);
    return true;
}

/* Is there an open operation that looks at both? */
static bool looked_at(const struct search *s, uint64_t x, uint64_t y)
{
    FOR_BITS(i, s->h->open & ~s->h->unknown & ~s->h->let_off & ~s->drop)
    {
        if ((s->h->touches[i] & x) && (s->h->touches[i] & y))
            return true;
    }
    return false;
}

/* Would B answer the same, changing nothing, after the steps from m (without m's own) to n? */
static bool same_without(struct search *s, const struct node *n, const struct node *m)
{
    struct hist *h = s->h;
    uint32_t steps[HIST_OPEN_MAX], nr = 0;

    for (; n != m; n = n->up)
        steps[nr++] = (uint32_t)__builtin_ctzll(n->done & ~n->up->done);
    memcpy(h->scratch2, m->up->st->bytes, h->spec.state_bytes);
    while (nr > 0)
        (void)h->spec.apply(h->scratch2, hist_op(h, steps[--nr]), false);
    memcpy(h->scratch, h->scratch2, h->spec.state_bytes);
    return h->spec.apply(h->scratch, s->op, true) &&
           memcmp(h->scratch, h->scratch2, h->spec.state_bytes) == 0;
}

/* B changes nothing here: is there a step that B does not need, and that may as well come later? */
static bool needless(struct search *s, const struct node *n)
{
    uint64_t later = 0;

    for (const struct node *m = n; m->up != NULL; m = m->up) {
        uint64_t bits = s->h->touches[__builtin_ctzll(m->done & ~m->up->done)];

        if (!(bits & later) && !looked_at(s, bits, later) && same_without(s, n, m))
            return true;
        later |= bits;
    }
    return false;
}

/* What B, or the end of the search, makes of this node. True: nothing more to be looked for. */
static bool end_here(struct search *s, struct node *n)
{
    struct blob *after;

    n->own = n->pure = 0;
    if (s->slot == NO_SLOT) { /* others may go before those that are decided, not after */
        if (n->up == NULL || (n->done & ~n->up->done & s->drop))
            emit(s, n, n->st);
        return false;
    }
    if (!answer_here(s, n->st, &after))
        return false;
    if (after == NULL) {
        if (!s->traceless && !needless(s, n))
            emit(s, n, n->st);
        s->traceless |= n->up == NULL;
        return s->h->reads & BIT(s->slot);
    }
    n->pure = pure_in(s, n, s->h->touches[s->slot], BIT(s->slot));
    emit(s, n, after);
    blob_put(s->h, after);
    return false;
}

/* Could an open operation that looks at both tell in which order they came, because it changes
 * nothing in the state between them? */
static bool observed(const struct search *s, const struct node *n, uint32_t last, uint32_t next)
{
    struct hist *h = s->h;
    uint64_t both = 0;
    struct blob *other;
    bool seen = false;

    FOR_BITS(i, h->open & ~h->unknown & ~h->let_off & ~n->done & ~s->drop & ~BIT(next))
    {
        if ((h->touches[i] & h->touches[last]) && (h->touches[i] & h->touches[next]))
            both |= BIT(i);
    }
    if (both == 0)
        return false;
    memcpy(h->scratch, n->up->st->bytes, h->spec.state_bytes);
    (void)h->spec.apply(h->scratch, hist_op(h, next), false);
    other = blob_get(h, h->scratch);
    FOR_BITS(i, both)
    {
        seen |= is_pure(h, i, n->st) || is_pure(h, i, other);
    }
    blob_put(h, other);
    return seen;
}

/* Of two neighbours that could change places only one order is looked at. */
static bool swappable(const struct search *s, const struct node *n, uint32_t next)
{
    uint32_t last;

    if (n->up == NULL)
        return false;
    last = (uint32_t)__builtin_ctzll(n->done & ~n->up->done);
    return next < last && !(s->h->touches[next] & s->h->touches[last]) &&
           !observed(s, n, last, next);
}

static void explore(struct search *s, struct node *n)
{
    struct hist *h = s->h;

    if (end_here(s, n))
        return;
    FOR_BITS(i, s->cand & ~n->done)
    {
        struct node child = {.up = n, .done = n->done | BIT(i)};

        if (h->overflow)
            return;
        if (swappable(s, n, i))
            continue;
        memcpy(h->scratch, n->st->bytes, h->spec.state_bytes);
        (void)h->spec.apply(h->scratch, hist_op(h, i), false);
        if (memcmp(h->scratch, n->st->bytes, h->spec.state_bytes) == 0)
            continue;
        child.st = blob_get(h, h->scratch);
        n->own = h->unknown & BIT(i) ? 0 : BIT(i);
        n->pure = pure_in(s, n, h->touches[i], BIT(i));
        explore(s, &child);
        blob_put(h, child.st);
    }
}

/* Was B answered in a past state, where it changed nothing (or, done, what it did)? */
static bool answered_in_past(struct search *s, bool done)
{
    for (uint32_t i = 0; i < s->from->past_nr; i++) {
        const struct past *p = &s->h->cur->pool[s->from->past_at + i];
        struct blob *after;

        if (!(p->ops & BIT(s->slot)) || !answer_here(s, p->st, &after))
            continue;
        if (after != NULL)
            blob_put(s->h, after);
        if ((after != NULL) == done)
            return true;
    }
    return false;
}

/* What is left of one possibility when B has been answered. */
static void narrow(struct search *s, const struct conf *from)
{
    struct node n = {.st = from->st, .done = from->done};
    bool done = from->done & BIT(s->slot);

    s->from = from;
    s->traceless = answered_in_past(s, done);
    if (s->traceless)
        emit(s, &n, n.st);
    if (!done && !(s->traceless && (s->h->reads & BIT(s->slot))))
        explore(s, &n);
}

/* ---- Sets as a whole ---- */

/* Operations of unknown outcome that have happened in every possibility are history. */
static void forget(struct hist *h)
{
    uint64_t all = h->unknown;

    if (all == 0)
        return;
    for (uint32_t i = 0; i < h->cur->nr; i++)
        all &= h->cur->c[i].done;
    for (uint32_t i = 0; all && i < h->cur->nr; i++)
        h->cur->c[i].done &= ~all;
    h->open &= ~all;
    h->unknown &= ~all;
    h->settled &= ~all;
}

static bool violation(struct hist *h, const char *why)
{
    h->bad = true;
    h->why = why;
    return false;
}

/* The new set stands, unless it is empty. */
static bool stand(struct hist *h, uint64_t drop)
{
    if (h->overflow)
        return violation(h, "more possible states than HIST_STATES_MAX: settle more often, or say "
                            "better what operations touch");
    if (h->next->nr == 0)
        return violation(h, "no order of the operations explains the last answer");
    if (h->next->nr > MERGE_FROM)
        set_swap_merged(h);
    else
        set_swap(h);
    h->open &= ~drop;
    h->unknown &= ~drop;
    h->settled &= ~drop;
    h->let_off &= ~drop;
    forget(h);
    return true;
}

/* Copies every possibility (those in which `without` has not happened), with drop no longer open.
 */
static bool copy_all(struct hist *h, uint64_t without, uint64_t drop)
{
    struct search s = {.h = h, .slot = NO_SLOT, .drop = drop};

    for (uint32_t i = 0; i < h->cur->nr; i++) {
        struct node n = {.st = h->cur->c[i].st, .done = h->cur->c[i].done};

        s.from = &h->cur->c[i];
        if (!(n.done & without))
            emit(&s, &n, n.st);
    }
    return stand(h, drop);
}

/* An operation that touches bits begins: settled operations connected with it have happened by now
 * or never will. */
static void decide(struct hist *h, uint64_t bits)
{
    struct search s = {.h = h, .slot = NO_SLOT};

    if (h->settled == 0)
        return;
    s.cand = hist_before(h, bits, 0);
    s.drop = s.cand & h->settled;
    if (s.drop == 0)
        return;
    for (uint32_t i = 0; i < h->cur->nr; i++) {
        struct node n = {.st = h->cur->c[i].st, .done = h->cur->c[i].done};

        s.from = &h->cur->c[i];
        explore(&s, &n);
    }
    stand(h, s.drop);
}

/* ---- The interface ---- */

struct hist *hist_create(const struct hist_spec *spec, const void *state)
{
    struct hist *h = hist_alloc(sizeof(*h));
    struct blob *st;

    h->spec = *spec;
    h->ops = hist_alloc(HIST_OPEN_MAX * spec->op_bytes);
    h->ring_ops = hist_alloc(RING * spec->op_bytes);
    h->scratch = hist_alloc(spec->state_bytes);
    h->scratch2 = hist_alloc(spec->state_bytes);
    h->merge_from = HIST_MERGE_FROM;
    h->cur = &h->sets[0];
    h->next = &h->sets[1];
    st = blob_get(h, state);
    set_begin(h->next, st, 0);
    set_end(h, h->next);
    blob_put(h, st);
    set_swap(h);
    return h;
}

void hist_destroy(struct hist *h)
{
    if (h == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        set_clear(h, &h->sets[i]);
        set_free(&h->sets[i]);
    }
    set_free(&h->spare);
    while (h->free != NULL) {
        struct blob *b = h->free;

        h->free = b->next;
        free(b);
    }
    free(h->buckets);
    free(h->ops);
    free(h->ring_ops);
    free(h->scratch);
    free(h->scratch2);
    free(h->story);
    free(h);
}

void hist_clock(struct hist *h, uint64_t (*now)(void *arg), void *arg)
{
    h->now = now;
    h->now_arg = arg;
}

uint32_t hist_call(struct hist *h, uint32_t client, const void *op)
{
    uint32_t slot;

    h->ops_nr++;
    if (h->bad)
        return 0;
    if (h->open == UINT64_MAX)
        decide(h, UINT64_MAX);
    if (h->bad)
        return 0;
    if (h->open == UINT64_MAX) {
        violation(h, "more than HIST_OPEN_MAX operations under way or of unknown outcome: settle "
                     "more often");
        return 0;
    }
    decide(h, hist_touches(h, op));
    slot = (uint32_t)__builtin_ctzll(~h->open);
    h->open |= BIT(slot);
    h->reads &= ~BIT(slot);
    if (h->spec.only_reads != NULL && h->spec.only_reads(op))
        h->reads |= BIT(slot);
    h->touches[slot] = hist_touches(h, op);
    h->clients[slot] = client;
    h->ids[slot] = ++h->next_id * HIST_OPEN_MAX + slot;
    hist_op_copy(h, h->ops + slot * h->spec.op_bytes, op);
    hist_event(h, EV_CALL, client, h->next_id, op);
    return h->ids[slot];
}

/* The slot of an operation that ends; its last words are noted. */
static uint32_t ends(struct hist *h, enum ev_kind kind, uint32_t id, const void *op)
{
    uint32_t slot = id % HIST_OPEN_MAX;

    ASSERT((h->open & ~h->unknown & BIT(slot)) && h->ids[slot] == id);
    if (op != NULL)
        hist_op_copy(h, h->ops + slot * h->spec.op_bytes, op);
    hist_event(h, kind, h->clients[slot], id / HIST_OPEN_MAX, hist_op(h, slot));
    return slot;
}

bool hist_return(struct hist *h, uint32_t id, const void *op)
{
    struct search s = {.h = h, .op = op};

    if (h->bad)
        return false;
    s.slot = ends(h, EV_RETURN, id, op);
    s.drop = BIT(s.slot);
    s.cand = hist_before(h, h->touches[s.slot], s.drop);
    if ((h->reads & s.drop) && __builtin_popcountll(s.cand) > (int)HIST_BEFORE_MAX) {
        h->let_off |= s.drop;
        h->let_off_nr++;
    }
    if (h->let_off & s.drop)
        return copy_all(h, 0, s.drop);
    for (uint32_t i = 0; i < h->cur->nr && !h->overflow; i++)
        narrow(&s, &h->cur->c[i]);
    return stand(h, s.drop);
}

void hist_unknown(struct hist *h, uint32_t id)
{
    uint64_t bit;

    if (h->bad)
        return;
    bit = BIT(ends(h, EV_UNKNOWN, id, NULL));
    if (h->reads & bit) {
        copy_all(h, 0, bit);
        return;
    }
    h->unknown |= bit;
    for (uint32_t i = 0; i < h->cur->nr; i++) {
        const struct conf *from = &h->cur->c[i];

        set_begin(h->next, from->st, from->done);
        for (uint32_t k = 0; k < from->past_nr; k++) {
            const struct past *p = &h->cur->pool[from->past_at + k];

            set_past(h->next, p->st, p->ops & ~bit);
        }
        set_end(h, h->next);
    }
    stand(h, 0);
}

bool hist_failed(struct hist *h, uint32_t id)
{
    uint64_t bit;

    if (h->bad)
        return false;
    bit = BIT(ends(h, EV_FAILED, id, NULL));
    return copy_all(h, bit, bit);
}

void hist_settle(struct hist *h)
{
    if (h->bad)
        return;
    hist_event(h, EV_SETTLE, 0, 0, NULL);
    h->settled |= h->unknown;
}

bool hist_good(const struct hist *h)
{
    return !h->bad;
}

bool hist_gave_up(const struct hist *h)
{
    return h->bad && h->overflow;
}

uint32_t hist_states(const struct hist *h, uint32_t *most)
{
    if (most != NULL)
        *most = h->most;
    return h->cur->nr;
}

const void *hist_state(const struct hist *h)
{
    return h->cur->c[0].st->bytes;
}

const void *hist_state_at(const struct hist *h, uint32_t i)
{
    ASSERT(i < h->cur->nr);
    return h->cur->c[i].st->bytes;
}

uint64_t hist_let_off(const struct hist *h)
{
    return h->let_off_nr;
}

uint64_t hist_ops(const struct hist *h)
{
    return h->ops_nr;
}
