/* The bag of spare objects: an object has one owner at a time, who sees what the last one left in
 * it, and none is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define BAG_SLOTS 2u /* enough to pass each other by */
#include "base/assert.h"
#include "interleave.h"
#include "net/bag.h"

static struct bag bag;
static struct object {
    int owned, uses;
} object[3];
static struct object *kept[3]; /* by each actor, the bag was full */

static void begin(void)
{
    for (unsigned i = 0; i < BAG_SLOTS; i++)
        bag.slot[i] = NULL;
    for (int i = 0; i < 3; i++)
        object[i] = (struct object){0};
    for (int i = 0; i < 3; i++)
        kept[i] = NULL;
}

static void begin_full(void)
{
    begin();
    for (unsigned i = 0; i < BAG_SLOTS; i++)
        bag.slot[i] = &object[i];
}

static void begin_with_one(void)
{
    begin();
    bag.slot[1] = &object[0];
}

static void use(struct object *o)
{
    IL_CHECK(o->owned == 0);
    o->owned = 1;
    o->uses++;
    o->owned = 0;
}

static void takes_and_puts(void)
{
    struct object *o = bag_take(&bag);

    if (o == NULL)
        return;
    use(o);
    if (!bag_put(&bag, o)) /* it may seem full to who looks at the wrong moments */
        kept[il_self()] = o;
}

static void takes(void)
{
    struct object *o = bag_take(&bag);

    if (o != NULL)
        use(o);
}

static void puts_new(void)
{
    struct object *o = &object[2];

    use(o);
    if (!bag_put(&bag, o))
        use(o); /* still the caller's */
}

/* In the bag or with one that could not put it back. */
static bool is_somewhere(const struct object *o)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BAG_SLOTS; i++)
        n += bag.slot[i] == o;
    for (int i = 0; i < 3; i++)
        n += kept[i] == o;
    IL_CHECK(n <= 1);
    return n == 1;
}

static void both_there(void)
{
    IL_CHECK(is_somewhere(&object[0]) && is_somewhere(&object[1]));
}

static void one_there(void)
{
    IL_CHECK(is_somewhere(&object[0]));
}

static void nobody_twice(void)
{
    for (int i = 0; i < 3; i++)
        is_somewhere(&object[i]);
}

#define SCENE(title, first, at_end, ...)                                                           \
    {                                                                                              \
        .name = title, .setup = first, .check = at_end, .actor = {__VA_ARGS__}, .actor_name = {    \
            "a",                                                                                   \
            "b",                                                                                   \
            "c"                                                                                    \
        }                                                                                          \
    }
static const struct il_scene full =
    SCENE("two objects for two", begin_full, both_there, takes_and_puts, takes_and_puts);
static const struct il_scene full_3 = SCENE("two objects for three", begin_full, both_there,
                                            takes_and_puts, takes_and_puts, takes_and_puts);
static const struct il_scene one =
    SCENE("one object for two", begin_with_one, one_there, takes_and_puts, takes_and_puts);
static const struct il_scene one_3 = SCENE("one object for three", begin_with_one, one_there,
                                           takes_and_puts, takes_and_puts, takes_and_puts);
static const struct il_scene fresh =
    SCENE("a new one among takers", begin_with_one, nobody_twice, puts_new, takes, takes_and_puts);

static void an_object_has_one_owner(void **state)
{
    il_holds(&full);
    il_holds(&one);
    il_holds(&one_3);
    il_holds(&fresh);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&full_3);
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&one, &full, &fresh};
    static const char *const functions[] = {"bag_take", "bag_put", NULL};

    il_bites(scenes, ARRAY_LEN(scenes), functions, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_has_one_owner),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&bag.slot[0], "slot 0");
    il_name(&bag.slot[1], "slot 1");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
