/* The model of a name space at its corners: what POSIX says of rename, exchange and remove, where a
 * path leads, what a file holds, and what a call is made of. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "spec_dfs.h"

enum { a, b, c, up }; /* names */

static struct spec_seen seen;

/* Node numbers: made in the order 2, 3, ... */
static int make(struct spec_dfs *s, enum spec_kind kind, uint16_t dir, uint8_t name, uint16_t ino)
{
    struct spec_op op = {.kind = (uint8_t)kind, .dir = dir, .name = name, .ino = ino, .mode = 0600};

    return spec_dfs_run(s, &op, &seen);
}

static int make_link(struct spec_dfs *s, uint16_t dir, uint8_t name, uint16_t ino,
                     const char *target)
{
    struct spec_op op = {.kind = SPEC_SYMLINK, .dir = dir, .name = name, .ino = ino};

    while (strcmp(spec_target(op.val), target) != 0)
        op.val++;
    return spec_dfs_run(s, &op, &seen);
}

static int two(struct spec_dfs *s, enum spec_kind kind, uint16_t dir, uint8_t name, uint16_t dir2,
               uint8_t name2)
{
    struct spec_op op = {
        .kind = (uint8_t)kind, .dir = dir, .name = name, .dir2 = dir2, .name2 = name2};

    return spec_dfs_run(s, &op, &seen);
}

static int move(struct spec_dfs *s, uint16_t dir, uint8_t name, uint16_t dir2, uint8_t name2)
{
    return two(s, SPEC_MOVE, dir, name, dir2, name2);
}

static int drop(struct spec_dfs *s, uint16_t dir, uint8_t name)
{
    return two(s, SPEC_REMOVE, dir, name, 0, 0);
}

static const char *show(const struct spec_dfs *s)
{
    static char text[2048];

    spec_print_tree(&s->now, text, sizeof(text));
    return text;
}

#define SHOWS(text, s) assert_string_equal(show(s), text)

/* /a/ #2, /a/a #3 a file, /b #4 a file, /c/ #5 empty */
static struct spec_dfs small(void)
{
    struct spec_dfs s = {0};

    assert_int_equal(make(&s, SPEC_MKDIR, SPEC_ROOT, a, 2), 0);
    assert_int_equal(make(&s, SPEC_CREATE, 2, a, 3), 0);
    assert_int_equal(make(&s, SPEC_CREATE, SPEC_ROOT, b, 4), 0);
    assert_int_equal(make(&s, SPEC_MKDIR, SPEC_ROOT, c, 5), 0);
    return s;
}

static void making(void **state)
{
    struct spec_dfs s = small();
    struct spec_op op = {
        .kind = SPEC_CREATE, .dir = SPEC_ROOT, .name = b, .ino = 9, .flags = SPEC_EXCL};

    (void)state;
    SHOWS("/a/ #2 600, /a/a #3 600 [- - - - - - - -], /b #4 600 [- - - - - - - -], /c/ #5 600", &s);
    assert_int_equal(make(&s, SPEC_MKDIR, SPEC_ROOT, b, 9), EEXIST);
    assert_int_equal(spec_dfs_run(&s, &op, &seen), EEXIST);
    op.flags = 0;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0); /* opens what is there */
    assert_int_equal(seen.ino, 4);
    op.name = a;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), EINVAL);
    assert_int_equal(make(&s, SPEC_MKDIR, 77, a, 9), ENOENT);
    op = (struct spec_op){
        .kind = SPEC_PUT, .dir = SPEC_ROOT, .name = b, .ino = 9, .nr = 2, .val = 5};
    assert_int_equal(spec_dfs_run(&s, &op, &seen), EEXIST);
    op.flags = SPEC_REPLACE;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0);
    op.name = c;
    op.ino = 10;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), EEXIST); /* never a directory */
    assert_int_equal(spec_child(&s.now, SPEC_ROOT, b)->ino, 9);
}

static void removing(void **state)
{
    struct spec_dfs s = small();

    (void)state;
    assert_int_equal(drop(&s, SPEC_ROOT, a), ENOTEMPTY);
    assert_int_equal(drop(&s, 2, b), ENOENT);
    assert_int_equal(drop(&s, 2, a), 0);
    assert_int_equal(seen.ino, 3);
    assert_int_equal(drop(&s, SPEC_ROOT, a), 0);
    assert_int_equal(drop(&s, SPEC_ROOT, a), ENOENT);
    assert_int_equal(make(&s, SPEC_CREATE, 2, a, 9), ENOENT); /* in what is gone */
    SHOWS("/b #4 600 [- - - - - - - -], /c/ #5 600", &s);
}

static void moving(void **state)
{
    struct spec_dfs s = small(), t;

    (void)state;
    t = s;
    assert_int_equal(move(&s, SPEC_ROOT, b, SPEC_ROOT, b), 0); /* onto itself */
    assert_int_equal(seen.ino, 0);
    assert_memory_equal(&s, &t, sizeof(s));
    assert_int_equal(move(&s, 2, c, 2, c), ENOENT);
    assert_int_equal(move(&s, SPEC_ROOT, a, 2, b), EINVAL);          /* into itself */
    assert_int_equal(move(&s, SPEC_ROOT, a, 2, a), EINVAL);          /* even onto something */
    assert_int_equal(move(&s, SPEC_ROOT, b, SPEC_ROOT, c), EINVAL);  /* file over directory */
    assert_int_equal(move(&s, SPEC_ROOT, c, SPEC_ROOT, b), ENOTDIR); /* and back */
    assert_int_equal(move(&s, SPEC_ROOT, c, SPEC_ROOT, a), ENOTEMPTY);
    assert_memory_equal(&s, &t, sizeof(s));
    assert_int_equal(move(&s, SPEC_ROOT, b, 2, a), 0); /* over a file */
    assert_int_equal(seen.ino, 3);
    assert_int_equal(move(&s, SPEC_ROOT, a, SPEC_ROOT, c), 0); /* full one over empty one */
    assert_int_equal(seen.ino, 5);
    SHOWS("/c/ #2 600, /c/a #4 600 [- - - - - - - -]", &s);
    /* a directory onto the one it is in: that one is not empty */
    assert_int_equal(make(&s, SPEC_MKDIR, 2, b, 9), 0);
    assert_int_equal(move(&s, 2, b, SPEC_ROOT, c), ENOTEMPTY);
    assert_int_equal(move(&s, 2, b, SPEC_ROOT, b), 0);
    assert_int_equal(move(&s, SPEC_ROOT, c, 9, a), 0);
    assert_int_equal(move(&s, SPEC_ROOT, b, 2, c), EINVAL);
    SHOWS("/b/a/ #2 600, /b/a/a #4 600 [- - - - - - - -], /b/ #9 600", &s);
}

static void exchanging(void **state)
{
    struct spec_dfs s = small(), t;

    (void)state;
    t = s;
    assert_int_equal(two(&s, SPEC_EXCHANGE, SPEC_ROOT, a, SPEC_ROOT, a), 0);
    assert_int_equal(two(&s, SPEC_EXCHANGE, SPEC_ROOT, a, 2, a), EINVAL);
    assert_int_equal(two(&s, SPEC_EXCHANGE, 2, a, SPEC_ROOT, a), EINVAL);
    assert_int_equal(two(&s, SPEC_EXCHANGE, SPEC_ROOT, a, 2, b), ENOENT);
    assert_memory_equal(&s, &t, sizeof(s));
    assert_int_equal(two(&s, SPEC_EXCHANGE, SPEC_ROOT, a, SPEC_ROOT, b), 0); /* with a file */
    SHOWS("/b/ #2 600, /b/a #3 600 [- - - - - - - -], /a #4 600 [- - - - - - - -], /c/ #5 600", &s);
    assert_int_equal(two(&s, SPEC_EXCHANGE, 2, a, SPEC_ROOT, c), 0); /* across directories */
    SHOWS("/b/ #2 600, /c #3 600 [- - - - - - - -], /a #4 600 [- - - - - - - -], /b/a/ #5 600", &s);
}

static int lookup(struct spec_dfs *s, uint16_t flags, uint8_t n, uint8_t p0, uint8_t p1, uint8_t p2)
{
    struct spec_op op = {.kind = SPEC_LOOKUP, .flags = flags, .path_nr = n, .path = {p0, p1, p2}};

    return spec_dfs_run(s, &op, &seen);
}

static void paths(void **state)
{
    struct spec_dfs s = small();

    (void)state;
    assert_int_equal(lookup(&s, 0, 2, a, a, 0), 0);
    assert_int_equal(seen.ino, 3);
    assert_int_equal(lookup(&s, 0, 2, b, a, 0), ENOTDIR);
    assert_int_equal(lookup(&s, 0, 2, a, b, 0), ENOENT);
    assert_int_equal(lookup(&s, 0, 3, a, up, b), 0);
    assert_int_equal(seen.ino, 4);
    assert_int_equal(lookup(&s, 0, 2, a, up, 0), ENOTSUP);
    assert_int_equal(lookup(&s, 0, 3, up, up, b), ENOTSUP);
    assert_int_equal(make_link(&s, 2, b, 10, "/a"), 0);
    assert_int_equal(lookup(&s, 0, 3, a, b, a), 0); /* /a/b/a is /a/a */
    assert_int_equal(seen.ino, 3);
    assert_int_equal(lookup(&s, 0, 2, a, b, 0), 0);
    assert_int_equal(seen.ino, 2);
    assert_int_equal(lookup(&s, SPEC_NOFOLLOW, 2, a, b, 0), 0);
    assert_int_equal(seen.ino, 10);
    assert_int_equal(make_link(&s, 2, c, 11, "../a"), 0);
    assert_int_equal(lookup(&s, 0, 3, a, c, a), 0);
    assert_int_equal(seen.ino, 3);
    /* the same link elsewhere: ".." of the root is the root */
    assert_int_equal(drop(&s, SPEC_ROOT, c), 0);
    assert_int_equal(move(&s, 2, c, SPEC_ROOT, c), 0);
    assert_int_equal(lookup(&s, 0, 2, c, a, 0), 0);
    assert_int_equal(seen.ino, 3);
    assert_int_equal(drop(&s, SPEC_ROOT, b), 0);
    assert_int_equal(make_link(&s, SPEC_ROOT, b, 12, "b"), 0);
    assert_int_equal(lookup(&s, 0, 1, b, 0, 0), ELOOP);
    assert_int_equal(lookup(&s, SPEC_NOFOLLOW, 1, b, 0, 0), 0);
}

/* Runs a call's steps; text of the file. */
static const char *does(struct spec_dfs *s, enum spec_kind kind, uint8_t off, uint8_t nr,
                        uint16_t val, uint32_t steps)
{
    struct spec_op op = {.kind = (uint8_t)kind, .ino = 3, .off = off, .nr = nr, .val = val};
    struct spec_plan plan;

    assert_true(spec_dfs_plan(&s->now, &op, &plan));
    assert_int_equal(plan.nr, steps);
    for (uint32_t i = 0; i < plan.nr; i++)
        assert_int_equal(spec_dfs_run(s, &plan.op[i], &seen), 0);
    return strstr(show(s), "[");
}

#define FILE_IS(text, call) assert_memory_equal(text, call, strlen(text))

static void contents(void **state)
{
    struct spec_dfs s = small();
    struct spec_op op = {.kind = SPEC_SIZE, .ino = 3};

    (void)state;
    FILE_IS("[- - 1 1 1 - - -]", does(&s, SPEC_WRITE_RANGE, 2, 3, 1, 2)); /* over a chunk's end */
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0);
    assert_int_equal(seen.size, 5);
    FILE_IS("[- - 1 - 1 - - -]", does(&s, SPEC_PUNCH_RANGE, 3, 1, 0, 1));
    FILE_IS("[- - 1 0 - - - -]", does(&s, SPEC_PUNCH_RANGE, 4, 3, 0, 2)); /* reaches the end */
    FILE_IS("[- - 1 0 - - - -]", does(&s, SPEC_PUNCH_RANGE, 6, 1, 0, 0)); /* behind it */
    FILE_IS("[- - 1 0 - - - 0]", does(&s, SPEC_SET_SIZE, 0, 8, 0, 1));
    FILE_IS("[- - 1 - - - - -]", does(&s, SPEC_SET_SIZE, 0, 3, 0, 2)); /* two chunks */
    FILE_IS("[- 0 - - - - - -]", does(&s, SPEC_SET_SIZE, 0, 2, 0, 2));
    FILE_IS("[- - - - - - - -]", does(&s, SPEC_SET_SIZE, 0, 0, 0, 1));
    /* a file that is gone takes everything and shows nothing */
    assert_int_equal(drop(&s, 2, a), 0);
    op = (struct spec_op){.kind = SPEC_WRITE, .ino = 3, .nr = 1, .val = 1};
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0);
    op.kind = SPEC_READ;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0);
    assert_int_equal(seen.size, 0);
}

static void forced_removal(void **state)
{
    struct spec_dfs s = small();
    struct spec_op op = {.kind = SPEC_REMOVE_FORCE, .dir = SPEC_ROOT, .name = a};
    struct spec_plan plan;

    (void)state;
    assert_int_equal(move(&s, SPEC_ROOT, c, 2, c), 0);
    assert_int_equal(make(&s, SPEC_CREATE, 5, b, 9), 0);
    assert_true(spec_dfs_plan(&s.now, &op, &plan));
    assert_int_equal(plan.nr, 4);
    /* the directory itself is not the first to go */
    assert_int_equal(spec_dfs_run(&s, &plan.op[3], &seen), ENOTEMPTY);
    for (uint32_t i = 0; i < plan.nr; i++)
        assert_int_equal(spec_dfs_run(&s, &plan.op[i], &seen), 0);
    SHOWS("/b #4 600 [- - - - - - - -]", &s);
}

static void attributes(void **state)
{
    struct spec_dfs s = small();
    struct spec_op op = {.kind = SPEC_GETXATTR, .dir = SPEC_ROOT, .name = b};
    struct spec_op set = {.kind = SPEC_SETXATTR, .dir = SPEC_ROOT, .name = b, .ino = 4, .val = 7};

    (void)state;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), ENODATA);
    set.flags = SPEC_REPLACE;
    assert_int_equal(spec_dfs_run(&s, &set, &seen), ENOENT);
    set.flags = SPEC_EXCL;
    assert_int_equal(spec_dfs_run(&s, &set, &seen), 0);
    assert_int_equal(spec_dfs_run(&s, &set, &seen), EEXIST);
    assert_int_equal(move(&s, SPEC_ROOT, b, 2, b), 0); /* it goes along */
    op.dir = 2;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0);
    assert_int_equal(seen.val, 7);
    set.flags = 0;
    assert_int_equal(spec_dfs_run(&s, &set, &seen), ENOENT); /* not under the old name */
}

static void snapshots(void **state)
{
    struct spec_dfs s = small(), then = s;
    struct spec_op op = {.kind = SPEC_SNAP, .which = 1};

    (void)state;
    assert_int_equal(spec_dfs_run(&s, &op, &seen), 0);
    assert_int_equal(drop(&s, SPEC_ROOT, b), 0);
    assert_memory_equal(&s.snap[1], &then.now, sizeof(then.now));
    op = (struct spec_op){.kind = SPEC_WALK, .which = 2, .tree = then.now};
    assert_true(spec_dfs.apply(&s, &op, true));
    op.which = 0;
    assert_false(spec_dfs.apply(&s, &op, true));
}

/* A walk sees zeros that were written only at the end of a file. */
static void walks(void **state)
{
    struct spec_dfs s = small();
    struct spec_op op = {.kind = SPEC_WALK};

    (void)state;
    does(&s, SPEC_SET_SIZE, 0, 3, 0, 1);
    does(&s, SPEC_WRITE_RANGE, 6, 1, 9, 1);
    op.tree = s.now;
    assert_false(spec_dfs.apply(&s, &op, true));
    spec_find(&op.tree, 3)->cell[2] = 0;
    assert_true(spec_dfs.apply(&s, &op, true));
    spec_find(&op.tree, 3)->cell[1] = 9;
    assert_false(spec_dfs.apply(&s, &op, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making),         cmocka_unit_test(removing),   cmocka_unit_test(moving),
        cmocka_unit_test(exchanging),     cmocka_unit_test(paths),      cmocka_unit_test(contents),
        cmocka_unit_test(forced_removal), cmocka_unit_test(attributes), cmocka_unit_test(snapshots),
        cmocka_unit_test(walks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
