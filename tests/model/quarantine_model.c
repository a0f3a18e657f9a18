/*
 * Reads of data extents end without the heap's lock, while under it freed extents come back into
 * use: an extent is never written again while a read that may have found it is under way, and the
 * read's last look comes before the first new byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "heap/space_int.h"
#include "interleave.h"
#include "rt/priv.h"

static struct heap heap;
static struct space space;
static struct space_quarantined room[4];
static uint32_t lock; /* the heap's */
static int index_at;  /* which block the record is in; under the lock */
static int block[3];
static bool given_back;

uint64_t heap_durable_lsn(const struct heap *h)
{
    return 10;
}

/* The extent is written again at once. */
void space_run_put(struct space *s, const struct space_extent *ext)
{
    block[ext->block] = 0;
    given_back = true;
}

static void begin(void)
{
    heap.space = &space;
    space.q = room;
    space.q_cap = 4;
    space.q_head = space.q_nr = 0;
    space.q_blocks = 0;
    for (unsigned i = 0; i < SPACE_TICKETS; i++)
        space.readers[i] = 0;
    space.ticket = space.oldest = 1; /* as space.c begins */
    lock = 0;
    index_at = 0;
    block[0] = 42;
    block[1] = 0;
    given_back = false;
}

static void reads(void)
{
    uint64_t ticket;
    int at;

    guard_lock(&lock);
    at = index_at;
    ticket = heap_space_read_get(&heap);
    guard_unlock(&lock);
    IL_CHECK(block[at] == 42);
    heap_space_read_put(&heap, ticket);
}

static void releases(void)
{
    guard_lock(&lock);
    space_quarantine_release(&heap, &space);
    guard_unlock(&lock);
}

/* Overwrites the record elsewhere, frees the old extent, and sees whether it can be had again. */
static void moves(void)
{
    struct space_extent old = {.block = 0, .nr = 1};

    block[1] = 42;
    guard_lock(&lock);
    index_at = 1;
    space_quarantine_add(&space, &old, 5);
    guard_unlock(&lock);
    releases();
}

/* Frees what nobody reads: its look at the readers counts for others' extents too. */
static void frees_another(void)
{
    struct space_extent other = {.block = 2, .nr = 1};

    guard_lock(&lock);
    space_quarantine_add(&space, &other, 5);
    guard_unlock(&lock);
    releases();
}

/* With nobody left it comes back. */
static void comes_back(void)
{
    space_quarantine_release(&heap, &space);
    IL_CHECK(given_back && space.q_nr == 0);
}

#define SCENE(title, ...)                                                                          \
    {                                                                                              \
        .name = title, .setup = begin, .check = comes_back, .actor = {__VA_ARGS__},                \
        .actor_name = {                                                                            \
            "a",                                                                                   \
            "b",                                                                                   \
            "c"                                                                                    \
        }                                                                                          \
    }
static const struct il_scene one = SCENE("a read and a move", reads, moves);
static const struct il_scene two = SCENE("two reads and a move", reads, reads, moves);
static const struct il_scene another =
    SCENE("a read, a move and another free", reads, moves, frees_another);
static const struct il_scene again =
    SCENE("a read, a move and another look", reads, moves, releases);

static void nothing_is_overwritten_under_a_read(void **state)
{
    il_holds(&one);
    il_holds(&again);
    il_holds(&two);
    if (getenv("TARN_CHECK_LONG"))
        il_holds(&another);
}

static void every_order_is_needed(void **state)
{
    static const struct il_scene *const scenes[] = {&one, &again, &two, &another};
    static const char *const functions[] = {"heap_space_read_get", "heap_space_read_put",
                                            "oldest_read", "space_quarantine_add", NULL};

    il_bites(scenes, ARRAY_LEN(scenes), functions, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_overwritten_under_a_read),
        cmocka_unit_test(every_order_is_needed),
    };

    il_name(&space.readers[1], "readers 1");
    il_name(&space.readers[2], "readers 2");
    il_name(&lock, "lock");
    il_name(&block[0], "old block");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
