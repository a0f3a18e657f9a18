/*
 * Numbers and things are handed out, each to one attempt alone, in three ways:
 *
 *   COUNT   a transaction reads a counter, raises it, and writes down who has the number
 *   INSERT  a conditional insert of the next number, without a transaction; if it is taken, of the
 *           one after it
 *   ITEM    a transaction lists what is left, takes one of it, and writes down who has it
 *
 * None is handed out twice, none that was acknowledged is lost, and who is told that a number is
 * taken does not have it himself.
 */
#include "tx_kill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS      192u
#define ITEM_EVERY 24u

enum kind { COUNT, INSERT, ITEM, KINDS };
enum { NUMBERS, INSERTS, TAKEN, COUNTER, LEFT, OH_NR }; /* objects; the first as the kinds */
enum { NONE_LEFT = 1 };

struct take {
    struct user *u;
    uint32_t id;
};

static void key_of(uint32_t n, char key[KEY_TEXT])
{
    snprintf(key, KEY_TEXT, "n%u", n);
}

/* Writes down that the attempt has the number: in a transaction nobody can have had it before. */
static int give(const struct take *t, daos_handle_t th, enum kind kind, uint32_t n)
{
    char key[KEY_TEXT];

    key_of(n, key);
    atomic_store(&t->u->s->at[t->id].number, n);
    return daos_kv_put(t->u->oh[kind], th, DAOS_COND_KEY_INSERT, key, sizeof(t->id), &t->id, NULL);
}

static bool owner_of(struct user *u, enum kind kind, uint32_t n, uint32_t *id)
{
    char key[KEY_TEXT];

    key_of(n, key);
    return kv_there(u, u->oh[kind], key, id, sizeof(*id));
}

/* ---- Ways ---- */

static int counter_get(struct user *u, daos_handle_t th, uint32_t *n)
{
    daos_size_t len = sizeof(*n);

    return daos_kv_get(u->oh[COUNTER], th, DAOS_COND_KEY_GET, "next", &len, n, NULL);
}

static int count(daos_handle_t th, void *arg)
{
    struct take *t = arg;
    uint32_t n, next;
    int rc = counter_get(t->u, th, &n);

    if (rc == 0)
        rc = give(t, th, COUNT, n);
    next = n + 1;
    return rc ? rc : daos_kv_put(t->u->oh[COUNTER], th, 0, "next", sizeof(next), &next, NULL);
}

struct draw {
    struct user *u;
    uint32_t nr;
    char key[KEY_TEXT]; /* each that is left with the same chance */
};

static int draw(const char *key, void *arg)
{
    struct draw *d = arg;

    if (rnd(d->u, ++d->nr) == 0)
        snprintf(d->key, sizeof(d->key), "%s", key);
    return 0;
}

static int item(daos_handle_t th, void *arg)
{
    struct take *t = arg;
    struct draw d = {.u = t->u};
    unsigned n = 0;
    int rc = kv_each(t->u->oh[LEFT], th, draw, &d);

    if (rc != 0 || d.nr == 0)
        return rc ? rc : NONE_LEFT;
    if (sscanf(d.key, "n%u", &n) != 1 || n >= ITEMS)
        wrong(t->u, "a thing that nobody made", n);
    rc = daos_kv_remove(t->u->oh[LEFT], th, DAOS_COND_KEY_REMOVE, d.key, NULL);
    return rc ? rc : give(t, th, ITEM, n);
}

/* An answer that was lost: who has the number now is final. */
static bool happened(const struct take *t, enum kind kind)
{
    uint32_t id;

    atomic_fetch_add(&t->u->s->uncertain, 1);
    if (owner_of(t->u, kind, t->u->s->at[t->id].number, &id) && id == t->id)
        return true;
    atomic_fetch_add(&t->u->s->again, 1);
    return false;
}

static int run(struct take *t, enum kind kind)
{
    uint64_t flags = rnd(t->u, 2) == 0 ? TARN_TF_READ_OWN : 0;
    int rc;

    do
        rc = tarn_tx_run(t->u->coh, flags, kind == COUNT ? count : item, t);
    while (is_late(t->u, rc) || (rc == -DER_TX_UNCERTAIN && !happened(t, kind)));
    return rc == -DER_TX_UNCERTAIN ? 0 : rc;
}

static void raise_to(_Atomic uint32_t *at, uint32_t n)
{
    uint32_t was = atomic_load(at);

    while (was < n && !atomic_compare_exchange_weak(at, &was, n))
        ;
}

static int insert_one(struct take *t, uint32_t n)
{
    int rc;

    do
        rc = give(t, DAOS_TX_NONE, INSERT, n);
    while (is_late(t->u, rc) || (rc == -DER_TX_UNCERTAIN && !happened(t, INSERT)));
    return rc == -DER_TX_UNCERTAIN ? 0 : rc;
}

static int insert(struct take *t)
{
    uint32_t n = atomic_load(&t->u->s->hint), id;
    int rc;

    while ((rc = insert_one(t, n)) == -DER_EXIST) {
        if (!owner_of(t->u, INSERT, n, &id) || id == t->id)
            wrong(t->u, "taken, it was said, but by nobody or by itself", n);
        n++;
    }
    if (rc == 0)
        raise_to(&t->u->s->hint, n + 1);
    return rc;
}

static void unique_work(struct user *u)
{
    enum kind kind = rnd(u, ITEM_EVERY) == 0 ? ITEM : rnd(u, 2) == 0 ? COUNT : INSERT;
    struct take t = {.u = u, .id = attempt_new(u, kind)};
    int rc = kind == INSERT ? insert(&t) : run(&t, kind);

    if (rc == NONE_LEFT) {
        attempt_refused(u, t.id);
        return;
    }
    if (rc != 0)
        wrong(u, "taking a number", rc);
    if (kind == COUNT)
        raise_to(&u->s->top, u->s->at[t.id].number + 1);
    attempt_acked(u, t.id);
}

/* ---- Looking ---- */

/* Is the number given away, as of the transaction? Else one is added. */
static int given(struct user *u, daos_handle_t th, uint32_t n, uint32_t *missing)
{
    uint32_t id;
    daos_size_t len = sizeof(id);
    char key[KEY_TEXT];
    int rc;

    key_of(n, key);
    rc = daos_kv_get(u->oh[NUMBERS], th, 0, key, &len, &id, NULL);
    *missing += rc == 0 && len == 0;
    return rc;
}

static int one_more(const char *key, void *arg)
{
    uint32_t *nr = arg;

    ++*nr;
    return key[0] != 'n';
}

static int unique_read(daos_handle_t th, void *arg)
{
    struct view *v = arg;
    uint32_t absent = 0;
    int rc;

    memset(&v->unique, 0, sizeof(v->unique));
    rc = counter_get(v->u, th, &v->unique.next);
    for (uint32_t i = 0; i < 6 && rc == 0 && v->unique.next > 0; i++)
        rc = given(v->u, th, v->unique.next - 1 - (i ? rnd(v->u, v->unique.next) : 0),
                   &v->unique.holes);
    if (rc == 0)
        rc = given(v->u, th, v->unique.next, &absent);
    v->unique.beyond = 1 - absent;
    if (rc == 0)
        rc = kv_each(v->u->oh[LEFT], th, one_more, &v->unique.free);
    return rc ? rc : kv_each(v->u->oh[TAKEN], th, one_more, &v->unique.taken);
}

static void unique_judge(struct user *u, struct view *v)
{
    if (v->unique.holes != 0 || v->unique.beyond != 0)
        wrong(u, "the counter is not what was handed out", v->unique.next);
    if (v->unique.next < v->top)
        wrong(u, "the counter is behind what was acknowledged", v->unique.next);
    if (v->unique.next > v->made)
        wrong(u, "the counter is beyond what was begun", v->unique.next);
    if (v->unique.free + v->unique.taken != ITEMS)
        wrong(u, "things left and taken", v->unique.free + v->unique.taken);
}

/* ---- The end ---- */

struct owners {
    struct user *u;
    enum kind kind;
    uint32_t nr;
    uint8_t *has; /* each attempt: a number */
};

static int own(const char *key, void *arg)
{
    struct owners *o = arg;
    uint32_t id, n = UINT32_MAX;
    struct attempt *at;

    if (sscanf(key, "n%u", &n) != 1 || !owner_of(o->u, o->kind, n, &id) ||
        id >= atomic_load(&o->u->s->attempts))
        wrong(o->u, "a number that nobody took", n);
    at = &o->u->s->at[id];
    if (at->kind != o->kind || at->state == REFUSED || o->has[id]++)
        wrong(o->u, "a number that was not taken so, or two for one attempt", n);
    if (at->number != n)
        wrong(o->u, "another number than was handed out", n);
    o->nr++;
    return 0;
}

static void unique_check(struct user *u)
{
    uint64_t nr = atomic_load(&u->s->attempts);
    struct owners o = {.u = u, .has = calloc(nr + 1, 1)};
    uint32_t numbers[KINDS], next;

    for (o.kind = COUNT; o.kind < KINDS; o.kind++) {
        o.nr = 0;
        MUST(u, kv_each(u->oh[o.kind], DAOS_TX_NONE, own, &o));
        numbers[o.kind] = o.nr;
    }
    for (uint64_t i = 0; i < nr; i++)
        if (u->s->at[i].state == ACKED && !o.has[i])
            wrong(u, "a number that was acknowledged is lost; attempt", (int64_t)i);
    MUST(u, counter_get(u, DAOS_TX_NONE, &next));
    if (numbers[COUNT] != next)
        wrong(u, "the counter is not the number of numbers", next);
    free(o.has);
}

/* ---- Life ---- */

static void unique_open(struct user *u)
{
    for (uint32_t i = 0; i < OH_NR; i++)
        u->oh[i] = kv_open(u, 1 + i);
}

static void unique_close(struct user *u)
{
    for (uint32_t i = 0; i < OH_NR; i++)
        MUST(u, daos_kv_close(u->oh[i], NULL));
}

static void unique_make(struct user *u)
{
    uint32_t n = 0;
    char key[KEY_TEXT];

    MUST(u, daos_kv_put(u->oh[COUNTER], DAOS_TX_NONE, 0, "next", sizeof(n), &n, NULL));
    for (; n < ITEMS; n++) {
        key_of(n, key);
        MUST(u, daos_kv_put(u->oh[LEFT], DAOS_TX_NONE, 0, key, sizeof(n), &n, NULL));
    }
}

const struct workload unique_workload = {
    .name = "unique",
    .open = unique_open,
    .close = unique_close,
    .make = unique_make,
    .work = unique_work,
    .read = unique_read,
    .judge = unique_judge,
    .check = unique_check,
};
