/* A histogram of times: what goes in is found again to 2 %, and the chart shows where. */
#include <string.h>

#include "cmocka_all.h"
#include "tools/hist.h"

static void test_every_time_is_in_its_bucket(void **state)
{
    for (uint64_t ns = 1; ns < UINT64_C(1) << 40; ns += 1 + ns / 7) {
        struct hist h = {0};

        hist_add(&h, ns);
        for (uint32_t i = 0; i < HIST_BUCKETS; i++)
            if (h.in[i] > 0)
                assert_true(hist_from_ns(i) <= ns && ns < hist_to_ns(i));
        assert_int_equal(ns, hist_quantile_ns(&h, 50000));
    }
}

static void test_buckets_leave_no_gap(void **state)
{
    for (uint32_t i = 1; i < HIST_BUCKETS; i++) {
        uint64_t from = hist_from_ns(i);

        assert_int_equal(from, hist_to_ns(i - 1));
        if (i + 1 < HIST_BUCKETS)
            assert_true(hist_to_ns(i) - from <= 1 + from / HIST_SUB);
    }
}

static void test_quantiles(void **state)
{
    struct hist h = {0};

    assert_int_equal(0, hist_quantile_ns(&h, 50000));
    for (uint64_t i = 1; i <= 1000; i++)
        hist_add(&h, i * 1000);
    assert_in_range(hist_quantile_ns(&h, 50000), 500000, 510000);
    assert_in_range(hist_quantile_ns(&h, 99000), 990000, 1000000);
    assert_int_equal(1000000, hist_quantile_ns(&h, 100000));
    assert_int_equal(500500, hist_mean_ns(&h));
    assert_int_equal(1000, h.min_ns);
}

static void test_the_longest_time_has_a_bucket(void **state)
{
    struct hist h = {0};

    hist_add(&h, UINT64_MAX);
    hist_add(&h, 0);
    assert_int_equal(1, h.in[HIST_BUCKETS - 1]);
    assert_int_equal(UINT64_MAX, hist_quantile_ns(&h, 100000));
    assert_int_equal(0, hist_quantile_ns(&h, 50000));
}

static void test_histograms_add_up(void **state)
{
    struct hist a = {0}, b = {0}, both = {0}, none = {0};

    for (uint64_t i = 1; i < 100; i++) {
        hist_add(i % 2 == 0 ? &a : &b, i * i);
        hist_add(&both, i * i);
    }
    hist_merge(&a, &none);
    hist_merge(&a, &b);
    assert_memory_equal(&both, &a, sizeof(a));
    hist_merge(&none, &b);
    assert_memory_equal(&b, &none, sizeof(b));
}

static void test_chart(void **state)
{
    struct hist h = {0};
    char row[8];

    for (int i = 0; i < 900; i++)
        hist_add(&h, 2000); /* 1 us to 10 us: the second column */
    for (int i = 0; i < 99; i++)
        hist_add(&h, 20000);
    hist_add(&h, 50);                    /* before the first */
    hist_add(&h, UINT64_C(60000000000)); /* after the last */
    hist_row(&h, 100, 1, 7, row);
    assert_string_equal(".@#   .", row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_time_is_in_its_bucket),
        cmocka_unit_test(test_buckets_leave_no_gap),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_the_longest_time_has_a_bucket),
        cmocka_unit_test(test_histograms_add_up),
        cmocka_unit_test(test_chart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
