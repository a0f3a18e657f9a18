/* Maps: what was put is got, in order of keys, whatever its size, and nothing is left over. */
#include "tree_rig.h"

#include "heap/kv.h"

#define KEYS 400u

/* ---- The model: a small map of plain memory ---- */

struct entry {
    uint8_t key[KV_KEY_MAX];
    size_t key_len;
    bool there;
    size_t len;
    uint64_t seed; /* of the value's bytes */
};

struct model {
    struct rig r;
    struct entry e[KEYS]; /* sorted by key */
    uint8_t buf[KV_VALUE_MAX], want[KV_VALUE_MAX];
    uint32_t there;
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int res = memcmp(x->key, y->key, MIN(x->key_len, y->key_len));

    return res != 0 ? res : x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

static void value_fill(uint8_t *buf, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (uint8_t)mix64(seed + i / 64) + (uint8_t)i;
}

static struct model *model_open(uint64_t seed, uint32_t fault_every)
{
    struct model *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    rig_open(&m->r, seed, fault_every);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct entry *e = &m->e[i];

        /* short and long keys, keys that begin alike, keys that are the beginning of others, zero
         * bytes */
        memset(e->key, i % 3 == 0 ? 'a' : 0, KV_KEY_MAX);
        e->key_len = i % 50 == 0 ? KV_KEY_MAX - i / 50 : 1 + i % 37;
        memcpy(e->key, &(uint16_t){(uint16_t)i}, i % 3 == 1 ? MIN(2, e->key_len) : 0);
    }
    qsort(m->e, KEYS, sizeof(m->e[0]), by_key);
    return m;
}

/* Equal keys of the generator: only the first of a run is used. */
static bool usable(const struct model *m, uint32_t i)
{
    return i == 0 || by_key(&m->e[i - 1], &m->e[i]) != 0;
}

struct call {
    struct model *m;
    struct entry *e;
    size_t len;
    uint64_t seed;
};

static int do_put(struct rig *r, void *arg)
{
    struct call *c = arg;

    value_fill(c->m->want, c->len, c->seed);
    return kv_put(r->h, rig_root(r), c->e->key, c->e->key_len, c->m->want, c->len);
}

static int do_del(struct rig *r, void *arg)
{
    struct call *c = arg;

    return kv_del(r->h, rig_root(r), c->e->key, c->e->key_len);
}

static int do_get(struct rig *r, void *arg)
{
    struct call *c = arg;

    return kv_get(r->h, rig_root(r), c->e->key, c->e->key_len, c->m->buf, c->len, &c->len);
}

struct check {
    struct kv_checker k;
    bool done;
};

static int do_check(struct rig *r, void *arg)
{
    struct check *k = arg;

    return kv_check_step(r->h, &k->k, &k->done);
}

static void check_all(struct model *m)
{
    struct check k = {.done = false};

    kv_check_start(&k.k, rig_root(&m->r), rig_report, NULL);
    while (!k.done)
        assert_int_equal(rig_run(&m->r, do_check, &k, false, false), 0);
    assert_int_equal(k.k.tree.problems, 0);
}

struct walk {
    uint8_t key[KV_KEY_MAX];
    size_t key_len, val_len;
    bool end;
};

static int do_next(struct rig *r, void *arg)
{
    struct walk *w = arg;
    int rc = kv_next(r->h, rig_root(r), w->key, w->key_len, true, w->key, &w->key_len, &w->val_len);

    w->end = rc == -DER_NONEXIST;
    return w->end ? 0 : rc;
}

static void walk_all(struct model *m)
{
    struct walk w = {.key_len = 0};
    uint32_t i = 0, seen = 0;

    for (;; seen++) {
        assert_int_equal(rig_run(&m->r, do_next, &w, false, false), 0);
        if (w.end)
            break;
        while (i < KEYS && !m->e[i].there)
            i++;
        assert_true(i < KEYS);
        assert_int_equal(w.key_len, m->e[i].key_len);
        assert_memory_equal(w.key, m->e[i].key, w.key_len);
        assert_int_equal(w.val_len, m->e[i].len);
        i++;
    }
    assert_int_equal(seen, m->there);
}

static size_t draw_len(struct rig *r)
{
    static const size_t limit[] = {1, 20, 100, 3000, 10000, KV_VALUE_MAX + 1};

    return (size_t)(rig_rand(r) % limit[rig_rand(r) % ARRAY_LEN(limit)]);
}

static void get_one(struct model *m, struct entry *e)
{
    struct call c = {m, e, sizeof(m->buf), 0};

    assert_int_equal(rig_run(&m->r, do_get, &c, false, false), e->there ? 0 : -DER_NONEXIST);
    if (!e->there)
        return;
    assert_int_equal(c.len, e->len);
    value_fill(m->want, e->len, e->seed);
    assert_memory_equal(m->buf, m->want, e->len);
    if (e->len > 0) {
        c.len = e->len - 1;
        assert_int_equal(rig_run(&m->r, do_get, &c, false, false), -DER_TRUNC);
        assert_int_equal(c.len, e->len);
    }
}

static void change_one(struct model *m, struct entry *e)
{
    struct call c = {m, e, draw_len(&m->r), rig_rand(&m->r)};
    bool keep = rig_rand(&m->r) % 5 != 0;

    m->r.redo_max = kv_redo_max(e->key_len, c.len);
    if (rig_rand(&m->r) % 3 == 0) {
        m->r.redo_max = kv_redo_max(e->key_len, 0);
        assert_int_equal(rig_run(&m->r, do_del, &c, true, keep), e->there ? 0 : -DER_NONEXIST);
        m->there -= keep && e->there;
        e->there = e->there && !keep;
        return;
    }
    assert_int_equal(rig_run(&m->r, do_put, &c, true, keep), 0);
    if (!keep)
        return;
    m->there += !e->there;
    e->there = true;
    e->len = c.len;
    e->seed = c.seed;
}

struct clear {
    bool done;
};

static int do_clear(struct rig *r, void *arg)
{
    return kv_clear(r->h, rig_root(r), 7, &((struct clear *)arg)->done);
}

static void a_map_remembers(void **state)
{
    struct model *m = model_open(42, 61);
    struct clear clear = {false};

    (void)state;
    for (uint32_t i = 0; i < 12000; i++) {
        uint32_t k = (uint32_t)(rig_rand(&m->r) % KEYS);

        if (!usable(m, k))
            continue;
        change_one(m, &m->e[k]);
        get_one(m, &m->e[k]);
        if (i % 500 == 0) {
            check_all(m);
            walk_all(m);
        }
    }
    assert_true(m->r.faults > 0);
    m->r.redo_max = KV_CLEAR_REDO_MAX(7);
    for (uint32_t steps = 0; !clear.done; steps++) {
        assert_true(steps <= m->there / 7 + 1);
        assert_int_equal(rig_run(&m->r, do_clear, &clear, true, true), 0);
        check_all(m);
    }
    assert_int_equal(rig_stat(&m->r).alloc_count, 1);
    rig_close(&m->r);
    free(m);
}

/* A value of about the same size stays where it is. */
static int put_same(struct rig *r, void *arg)
{
    (void)arg;
    assert_int_equal(kv_put(r->h, rig_root(r), "key", 3, "0123456789", 10), 0);
    return 0;
}

static int put_other(struct rig *r, void *arg)
{
    char buf[16];
    size_t len;

    (void)arg;
    assert_int_equal(kv_put(r->h, rig_root(r), "key", 3, "98765432", 8), 0);
    assert_int_equal(kv_get(r->h, rig_root(r), "key", 3, buf, sizeof(buf), &len), 0);
    assert_int_equal(len, 8);
    assert_memory_equal(buf, "98765432", 8);
    return 0;
}

static int read_value(struct rig *r, void *arg)
{
    const struct tree_root *root = heap_ptr(r->h, rig_root(r), sizeof(*root));

    if (root == NULL)
        return heap_rc(r->h);
    *(struct tree_root *)arg = *root;
    return 0;
}

static void a_value_of_its_size_is_replaced_in_place(void **state)
{
    struct tree_root before, after;
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    assert_int_equal(rig_run(&r, put_same, NULL, true, true), 0);
    assert_int_equal(rig_run(&r, read_value, &before, false, false), 0);
    assert_int_equal(rig_run(&r, put_other, NULL, true, true), 0);
    assert_int_equal(rig_run(&r, read_value, &after, false, false), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    rig_close(&r);
}

static int bad_input(struct rig *r, void *arg)
{
    static uint8_t big[KV_KEY_MAX + 1];
    size_t len;

    (void)arg;
    assert_int_equal(kv_put(r->h, rig_root(r), "", 0, "v", 1), -DER_INVAL);
    assert_int_equal(kv_put(r->h, rig_root(r), big, sizeof(big), "v", 1), -DER_INVAL);
    assert_int_equal(kv_put(r->h, rig_root(r), "k", 1, big, KV_VALUE_MAX + 1), -DER_INVAL);
    assert_int_equal(kv_get(r->h, rig_root(r), big, sizeof(big), NULL, 0, &len), -DER_INVAL);
    assert_int_equal(kv_del(r->h, rig_root(r), "", 0), -DER_INVAL);
    assert_int_equal(kv_get(r->h, rig_root(r), "k", 1, NULL, 0, &len), -DER_NONEXIST);
    return 0;
}

static void sizes_out_of_bounds_are_refused(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    assert_int_equal(rig_run(&r, bad_input, NULL, true, true), 0);
    assert_int_equal(rig_stat(&r).alloc_count, 1);
    rig_close(&r);
}

/* docs/formats.md, "Maps". */
static int pin_record(struct rig *r, void *arg)
{
    static uint8_t big[9000];
    const struct tree_root *root;
    const uint8_t *rec, *piece;
    uint64_t next;

    (void)arg;
    memset(big, 'v', sizeof(big));
    assert_int_equal(kv_put(r->h, rig_root(r), "key", 3, big, sizeof(big)), 0);
    root = heap_ptr(r->h, rig_root(r), sizeof(*root));
    assert_non_null(root);
    assert_memory_equal(&root->word0, "\0\0\0\0\0yek", 8); /* "key" as a number */
    assert_int_equal(root->word1 >> 54, 1u << 8 | (uint8_t)hash_bytes("key", 3));
    rec = heap_ptr(r->h, root->word1 & ((1ull << 54) - 1), 8192);
    assert_non_null(rec);
    assert_memory_equal(rec, ((uint8_t[]){0x28, 0x23, 0, 0, 3, 0, 0xED, 0x1F}),
                        8); /* 9000, 3, 8173 */
    assert_memory_equal(rec + 16, "keyvvv", 6);
    memcpy(&next, rec + 8, 8);
    piece = heap_ptr(r->h, next, 16 + 827);
    assert_non_null(piece);
    assert_memory_equal(piece,
                        ((uint8_t[]){0, 0, 0, 0, 0, 0, 0, 0, 0x3B, 3, 0, 0, 0, 0, 0, 0, 'v'}), 17);
    return 0;
}

static void the_format_is_pinned(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, 1, 0);
    assert_int_equal(rig_run(&r, pin_record, NULL, true, true), 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_of_its_size_is_replaced_in_place),
        cmocka_unit_test(sizes_out_of_bounds_are_refused),
        cmocka_unit_test(the_format_is_pinned),
        cmocka_unit_test(a_map_remembers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
