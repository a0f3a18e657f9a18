/* Does the oracle bite? Each lie that is told to a workload must be found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "work_run.h"
#include "work_wrap.h"

#define STEPS 1500u
#define SEEDS 8u

static const struct {
    enum work_lie lie;
    const char *name, *load;
} lies[] = {
    {LIE_LOST_UPDATE, "an update that was not carried out", "objects"},
    {LIE_HALF_UPDATE, "half an update", "objects"},
    {LIE_LOST_PUNCH, "a punch that was not carried out", "objects"},
    {LIE_LOST_COMMIT, "a commit that was not carried out", "objects"},
    {LIE_FLIPPED_BYTE, "a flipped byte", "objects"},
    {LIE_MISSING_KEY, "a key missing in an enumeration", "objects"},
    {LIE_DID_ANYWAY, "a failure that was none", "objects"},
    {LIE_SNAPSHOT, "a snapshot that shows the present", "objects"},
    {LIE_SNAPSHOT_KEPT, "a snapshot that was not destroyed", "objects"},
    {LIE_QUERY, "a largest key that is not seen", "objects"},
    {LIE_LOST_PUT, "a put that was not carried out", "kv"},
    {LIE_LOST_REMOVE, "a removal that was not carried out", "kv"},
    {LIE_GET_SIZE, "a value said to be longer", "kv"},
    {LIE_LOST_COMMIT, "a commit that was not carried out", "kv"},
    {LIE_LOST_WRITE, "a write that was not carried out", "array"},
    {LIE_ARRAY_SIZE, "an array said to be shorter", "array"},
    {LIE_LOST_UPDATE, "an update that was not carried out", "tx"},
    {LIE_LOST_COMMIT, "a commit that was not carried out", "tx"},
    {LIE_MISSING_KEY, "a key missing in an enumeration", "tx"},
    {LIE_FLIPPED_BYTE, "a flipped byte", "tx"},
    {LIE_SNAPSHOT, "a snapshot that shows the present", "tx"},
    {LIE_LOST_ATTR, "attributes that were not set", "admin"},
    {LIE_SAME_OIDS, "an object id given out twice", "admin"},
    {LIE_CONT_KEPT, "a container that was not destroyed", "admin"},
};

/* Sometimes a lie makes no difference (what was lost is overwritten before anybody looks): then the
 * next seed. */
static void every_lie_is_found_out(void **state)
{
    static struct work w;
    struct work_pool *p = *state;

    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        uint64_t seed;

        for (seed = 1; seed <= SEEDS; seed++) {
            work_wrap = (struct work_wrap){.lie = lies[i].lie, .after = (uint32_t)(seed * 3)};
            assert_int_equal(work_run(p, workload_find(lies[i].load), seed, STEPS, NULL, &w), 0);
            if (w.failed)
                break;
        }
        if (getenv("SIM_TELL") != NULL)
            printf("%s\n", w.why);
        print_message("%s: %s at seed %lu\n", lies[i].name, w.failed ? "found" : "NOT FOUND",
                      (unsigned long)seed);
        assert_true(w.failed && work_wrap.told > 0 && strlen(w.why) > 40);
    }
}

static void the_truth_is_believed(void **state)
{
    static struct work w;
    struct work_pool *p = *state;

    work_wrap = (struct work_wrap){0};
    assert_int_equal(work_run(p, workload_find("objects"), 1, STEPS, NULL, &w), 0);
    assert_false(w.failed);
}

/* Calls that are not answered, carried out or not, are no violation, and do not hide one. */
static void lost_answers_are_borne(void **state)
{
    static const char *const loads[] = {"objects", "kv", "array", "tx"};
    static struct work w;

    for (size_t i = 0; i < ARRAY_LEN(loads); i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            work_wrap = (struct work_wrap){.lose = 12};
            sim_rng_seed(&work_wrap.rng, seed);
            assert_int_equal(
                work_run(*state, workload_find(loads[i]), seed, STEPS, &work_wrap.lose, &w), 0);
            if (w.failed)
                print_message("%s, seed %lu: %s\n", loads[i], (unsigned long)seed, w.why);
            assert_false(w.failed);
            assert_true(work_wrap.lost > STEPS / 30);
        }
    for (uint64_t seed = 1; seed <= SEEDS && !w.failed; seed++) {
        work_wrap = (struct work_wrap){.lose = 12, .lie = LIE_LOST_UPDATE, .after = 3};
        assert_int_equal(
            work_run(*state, workload_find("objects"), seed, STEPS, &work_wrap.lose, &w), 0);
    }
    assert_true(w.failed && work_wrap.told > 0); /* for the lie, not for something else */
}

static int group_setup(void **state)
{
    static struct work_pool p = {.waits = true};

    *state = &p;
    return work_pool_open(&p);
}

static int group_teardown(void **state)
{
    return work_pool_close(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_truth_is_believed),
        cmocka_unit_test(every_lie_is_found_out),
        cmocka_unit_test(lost_answers_are_borne),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
