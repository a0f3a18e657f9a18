/* Transactions that read their own writes (TARN_TF_READ_OWN): what they see of them. */
#include <string.h>
#include "base/assert.h"
#include "work_tx.h"

void wtx_own_wrote(struct wtx_run *r, uint32_t key, uint32_t value)
{
    if (!r->own)
        return;
    ASSERT(r->mine_nr < TX_OPS);
    r->mine[r->mine_nr].key = key;
    r->mine[r->mine_nr++].value = value;
}

static const uint32_t *last_of(const struct wtx_run *r, uint32_t key)
{
    for (uint32_t i = r->mine_nr; i-- > 0;)
        if (r->mine[i].key == key)
            return &r->mine[i].value;
    return NULL;
}

/* All of a list, as it was read and appended to. */
static bool is_list(const struct wtx_run *r, uint32_t key, const uint32_t *seen, uint32_t nr)
{
    for (uint32_t i = 0; i < r->list_nr; i++)
        if (r->list[i].key == key)
            return r->list[i].nr == nr && memcmp(r->list[i].elem, seen, nr * sizeof(*seen)) == 0;
    return false;
}

/* Takes its own elements out of what it saw of a set. False: one is not there. */
static bool take_out(const struct wtx_run *r, uint32_t key, uint32_t *seen, uint32_t *nr)
{
    for (uint32_t m = 0; m < r->mine_nr; m++) {
        uint32_t i = 0;

        if (r->mine[m].key != key)
            continue;
        while (i < *nr && seen[i] != r->mine[m].value)
            i++;
        if (i == *nr)
            return false;
        memmove(&seen[i], &seen[i + 1], (--*nr - i) * sizeof(*seen));
    }
    return true;
}

bool wtx_own_read(struct work_client *c, struct wtx_run *r, uint32_t key)
{
    struct wtx_client *tc = c->priv;
    const struct wtx_key *k = &wtx_work(c)->key[key];
    const uint32_t *last = r->own ? last_of(r, key) : NULL;
    bool right;

    if (last == NULL)
        return false;
    if (k->kind == TX_REGISTER)
        right = tc->seen_nr == 1 && tc->seen[0] == *last;
    else if (k->kind == TX_LIST)
        right = is_list(r, key, tc->seen, tc->seen_nr);
    else
        right = take_out(r, key, tc->seen, &tc->seen_nr);
    if (!right)
        work_wrong(c->work,
                   "client %u: T%u does not read in %s what it has written itself, last %u",
                   c->index, r->t, k->name, *last);
    return k->kind == TX_REGISTER || k->kind == TX_LIST;
}
