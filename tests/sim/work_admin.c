/*
 * Workload "admin": containers made, opened, filled with attributes, properties, access control
 * lists, snapshots and values, and destroyed under whoever has them open; ranges of object ids.
 *
 * Judged by the model of spec_admin.h. Handles have numbers of their client's in the model,
 * snapshots numbers in their container; one is used again when there is no doubt that it is free. A
 * client that dies leaves its handles open; who destroys the container with force is rid of them.
 */
#include "work_admin.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTR_BYTES_MAX 1000u
#define PIN_FROM       16u

static struct ad_client *mine(struct work_client *c)
{
    return c->priv;
}

/* ---- What is free ---- */

static bool free_handle(struct work_client *c, uint32_t i)
{
    const struct ad_handle *h = &mine(c)->handle[i];
    struct hist *hist = ad_work(c)->h;

    if (h->open || h->busy || h->uses > 0 || ad_work(c)->doubt[c->index][i])
        return false;
    for (uint32_t s = 0; s < hist_states(hist, NULL); s++)
        if (((const struct ad_state *)hist_state_at(hist, s))->handle[c->index][i] != 0)
            return false;
    return true;
}

static bool free_snap(struct work_client *c, uint32_t cont, uint32_t i)
{
    struct hist *hist = ad_work(c)->h;

    if (ad_work(c)->snap[cont][i].uses > 0 || ad_work(c)->snap[cont][i].doubt)
        return false;
    for (uint32_t s = 0; s < hist_states(hist, NULL); s++)
        if (((const struct ad_state *)hist_state_at(hist, s))->cont[cont].snaps >> i & 1)
            return false;
    return true;
}

/* An open handle (of the container, if there is a choice); -1: none. */
static int open_handle(struct work_client *c, uint32_t cont)
{
    uint32_t from = ad_below(c, AD_HANDLES);
    int any = -1;

    for (uint32_t n = 0; n < AD_HANDLES; n++) {
        uint32_t i = (from + n) % AD_HANDLES;
        const struct ad_handle *h = &mine(c)->handle[i];

        if (!h->open || h->busy)
            continue;
        any = (int)i;
        if (h->cont == cont)
            break;
    }
    return any;
}

/* ---- Told to the oracle ---- */

static bool changes(const struct ad_op *op)
{
    return op->what < AD_CHANGES;
}

static bool evicts(const struct ad_op *op)
{
    return (op->what == AD_OPEN && op->flags & AD_EVICTS) ||
           (op->what == AD_DESTROY && op->flags & AD_FORCE);
}

static void begin(struct work_client *c, struct ad_call *k)
{
    struct ad_op *op = &k->op;
    struct ad_handle *h = &mine(c)->handle[op->handle];
    struct ad_snap *s = &ad_work(c)->snap[op->cont % AD_CONTS][op->which % AD_SNAPS];

    if (k->data)
        return;
    op->client = (uint8_t)c->index;
    if (ad_by_handle(op)) {
        h->uses++;
        k->coh = h->coh;
    }
    h->busy |= op->what == AD_OPEN || op->what == AD_CLOSE;
    ad_work(c)->evictors[op->cont % AD_CONTS] += evicts(op);
    if (op->what == AD_SNAP_CREATE || op->what == AD_SNAP_DESTROY)
        s->uses++;
    if (op->what == AD_SNAP_DESTROY)
        k->epoch = s->epoch;
    if (op->what == AD_SNAP_CREATE)
        s->epoch = 0;
    k->id = hist_call(ad_work(c)->h, c->index, op);
}

/* What the client knows afterwards. */
static void note(struct work_client *c, struct ad_call *k, bool unknown)
{
    const struct ad_op *op = &k->op;
    struct ad_handle *h = &mine(c)->handle[op->handle];
    struct ad_snap *s = &ad_work(c)->snap[op->cont % AD_CONTS][op->which % AD_SNAPS];

    h->uses -= ad_by_handle(op);
    ad_work(c)->evictors[op->cont % AD_CONTS] -= evicts(op) && !unknown;
    if (op->what == AD_OPEN || op->what == AD_CLOSE)
        h->busy = false;
    if (op->what == AD_OPEN || ad_by_handle(op))
        ad_work(c)->doubt[c->index][op->handle] |= unknown;
    if (op->what == AD_OPEN && op->rc == 0)
        *h = (struct ad_handle){.coh = k->coh, .open = true, .cont = op->cont};
    if (op->what == AD_CLOSE && op->rc == 0)
        h->open = false;
    if (op->what != AD_SNAP_CREATE && op->what != AD_SNAP_DESTROY)
        return;
    s->uses--;
    s->doubt |= unknown;
    if (op->rc == 0)
        s->epoch = op->what == AD_SNAP_CREATE ? k->epoch : 0;
}

/* A handle is taken from one target after the other: until all have answered whoever evicts, one
 * may know nothing of it and the next one serve it. */
static bool half_evicted(struct work_client *c, const struct ad_op *op)
{
    return op->rc == -DER_NO_HDL && ad_by_handle(op) && c->work->targets > 1 &&
           ad_work(c)->evictors[op->cont % AD_CONTS] > 0;
}

static enum work_verdict verdict(struct work_client *c, const struct ad_op *op)
{
    bool model = op->rc == -DER_INVAL || (op->rc == -DER_NO_HDL && ad_by_handle(op));

    if (half_evicted(c, op))
        return WORK_FAILED;
    return model ? WORK_ANSWERED : work_verdict(c->work, op->rc, changes(op));
}

/* Of the container that is always there: no state of the model. */
static void end_data(struct work_client *c, struct ad_call *k)
{
    enum work_verdict v = work_verdict(c->work, k->op.rc, false);

    c->work->ops++;
    if (k->op.rc == 0)
        ad_oids_given(c, k->first_oid, k->oids);
    else if (v == WORK_ANSWERED || v == WORK_WRONG)
        work_wrong(c->work, "client %u asked for object ids and was answered %d", c->index,
                   k->op.rc);
}

static void end(struct work_client *c, struct ad_call *k, int rc)
{
    enum work_verdict v;
    char line[700];

    ad_finish(c, k, rc);
    if (c->work->telling) {
        ad_spec.print_op(&k->op, true, line, sizeof(line));
        work_tell(c, "%s", line);
    }
    mine(c)->gone |= rc == -DER_NO_HDL && (k->data || !ad_by_handle(&k->op));
    if (k->data) {
        end_data(c, k);
        return;
    }
    v = verdict(c, &k->op);
    note(c, k, v == WORK_UNKNOWN);
    work_end(c, ad_work(c)->h, k->id, &k->op, rc, v);
}

static int run(struct work_client *c, struct ad_call *k)
{
    begin(c, k);
    end(c, k, ad_start(c, k, NULL));
    return k->op.rc;
}

static int run_op(struct work_client *c, struct ad_op op)
{
    struct ad_call *k = &mine(c)->call;

    k->op = op;
    k->data = false;
    return run(c, k);
}

/* ---- Drawing ---- */

static const struct {
    uint8_t what, weight;
} mix[] = {
    {AD_CREATE, 8},       {AD_DESTROY, 5},      {AD_OPEN, 22},      {AD_PATTR_SET, 6},
    {AD_PATTR_DEL, 3},    {AD_CLOSE, 6},        {AD_ATTR_SET, 8},   {AD_ATTR_DEL, 3},
    {AD_PROP_SET, 2},     {AD_ACL_UPDATE, 4},   {AD_ACL_DELETE, 2}, {AD_ACL_OVERWRITE, 2},
    {AD_SNAP_CREATE, 12}, {AD_SNAP_DESTROY, 3}, {AD_PUT, 20},       {AD_QUERY, 8},
    {AD_ATTR_GET, 6},     {AD_ATTR_LIST, 4},    {AD_ACL_GET, 4},    {AD_SNAP_LIST, 5},
    {AD_GET, 12},         {AD_OIDS, 2},         {AD_PATTR_GET, 5},  {AD_PATTR_LIST, 3},
    {AD_LIST, 4},
};

static uint8_t draw_what(struct work_client *c, bool reads_only)
{
    uint32_t all = 0, r;

    for (uint32_t i = 0; i < ARRAY_LEN(mix); i++)
        all += reads_only && mix[i].what < AD_CHANGES ? 0 : mix[i].weight;
    r = ad_below(c, all);
    for (uint32_t i = 0;; i++) {
        uint32_t weight = reads_only && mix[i].what < AD_CHANGES ? 0 : mix[i].weight;

        if (r < weight)
            return mix[i].what;
        r -= weight;
    }
}

static uint16_t draw_id(struct work_client *c, uint32_t len_max)
{
    uint16_t id;

    do {
        id = value_id(&ad_work(c)->ids, &c->rng);
    } while (value_len(id) > len_max);
    return id;
}

static void draw_args(struct work_client *c, struct ad_op *op)
{
    bool pool = op->what == AD_PATTR_SET || op->what == AD_PATTR_DEL || op->what == AD_PATTR_GET;

    op->bits = (uint8_t)(1 + ad_below(c, (1u << (pool ? AD_PATTRS : AD_ATTRS)) - 1));
    if (op->what == AD_ATTR_SET || op->what == AD_PATTR_SET)
        for (uint32_t i = 0; i < AD_PATTRS; i++)
            op->id[i] = op->bits >> i & 1 ? draw_id(c, ATTR_BYTES_MAX) : 0;
    if ((op->what == AD_ATTR_GET || op->what == AD_PATTR_GET) && !ad_coin(c, 4))
        op->bits &= (uint8_t)-op->bits; /* one: of several one is missing too often */
    if (op->what == AD_ACL_UPDATE || op->what == AD_ACL_OVERWRITE) {
        op->bits = (uint8_t)(1 + ad_below(c, (1u << AD_USERS) - 1));
        for (uint32_t i = 0; i < AD_USERS; i++)
            op->acl[i] = op->bits >> i & 1 ? (uint8_t)(1 + ad_below(c, 3)) : 0;
    }
    if (op->what == AD_ACL_DELETE)
        op->which = (uint8_t)ad_below(c, AD_USERS);
    if (op->what == AD_PUT || op->what == AD_GET)
        op->which = (uint8_t)ad_below(c, AD_REGS);
    if (op->what == AD_PUT)
        op->id[0] = draw_id(c, AD_VALUE_MAX);
    if (op->what == AD_PROP_SET) {
        op->snap_max = ad_coin(c, 3) ? (uint8_t)(1 + ad_below(c, AD_SNAPS)) : 0;
        op->threshold = (uint16_t)ad_below(c, 60000);
    }
    if (op->what == AD_DESTROY)
        op->flags = ad_coin(c, 2) ? AD_FORCE : 0;
    if (op->what == AD_OPEN)
        op->flags = (uint8_t)((ad_coin(c, 12) ? AD_EX : 0) | (ad_coin(c, 6) ? AD_EVICTS : 0));
}

/* False: it cannot be done now. */
static bool draw_target(struct work_client *c, struct ad_op *op)
{
    const struct ad_handle *h = mine(c)->handle;
    int i;

    op->cont = (uint8_t)ad_below(c, AD_CONTS);
    if (op->what == AD_OPEN) {
        for (i = 0; i < (int)AD_OWN && !free_handle(c, (uint32_t)i); i++)
            ;
        op->handle = (uint8_t)i;
        return i < (int)AD_OWN;
    }
    if (!ad_by_handle(op))
        return true;
    i = open_handle(c, op->cont);
    if (i < 0 || (op->what == AD_CLOSE && h[i].uses > 0))
        return false;
    op->handle = (uint8_t)i;
    op->cont = h[i].cont;
    if (op->what != AD_SNAP_CREATE && op->what != AD_SNAP_DESTROY)
        return true;
    for (i = 0; i < (int)AD_SNAPS; i++) {
        const struct ad_snap *s = &ad_work(c)->snap[op->cont][i];

        if (op->what == AD_SNAP_CREATE ? free_snap(c, op->cont, (uint32_t)i)
                                       : s->epoch != 0 && s->uses == 0)
            break;
    }
    op->which = (uint8_t)i;
    return i < (int)AD_SNAPS;
}

static bool draw_op(struct work_client *c, struct ad_call *k, bool reads_only)
{
    k->op = (struct ad_op){.what = draw_what(c, reads_only)};
    draw_args(c, &k->op);
    return draw_target(c, &k->op);
}

static void draw(struct work_client *c, struct ad_call *k)
{
    bool reads_only = false;

    k->data = ad_coin(c, 5);
    if (k->data) {
        k->op = (struct ad_op){.what = AD_OIDS, .cont = AD_CONTS};
        k->coh = c->coh;
        k->oids = UINT64_C(1) << ad_below(c, 20);
        k->oids += ad_below(c, (uint32_t)k->oids);
        return;
    }
    k->oids = 1;
    while (!draw_op(c, k, reads_only) || (changes(&k->op) && work_crowded(ad_work(c)->h, &k->op)))
        reads_only = ad_coin(c, 2);
}

/* ---- Steps ---- */

static int launch(struct work_client *c, struct work_flight *f)
{
    struct ad_call *k = CONTAINER_OF(f, struct ad_call, fl);

    draw(c, k);
    begin(c, k);
    return ad_start(c, k, &f->ev);
}

static void ended(struct work_client *c, struct work_flight *f, int rc)
{
    end(c, CONTAINER_OF(f, struct ad_call, fl), rc);
}

static void burst(struct work_client *c)
{
    static const struct work_burst_ops ops = {launch, ended};
    struct work_flight *f[AD_FLIGHTS];

    for (uint32_t i = 0; i < AD_FLIGHTS; i++)
        f[i] = &mine(c)->flight[i].fl;
    work_burst(c, &ops, f, 2 + ad_below(c, AD_FLIGHTS - 1), 2 + ad_below(c, 3 * AD_FLIGHTS));
}

/* Everything of a container, through a handle. */
static int read_cont(struct work_client *c, uint8_t cont, uint8_t handle)
{
    static const uint8_t reads[] = {AD_QUERY, AD_ATTR_LIST, AD_ACL_GET, AD_SNAP_LIST};
    int rc = 0;

    for (uint32_t i = 0; i < ARRAY_LEN(reads) && rc == 0; i++)
        rc = run_op(c, (struct ad_op){.what = reads[i], .cont = cont, .handle = handle});
    for (uint8_t i = 0; i < AD_ATTRS && (rc == 0 || rc == -DER_NONEXIST); i++)
        rc = run_op(c, (struct ad_op){.what = AD_ATTR_GET,
                                      .cont = cont,
                                      .handle = handle,
                                      .bits = (uint8_t)(1u << i)});
    for (uint8_t i = 0; i < AD_REGS && (rc == 0 || rc == -DER_NONEXIST); i++)
        rc = run_op(c, (struct ad_op){.what = AD_GET, .cont = cont, .handle = handle, .which = i});
    return rc == -DER_NONEXIST ? 0 : rc;
}

static int read_pool(struct work_client *c)
{
    int rc = run_op(c, (struct ad_op){.what = AD_LIST});

    if (rc == 0)
        rc = run_op(c, (struct ad_op){.what = AD_PATTR_LIST});
    for (uint32_t i = 0; i < AD_PATTRS && (rc == 0 || rc == -DER_NONEXIST); i++)
        rc = run_op(c, (struct ad_op){.what = AD_PATTR_GET, .bits = (uint8_t)(1u << i)});
    return rc == -DER_NONEXIST ? 0 : rc;
}

/* Many possible states: what decides between them is read. */
static void pin(struct work_client *c)
{
    uint8_t cont = (uint8_t)ad_below(c, AD_CONTS);
    int i = open_handle(c, cont);

    if (ad_coin(c, 3))
        read_pool(c);
    else if (i >= 0)
        read_cont(c, mine(c)->handle[i].cont, (uint8_t)i);
}

static int step(struct work_client *c)
{
    struct ad_call *k = &mine(c)->call;

    mine(c)->gone = false;
    if (hist_states(ad_work(c)->h, NULL) >= PIN_FROM && ad_coin(c, 2)) {
        pin(c);
    } else if (ad_coin(c, 5)) {
        burst(c);
    } else {
        draw(c, k);
        run(c, k);
    }
    return mine(c)->gone ? -DER_NO_HDL : 0;
}

/* Others that are at rest may hold it open alone: then their handles are evicted. */
static int verify_cont(struct work_client *c, uint8_t cont)
{
    struct ad_op op = {.what = AD_OPEN, .cont = cont, .handle = AD_OWN};
    int rc;

    while (op.handle < AD_HANDLES && !free_handle(c, op.handle))
        op.handle++;
    if (op.handle == AD_HANDLES) { /* too many have died: this gets rid of them */
        rc = run_op(c, (struct ad_op){.what = AD_DESTROY, .cont = cont, .flags = AD_FORCE});
        return rc == -DER_NONEXIST ? 0 : rc;
    }
    rc = run_op(c, op);
    if (rc == -DER_BUSY) {
        op.flags = AD_EVICTS;
        rc = run_op(c, op);
    }
    if (rc != 0)
        return rc == -DER_NONEXIST ? 0 : rc;
    rc = read_cont(c, cont, op.handle);
    if (rc == 0)
        rc = run_op(c, (struct ad_op){.what = AD_CLOSE, .cont = cont, .handle = op.handle});
    return rc;
}

static int verify(struct work_client *c)
{
    int rc = read_pool(c);

    if (rc == 0) /* the list of containers has decided what had been settled */
        memset(ad_work(c)->doubt, 0, sizeof(ad_work(c)->doubt));
    for (uint8_t i = 0; i < AD_CONTS && rc == 0; i++)
        rc = verify_cont(c, i);
    return rc != 0 || c->work->failed ? rc : ad_space_returns(c);
}

/* ---- Life ---- */

static int make_oid(struct work_client *c, uint32_t i)
{
    static const daos_oclass_id_t classes[AD_REGS] = {OC_UNKNOWN, OC_S1, OC_SX, OC_S1};
    daos_obj_id_t *oid = &ad_work(c)->oid[i], had;
    int rc;

    *oid = had = (daos_obj_id_t){.lo = 1, .hi = sim_rng_next(&c->rng) >> 32};
    rc = daos_obj_generate_oid(c->coh, oid, DAOS_OT_MULTI_HASHED, classes[i], 0, 0);
    if (rc == 0 && (oid->lo != had.lo || (uint32_t)oid->hi != (uint32_t)had.hi))
        work_wrong(c->work, "an object id of %lx %lx became %lx %lx", had.hi, had.lo, oid->hi,
                   oid->lo);
    return rc;
}

/* The pool may have been somebody else's. */
static int clear_pool(struct work_client *c)
{
    struct ad_work *w = ad_work(c);
    const char *names[AD_PATTRS];
    int rc = 0;

    for (uint32_t i = 0; i < AD_CONTS && (rc == 0 || rc == -DER_NONEXIST); i++)
        rc = daos_cont_destroy(c->poh, w->label[i], 1, NULL);
    for (uint32_t i = 0; i < AD_PATTRS; i++)
        names[i] = w->name[i];
    return rc != 0 && rc != -DER_NONEXIST ? rc : daos_pool_del_attr(c->poh, AD_PATTRS, names, NULL);
}

static int setup(struct work_client *c)
{
    static const struct ad_state nothing;
    struct ad_work *w = work_priv(c->work, sizeof(*w));
    int rc = 0;

    w->h = work_hist(c, &ad_spec, &nothing);
    for (uint32_t i = 0; i < AD_CONTS; i++)
        snprintf(w->label[i], sizeof(w->label[i]), "adm%u", i);
    for (uint32_t i = 0; i < AD_PATTRS; i++) {
        memset(w->name[i], 'n', i % 2 ? AD_NAME_MAX - 1 : 3);
        w->name[i][0] = (char)('a' + i);
    }
    for (uint32_t i = 0; i < AD_REGS && rc == 0; i++)
        rc = make_oid(c, i);
    return rc != 0 ? rc : clear_pool(c);
}

static int attach(struct work_client *c)
{
    ASSERT(c->index < AD_CLIENTS);
    work_client_priv(c, sizeof(struct ad_client));
    return 0;
}

/* Handles that cannot be closed any more stay open, as those of somebody who died. When the run has
 * failed nobody is told. */
static void detach(struct work_client *c)
{
    struct ad_client *ac = c->priv;
    int rc = 0;

    for (uint8_t i = 0; ac != NULL && i < AD_HANDLES && rc == 0; i++) {
        if (!ac->handle[i].open)
            continue;
        rc =
            c->work->failed
                ? daos_cont_close(ac->handle[i].coh, NULL)
                : run_op(c,
                         (struct ad_op){.what = AD_CLOSE, .cont = ac->handle[i].cont, .handle = i});
    }
    free(ac);
    c->priv = NULL;
}

static void settle(struct work *w)
{
    struct ad_work *aw = w->priv;

    for (uint32_t i = 0; i < AD_CONTS * AD_SNAPS; i++)
        aw->snap[i / AD_SNAPS][i % AD_SNAPS].doubt = false;
}

static void evicted(struct work *w)
{
    struct ad_op op = {.what = AD_EVICT};
    struct ad_work *aw = w->priv;

    if (aw == NULL)
        return;
    hist_settle(aw->h);
    memset(aw->doubt, 0, sizeof(aw->doubt));
    hist_return(aw->h, hist_call(aw->h, 0, &op), &op);
}

static void fini(struct work *w)
{
    free(((struct ad_work *)w->priv)->range);
}

WORKLOAD(admin, .settle = settle, .evicted = evicted, .fini = fini);
