/*
 * Long extents that short ones cover, together. A write gives back what it covers alone; the last
 * of many that cover a long extent bit by bit cannot see that it is the last. As long as the long
 * one stays it takes room, and every search in its array has to begin as far before its range as
 * that one may reach.
 *
 * So for the arrays that were written into long extents of late it is counted how much has been
 * written; when that is as much as the longest of them, they may all be covered, and vos_reclaim()
 * looks. Of more arrays than can be counted it looks by chance, as often. What is counted, and what
 * is to be looked at, is in memory only and may be forgotten: it costs no more than looking later.
 */
#include "vos/priv.h"

static struct cover *slot_of(struct vos *v, uint64_t akey)
{
    return &v->cover[mix64(akey) % COVER_NR];
}

bool cover_note(struct vos *v, uint64_t akey, uint64_t nr, uint64_t longest)
{
    struct cover *s = slot_of(v, akey);
    uint64_t now = ++v->cover_now;

    if (s->akey != akey && s->akey != 0 &&
        now - s->seen < COVER_IDLE) /* another one's: by chance, as often */
        return mix64(now) % longest < nr;
    if (s->akey != akey)
        *s = (struct cover){.akey = akey};
    s->seen = now;
    s->nr += nr;
    return s->nr >= longest;
}

static void key_keep(struct cover_key *k, const struct vos_key *from)
{
    k->len = (uint8_t)from->len;
    memcpy(k->bytes, from->buf, from->len);
}

static bool key_same(const struct cover_key *k, const struct vos_key *with)
{
    return k->len == with->len && memcmp(k->bytes, with->buf, k->len) == 0;
}

void cover_ask(struct vos_cont *c, daos_obj_id_t oid, const struct vos_key *dkey,
               const struct vos_key *akey, uint64_t at)
{
    struct vos *v = c->v;
    struct cover_due *d = &v->cover_due[v->cover_due_nr];
    struct cover *s;

    if (v->cover_due_nr == COVER_DUE_MAX)
        return; /* the next write asks again */
    s = slot_of(v, at);
    if (s->akey == at)
        s->nr = 0;
    if (dkey->len > COVER_KEY_MAX || akey->len > COVER_KEY_MAX)
        return;
    for (uint32_t i = 0; i < v->cover_due_nr; i++) {
        struct cover_due *o = &v->cover_due[i];

        if (o->cont == c->off && o->oid.hi == oid.hi && o->oid.lo == oid.lo &&
            key_same(&o->dkey, dkey) && key_same(&o->akey, akey))
            return;
    }
    *d = (struct cover_due){.cont = c->off, .oid = oid};
    key_keep(&d->dkey, dkey);
    key_keep(&d->akey, akey);
    v->cover_due_nr++;
    v->garbage = true;
}

static struct vos_cont *cont_at(struct vos *v, uint64_t off)
{
    struct list *l;

    LIST_FOREACH(l, &v->conts)
    {
        struct vos_cont *c = LIST_ENTRY(l, struct vos_cont, link);

        if (c->off == off)
            return c->gone || c->rollback ? NULL : c;
    }
    return NULL;
}

static int look_at(struct vos_cont *c, const struct cover_due *d)
{
    const struct vos_key dkey = {.buf = d->dkey.bytes, .len = d->dkey.len},
                         akey = {.buf = d->akey.bytes, .len = d->akey.len};
    struct heap *h = c->v->h;
    uint64_t obj, in, at;
    bool packed = false;
    int rc;

    if (doubt_of_obj(c, d->oid, NULL)) /* what is prepared counts on the records that it found */
        return 0;
    rc = obj_find(c, d->oid, &obj);
    if (rc == 0)
        rc = dkey_find(h, obj, d->oid, &dkey, &in);
    if (rc == 0)
        rc = pack_is(h, in, &packed);
    if (rc == 0 && !packed)
        rc = akey_find(h, in, d->oid, &akey, DAOS_IOD_ARRAY, &at);
    if (rc == 0 && !packed)
        rc = reclaim_akey(c, obj, in, d->oid, at);
    return rc == -DER_NONEXIST ? 0 : rc;
}

int cover_step(struct vos *v)
{
    struct cover_due *d = &v->cover_due[v->cover_due_nr - 1];
    struct vos_cont *c = cont_at(v, d->cont);
    int rc = c != NULL ? look_at(c, d) : 0;

    if (rc <= 0) /* else a page has to be read first */
        v->cover_due_nr--;
    return rc;
}
