/*
 * Money moves between accounts that lie on several objects and all targets, and every transfer
 * leaves a line in a journal, in the same transaction. What must hold:
 *
 *   - whoever looks finds the same sum, and every transfer that was acknowledged before it looked;
 *   - in the end each account is what the journal makes of it, changed as often as the journal says
 * (a transfer carried out twice would count twice), and the journal has what was acknowledged,
 * nothing that was refused, nothing that nobody began.
 */
#include "tx_kill.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS 24u
#define BANKS    4u /* objects: oh[0] to oh[3] */
#define JOURNAL  4u
#define FIRST    200

struct account {
    int64_t amount;
    uint64_t changes;
};

struct line {
    uint32_t from, to;
    int32_t amount;
};

struct transfer {
    struct user *u;
    uint32_t id;
};

enum { NO_MONEY = 1 };

static daos_handle_t account_of(struct user *u, uint32_t n, char key[KEY_TEXT])
{
    snprintf(key, KEY_TEXT, "account %u", n);
    return u->oh[n % BANKS];
}

static int account_get(struct user *u, daos_handle_t th, uint32_t n, struct account *a)
{
    char key[KEY_TEXT];
    daos_handle_t oh = account_of(u, n, key);
    daos_size_t len = sizeof(*a);

    return daos_kv_get(oh, th, DAOS_COND_KEY_GET, key, &len, a, NULL);
}

static int account_put(struct user *u, daos_handle_t th, uint32_t n, const struct account *a)
{
    char key[KEY_TEXT];
    daos_handle_t oh = account_of(u, n, key);

    return daos_kv_put(oh, th, 0, key, sizeof(*a), a, NULL);
}

static int add(struct user *u, daos_handle_t th, uint32_t n, int32_t amount)
{
    struct account a;
    int rc = account_get(u, th, n, &a);

    if (rc != 0)
        return rc;
    a.amount += amount;
    a.changes++;
    return a.amount < 0 ? NO_MONEY : account_put(u, th, n, &a);
}

static void line_key(uint32_t id, char key[KEY_TEXT])
{
    snprintf(key, KEY_TEXT, "t%u", id);
}

static int transfer(daos_handle_t th, void *arg)
{
    const struct transfer *t = arg;
    const struct attempt *at = &t->u->s->at[t->id];
    struct line line = {at->from, at->to, at->amount};
    char key[KEY_TEXT];
    int rc = add(t->u, th, at->to, at->amount);

    line_key(t->id, key);
    if (rc == 0)
        rc = daos_kv_put(t->u->oh[JOURNAL], th, 0, key, sizeof(line), &line, NULL);
    return rc == 0 ? add(t->u, th, at->from, -at->amount) : rc;
}

/* An answer that was lost: what the journal says now is final. */
static bool happened(struct user *u, uint32_t id)
{
    struct line line;
    char key[KEY_TEXT];

    atomic_fetch_add(&u->s->uncertain, 1);
    line_key(id, key);
    if (kv_there(u, u->oh[JOURNAL], key, &line, sizeof(line)))
        return true;
    atomic_fetch_add(&u->s->again, 1);
    return false;
}

static void bank_work(struct user *u)
{
    struct transfer t = {.u = u, .id = attempt_new(u, 0)};
    struct attempt *at = &u->s->at[t.id];
    uint64_t flags = rnd(u, 2) == 0 ? TARN_TF_READ_OWN : 0;
    int rc;

    at->from = (uint8_t)rnd(u, ACCOUNTS);
    at->to = (uint8_t)((at->from + 1 + rnd(u, ACCOUNTS - 1)) % ACCOUNTS);
    at->amount = (int32_t)(1 + rnd(u, FIRST / 2));
    do
        rc = tarn_tx_run(u->coh, flags, transfer, &t);
    while (is_late(u, rc) || (rc == -DER_TX_UNCERTAIN && !happened(u, t.id)));
    if (rc == 0 || rc == -DER_TX_UNCERTAIN)
        attempt_acked(u, t.id);
    else if (rc == NO_MONEY)
        attempt_refused(u, t.id);
    else
        wrong(u, "a transfer", rc);
}

static int bank_read(daos_handle_t th, void *arg)
{
    struct view *v = arg;
    struct account a;
    int rc;

    v->bank.sum = 0;
    v->bank.changes = 0;
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        rc = account_get(v->u, th, i, &a);
        if (rc != 0)
            return rc;
        v->bank.sum += a.amount;
        v->bank.changes += a.changes;
    }
    return 0;
}

static void bank_judge(struct user *u, struct view *v)
{
    if (v->bank.sum != (int64_t)ACCOUNTS * FIRST)
        wrong(u, "another sum", v->bank.sum);
    if (v->bank.changes % 2 != 0)
        wrong(u, "half of a transfer: changes", (int64_t)v->bank.changes);
    if (v->bank.changes / 2 < v->acked)
        wrong(u, "fewer transfers than were acknowledged by",
              (int64_t)(v->acked - v->bank.changes / 2));
    if (v->bank.changes / 2 > v->made)
        wrong(u, "more transfers than were begun", (int64_t)(v->bank.changes / 2));
}

/* ---- The end ---- */

struct books {
    struct user *u;
    struct account a[ACCOUNTS];
    uint8_t *seen; /* of each attempt */
};

static int book(const char *key, void *arg)
{
    struct books *b = arg;
    struct line line;
    struct attempt *at;
    unsigned id;

    if (sscanf(key, "t%u", &id) != 1 || id >= atomic_load(&b->u->s->attempts) || b->seen[id]++)
        wrong(b->u, "a line that nobody wrote, or two of it", (int64_t)id);
    at = &b->u->s->at[id];
    if (!kv_there(b->u, b->u->oh[JOURNAL], key, &line, sizeof(line)) || line.from != at->from ||
        line.to != at->to || line.amount != at->amount)
        wrong(b->u, "a line says something else than was written", id);
    if (at->state == REFUSED)
        wrong(b->u, "a transfer that was refused is there", id);
    b->a[at->from].amount -= at->amount;
    b->a[at->to].amount += at->amount;
    b->a[at->from].changes++;
    b->a[at->to].changes++;
    return 0;
}

static void bank_check(struct user *u)
{
    uint64_t nr = atomic_load(&u->s->attempts);
    struct books b = {.u = u, .seen = calloc(nr + 1, 1)};
    struct account a;

    MUST(u, kv_each(u->oh[JOURNAL], DAOS_TX_NONE, book, &b));
    for (uint64_t i = 0; i < nr; i++)
        if (u->s->at[i].state == ACKED && !b.seen[i])
            wrong(u, "a transfer that was acknowledged is lost", (int64_t)i);
    for (uint32_t i = 0; i < ACCOUNTS; i++) {
        MUST(u, account_get(u, DAOS_TX_NONE, i, &a));
        if (a.amount != FIRST + b.a[i].amount || a.changes != b.a[i].changes)
            wrong(u, "not what the journal makes of it: account", i);
    }
    free(b.seen);
}

/* ---- Life ---- */

static void bank_open(struct user *u)
{
    for (uint32_t i = 0; i <= JOURNAL; i++)
        u->oh[i] = kv_open(u, 1 + i);
}

static void bank_close(struct user *u)
{
    for (uint32_t i = 0; i <= JOURNAL; i++)
        MUST(u, daos_kv_close(u->oh[i], NULL));
}

static void bank_make(struct user *u)
{
    struct account a = {.amount = FIRST};

    for (uint32_t i = 0; i < ACCOUNTS; i++)
        MUST(u, account_put(u, DAOS_TX_NONE, i, &a));
}

const struct workload bank_workload = {
    .name = "bank",
    .open = bank_open,
    .close = bank_close,
    .make = bank_make,
    .work = bank_work,
    .read = bank_read,
    .judge = bank_judge,
    .check = bank_check,
};
