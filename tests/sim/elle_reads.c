/* elle: each read by itself. Was what it shows written, by somebody who may be seen, and all of it?
 * And is what was acknowledged before it there? */
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "elle_int.h"

/* ---- What a read shows ---- */

struct look {
    struct elle *e;
    uint32_t tx, at; /* the read: operation `at` of the transaction */
    const struct elle_op *op;
    const struct elle_key *key;
};

static bool tell(const struct look *l, enum elle_anomaly what, uint32_t value, const char *words)
{
    if (!elle_tell(l->e, what))
        return false;
    elle_say(l->e, "  T%u read %s and saw %u, %s\n", l->tx, l->key->name, value, words);
    elle_tell_tx(l->e, l->tx, l->op->key);
    return true;
}

/* The next value that the transaction of this write wrote to the same key, 0: none. */
static uint32_t later(const struct elle_tx *t, const struct elle_op *w)
{
    for (const struct elle_op *o = w + 1; o < t->op + t->op_nr; o++)
        if (o->write && o->key == w->key)
            return o->value;
    return 0;
}

static bool shows(const struct elle_op *read, uint32_t value)
{
    for (uint32_t i = 0; i < read->value; i++)
        if (read->seen[i] == value)
            return true;
    return false;
}

/* Of a set: another value of this writer that is missing. Of others: a later one, when what is seen
 * last is not the last. */
static uint32_t missing(const struct look *l, const struct elle_tx *t, const struct elle_op *w,
                        bool last)
{
    if (!elle_is_set(l->key))
        return last ? later(t, w) : 0;
    for (const struct elle_op *o = t->op; o < t->op + t->op_nr; o++)
        if (o->write && o->key == w->key && !shows(l->op, o->value))
            return o->value;
    return 0;
}

static void one_value(const struct look *l, uint32_t i)
{
    struct elle *e = l->e;
    uint32_t value = l->op->seen[i], by, rest;
    const struct elle_op *w = elle_writer(e, l->op->key, value, &by);

    for (uint32_t k = 0; k < i; k++)
        if (l->op->seen[k] == value)
            tell(l, ELLE_DUPLICATE, value, "twice");
    if (w == NULL) {
        tell(l, ELLE_UNWRITTEN, value, "which nobody wrote");
        return;
    }
    if (by == l->tx) {
        tell(l, ELLE_OWN, value, "which is its own and not committed yet");
        return;
    }
    e->tx[by].seen = true;
    if (e->tx[by].status == ELLE_ABORTED &&
        tell(l, ELLE_G1A, value, "which was written by a transaction that was aborted:"))
        elle_tell_tx(e, by, l->op->key);
    rest = missing(l, &e->tx[by], w, i + 1 == l->op->value);
    if (rest != 0 &&
        tell(l, ELLE_G1B, value, "and not what the same transaction wrote there beside it:"))
        elle_tell_tx(e, by, l->op->key);
}

static bool same(const struct elle *e, const struct elle_op *a, const struct elle_op *b)
{
    if (a->value != b->value)
        return false;
    if (!elle_is_set(&e->key[a->key]))
        return a->value == 0 || memcmp(a->seen, b->seen, a->value * sizeof(*a->seen)) == 0;
    for (uint32_t i = 0; i < a->value; i++)
        if (!shows(b, a->seen[i]))
            return false;
    return true;
}

/* The last read of the same key before in this transaction shows the same. */
static void again(const struct look *l)
{
    const struct elle_tx *t = &l->e->tx[l->tx];

    for (uint32_t i = l->at; i-- > 0;) {
        if (t->op[i].write || t->op[i].key != l->op->key)
            continue;
        if (!same(l->e, &t->op[i], l->op) && elle_tell(l->e, ELLE_MOVED)) {
            elle_say(l->e, "  T%u read %s twice and saw two states\n", l->tx, l->key->name);
            elle_tell_tx(l->e, l->tx, l->op->key);
        }
        return;
    }
}

void elle_reads(struct elle *e)
{
    for (uint32_t t = 0; t < e->tx_nr; t++)
        e->tx[t].seen = false;
    for (uint32_t t = 0; t < e->tx_nr; t++)
        for (uint32_t i = 0; i < e->tx[t].op_nr; i++) {
            const struct elle_op *op = &e->tx[t].op[i];
            struct look l = {e, t, i, op, &e->key[op->key]};

            for (uint32_t k = 0; !op->write && k < op->value; k++)
                one_value(&l, k);
            if (!op->write)
                again(&l);
        }
}

/* ---- What it ought to show ---- */

/* Does the read lack what was written? A register's value may have been replaced since, unless what
 * is there was over before the write began. */
static bool lacks(const struct elle *e, const struct elle_op *read, const struct elle_op *w,
                  const struct elle_tx *writer)
{
    uint32_t by;

    if (e->key[read->key].type != ELLE_REGISTER || read->value == 0)
        return !shows(read, w->value);
    return elle_writer(e, read->key, read->seen[0], &by) != NULL &&
           elle_before(e, &e->tx[by], writer);
}

static bool lost(struct elle *e, struct elle_ref read, struct elle_ref write)
{
    const struct elle_tx *r = &e->tx[read.tx], *w = &e->tx[write.tx];
    const struct elle_op *rop = &r->op[read.op], *wop = &w->op[write.op];

    if (w->status != ELLE_COMMITTED || !elle_before(e, w, r) || !lacks(e, rop, wop, w) ||
        (e->key[wop->key].type == ELLE_REGISTER && later(w, wop) != 0))
        return false;
    if (elle_tell(e, ELLE_LOST)) {
        elle_say(e,
                 "  T%u wrote %u to %s and was acknowledged; T%u read %s after that, and it is "
                 "not there\n",
                 write.tx, wop->value, e->key[wop->key].name, read.tx, e->key[wop->key].name);
        elle_tell_tx(e, write.tx, wop->key);
        elle_tell_tx(e, read.tx, wop->key);
    }
    return true;
}

/* One of each key. */
void elle_lost(struct elle *e)
{
    for (uint32_t k = 0; k < e->key_nr; k++) {
        const struct elle_key *key = &e->key[k];
        bool found = false;

        for (uint32_t r = 0; r < key->read_nr && !found; r++)
            for (uint32_t w = 0; w < key->write_nr && !found; w++)
                found = lost(e, key->read[r], key->write[w]);
    }
}
