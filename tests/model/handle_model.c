/*
 * The handle table: a lookup finds the object whole and keeps it, or finds nothing; of several who
 * close one does; the object is freed once, after the last reference; a stale cookie never finds
 * what its slot holds now.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "interleave.h"

#include "client/handle.c" /* for the table's insides: they are put back before each interleaving */

#define TYPE 1u

static struct handle_table *table;
static struct slot *slots; /* the chunk */
static struct object {
    struct hobj h;
    int content;
} object[2];
static int freed[2];
static daos_handle_t name; /* of object 0, open from the start */
static daos_handle_t late; /* of what a scene opens */
static int closers;        /* who succeeded; atomic */

static void free_object(struct hobj *h)
{
    struct object *o = CONTAINER_OF(h, struct object, h);

    o->content = 0;
    freed[o - object]++;
    il_dead(o, sizeof(*o));
}

/* As after handle_table_create() and one handle_open(). */
static void begin(void)
{
    table->lock = (struct rt_mutex){0};
    table->free_head = 1;
    for (uint32_t i = 0; i < 2; i++) {
        slots[i].word = UINT64_C(1) << 32;
        slots[i].obj = NULL;
        slots[i].next_free = NO_SLOT;
        object[i] = (struct object){.h = {.free = free_object}, .content = 42};
        freed[i] = 0;
    }
    slots[0].word |= 1;
    slots[0].obj = &object[0].h;
    name.cookie = UINT64_C(1) << (TYPE_BITS + SLOT_BITS) | TYPE;
    object[0].h.table = table;
    object[0].h.cookie = name.cookie;
    late.cookie = 0;
    closers = 0;
}

static void uses(void)
{
    struct hobj *h = handle_get(table, name, TYPE);

    if (h == NULL)
        return;
    IL_CHECK(CONTAINER_OF(h, struct object, h)->content == 42);
    handle_put(h);
}

static void uses_and_closes(void)
{
    struct hobj *h = handle_get(table, name, TYPE);

    if (h == NULL)
        return;
    if (handle_close(h))
        __atomic_fetch_add(&closers, 1, __ATOMIC_RELAXED);
    handle_put(h);
}

/* With nothing but the name's reference. */
static void uses_the_name_and_closes(void)
{
    IL_CHECK(object[0].content == 42);
    if (handle_close(&object[0].h))
        __atomic_fetch_add(&closers, 1, __ATOMIC_RELAXED);
}

static void passes_on(void)
{
    struct hobj *h = handle_get(table, name, TYPE);

    if (h == NULL)
        return;
    handle_ref(h);
    handle_put(h);
    IL_CHECK(CONTAINER_OF(h, struct object, h)->content == 42);
    handle_put(h);
}

/* The slot is used again at once: the free list is last in, first out. */
static void closes_and_opens(void)
{
    uses_and_closes();
    IL_CHECK(handle_open(table, &object[1].h, TYPE, &late) == 0);
}

static void freed_once(void)
{
    IL_CHECK(freed[0] == 1 && closers == 1);
}

static void open_afterwards(void)
{
    struct hobj *h;

    freed_once();
    IL_CHECK(handle_get(table, name, TYPE) == NULL);
    h = handle_get(table, late, TYPE);
    IL_CHECK(h == &object[1].h && freed[1] == 0);
}

static void opens(void)
{
    daos_handle_t h;

    IL_CHECK(handle_open(table, &object[1].h, TYPE, &h) == 0);
    __atomic_store_n(&late.cookie, h.cookie, __ATOMIC_RELAXED);
}

/* Cookies travel through the program's own memory, in whatever order it likes. */
static void uses_late(void)
{
    daos_handle_t h = {__atomic_load_n(&late.cookie, __ATOMIC_RELAXED)};
    struct hobj *o = handle_get(table, h, TYPE);

    if (o == NULL)
        return;
    IL_CHECK(CONTAINER_OF(o, struct object, h)->content == 42);
    handle_put(o);
}

#define SCENE(title, at_end, ...)                                                                  \
    {                                                                                              \
        .name = title, .setup = begin, .check = at_end, .actor = {__VA_ARGS__}, .actor_name = {    \
            "a",                                                                                   \
            "b",                                                                                   \
            "c"                                                                                    \
        }                                                                                          \
    }
static const struct il_scene get_close =
    SCENE("a lookup and a close", freed_once, uses, uses_and_closes);
static const struct il_scene ref_close =
    SCENE("a second reference and a close", freed_once, passes_on, uses_the_name_and_closes);
static const struct il_scene two_get =
    SCENE("two lookups and a close", freed_once, uses, uses, uses_and_closes);
static const struct il_scene two_close =
    SCENE("two close", freed_once, uses_and_closes, uses_and_closes);
static const struct il_scene reuse =
    SCENE("a lookup while the slot is used again", open_afterwards, uses, closes_and_opens);
static const struct il_scene open_get =
    SCENE("a lookup of what is being opened", NULL, opens, uses_late);

static void an_object_is_freed_once(void **state)
{
    il_holds(&get_close);
    il_holds(&two_close);
    il_holds(&ref_close);
    il_holds(&two_get);
}

static void a_cookie_finds_its_object_or_nothing(void **state)
{
    il_holds(&reuse);
    il_holds(&open_get);
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&get_close, &ref_close, &two_close, &open_get,
                                                    &reuse};
    static const char *const functions[] = {"handle_open",  "handle_get", "handle_put",
                                            "handle_close", "handle_ref", NULL};

    il_bites(scenes, ARRAY_LEN(scenes), functions, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_freed_once),
        cmocka_unit_test(a_cookie_finds_its_object_or_nothing),
        cmocka_unit_test(every_order_is_needed),
    };
    int rc;

    if (handle_table_create(&table) != 0 || grow(table) != 0)
        return 1;
    slots = slot_at(table, 0);
    il_name(&slots[0].word, "slot 0");
    il_name(&slots[1].word, "slot 1");
    il_name(&table->lock.state, "lock");
    il_name(&object[0].content, "content");
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    base_free(table->chunks[0]);
    base_free(table);
    return rc;
}
