/* elle: the history, and who wrote what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/assert.h"
#include "base/hash.h"
#include "elle_int.h"

void elle_grow(void **array, uint32_t nr, uint32_t *max, size_t bytes)
{
    if (nr < *max)
        return;
    *max = *max ? *max * 2 : 16;
    *array = realloc(*array, *max * bytes);
    ASSERT(*array != NULL);
}

/* ---- Values and their writers ---- */

static uint32_t slot_of(const struct elle *e, uint32_t key, uint32_t value)
{
    uint32_t i = (uint32_t)mix64((uint64_t)key << 32 | value) & (e->slot_max - 1);

    for (; e->slot[i].tx != ELLE_NO; i = (i + 1) & (e->slot_max - 1)) {
        const struct elle_op *op = &e->tx[e->slot[i].tx].op[e->slot[i].op];

        if (op->key == key && op->value == value)
            break;
    }
    return i;
}

static void slots(struct elle *e, uint32_t max)
{
    struct elle_ref *old = e->slot;
    uint32_t nr = e->slot_max;

    e->slot_max = max;
    e->slot = malloc(max * sizeof(*e->slot));
    ASSERT(e->slot != NULL);
    memset(e->slot, 0xff, max * sizeof(*e->slot));
    for (uint32_t i = 0; i < nr; i++)
        if (old[i].tx != ELLE_NO) {
            const struct elle_op *op = &e->tx[old[i].tx].op[old[i].op];

            e->slot[slot_of(e, op->key, op->value)] = old[i];
        }
    free(old);
}

const struct elle_op *elle_writer(const struct elle *e, uint32_t key, uint32_t value, uint32_t *tx)
{
    const struct elle_ref *r = &e->slot[slot_of(e, key, value)];

    *tx = r->tx;
    return r->tx == ELLE_NO ? NULL : &e->tx[r->tx].op[r->op];
}

/* ---- The history ---- */

struct elle *elle_create(enum elle_time time)
{
    struct elle *e = calloc(1, sizeof(*e));

    ASSERT(e != NULL);
    e->time = time;
    slots(e, 1024);
    return e;
}

void elle_reset(struct elle *e)
{
    for (uint32_t t = 0; t < e->tx_nr; t++) {
        for (uint32_t i = 0; i < e->tx[t].op_nr; i++)
            free(e->tx[t].op[i].seen);
        free(e->tx[t].op);
    }
    for (uint32_t k = 0; k < e->key_nr; k++) {
        free(e->key[k].write);
        free(e->key[k].read);
    }
    e->tx_nr = e->key_nr = e->slot_nr = 0;
    memset(e->slot, 0xff, e->slot_max * sizeof(*e->slot));
}

void elle_destroy(struct elle *e)
{
    elle_reset(e);
    elle_graph_end(&e->g);
    free(e->tx);
    free(e->key);
    free(e->slot);
    free(e->node);
    free(e->story);
    free(e);
}

uint64_t elle_now(struct elle *e)
{
    return ++e->now;
}

uint32_t elle_key(struct elle *e, enum elle_type type, const char *name)
{
    elle_grow((void **)&e->key, e->key_nr, &e->key_max, sizeof(*e->key));
    e->key[e->key_nr] = (struct elle_key){.type = type};
    snprintf(e->key[e->key_nr].name, ELLE_NAME, "%s", name);
    return e->key_nr++;
}

uint32_t elle_begin(struct elle *e, uint32_t process, bool plain)
{
    elle_grow((void **)&e->tx, e->tx_nr, &e->tx_max, sizeof(*e->tx));
    e->tx[e->tx_nr] = (struct elle_tx){.process = process,
                                       .plain = plain,
                                       .from = elle_now(e),
                                       .to = ELLE_NEVER,
                                       .read_by = ELLE_NEVER};
    return e->tx_nr++;
}

static struct elle_op *op_new(struct elle *e, uint32_t tx, uint32_t key, bool write)
{
    struct elle_tx *t = &e->tx[tx];
    struct elle_key *k = &e->key[key];
    struct elle_ref ref = {tx, t->op_nr};

    ASSERT(tx < e->tx_nr && key < e->key_nr && t->status == ELLE_OPEN);
    elle_grow((void **)&t->op, t->op_nr, &t->op_max, sizeof(*t->op));
    if (write) {
        elle_grow((void **)&k->write, k->write_nr, &k->write_max, sizeof(ref));
        k->write[k->write_nr++] = ref;
    } else {
        elle_grow((void **)&k->read, k->read_nr, &k->read_max, sizeof(ref));
        k->read[k->read_nr++] = ref;
    }
    t->op[t->op_nr] = (struct elle_op){.write = write, .key = key};
    return &t->op[t->op_nr++];
}

void elle_write(struct elle *e, uint32_t tx, uint32_t key, uint32_t value)
{
    struct elle_op *op = op_new(e, tx, key, true);
    uint32_t i;

    op->value = value;
    e->tx[tx].writes++;
    if (e->slot_nr * 2 >= e->slot_max)
        slots(e, e->slot_max * 2);
    i = slot_of(e, key, value);
    ASSERT(value != 0 && e->slot[i].tx == ELLE_NO); /* written once */
    e->slot[i] = (struct elle_ref){tx, e->tx[tx].op_nr - 1};
    e->slot_nr++;
}

void elle_read(struct elle *e, uint32_t tx, uint32_t key, const uint32_t *seen, uint32_t nr)
{
    struct elle_op *op = op_new(e, tx, key, false);

    ASSERT(e->key[key].type != ELLE_REGISTER || nr <= 1);
    op->value = nr;
    op->seen = malloc((nr + 1) * sizeof(*seen));
    ASSERT(op->seen != NULL);
    if (nr > 0)
        memcpy(op->seen, seen, nr * sizeof(*seen));
    if (e->tx[tx].read_by == ELLE_NEVER)
        e->tx[tx].read_by = elle_now(e);
}

void elle_epoch(struct elle *e, uint32_t tx, uint64_t epoch)
{
    e->tx[tx].epoch = epoch;
}

void elle_commit_epoch(struct elle *e, uint32_t tx, uint64_t epoch)
{
    e->tx[tx].commit_epoch = epoch;
}

void elle_when(struct elle *e, uint32_t tx, uint64_t from, uint64_t to)
{
    e->tx[tx].dated = true;
    e->tx[tx].from = from;
    e->tx[tx].to = to;
}

void elle_note(struct elle *e, uint32_t tx, const char *note)
{
    e->tx[tx].note = note;
}

void elle_end(struct elle *e, uint32_t tx, enum elle_status status)
{
    struct elle_tx *t = &e->tx[tx];

    ASSERT(t->status == ELLE_OPEN);
    t->status = status;
    if (!t->dated && status != ELLE_UNKNOWN)
        t->to = elle_now(e);
}

bool elle_before(const struct elle *e, const struct elle_tx *a, const struct elle_tx *b)
{
    if (a == b || e->time == ELLE_TIME_NONE || elle_over(e, a) >= b->from)
        return false;
    return e->time == ELLE_TIME_STRICT || b->plain ||
           (a->process == b->process && a->process != ELLE_NOBODY);
}

/* ---- The check ---- */

bool elle_check(struct elle *e)
{
    e->found = e->told = 0;
    e->story_len = 0;
    if (e->story != NULL)
        e->story[0] = '\0';
    elle_graph_begin(&e->g, e->tx_nr);
    elle_reads(e);
    elle_nodes(e);
    elle_order(e);
    elle_time_edges(e);
    elle_graph_sort(&e->g);
    if (e->g.scc_nr < e->g.nodes) { /* what is lost closes a circle: time, and rw */
        elle_lost(e);
        elle_cycles(e);
    }
    return e->found == 0;
}

uint32_t elle_found(const struct elle *e)
{
    return e->found;
}

const char *elle_story(const struct elle *e)
{
    return e->story ? e->story : "";
}

uint32_t elle_txs(const struct elle *e)
{
    return e->tx_nr;
}

uint32_t elle_edges(const struct elle *e)
{
    return e->g.edge_nr;
}
