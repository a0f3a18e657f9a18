/* Ordered trees against a sorted array, with pages that vanish and transactions that are taken
 * back. */
#include "tree_rig.h"

#define KEYS     8000u /* different keys of the model test: three levels */
#define BATCH    6u    /* operations of a transaction */
#define KEY_LEN  40u
#define SCAN_MAX 70u /* a leaf holds 63 */

/* ---- Three kinds of trees ---- */

struct rec {
    uint32_t len;
    char bytes[KEY_LEN];
};

static int bytes_cmp(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int res = memcmp(a, b, MIN(a_len, b_len));

    return res != 0 ? res : a_len < b_len ? -1 : a_len > b_len;
}

static int rec_cmp(struct heap *h, uint64_t value, const struct tree_key *key, int *order)
{
    const struct rec *rec = heap_ptr(h, value, sizeof(*rec));

    if (rec == NULL)
        return heap_rc(h);
    *order = bytes_cmp(rec->bytes, rec->len, key->key, key->len);
    return 0;
}

static int rec_cmp_rec(struct heap *h, uint64_t a, uint64_t b, int *order)
{
    const struct rec *ra = heap_ptr(h, a, sizeof(*ra)), *rb = heap_ptr(h, b, sizeof(*rb));

    if (ra == NULL || rb == NULL)
        return heap_rc(h);
    *order = bytes_cmp(ra->bytes, ra->len, rb->bytes, rb->len);
    return 0;
}

static uint8_t key_byte(const struct tree_key *key)
{
    return (uint8_t)hash_bytes(key->key, key->len);
}

static const struct tree_class class_int = {0};
static const struct tree_class class_rec = {.cmp = rec_cmp, .cmp_rec = rec_cmp_rec};
static const struct tree_class class_rec_fp = {
    .cmp = rec_cmp, .cmp_rec = rec_cmp_rec, .fingerprint = key_byte};

struct kind {
    const char *name;
    const struct tree_class *c;
    void (*make)(uint32_t i, struct rec *rec, uint64_t *order);
};

/* Integers: the order key is all there is; values are anything, the largest too. */
static void make_int(uint32_t i, struct rec *rec, uint64_t *order)
{
    memset(rec, 0, sizeof(*rec));
    *order = i % 7 == 0 ? UINT64_MAX - i : i * 3;
}

/* A hash that hardly deserves the name: five values. */
static void make_bad_hash(uint32_t i, struct rec *rec, uint64_t *order)
{
    memset(rec, 0, sizeof(*rec));
    rec->len = (uint32_t)snprintf(rec->bytes, KEY_LEN, "key-%u", i);
    *order = mix64(i) % 5 * 1000;
}

static void make_good_hash(uint32_t i, struct rec *rec, uint64_t *order)
{
    make_bad_hash(i, rec, order);
    *order = i % 10 == 0 ? 77 : hash_bytes(rec->bytes, rec->len);
}

/* File names, most with a common beginning. */
static void make_name(uint32_t i, struct rec *rec, uint64_t *order)
{
    memset(rec, 0, sizeof(*rec));
    rec->len = (uint32_t)snprintf(rec->bytes, KEY_LEN, i % 4 == 0 ? "%u.jpg" : "holiday-%u.jpg", i);
    *order = tree_prefix(rec->bytes, rec->len);
}

static const struct kind kinds[] = {
    {"integers", &class_int, make_int},
    {"hash with few collisions", &class_rec, make_good_hash},
    {"hash with many collisions", &class_rec, make_bad_hash},
    {"names", &class_rec, make_name},
    {"names with fingerprints of their own", &class_rec_fp, make_name},
};

/* ---- The model: all keys in order, with the value of those that are there ---- */

struct model_key {
    struct rec rec;
    uint64_t order;
    uint64_t value;
    bool there;
};

struct model {
    struct rig r;
    const struct kind *kind;
    struct model_key key[KEYS]; /* sorted */
    uint32_t nr;
    uint64_t next_value;
    uint64_t hints; /* right ones */
};

static int model_cmp(const void *a, const void *b)
{
    const struct model_key *x = a, *y = b;

    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return bytes_cmp(x->rec.bytes, x->rec.len, y->rec.bytes, y->rec.len);
}

static void model_open(struct model *m, const struct kind *kind, uint64_t seed,
                       uint32_t fault_every)
{
    memset(m, 0, sizeof(*m));
    rig_open(&m->r, seed, fault_every);
    m->kind = kind;
    for (uint32_t i = 0; i < KEYS; i++)
        kind->make(i, &m->key[i].rec, &m->key[i].order);
    qsort(m->key, KEYS, sizeof(m->key[0]), model_cmp);
}

static struct tree_key model_tree_key(const struct model_key *k)
{
    return (struct tree_key){.order = k->order, .key = k->rec.bytes, .len = k->rec.len};
}

/* ---- Changes ---- */

struct op {
    enum { INSERT, REMOVE, REPLACE } what;
    bool placed; /* looked for first, then changed where it was looked for */
    uint32_t key;
    int expect;
    uint64_t value; /* integers: given; records: where it came to be */
    uint64_t old;
};

struct batch {
    struct model *m;
    struct op op[BATCH];
    uint32_t nr;
};

static int make_record(struct rig *r, const struct model *m, struct op *op)
{
    void *ptr;
    int rc;

    if (m->kind->c == &class_int)
        return 0;
    rc = heap_tx_alloc(r->h, sizeof(struct rec), r->owner, &op->value, &ptr);
    if (rc == 0)
        memcpy(ptr, &m->key[op->key].rec, sizeof(struct rec));
    return rc;
}

static int do_placed(struct rig *r, const struct model *m, struct op *op)
{
    struct tree_key key = model_tree_key(&m->key[op->key]);
    const struct tree_class *c = m->kind->c;
    struct tree_place at;
    int rc = tree_find_place(r->h, c, rig_root(r), &key, &op->old, &at);
    bool insert = op->what == INSERT;

    if (rc != (insert ? -DER_NONEXIST : 0))
        return rc == 0 ? -DER_EXIST : rc;
    rc = make_record(r, m, op);
    if (rc == 0)
        rc = insert ? tree_insert_at(&at, &key, op->value) : tree_replace_at(&at, &key, op->value);
    return rc != 0 || insert || c == &class_int ? rc : heap_tx_free(r->h, op->old);
}

static int do_op(struct rig *r, const struct model *m, struct op *op)
{
    struct tree_key key = model_tree_key(&m->key[op->key]);
    const struct tree_class *c = m->kind->c;
    int rc = 0;

    op->old = 0;
    if (op->placed)
        return do_placed(r, m, op);
    if (op->what != INSERT) {
        rc = tree_find(r->h, c, rig_root(r), &key, &op->old);
        if (rc != 0)
            return rc;
    }
    if (op->what != REMOVE)
        rc = make_record(r, m, op);
    if (rc != 0)
        return rc;
    if (op->what == INSERT) {
        rc = tree_insert(r->h, c, rig_root(r), &key, op->value);
        if (rc == -DER_EXIST && c != &class_int && heap_tx_free(r->h, op->value) == HEAP_FAULT)
            return HEAP_FAULT;
        return rc;
    }
    rc = op->what == REMOVE ? tree_remove(r->h, c, rig_root(r), &key)
                            : tree_replace(r->h, c, rig_root(r), &key, op->value);
    if (rc == 0 && c != &class_int)
        rc = heap_tx_free(r->h, op->old);
    return rc;
}

static int do_batch(struct rig *r, void *arg)
{
    struct batch *b = arg;

    for (uint32_t i = 0; i < b->nr; i++) {
        int rc = do_op(r, b->m, &b->op[i]);

        if (rc == HEAP_FAULT)
            return rc;
        assert_int_equal(rc, b->op[i].expect);
    }
    return 0;
}

/* Draws a batch, and what it must answer. grow: of eight operations so many insert. */
static void draw(struct model *m, struct batch *b, uint32_t grow)
{
    bool there[BATCH];

    b->m = m;
    b->nr = 1 + (uint32_t)(rig_rand(&m->r) % BATCH);
    for (uint32_t i = 0; i < b->nr; i++) {
        struct op *op = &b->op[i];
        uint32_t dice = (uint32_t)(rig_rand(&m->r) % 16);
        bool is;

        op->key = (uint32_t)(rig_rand(&m->r) % KEYS);
        op->what = dice == 0 ? REPLACE : dice / 2 < grow ? INSERT : REMOVE;
        op->value = m->next_value++ * UINT64_C(0x9e3779b97f4a7c15);
        op->placed = op->what != REMOVE && rig_rand(&m->r) % 2 == 0;
        is = m->key[op->key].there;
        for (uint32_t j = 0; j < i; j++)
            is = b->op[j].key == op->key ? there[j] : is;
        op->expect = op->what == INSERT ? (is ? -DER_EXIST : 0) : (is ? 0 : -DER_NONEXIST);
        there[i] = op->what == INSERT || (op->what == REPLACE && is);
    }
}

static void settle(struct model *m, const struct batch *b)
{
    for (uint32_t i = 0; i < b->nr; i++) {
        const struct op *op = &b->op[i];
        struct model_key *k = &m->key[op->key];

        if (op->expect != 0)
            continue;
        assert_true(op->what == INSERT || op->old == k->value);
        m->nr = m->nr + (op->what == INSERT) - (op->what == REMOVE);
        k->there = op->what != REMOVE;
        k->value = op->value;
    }
}

/* ---- Questions ---- */

struct question {
    struct model *m;
    enum tree_seek how;
    uint32_t key;
    uint64_t order, value, count;
    bool found;
};

static int ask(struct rig *r, void *arg)
{
    struct question *q = arg;
    struct tree_key key = model_tree_key(&q->m->key[q->key]);
    bool end = q->how == TREE_FIRST || q->how == TREE_LAST;
    uint64_t value;
    int rc;

    rc = tree_find(r->h, q->m->kind->c, rig_root(r), &key, &value);
    if (rc == HEAP_FAULT)
        return rc;
    assert_int_equal(rc, q->m->key[q->key].there ? 0 : -DER_NONEXIST);
    if (rc == 0)
        assert_true(value == q->m->key[q->key].value);
    rc = tree_count(r->h, rig_root(r), &q->count);
    if (rc == HEAP_FAULT)
        return rc;
    assert_int_equal(rc, 0);
    rc = tree_seek(r->h, q->m->kind->c, rig_root(r), q->how, end ? NULL : &key, &q->order,
                   &q->value);
    q->found = rc == 0;
    return rc == -DER_NONEXIST ? 0 : rc;
}

#define HINTS 9u

static int hint(struct rig *r, void *arg)
{
    struct model *m = arg;
    struct tree_key key[HINTS];
    uint64_t value[HINTS];
    uint32_t i[HINTS];

    for (uint32_t k = 0; k < HINTS; k++) {
        i[k] = (uint32_t)(rig_rand(&m->r) % KEYS);
        key[k] = model_tree_key(&m->key[i[k]]);
    }
    tree_ahead(r->h, m->kind->c, rig_root(r), key, value, HINTS);
    for (uint32_t k = 0; k < HINTS; k++) {
        const struct model_key *is = &m->key[i[k]];

        /* where order keys are unique a hint is right, if there is one */
        if (m->kind->c->cmp == NULL && value[k] != 0)
            assert_true(is->there && value[k] == is->value);
        m->hints += value[k] != 0 && is->there && value[k] == is->value;
    }
    return 0;
}

static void question(struct model *m)
{
    struct question q = {.m = m,
                         .how = (enum tree_seek)(rig_rand(&m->r) % 6),
                         .key = (uint32_t)(rig_rand(&m->r) % KEYS)};
    bool up = q.how == TREE_GE || q.how == TREE_GT || q.how == TREE_FIRST;
    int64_t i = q.how == TREE_FIRST ? 0 : q.how == TREE_LAST ? KEYS - 1 : q.key;

    assert_int_equal(rig_run(&m->r, hint, m, false, false), 0);
    assert_int_equal(rig_run(&m->r, ask, &q, false, false), 0);
    assert_int_equal(q.count, m->nr);
    if (q.how == TREE_GT || q.how == TREE_LT)
        i += up ? 1 : -1;
    while (i >= 0 && i < KEYS && !m->key[i].there)
        i += up ? 1 : -1;
    assert_int_equal(q.found, i >= 0 && i < KEYS);
    if (q.found) {
        assert_true(q.order == m->key[i].order);
        assert_true(q.value == m->key[i].value);
    }
}

struct walk {
    struct model *m;
    bool up;
    int64_t at; /* model index of the last entry, -1: none yet */
    struct tree_entry ent[SCAN_MAX];
    uint32_t max, nr;
    bool end;
};

static int walk_step(struct rig *r, void *arg)
{
    struct walk *w = arg;
    struct tree_key key = {0};
    enum tree_seek how = w->up ? TREE_FIRST : TREE_LAST;
    int rc;

    if (w->at >= 0) {
        key = model_tree_key(&w->m->key[w->at]);
        how = w->up ? TREE_GT : TREE_LT;
    }
    rc = tree_scan(r->h, w->m->kind->c, rig_root(r), how, w->at >= 0 ? &key : NULL, w->ent, w->max,
                   &w->nr);
    w->end = rc == -DER_NONEXIST;
    return w->end ? 0 : rc;
}

static void walk_all(struct model *m, bool up)
{
    struct walk w = {.m = m, .up = up, .at = -1, .max = 1 + (uint32_t)(rig_rand(&m->r) % SCAN_MAX)};
    int64_t i = up ? -1 : (int64_t)KEYS;
    uint32_t seen = 0;

    for (;;) {
        assert_int_equal(rig_run(&m->r, walk_step, &w, false, false), 0);
        if (w.end)
            break;
        assert_true(w.nr > 0 && w.nr <= w.max);
        for (uint32_t n = 0; n < w.nr; n++, seen++) {
            do
                i += up ? 1 : -1;
            while (i >= 0 && i < KEYS && !m->key[i].there);
            assert_true(i >= 0 && i < KEYS);
            assert_true(w.ent[n].order == m->key[i].order && w.ent[n].value == m->key[i].value);
        }
        w.at = i;
    }
    assert_int_equal(seen, m->nr);
}

/* ---- Clearing up ---- */

struct destroy {
    bool done;
};

static int destroy_step(struct rig *r, void *arg)
{
    return tree_destroy(r->h, rig_root(r), 3, &((struct destroy *)arg)->done);
}

static int free_value(struct rig *r, void *arg)
{
    return heap_tx_free(r->h, *(uint64_t *)arg);
}

static void model_close(struct model *m)
{
    struct destroy d = {0};

    for (uint32_t steps = 0; !d.done; steps++) {
        assert_true(steps < KEYS);
        assert_int_equal(rig_run(&m->r, destroy_step, &d, true, true), 0);
        if (m->kind->c == &class_int)
            rig_check(&m->r, m->kind->c);
    }
    for (uint32_t i = 0; i < KEYS && m->kind->c != &class_int; i++) {
        if (m->key[i].there)
            assert_int_equal(rig_run(&m->r, free_value, &m->key[i].value, true, true), 0);
    }
    assert_int_equal(rig_stat(&m->r).alloc_count, 1); /* the owner */
    rig_close(&m->r);
}

static void model_run(const struct kind *kind, uint64_t seed, uint32_t ops)
{
    static const uint32_t grow[] = {7, 4, 1, 6, 2, 5};
    struct model *m = malloc(sizeof(*m));
    uint32_t done = 0, batches = 0;

    assert_non_null(m);
    model_open(m, kind, seed, 97);
    while (done < ops) {
        struct batch b;
        bool keep = rig_rand(&m->r) % 8 != 0;

        draw(m, &b, grow[done * ARRAY_LEN(grow) / ops]);
        assert_int_equal(rig_run(&m->r, do_batch, &b, true, keep), 0);
        if (keep)
            settle(m, &b);
        done += b.nr;
        question(m);
        if (++batches % 256 == 0) {
            rig_check(&m->r, kind->c);
            walk_all(m, true);
            walk_all(m, false);
        }
    }
    rig_check(&m->r, kind->c);
    assert_true(m->r.faults > 0 && m->hints > 0);
    model_close(m);
    free(m);
}

static void a_tree_answers_like_a_sorted_array(void **state)
{
    const char *more = getenv("TARN_CHECK_LONG");
    uint32_t ops = more != NULL && strcmp(more, "1") == 0 ? 100000 : 30000;

    (void)state;
    for (uint32_t k = 0; k < ARRAY_LEN(kinds); k++) {
        print_message("    %s\n", kinds[k].name);
        model_run(&kinds[k], k + 1, ops);
    }
}

/* ---- Shapes ---- */

struct fill {
    uint64_t (*order)(uint64_t i);
    uint64_t from, nr;
};

static uint64_t rising(uint64_t i)
{
    return i;
}

static uint64_t falling(uint64_t i)
{
    return UINT64_MAX - i;
}

static uint64_t scattered(uint64_t i)
{
    return mix64(i + 1);
}

static int fill_some(struct rig *r, void *arg)
{
    const struct fill *f = arg;

    for (uint64_t i = f->from; i < f->from + f->nr; i++) {
        int rc =
            tree_insert(r->h, &class_int, rig_root(r), &(struct tree_key){.order = f->order(i)}, i);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int drain_some(struct rig *r, void *arg)
{
    const struct fill *f = arg;

    for (uint64_t i = f->from; i < f->from + f->nr; i++) {
        int rc =
            tree_remove(r->h, &class_int, rig_root(r), &(struct tree_key){.order = f->order(i)});

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Bytes of nodes an entry costs in a tree of nr. */
static double bytes_per_entry(uint64_t (*order)(uint64_t i), uint64_t nr)
{
    struct rig r;
    double bytes;

    rig_open(&r, 1, 0);
    for (uint64_t i = 0; i < nr; i += 16)
        assert_int_equal(rig_run(&r, fill_some, &(struct fill){order, i, 16}, true, true), 0);
    rig_check(&r, &class_int);
    bytes = (double)(rig_stat(&r).alloc_bytes - 64) / (double)nr;
    rig_close(&r);
    return bytes;
}

static void growing_keys_fill_leaves(void **state)
{
    (void)state;
    /* a full leaf costs 17.25 bytes an entry */
    assert_true(bytes_per_entry(rising, 100000) < 19);
    assert_true(bytes_per_entry(falling, 100000) < 20);
    assert_true(bytes_per_entry(scattered, 100000) < 28);
}

static uint64_t peek_one(struct rig *r)
{
    uint64_t value;

    heap_lock(r->h);
    value = tree_peek_one(r->h, rig_root(r));
    heap_unlock(r->h);
    return value;
}

static void a_tree_of_one_entry_has_no_node(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    assert_int_equal(peek_one(&r), 0);
    assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, 5, 1}, true, true), 0);
    assert_int_equal(rig_stat(&r).alloc_count, 1);
    assert_int_equal(peek_one(&r), 5);
    assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, 6, 1}, true, true), 0);
    assert_int_equal(rig_stat(&r).alloc_count, 2);
    assert_int_equal(peek_one(&r), 0);
    assert_true(rig_stat(&r).alloc_bytes <= 64 + 80 + 16);
    assert_int_equal(rig_run(&r, drain_some, &(struct fill){rising, 5, 1}, true, true), 0);
    assert_int_equal(rig_stat(&r).alloc_count, 1);
    assert_int_equal(rig_run(&r, drain_some, &(struct fill){rising, 6, 1}, true, true), 0);
    rig_close(&r);
}

static void a_drained_tree_gives_everything_back(void **state)
{
    struct rig r;
    uint64_t nr = 20000;

    (void)state;
    rig_open(&r, 1, 0);
    for (uint64_t i = 0; i < nr; i += 10)
        assert_int_equal(rig_run(&r, fill_some, &(struct fill){scattered, i, 10}, true, true), 0);
    for (uint64_t i = 0; i < nr; i += 10) {
        assert_int_equal(rig_run(&r, drain_some, &(struct fill){scattered, i, 10}, true, true), 0);
        if (i % 1000 == 0)
            rig_check(&r, &class_int);
        /* thin leaves merge: what is left never costs more than a few times its share */
        if (i + 10 < nr)
            assert_true((double)(rig_stat(&r).alloc_bytes) < 90.0 * (double)(nr - i) + 5000);
    }
    assert_int_equal(rig_stat(&r).alloc_count, 1);
    rig_close(&r);
}

/* Values too large for the root's word live in a leaf even when alone. */
static int large_values(struct rig *r, void *arg)
{
    struct tree_key key = {.order = 9}, key2 = {.order = 8};
    uint64_t value;

    (void)arg;
    assert_int_equal(tree_insert(r->h, &class_int, rig_root(r), &key, UINT64_MAX), 0);
    assert_int_equal(tree_find(r->h, &class_int, rig_root(r), &key, &value), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(tree_replace(r->h, &class_int, rig_root(r), &key, 1), 0);
    assert_int_equal(tree_insert(r->h, &class_int, rig_root(r), &key2, 0), 0);
    assert_int_equal(tree_remove(r->h, &class_int, rig_root(r), &key), 0);
    assert_int_equal(tree_replace(r->h, &class_int, rig_root(r), &key2, UINT64_MAX - 1), 0);
    assert_int_equal(tree_find(r->h, &class_int, rig_root(r), &key2, &value), 0);
    assert_true(value == UINT64_MAX - 1);
    assert_int_equal(tree_replace(r->h, &class_int, rig_root(r), &key, 1), -DER_NONEXIST);
    assert_int_equal(tree_remove(r->h, &class_int, rig_root(r), &key2), 0);
    return 0;
}

static void values_may_be_any_number(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    assert_int_equal(rig_run(&r, large_values, NULL, true, true), 0);
    assert_int_equal(rig_stat(&r).alloc_count, 1);
    rig_close(&r);
}

/* One insert, one remove in a transaction that has TREE_REDO_MAX: the heap refuses to commit more
 * than was reserved. */
static void one_change_fits_its_bound(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    for (uint64_t i = 0; i < 256 * 1200; i += 256)
        assert_int_equal(rig_run(&r, fill_some, &(struct fill){falling, i, 256}, true, true), 0);
    r.redo_max = TREE_REDO_MAX;
    for (uint64_t i = 256 * 1200; i < 256 * 1240; i++)
        assert_int_equal(rig_run(&r, fill_some,
                                 &(struct fill){i % 2 == 0 ? falling : scattered, i, 1}, true,
                                 true),
                         0);
    for (uint64_t i = 0; i < 20000; i++)
        assert_int_equal(rig_run(&r, drain_some, &(struct fill){falling, i, 1}, true, true), 0);
    rig_check(&r, &class_int);
    rig_close(&r);
}

/* ---- Damage ---- */

static void count_report(void *arg, const char *text)
{
    (void)arg;
    assert_true(strlen(text) > 20);
}

struct damage {
    uint64_t at;
    uint8_t byte;
};

static int do_damage(struct rig *r, void *arg)
{
    const struct damage *d = arg;
    uint8_t *p = heap_tx_write(r->h, d->at, 1);

    if (p == NULL)
        return heap_rc(r->h);
    *p ^= d->byte;
    return 0;
}

/* Trusts nothing: the sanitizers would say. */
static int hint_damaged(struct rig *r, void *arg)
{
    struct tree_key key[64];
    uint64_t value[64];

    (void)arg;
    for (uint32_t i = 0; i < 64; i++)
        key[i] = (struct tree_key){.order = i * 5};
    tree_ahead(r->h, &class_int, rig_root(r), key, value, 64);
    return 0;
}

static uint64_t problems_after(struct rig *r, uint64_t at, uint8_t byte)
{
    struct damage d = {at, byte};
    uint64_t problems;

    assert_int_equal(rig_run(r, do_damage, &d, true, true), 0);
    assert_int_equal(rig_run(r, hint_damaged, NULL, false, false), 0);
    problems = rig_problems(r, &class_int, count_report);
    assert_int_equal(rig_run(r, do_damage, &d, true, true), 0);
    return problems;
}

static int read_root(struct rig *r, void *arg)
{
    const struct tree_root *root = heap_ptr(r->h, rig_root(r), sizeof(*root));

    if (root == NULL)
        return heap_rc(r->h);
    *(uint64_t *)arg = root->word1 & ((1ull << 54) - 8);
    return 0;
}

static void the_check_sees_damage(void **state)
{
    struct rig r;
    uint64_t node;

    (void)state;
    rig_open(&r, 1, 0);
    for (uint64_t i = 0; i < 40; i += 10)
        assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, i, 10}, true, true), 0);
    assert_int_equal(rig_run(&r, read_root, &node, false, false), 0);
    rig_check(&r, &class_int);
    assert_true(problems_after(&r, node, 1) > 0);            /* magic */
    assert_true(problems_after(&r, node + 1, 1) > 0);        /* level */
    assert_true(problems_after(&r, node + 16 + 3, 255) > 0); /* a fingerprint */
    assert_true(problems_after(&r, node + 80 + 16, 64) > 0); /* an order key */
    for (uint64_t i = 40; i < 300; i += 10)
        assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, i, 10}, true, true), 0);
    assert_int_equal(rig_run(&r, read_root, &node, false, false), 0);
    rig_check(&r, &class_int);
    assert_true(problems_after(&r, rig_root(&r), 1) > 0);        /* the count */
    assert_true(problems_after(&r, node + 16, 1) > 0);           /* a position */
    assert_true(problems_after(&r, node + 32 + 24 + 1, 1) > 0);  /* a separator */
    assert_true(problems_after(&r, node + 32 + 24 + 17, 1) > 0); /* a reference */
    rig_close(&r);
}

/* ---- Every single access ---- */

struct single {
    const struct tree_class *c;
    struct rec rec;
    struct tree_key key;
    bool insert;
};

/* Inserts or removes one name, with its record. */
static int do_single(struct rig *r, void *arg)
{
    struct single *s = arg;
    uint64_t off;
    void *ptr;
    int rc;

    if (s->insert) {
        rc = heap_tx_alloc(r->h, sizeof(s->rec), r->owner, &off, &ptr);
        if (rc != 0)
            return rc;
        memcpy(ptr, &s->rec, sizeof(s->rec));
        return tree_insert(r->h, s->c, rig_root(r), &s->key, off);
    }
    rc = tree_find(r->h, s->c, rig_root(r), &s->key, &off);
    if (rc == 0)
        rc = tree_remove(r->h, s->c, rig_root(r), &s->key);
    return rc == 0 ? heap_tx_free(r->h, off) : rc;
}

static struct single single_make(uint32_t i, bool insert)
{
    struct single s = {.c = &class_rec, .insert = insert};

    s.rec.len = (uint32_t)snprintf(s.rec.bytes, KEY_LEN, "common-beginning-%05u", i);
    s.key.order = tree_prefix(s.rec.bytes, s.rec.len);
    return s;
}

static uint64_t bytes_hash(struct rig *r)
{
    struct heap_stat st = rig_stat(r);

    return mix128(st.alloc_bytes, st.alloc_count);
}

static int run_once(struct rig *r, struct single *s)
{
    int rc;

    heap_lock(r->h);
    assert_int_equal(heap_tx_begin(r->h, r->redo_max), 0);
    rc = do_single(r, s);
    if (rc == 0)
        heap_tx_commit(r->h, NULL);
    else
        heap_tx_abort(r->h);
    heap_miss_clear(r->h);
    heap_unlock(r->h);
    return rc;
}

/* Changes of every shape, each interrupted at its first, second, third ... access: whatever was
 * done is taken back whole. */
static void an_operation_may_fault_anywhere(void **state)
{
    uint64_t interrupted = 0;
    struct rig r;

    (void)state;
    rig_open(&r, 3, 0);
    for (uint32_t step = 0; step < 1200; step++) {
        /* up to 600 in an order that splits in the middle and at the ends, then all out again */
        struct single s =
            single_make(step < 600 ? step * 7 % 600 : (step - 600) * 11 % 600, step < 600);
        uint64_t before = bytes_hash(&r);
        int rc = HEAP_FAULT;

        s.key.key = s.rec.bytes;
        s.key.len = s.rec.len;
        for (uint64_t at = 1; rc == HEAP_FAULT; at += 1 + at / 8) {
            r.fault_at = at;
            rc = run_once(&r, &s);
            r.fault_at = 0;
            if (rc == HEAP_FAULT) {
                interrupted++;
                assert_true(bytes_hash(&r) == before);
            }
        }
        assert_int_equal(rc, 0);
        if (step % 10 == 0)
            rig_check(&r, &class_rec);
    }
    assert_true(interrupted > 10000);
    assert_int_equal(rig_stat(&r).alloc_count, 1);
    rig_close(&r);
}

/* ---- Bytes ---- */

static int copy_out(struct rig *r, void *arg)
{
    uint64_t off, *at = arg; /* offset, then room for the bytes of a leaf of 4 */
    const void *p;

    off = at[0];
    p = heap_ptr(r->h, off, 80);
    if (p == NULL)
        return heap_rc(r->h);
    memcpy(at, p, 80);
    return 0;
}

/* docs/formats.md, "Tree nodes". */
static void the_format_is_pinned(void **state)
{
    static const uint8_t leaf[80] = {
        0xA7, 0, 0, 0, 0x00, 0x9E, 0x3C, 0,
        7,    0, 0, 0, 0,    0,    0,    0, /* header, fingerprints of 0, 1, 2, valid */
        0,    0, 0, 0, 0,    0,    0,    0,
        0,    0, 0, 0, 0,    0,    0,    0, /* 0 -> 0 */
        1,    0, 0, 0, 0,    0,    0,    0,
        1,    0, 0, 0, 0,    0,    0,    0, /* 1 -> 1 */
        2,    0, 0, 0, 0,    0,    0,    0,
        2,    0, 0, 0, 0,    0,    0,    0, /* 2 -> 2 */
    };
    uint64_t buf[10], node;
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, 1, 1}, true, true), 0);
    buf[0] = rig_root(&r);
    assert_int_equal(rig_run(&r, copy_out, buf, false, false), 0);
    assert_true(buf[0] == 1);                                /* its order key */
    assert_true(buf[1] == (1ull << 62 | 0x9Eull << 54 | 1)); /* one entry, fingerprint, value */
    assert_int_equal(rig_run(&r, drain_some, &(struct fill){rising, 1, 1}, true, true), 0);
    assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, 0, 3}, true, true), 0);
    buf[0] = rig_root(&r);
    assert_int_equal(rig_run(&r, copy_out, buf, false, false), 0);
    node = buf[1] & ((1ull << 54) - 1);
    assert_true(buf[0] == 0 && buf[1] >> 54 == 2u << 8 &&
                node % 8 == 0); /* a node of level 0, class 0 */
    buf[0] = node;
    assert_int_equal(rig_run(&r, copy_out, buf, false, false), 0);
    assert_memory_equal(buf, leaf, 64);
    assert_int_equal(rig_run(&r, fill_some, &(struct fill){rising, 3, 70}, true, true), 0);
    buf[0] = rig_root(&r);
    assert_int_equal(rig_run(&r, copy_out, buf, false, false), 0);
    node = buf[1] & ((1ull << 54) - 1);
    assert_true(buf[0] == 73 && buf[1] >> 54 == (2u << 8 | 1) &&
                node % 8 == 2); /* count; an inner node of level 1, class 1 */
    buf[0] = node & ~7ull;
    assert_int_equal(rig_run(&r, copy_out, buf, false, false), 0);
    assert_memory_equal(
        buf, ((uint8_t[]){0xB8, 1, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}), 20);
    assert_true(buf[7] == 63 && buf[8] == 0 &&
                buf[9] % 8 == 4); /* entry 1: order key 63 and more, no tie, a leaf of class 2 */
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_of_one_entry_has_no_node),
        cmocka_unit_test(values_may_be_any_number),
        cmocka_unit_test(growing_keys_fill_leaves),
        cmocka_unit_test(a_drained_tree_gives_everything_back),
        cmocka_unit_test(one_change_fits_its_bound),
        cmocka_unit_test(the_check_sees_damage),
        cmocka_unit_test(the_format_is_pinned),
        cmocka_unit_test(an_operation_may_fault_anywhere),
        cmocka_unit_test(a_tree_answers_like_a_sorted_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
