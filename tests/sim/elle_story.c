/* elle: in words. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "elle_int.h"

#define SHOWN 6u /* values of a read: the first two and the last of them */

void elle_say(struct elle *e, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    size_t len;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    len = strlen(line);
    if (e->story_len + len + 1 > e->story_max) {
        e->story_max = (e->story_len + len + 1) * 2;
        e->story = realloc(e->story, e->story_max);
        ASSERT(e->story != NULL);
    }
    memcpy(e->story + e->story_len, line, len + 1);
    e->story_len += len;
}

bool elle_tell(struct elle *e, enum elle_anomaly what)
{
    static const struct {
        const char *name, *text;
    } words[] = {
#define WORDS_(NAME, name, what) {name, what},
        ELLE_ANOMALIES(WORDS_)};
    bool first = !(e->found & 1u << what);

    e->found |= 1u << what;
    if (!first || e->told == ELLE_TELL)
        return false;
    e->told++;
    elle_say(e, "%s: %s\n", words[what].name, words[what].text);
    return true;
}

const char *elle_key_name(const struct elle *e, uint32_t key)
{
    return e->key[key].name;
}

static void say_op(struct elle *e, const struct elle_op *op)
{
    static const char *const verbs[] = {[ELLE_REGISTER] = "wrote",
                                        [ELLE_LIST] = "appended",
                                        [ELLE_SET] = "added",
                                        [ELLE_SET_APART] = "added"};
    const struct elle_key *k = &e->key[op->key];

    if (op->write) {
        elle_say(e, "%s %u to %s", verbs[k->type], op->value, k->name);
        return;
    }
    elle_say(e, "read %s = %s", k->name, op->value == 0 ? "nothing" : "");
    for (uint32_t i = 0; i < op->value; i++) {
        if (op->value > SHOWN && i == 2) {
            elle_say(e, " .. (%u)", op->value);
            i = op->value - SHOWN + 3;
        }
        elle_say(e, "%s%u", i ? " " : "", op->seen[i]);
    }
}

#define OPS_SHOWN 12u

static bool is_one_of(uint32_t key, const uint32_t *keys, uint32_t nr)
{
    for (uint32_t i = 0; i < nr; i++)
        if (keys[i] == key)
            return true;
    return false;
}

static void tell_tx(struct elle *e, uint32_t tx, const uint32_t *keys, uint32_t nr)
{
    static const char *const status[] = {"has not ended", "committed", "was aborted",
                                         "ended unknown"};
    const struct elle_tx *t = &e->tx[tx];
    uint32_t shown = 0;

    elle_say(e, "    T%u", tx);
    if (t->process != ELLE_NOBODY)
        elle_say(e, " of client %u", t->process);
    elle_say(e, "%s%s%s %s%s", t->note ? " (" : "", t->note ? t->note : "", t->note ? ")" : "",
             status[t->status], t->status == ELLE_UNKNOWN && t->seen ? ", but was seen" : "");
    if (t->epoch != 0)
        elle_say(e, ", at %llx", (unsigned long long)t->epoch);
    for (uint32_t i = 0; i < t->op_nr && shown < OPS_SHOWN; i++) {
        if (!is_one_of(t->op[i].key, keys, nr))
            continue;
        elle_say(e, "%s", shown++ ? ", " : ": ");
        say_op(e, &t->op[i]);
    }
    if (t->op_nr > shown)
        elle_say(e, "; and %u more", t->op_nr - shown);
    elle_say(e, "\n");
}

void elle_tell_tx(struct elle *e, uint32_t tx, uint32_t key)
{
    tell_tx(e, tx, &key, 1);
}

/* Why the one comes before the other. */
static void say_edge(struct elle *e, const struct elle_edge *d)
{
    const char *key = elle_key_name(e, d->key);

    elle_say(e, "  T%u before T%u: ", d->tx, d->tx2);
    switch (d->kind) {
    case ELLE_WW:
        elle_say(e, "of %s, %u comes before %u\n", key, d->a, d->b);
        return;
    case ELLE_WR:
        elle_say(e, "T%u saw %u in %s, which T%u wrote\n", d->tx2, d->a, key, d->tx);
        return;
    case ELLE_RW:
        elle_say(e, "T%u read %s and did not see %u yet, which T%u wrote\n", d->tx, key, d->b,
                 d->tx2);
        return;
    case ELLE_TIME:
        elle_say(e, "it had taken effect before T%u began\n", d->tx2);
        return;
    case ELLE_AT:
        elle_say(e, "by their epochs\n");
    }
}

static bool keyed(const struct elle_edge *d)
{
    return d->kind != ELLE_TIME && d->kind != ELLE_AT;
}

void elle_tell_cycle(struct elle *e, const struct elle_cycle *c)
{
    for (uint32_t i = 0; i < c->nr; i++) {
        const struct elle_edge *next = &c->edge[(i + 1) % c->nr];

        say_edge(e, &c->edge[i]);
        if (c->edge[i].tx2 != next->tx)
            elle_say(e, "  T%u is T%u: both read at one epoch\n", c->edge[i].tx2, next->tx);
    }
    elle_say(e, "  where\n");
    for (uint32_t i = 0; i < c->nr; i++) {
        const struct elle_edge *in = &c->edge[(i + c->nr - 1) % c->nr], *out = &c->edge[i];
        uint32_t keys[2], nr = 0;

        if (keyed(in))
            keys[nr++] = in->key;
        if (keyed(out))
            keys[nr++] = out->key;
        if (in->tx2 != out->tx)
            tell_tx(e, in->tx2, keys, nr);
        tell_tx(e, out->tx, keys, nr);
    }
}
