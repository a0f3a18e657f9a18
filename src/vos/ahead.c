/*
 * What a list, or the operations of a compound, will look at next is asked of memory before they
 * do. A dkey's existence hangs on a
 * record of its akey and that of a version, each somewhere else unless it is packed; one dkey after
 * the other, each of the three is waited for. Asked for together and some entries ahead, first
 * dkeys, then what the dkeys name, then what those name, the waits overlap, and with the work too.
 *
 * Hints only: nothing here fails, is recorded, or trusts what it sees.
 */
#include "vos/priv.h"

static void ask(struct heap *h, uint64_t off, size_t len)
{
    const uint8_t *p = heap_peek(h, off, len);

    if (p == NULL)
        return;
    __builtin_prefetch(p);
    __builtin_prefetch(p + len - 1); /* a record may lie across two lines */
}

/* Of a packed dkey: the key is at its end. */
static void ask_record(struct heap *h, uint64_t off)
{
    const uint8_t *p = heap_peek(h, off, 1);

    if (p == NULL)
        return;
    for (uint32_t at = 0; at < 224; at += 56)
        __builtin_prefetch(p + at);
}

static uint64_t plain_akey(struct heap *h, uint64_t dkey)
{
    const uint8_t *kind = heap_peek(h, dkey, 1);

    return kind == NULL || *kind == REC_PACK
               ? 0
               : tree_peek_one(h, dkey + offsetof(struct dkey_rec, akeys));
}

static void ask_version(struct heap *h, uint64_t dkey)
{
    uint64_t akey = plain_akey(h, dkey);
    const struct akey_rec *r = akey ? heap_peek(h, akey, sizeof *r) : NULL;

    if (r != NULL && r->type == DAOS_IOD_SINGLE)
        ask(h, r->values.word0, sizeof(struct ver));
}

/* Each of the three is so many steps before the next, and before the list is there. */
void ahead_dkeys(struct heap *h, const struct tree_entry *ent, uint32_t nr, uint32_t at)
{
    uint32_t step = AHEAD_STEP, from = at == 0 ? 0 : at + 3 * step;

    for (uint32_t i = from; i < MIN(at + 4 * step, nr); i++)
        ask_record(h, ent[i].value);
    from = at == 0 ? 0 : at + 2 * step;
    for (uint32_t i = from; i < MIN(at + 3 * step, nr); i++)
        ask(h, plain_akey(h, ent[i].value), sizeof(struct akey_rec));
    from = at == 0 ? 0 : at + step;
    for (uint32_t i = from; i < MIN(at + 2 * step, nr); i++)
        ask_version(h, ent[i].value);
}

/* Operations of one object that write, from op `from` on; *to: behind them. */
static void ahead_run(struct vos_cont *c, const struct vos_op *ops, uint32_t from, uint32_t to)
{
    struct tree_key key[VOS_OPS_MAX];
    uint64_t obj, value[VOS_OPS_MAX];
    uint32_t nr = to - from;

    if (nr < 2)
        return;
    if (obj_find(c, ops[from].oid, &obj) != 0) {
        heap_miss_clear(c->v->h); /* whoever needs it will miss it again */
        return;
    }
    for (uint32_t i = 0; i < nr; i++) {
        const struct vos_key *k = &ops[from + i].dkey;

        key[i] = (struct tree_key){key_order(dkey_korder(ops[from].oid), k->buf, k->len), k->buf,
                                   k->len};
    }
    tree_ahead(c->v->h, &dkey_class, obj + offsetof(struct obj_rec, dkeys), key, value, nr);
    for (uint32_t i = 0; i < nr; i++)
        if (value[i] != 0)
            ask_record(c->v->h, value[i]);
}

void ahead_ops(struct vos_cont *c, const struct vos_op *ops, uint32_t nr)
{
    uint32_t from = 0;

    for (uint32_t i = 0; i <= nr; i++) {
        bool writes = i < nr && ops[i].kind == VOS_OP_UPDATE;

        if (writes && ops[i].oid.hi == ops[from].oid.hi && ops[i].oid.lo == ops[from].oid.lo)
            continue;
        ahead_run(c, ops, from, i);
        from = writes ? i : i + 1;
    }
}
