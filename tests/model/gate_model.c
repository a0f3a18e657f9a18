/* The gate of an engine: whoever closes it takes down nothing that a request still uses, and every
 * request is either waited for or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/gate.h"
#include "interleave.h"

static struct gate gate;
static int served[3]; /* of the engine: gone once it is closed */
static struct {
    int busy, closing;
} words; /* how not to do it */

static void begin(void)
{
    gate.word = 0;
    words.busy = words.closing = 0;
    for (int i = 0; i < 3; i++)
        served[i] = 0;
}

static void request(void)
{
    if (!gate_enter(&gate))
        return;
    served[il_self()]++;
    gate_leave(&gate, 1);
}

/* One that ends on another thread, while this one is still on its way out. */
static int handed_over;

static void begin_handing_over(void)
{
    begin();
    handed_over = 0;
}

static void begins_request(void)
{
    if (!gate_enter(&gate)) {
        __atomic_store_n(&handed_over, 2, __ATOMIC_RELAXED);
        return;
    }
    gate_enter_again(&gate);
    __atomic_store_n(&handed_over, 1, __ATOMIC_RELEASE);
    served[0]++;
    gate_leave(&gate, 1);
}

static void ends_request(void)
{
    int how;

    while ((how = __atomic_load_n(&handed_over, __ATOMIC_ACQUIRE)) == 0)
        il_pause();
    if (how == 2)
        return;
    served[1]++;
    gate_leave(&gate, 1);
}

static void closes(void)
{
    gate_close(&gate);
    while (!gate_is_empty(&gate))
        il_pause();
    il_dead(served, sizeof(served));
    IL_CHECK(gate_is_closed(&gate));
}

/* A count and a flag, as it was: both may look too early. */

static void request_of_two_words(void)
{
    __atomic_add_fetch(&words.busy, 1, __ATOMIC_ACQ_REL);
    if (!__atomic_load_n(&words.closing, __ATOMIC_ACQUIRE))
        served[il_self()]++;
    __atomic_sub_fetch(&words.busy, 1, __ATOMIC_RELEASE);
}

static void closes_two_words(void)
{
    __atomic_store_n(&words.closing, 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&words.busy, __ATOMIC_ACQUIRE))
        il_pause();
    il_dead(served, sizeof(served));
}

#define SCENE(title, first, ...)                                                                   \
    {                                                                                              \
        .name = title, .setup = first, .actor = {__VA_ARGS__}, .actor_name = { "a", "b", "c" }     \
    }
static const struct il_scene one = SCENE("a request", begin, request, closes);
static const struct il_scene two = SCENE("two requests", begin, request, request, closes);
static const struct il_scene handing = SCENE("a request that is handed over", begin_handing_over,
                                             begins_request, ends_request, closes);
static const struct il_scene two_words =
    SCENE("two words", begin, request_of_two_words, closes_two_words);

static void nothing_is_taken_down_too_early(void **state)
{
    il_holds(&one);
    il_holds(&two);
    il_holds(&handing);
    il_breaks(&two_words, "served a");
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&one, &two, &handing};
    static const char *const functions[] = {"gate_enter", "gate_enter_again", "gate_leave",
                                            "gate_close", "gate_is_empty",    NULL};

    static const struct il_excuse excuse[] = {
        {"gate_enter > gate_leave: read-modify-write #1: does not release",
         "who was refused has done nothing inside"}};

    il_bites(scenes, ARRAY_LEN(scenes), functions, excuse, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_taken_down_too_early),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&gate.word, "gate");
    il_name(&served[0], "served a");
    il_name(&served[1], "served b");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
