/* Of the workload "tx": which keys there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <daos.h>
#include "base/assert.h"
#include "work_tx.h"

static const enum elle_type type_of[] = {[TX_REGISTER] = ELLE_REGISTER,
                                         [TX_LIST] = ELLE_LIST,
                                         [TX_SET_DKEYS] = ELLE_SET_APART,
                                         [TX_SET_AKEYS] = ELLE_SET};

/* Elements are spread over all targets, or lie together. */
int wtx_oid(struct work_client *c, daos_obj_id_t *oid)
{
    static const enum daos_otype_t types[] = {DAOS_OT_MULTI_HASHED, DAOS_OT_DKEY_LEXICAL,
                                              DAOS_OT_DKEY_UINT64, DAOS_OT_AKEY_LEXICAL};
    struct wtx_work *w = wtx_work(c);

    *oid = (daos_obj_id_t){.lo = ++w->names};
    return daos_obj_generate_oid(c->coh, oid, types[wtx_below(c, ARRAY_LEN(types))],
                                 wtx_below(c, 2) ? OC_SX : OC_S1, 0, 0);
}

static int key_new(struct work_client *c, uint32_t place)
{
    static const char *const words[] = {"register", "list", "set of dkeys", "set of akeys"};
    struct wtx_work *w = wtx_work(c);
    struct wtx_key k = {.kind = w->kind[place]};
    int rc = 0;

    if (k.kind == TX_SET_DKEYS) {
        k.obj = TX_OBJS + place;
        rc = wtx_oid(c, &k.oid);
    } else {
        k.obj = wtx_below(c, TX_OBJS);
        k.oid = w->oid[k.obj];
        w->names++;
    }
    if (rc != 0)
        return rc;
    snprintf(k.dkey, sizeof(k.dkey), "k%07u", w->names % 10000000);
    snprintf(k.name, sizeof(k.name), "%s %u", words[k.kind], w->names);
    k.elle = elle_key(w->e, type_of[k.kind], k.name);
    if (w->key_nr == w->key_max) {
        w->key_max = w->key_max ? 2 * w->key_max : TX_PLACES_MAX;
        w->key = realloc(w->key, w->key_max * sizeof(*w->key));
        ASSERT(w->key != NULL);
    }
    w->at[place] = w->key_nr;
    w->key[w->key_nr++] = k;
    return 0;
}

int wtx_keys_begin(struct work_client *c)
{
    int rc = 0;

    for (uint32_t p = 0; p < wtx_work(c)->places && rc == 0; p++)
        rc = key_new(c, p);
    return rc;
}

int wtx_key_at(struct work_client *c, uint32_t place, uint32_t *key)
{
    struct wtx_work *w = wtx_work(c);
    int rc = 0;

    if (w->key[w->at[place]].elems >= TX_LONG || w->key[w->at[place]].reads >= TX_READS)
        rc = key_new(c, place);
    *key = w->at[place];
    return rc;
}

void wtx_keys_again(struct work_client *c, const struct wtx_held *held)
{
    struct wtx_work *w = wtx_work(c);
    struct wtx_key *key = malloc(w->key_max * sizeof(*key));
    uint32_t t;

    ASSERT(key != NULL);
    elle_reset(w->e);
    t = elle_begin(w->e, ELLE_NOBODY, true);
    elle_note(w->e, t, "what was read back before");
    for (uint32_t p = 0; p < w->places; p++) {
        const struct wtx_held *h = &held[w->at[p]];

        key[p] = w->key[w->at[p]];
        key[p].reads = 0;
        key[p].elle = elle_key(w->e, type_of[key[p].kind], key[p].name);
        for (uint32_t i = 0; i < h->nr; i++)
            elle_write(w->e, t, key[p].elle, h->value[i]);
        w->key[w->at[p]].kept = true;
        w->at[p] = p;
    }
    /* not what may be damaged: it is to be found where it lies */
    for (uint32_t k = 0; k < w->key_nr && !(c->work->faults & WORK_ROT); k++)
        if (!w->key[k].kept)
            wtx_remove(c, &w->key[k]);
    elle_end(w->e, t, ELLE_COMMITTED);
    free(w->key);
    w->key = key;
    w->key_nr = w->places;
}
