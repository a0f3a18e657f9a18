/* Cookies: what is open is found, what was closed is not, and nothing is freed while somebody uses
 * it. */
#include "fake_embed.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/assert.h"
#include "client/handle.h"

struct thing {
    struct hobj h;
    int *freed;
};

static void thing_free(struct hobj *h)
{
    struct thing *t = CONTAINER_OF(h, struct thing, h);

    (*t->freed)++;
    free(t);
}

static daos_handle_t open_thing(struct handle_table *t, uint32_t type, int *freed)
{
    struct thing *x = calloc(1, sizeof(*x));
    daos_handle_t h;

    x->h.free = thing_free;
    x->freed = freed;
    assert_int_equal(handle_open(t, &x->h, type, &h), 0);
    return h;
}

static void a_closed_handle_is_never_found_again(void **state)
{
    struct handle_table *t;
    daos_handle_t a, b;
    struct hobj *o;
    int freed = 0;

    (void)state;
    assert_int_equal(handle_table_create(&t), 0);
    a = open_thing(t, DAOS_HTYPE_OBJ, &freed);
    o = handle_get(t, a, DAOS_HTYPE_OBJ);
    assert_non_null(o);
    /* in use: closing takes the name, not the thing */
    assert_true(handle_close(o));
    assert_false(handle_close(o));
    assert_null(handle_get(t, a, DAOS_HTYPE_OBJ));
    assert_int_equal(freed, 0);
    handle_put(o);
    assert_int_equal(freed, 1);
    /* the slot serves again under another cookie */
    b = open_thing(t, DAOS_HTYPE_OBJ, &freed);
    assert_int_not_equal(a.cookie, b.cookie);
    assert_null(handle_get(t, a, DAOS_HTYPE_OBJ));
    o = handle_get(t, b, DAOS_HTYPE_OBJ);
    assert_non_null(o);
    handle_put(o);
    handle_table_destroy(t);
    assert_int_equal(freed, 2);
}

static void foreign_and_invented_cookies_are_refused(void **state)
{
    struct handle_table *t;
    daos_handle_t a;
    int freed = 0;
    uint64_t i;

    (void)state;
    assert_int_equal(handle_table_create(&t), 0);
    a = open_thing(t, DAOS_HTYPE_CO, &freed);
    assert_null(handle_get(t, a, DAOS_HTYPE_POOL));
    assert_null(handle_get(t, (daos_handle_t){0}, DAOS_HTYPE_CO));
    /* the right slot and generation with another type's bits */
    a.cookie = (a.cookie & ~UINT64_C(15)) | DAOS_HTYPE_POOL;
    assert_null(handle_get(t, a, DAOS_HTYPE_POOL));
    for (i = 0; i < 1000; i++)
        assert_null(
            handle_get(t, (daos_handle_t){i * UINT64_C(0x9e3779b97f4a7c15) | 5}, DAOS_HTYPE_CO));
    handle_table_destroy(t);
}

static void thousands_of_handles(void **state)
{
    enum { N = 5000 };
    struct handle_table *t;
    daos_handle_t *h = calloc(N, sizeof(*h));
    int freed = 0, i;

    (void)state;
    assert_int_equal(handle_table_create(&t), 0);
    for (i = 0; i < N; i++)
        h[i] = open_thing(t, DAOS_HTYPE_OBJ, &freed);
    for (i = 0; i < N; i += 2) {
        struct hobj *o = handle_get(t, h[i], DAOS_HTYPE_OBJ);

        assert_true(handle_close(o));
        handle_put(o);
    }
    assert_int_equal(freed, N / 2);
    for (i = 0; i < N; i++) {
        struct hobj *o = handle_get(t, h[i], DAOS_HTYPE_OBJ);

        assert_int_equal(o != NULL, i % 2);
        if (o != NULL)
            handle_put(o);
    }
    handle_table_destroy(t);
    assert_int_equal(freed, N);
    free(h);
}

struct race {
    struct handle_table *t;
    daos_handle_t h;
    int freed;
};

static void *look(void *arg)
{
    struct race *r = arg;
    struct hobj *o;

    while ((o = handle_get(r->t, r->h, DAOS_HTYPE_OBJ)) != NULL) {
        /* would be a use after free if the reference did not hold it */
        assert_int_equal(o->cookie, r->h.cookie);
        handle_put(o);
    }
    return NULL;
}

static void looking_up_races_with_closing(void **state)
{
    pthread_t th[3];
    int round, i;

    (void)state;
    for (round = 0; round < 200; round++) {
        struct race r = {0};
        struct hobj *o;

        assert_int_equal(handle_table_create(&r.t), 0);
        r.h = open_thing(r.t, DAOS_HTYPE_OBJ, &r.freed);
        for (i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&th[i], NULL, look, &r), 0);
        o = handle_get(r.t, r.h, DAOS_HTYPE_OBJ);
        assert_true(handle_close(o));
        handle_put(o);
        for (i = 0; i < 3; i++)
            pthread_join(th[i], NULL);
        assert_int_equal(r.freed, 1);
        handle_table_destroy(r.t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_handle_is_never_found_again),
        cmocka_unit_test(foreign_and_invented_cookies_are_refused),
        cmocka_unit_test(thousands_of_handles),
        cmocka_unit_test(looking_up_races_with_closing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
