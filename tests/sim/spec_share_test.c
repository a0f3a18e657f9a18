/* The model of a shared name space: what it says of names, and that operations which are said to
 * have nothing to do with each other have not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "sim_media.h"
#include "spec_share.h"

enum { a, b, c, d };

static int does(struct share_tree *t, struct share_op op)
{
    struct share_seen seen = {0};
    struct share_tree before = *t;
    int rc = share_run(t, &op, &seen);

    if (rc != 0)
        assert_memory_equal(t, &before, sizeof(before));
    return rc;
}

#define MAKE(t, what, dir_, name_, ino_, ...)                                                      \
    does(t, (struct share_op){                                                                     \
                .kind = SHARE_##what, .dir = dir_, .name = name_, .ino = ino_, __VA_ARGS__})
#define MOVE(t, what, dir_, name_, to, name2_, ...)                                                \
    does(t, (struct share_op){.kind = SHARE_##what,                                                \
                              .dir = dir_,                                                         \
                              .name = name_,                                                       \
                              .dir2 = to,                                                          \
                              .name2 = name2_,                                                     \
                              __VA_ARGS__})

static void names(void **state)
{
    struct share_tree t = {0};

    (void)state;
    assert_int_equal(MAKE(&t, MKDIR, SHARE_ROOT, a, 2), 0);
    assert_int_equal(MAKE(&t, MKDIR, SHARE_ROOT, a, 3), EEXIST);
    assert_int_equal(MAKE(&t, MKDIR, 2, b, 3), 0);
    assert_int_equal(MAKE(&t, CREATE, SHARE_ROOT, a, 4), EINVAL);
    assert_int_equal(MAKE(&t, CREATE, 3, c, 4), 0);
    assert_int_equal(MAKE(&t, CREATE, 3, c, 5), 0); /* opened */
    assert_null(share_find(&t, 5));
    assert_int_equal(MAKE(&t, CREATE, 3, c, 5, .flags = SHARE_EXCL), EEXIST);
    assert_int_equal(MAKE(&t, PUT, 3, c, 5), EEXIST);
    assert_int_equal(MAKE(&t, PUT, 3, c, 5, .flags = SHARE_REPLACE, .val = 7), 0);
    assert_null(share_find(&t, 4));
    assert_int_equal(share_find(&t, 5)->cell[0], 7);
    assert_int_equal(MAKE(&t, PUT, 2, b, 6, .flags = SHARE_REPLACE), EEXIST);
    assert_int_equal(MAKE(&t, REMOVE, SHARE_ROOT, a, 0), ENOTEMPTY);
    assert_int_equal(MAKE(&t, SYMLINK, 9, c, 6), ENOENT);
    assert_int_equal(MAKE(&t, SYMLINK, 2, c, 6), 0);
    assert_int_equal(MAKE(&t, CHMOD, 2, c, 0, .mode = 0600), ENOENT);
    assert_int_equal(MAKE(&t, SETATTR, 3, c, 4, .mode = 0600), ENOENT); /* another by now */
    assert_int_equal(MAKE(&t, SETATTR, 3, c, 5, .mode = 0600), 0);
    assert_int_equal(MAKE(&t, RMXATTR, 3, c, 5), ENOENT);
    assert_int_equal(MAKE(&t, SETXATTR, 3, c, 5, .val = 8), 0);
    assert_int_equal(MAKE(&t, SETXATTR, 3, c, 5, .val = 9, .flags = SHARE_EXCL), EEXIST);
    assert_int_equal(MAKE(&t, REMOVE, 3, c, 0), 0);
    assert_int_equal(MAKE(&t, REMOVE, 2, b, 0), 0);
    assert_int_equal(MAKE(&t, CREATE, 3, c, 10), ENOENT); /* its directory has gone */
}

static void moves(void **state)
{
    struct share_tree t = {0};

    (void)state;
    assert_int_equal(MAKE(&t, MKDIR, SHARE_ROOT, a, 2), 0);
    assert_int_equal(MAKE(&t, MKDIR, 2, b, 3), 0);
    assert_int_equal(MAKE(&t, MKDIR, SHARE_ROOT, b, 4), 0);
    assert_int_equal(MAKE(&t, CREATE, SHARE_ROOT, c, 5), 0);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, a, 3, a), EINVAL); /* into its own inside */
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, a, 2, a), EINVAL);
    assert_int_equal(MOVE(&t, EXCHANGE, SHARE_ROOT, a, 2, b), EINVAL);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, b, SHARE_ROOT, a), ENOTEMPTY);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, c, SHARE_ROOT, b), EINVAL);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, b, SHARE_ROOT, c), ENOTDIR);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, a, SHARE_ROOT, b, .flags = SHARE_NOREPLACE),
                     EEXIST);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, a, SHARE_ROOT, b), 0); /* over an empty one */
    assert_null(share_find(&t, 4));
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, c, 4, d), ENOENT);
    assert_int_equal(MOVE(&t, MOVE, SHARE_ROOT, c, 3, d), 0);
    assert_int_equal(MOVE(&t, MOVE, 3, d, 3, d), 0);
    assert_int_equal(MOVE(&t, MOVE, 3, d, 3, d, .flags = SHARE_NOREPLACE), EEXIST);
    assert_int_equal(MAKE(&t, SYMLINK, 2, d, 6), 0);
    assert_int_equal(MOVE(&t, EXCHANGE, 2, d, 3, d), 0);
    assert_int_equal(share_child(&t, 2, d)->ino, 5);
    assert_int_equal(share_child(&t, 3, d)->ino, 6);
    assert_int_equal(MOVE(&t, EXCHANGE, 2, d, 3, c), ENOENT);
}

/* ---- Operations without a common bit change places ---- */

struct draw {
    struct sim_rng rng;
    uint16_t dir[8]; /* directories that are or were, the root first */
    uint32_t dirs;
    uint16_t ino, known; /* made so far, and before the two: only who was met is worked with */
};

static uint32_t below(struct draw *r, uint32_t n)
{
    return (uint32_t)sim_rng_below(&r->rng, n);
}

static uint8_t name_below(struct draw *r, bool deep)
{
    return (uint8_t)(deep ? below(r, SHARE_DIR_NAMES)
                          : SHARE_DIR_NAMES + below(r, SHARE_NAMES - SHARE_DIR_NAMES));
}

static struct share_op drawn(struct draw *r)
{
    struct share_op op = {.kind = (uint8_t)below(r, SHARE_WALK),
                          .dir = r->dir[below(r, r->dirs)],
                          .dir2 = r->dir[below(r, r->dirs)],
                          .ino = (uint16_t)(1 + below(r, r->known)),
                          .mode = (uint16_t)below(r, 4),
                          .val = (uint16_t)(1 + below(r, 3)),
                          .cell = (uint8_t)below(r, SHARE_CELLS)};
    bool deep = op.kind == SHARE_MKDIR || below(r, 2);

    op.name = name_below(r, deep);
    op.name2 = name_below(r, op.kind == SHARE_EXCHANGE ? deep : deep || below(r, 2));
    op.flags = (uint16_t)below(r, 8);
    if (op.kind <= SHARE_PUT)
        op.ino = ++r->ino;
    if (op.kind >= SHARE_WRITE && op.kind <= SHARE_PUNCH)
        op.dir = 0;
    return op;
}

/* What op answers after `first` (NULL: at once); t is what is there then. */
static int after(const struct share_tree *from, const struct share_op *first,
                 const struct share_op *op, struct share_seen *seen, struct share_tree *t)
{
    struct share_seen other = {0};

    *t = *from;
    memset(seen, 0, sizeof(*seen));
    if (first != NULL)
        share_run(t, first, &other);
    return share_run(t, op, seen);
}

static void places_change(const struct share_tree *t, const struct share_op *x,
                          const struct share_op *y)
{
    struct share_tree xy, yx, just;
    struct share_seen alone, second;
    int rc = after(t, NULL, y, &alone, &just);

    assert_int_equal(after(t, x, y, &second, &xy), rc);
    assert_memory_equal(&alone, &second, sizeof(alone));
    rc = after(t, NULL, x, &alone, &just);
    assert_int_equal(after(t, y, x, &second, &yx), rc);
    assert_memory_equal(&alone, &second, sizeof(alone));
    assert_memory_equal(&xy, &yx, sizeof(xy));
}

static void what_has_nothing_in_common(void **state)
{
    uint32_t pairs = 0, changing = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct draw r = {.dir = {SHARE_ROOT}, .dirs = 1, .ino = 1};
        struct share_tree t = {0};

        sim_rng_seed(&r.rng, seed);
        for (uint32_t i = 0; i < 100; i++) {
            struct share_tree before = t;
            struct share_seen seen = {0};
            struct share_op x, y;

            r.known = r.ino;
            x = drawn(&r);
            y = drawn(&r);
            if (!(spec_share.touches(&x) & spec_share.touches(&y))) {
                places_change(&t, &x, &y);
                pairs++;
                changing += !spec_share.only_reads(&x) && !spec_share.only_reads(&y);
            }
            share_run(&t, &x, &seen);
            if (spec_share.only_reads(&x))
                assert_memory_equal(&t, &before, sizeof(t));
            if (share_nodes(&t) > SHARE_NODES - 4)
                t = before;
            if (x.kind == SHARE_MKDIR && share_find(&t, x.ino) != NULL && r.dirs < 8)
                r.dir[r.dirs++] = x.ino;
        }
    }
    assert_true(pairs > 5000 && changing > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(moves),
                                       cmocka_unit_test(what_has_nothing_in_common)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
