/*
 * elle: the edges that follow from values.
 *
 * Who is read comes before the reader (wr). Who writes what a reader does not show yet comes after
 * it (rw). Which of two writers is later (ww):
 *
 *     list       the longest read shows it, and every other read begins it; what was appended and
 *                is not in it comes after all that is
 *     set        writes do not replace each other: there is none
 *     register   whoever read v and wrote w came after v, and any other reader of v before w; the
 *                same of writers of which one was over before the other began
 */
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "elle_int.h"

static void edge(struct elle *e, uint32_t from, uint32_t to, enum elle_edge_kind kind,
                 const uint32_t keyed[3])
{
    elle_edge(
        e, (struct elle_edge){
               .tx = from, .tx2 = to, .kind = kind, .key = keyed[0], .a = keyed[1], .b = keyed[2]});
}

#define EDGE(e, from, to, kind, ...) edge(e, from, to, kind, (const uint32_t[3]){__VA_ARGS__})

static const struct elle_op *op_of(const struct elle *e, struct elle_ref r)
{
    return &e->tx[r.tx].op[r.op];
}

/* From the writer of a value that was read. */
static void read_from(struct elle *e, struct elle_ref r, uint32_t value)
{
    uint32_t key = op_of(e, r)->key, by;

    if (elle_writer(e, key, value, &by) != NULL && elle_whole(&e->tx[by]))
        EDGE(e, by, r.tx, ELLE_WR, key, value);
}

/* ---- Lists ---- */

static const struct elle_op *longest(const struct elle *e, const struct elle_key *k)
{
    const struct elle_op *most = NULL;

    for (uint32_t i = 0; i < k->read_nr; i++) {
        const struct elle_op *op = op_of(e, k->read[i]);

        if (most == NULL || op->value > most->value)
            most = op;
    }
    return most;
}

static void places(struct elle *e, struct elle_key *k, const struct elle_op *most)
{
    for (uint32_t i = 0; i < k->write_nr; i++) {
        struct elle_ref r = k->write[i];

        e->tx[r.tx].op[r.op].place = ELLE_UNSEEN;
    }
    for (uint32_t i = 0; i < most->value; i++) {
        uint32_t by;
        const struct elle_op *w = elle_writer(e, most->key, most->seen[i], &by);

        if (w != NULL)
            e->tx[by].op[w - e->tx[by].op].place = i;
    }
}

/* Does the longest read begin with this one? */
static bool begins(struct elle *e, const struct elle_key *k, struct elle_ref r,
                   const struct elle_op *most)
{
    const struct elle_op *op = op_of(e, r);

    if (op->value == 0 || memcmp(op->seen, most->seen, op->value * sizeof(*op->seen)) == 0)
        return true;
    if (elle_tell(e, ELLE_ORDER)) {
        elle_say(e, "  what T%u read of %s is not how the longest read of it begins\n", r.tx,
                 k->name);
        elle_tell_tx(e, r.tx, op->key);
        for (uint32_t i = 0; i < k->read_nr; i++)
            if (op_of(e, k->read[i]) == most)
                elle_tell_tx(e, k->read[i].tx, op->key);
    }
    return false;
}

/* What the next one in the list wrote, or those whose place nobody knows: after all that is seen.
 */
static void list_read(struct elle *e, const struct elle_key *k, struct elle_ref r,
                      const struct elle_op *most)
{
    const struct elle_op *op = op_of(e, r);
    uint32_t by, last = op->value > 0 ? op->seen[op->value - 1] : 0;

    if (last != 0)
        read_from(e, r, last);
    if (op->value < most->value) {
        uint32_t next = most->seen[op->value];

        if (elle_writer(e, op->key, next, &by) != NULL && elle_whole(&e->tx[by]))
            EDGE(e, r.tx, by, ELLE_RW, op->key, last, next);
        return;
    }
    for (uint32_t i = 0; i < k->write_nr; i++) {
        const struct elle_op *w = op_of(e, k->write[i]);

        if (w->place == ELLE_UNSEEN && elle_whole(&e->tx[k->write[i].tx]))
            EDGE(e, r.tx, k->write[i].tx, ELLE_RW, op->key, last, w->value);
    }
}

static void list_writes(struct elle *e, const struct elle_key *k, const struct elle_op *most)
{
    uint32_t before = ELLE_NO, last = 0, by;

    for (uint32_t i = 0; i < most->value; i++) {
        if (elle_writer(e, most->key, most->seen[i], &by) == NULL || !elle_whole(&e->tx[by]))
            continue;
        if (before != ELLE_NO)
            EDGE(e, before, by, ELLE_WW, most->key, last, most->seen[i]);
        before = by;
        last = most->seen[i];
    }
    for (uint32_t i = 0; i < k->write_nr && before != ELLE_NO; i++) {
        const struct elle_op *w = op_of(e, k->write[i]);

        if (w->place == ELLE_UNSEEN && elle_whole(&e->tx[k->write[i].tx]))
            EDGE(e, before, k->write[i].tx, ELLE_WW, most->key, last, w->value);
    }
}

static void list(struct elle *e, struct elle_key *k)
{
    const struct elle_op *most = longest(e, k);

    if (most == NULL)
        return;
    places(e, k, most);
    for (uint32_t i = 0; i < k->read_nr; i++)
        if (begins(e, k, k->read[i], most))
            list_read(e, k, k->read[i], most);
    list_writes(e, k, most);
}

/* ---- Sets ---- */

static void set(struct elle *e, struct elle_key *k, uint32_t key)
{
    uint32_t *shown = calloc(k->write_nr + 1, sizeof(*shown)); /* in which read */

    ASSERT(shown != NULL);
    for (uint32_t i = 0; i < k->write_nr; i++)
        e->tx[k->write[i].tx].op[k->write[i].op].place = i;
    for (uint32_t r = 0; r < k->read_nr; r++) {
        const struct elle_op *op = op_of(e, k->read[r]), *w;
        uint32_t by;

        for (uint32_t i = 0; i < op->value; i++) {
            w = elle_writer(e, key, op->seen[i], &by);
            if (w != NULL)
                shown[w->place] = r + 1;
        }
        for (uint32_t i = 0; i < k->write_nr; i++) {
            w = op_of(e, k->write[i]);
            by = k->write[i].tx;
            if (!elle_whole(&e->tx[by]))
                continue;
            if (shown[i] == r + 1)
                EDGE(e, by, k->read[r].tx, ELLE_WR, key, w->value);
            else
                EDGE(e, k->read[r].tx, by, ELLE_RW, key, 0, w->value);
        }
    }
    free(shown);
}

/* ---- Registers ---- */

/* The last value it wrote to the key; 0: none. */
static uint32_t wrote(const struct elle_tx *t, uint32_t key)
{
    uint32_t value = 0;

    for (uint32_t i = 0; i < t->op_nr; i++)
        if (t->op[i].write && t->op[i].key == key)
            value = t->op[i].value;
    return value;
}

static bool shows(const struct elle_op *read, uint32_t value)
{
    return read->value > 0 && read->seen[0] == value;
}

/* Those that read the same value and replaced it come after this reader. */
static void replaced(struct elle *e, const struct elle_key *k, uint32_t key, struct elle_ref r,
                     uint32_t value)
{
    for (uint32_t i = 0; i < k->read_nr; i++) {
        const struct elle_ref o = k->read[i];
        uint32_t next;

        if (o.tx == r.tx || !shows(op_of(e, o), value) || !elle_whole(&e->tx[o.tx]))
            continue;
        next = wrote(&e->tx[o.tx], key);
        if (next != 0)
            EDGE(e, r.tx, o.tx, ELLE_RW, key, value, next);
    }
}

/* Of the writers that came after `by` by the time of their calls, those that no other such one was
 * before: the rest follows. */
static void followed(struct elle *e, const struct elle_key *k, uint32_t key, struct elle_ref r,
                     uint32_t value, uint32_t by)
{
    uint64_t first = ELLE_NEVER;

    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < k->write_nr; i++) {
            const struct elle_tx *t = &e->tx[k->write[i].tx];
            uint32_t next = op_of(e, k->write[i])->value;

            if (!elle_whole(t) || (by != ELLE_NO && !elle_before(e, &e->tx[by], t)))
                continue;
            if (pass == 0)
                first = e->time == ELLE_TIME_STRICT ? MIN(first, elle_over(e, t)) : first;
            else if (t->from <= first)
                EDGE(e, r.tx, k->write[i].tx, ELLE_RW, key, value, next);
        }
}

static void reg(struct elle *e, const struct elle_key *k, uint32_t key)
{
    for (uint32_t i = 0; i < k->read_nr; i++) {
        struct elle_ref r = k->read[i];
        uint32_t value = op_of(e, r)->value > 0 ? op_of(e, r)->seen[0] : 0, by;

        if (value == 0) { /* before every writer */
            followed(e, k, key, r, 0, ELLE_NO);
            continue;
        }
        read_from(e, r, value);
        replaced(e, k, key, r, value);
        if (elle_writer(e, key, value, &by) != NULL && elle_whole(&e->tx[by]))
            followed(e, k, key, r, value, by);
    }
}

void elle_order(struct elle *e)
{
    for (uint32_t k = 0; k < e->key_nr; k++) {
        if (e->key[k].type == ELLE_LIST)
            list(e, &e->key[k]);
        else if (elle_is_set(&e->key[k]))
            set(e, &e->key[k], k);
        else
            reg(e, &e->key[k], k);
    }
}
