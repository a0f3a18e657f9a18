/* Intents: whole, in the table under their id, with a slot in their session; what they own. */
#include "vos/check.h"

static int check_parts(struct check *k, uint64_t off, const struct vos_op *op,
                       const struct prep *preps)
{
    int rc = 0;

    for (uint32_t i = 0; i < op->akey_nr && rc == 0; i++) {
        const struct vos_iod *iod = &op->iods[i];

        k->at.akey =
            vos_key_text(&iod->akey, daos_is_akey_uint64(op->oid), k->akey, sizeof k->akey);
        if (key_check(akey_korder(op->oid), &iod->akey))
            check_problem(k, "intent at heap offset %llu: an akey that is not possible",
                          (unsigned long long)off);
        for (uint32_t p = 0; p < preps[i].part_nr && rc == 0; p++) {
            const struct part *part = &preps[i].parts[p];

            rc = check_value(k, off, &part->l, part->image, iod->type == DAOS_IOD_SINGLE);
        }
    }
    k->at.akey = NULL;
    return rc;
}

static int check_ops(struct check *k, uint64_t off, const struct vos_update *u)
{
    int rc = 0;

    for (uint32_t i = 0; i < u->nr && rc == 0; i++) {
        const struct vos_op *op = &u->ops[i];

        if (op->kind == VOS_OP_CHECK)
            continue;
        k->oid = k->at.oid = op->oid;
        k->at.has_oid = true;
        k->at.dkey = NULL;
        if (op->level != VOS_OBJ) {
            k->at.dkey =
                vos_key_text(&op->dkey, daos_is_dkey_uint64(op->oid), k->dkey, sizeof k->dkey);
            if (key_check(dkey_korder(op->oid), &op->dkey))
                check_problem(k, "intent at heap offset %llu: a dkey that is not possible",
                              (unsigned long long)off);
        }
        if (op->kind == VOS_OP_UPDATE)
            rc = check_parts(k, off, op, u->preps[i]);
    }
    return rc;
}

static int check_intent_slot(struct check *k, uint64_t off, const struct intent *in)
{
    struct vos_txid id = {in->head.hlc, in->head.rand, in->head.seq, 0};
    struct txid_look look;
    int rc = session_look(k->v, &id, &look);

    if (in->head.flags &
        INTENT_DECIDED) /* what the session remembers the client may have dropped */
        return rc;
    if (rc == 0 && look.state != TXID_PREPARED)
        check_problem(k, "intent at heap offset %llu: its session does not know of it",
                      (unsigned long long)off);
    return rc;
}

static int check_intent(struct check *k, uint64_t off, uint64_t order)
{
    struct vos_check_ops ops = *k->ops;
    const struct vos_check_ops *was = k->ops;
    uint64_t stat[ST_NR], more = off, id[3];
    struct vos_update *u;
    struct intent in;
    bool live;
    int rc;

    do {
        rc = check_live(k, more, "intent", &live);
        if (rc || !live)
            return rc;
        rc = intent_more(k->h, &more);
    } while (rc == 0);
    if (rc != -DER_NONEXIST)
        return rc;
    rc = intent_as_update(k->c, off, &u, &in);
    if (rc)
        return rc;
    if (intent_key(in.head.hlc, in.head.rand, in.head.seq, id).order != order)
        check_problem(k, "intent at heap offset %llu is not where its id belongs",
                      (unsigned long long)off);
    check_epoch(k, in.head.epoch, "intent", off);
    rc = check_intent_slot(k, off, &in);
    /* versions that nobody can see yet: nothing is said of them but what is wrong */
    ops.value = NULL;
    k->ops = &ops;
    memcpy(stat, k->stat, sizeof stat);
    if (rc == 0)
        rc = check_ops(k, off, u);
    if (rc == 0 && (k->stat[ST_HEAP_BYTES] - stat[ST_HEAP_BYTES] != in.head.heap_bytes ||
                    k->stat[ST_DATA_BYTES] - stat[ST_DATA_BYTES] != in.head.data_bytes))
        check_problem(k, "intent at heap offset %llu counts other bytes than its values have",
                      (unsigned long long)off);
    memcpy(k->stat, stat, sizeof stat);
    k->ops = was;
    k->at.has_oid = false;
    k->at.dkey = NULL;
    update_free(u, false);
    return rc;
}

static uint32_t intents_known(const struct vos_cont *c)
{
    uint32_t nr = c->doubt_nr;

    for (const struct list *l = c->decided.next; l != &c->decided; l = l->next)
        nr++;
    return nr;
}

/* *cont_done is not for it to say: objects come next. */
int check_step_intent(struct check *k, struct check_spot *p)
{
    struct tree_entry e;
    int rc = 0;

    if (!p->intents_started)
        tree_walk_start(&p->intents, INTENTS_OFF(k->c));
    p->intents_started = true;
    if (p->intent_at == p->intent_nr) {
        rc = check_walk_leaf(k, &p->intents, p->intent, &p->intent_nr);
        p->intent_at = 0;
    }
    if (rc == -DER_NONEXIST) {
        check_nodes_lost(k, &p->intents, "intents");
        if (heap_lsn(k->h) == k->v->check->lsn && p->intents_met != intents_known(k->c))
            check_problem(k, "the container knows of %u intents, there are %u", intents_known(k->c),
                          p->intents_met);
        p->intents_done = true;
        return check_tree(k, &intent_class, INTENTS_OFF(k->c));
    }
    if (rc)
        return rc;
    e = p->intent[p->intent_at++];
    p->intents_met++;
    return check_pass_by(k, check_intent(k, e.value, e.order), "intent", e.value);
}
