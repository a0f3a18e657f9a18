/* What is shown: progress lines, names, counts, errors and the JSON envelope. */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "tools/progress.h"
#include "tools/tool.h"

static void test_progress_knows_how_much_is_left(void **state)
{
    struct progress_state st = {.done = 5000,
                                .total = 20000,
                                .bytes = 25u << 20,
                                .total_bytes = 100u << 20,
                                .total_known = true,
                                .seconds = 10,
                                .rate = 2.5 * (1 << 20)};
    char line[256];

    progress_line("copied", "files", &st, 120, line, sizeof(line));
    assert_string_equal(
        "[=====               ] 5,000/20,000 files, 25.0 MiB of 100.0 MiB, 2.5 MiB/s, 0:30 left",
        line);
    progress_line("copied", "files", &st, 30, line, sizeof(line));
    assert_int_equal(30, strlen(line));
}

static void test_progress_without_a_total(void **state)
{
    struct progress_state st = {.done = 12, .bytes = 4096, .seconds = 1, .rate = 4096};
    char line[256];

    progress_line("copied", "files", &st, 120, line, sizeof(line));
    assert_string_equal("copied 12 files, 4.0 KiB, 4.0 KiB/s", line);
}

static void test_progress_never_passes_the_end(void **state)
{
    /* the tree grew while it was copied */
    struct progress_state st = {.done = 30,
                                .total = 20,
                                .bytes = 300,
                                .total_bytes = 200,
                                .total_known = true,
                                .seconds = 1,
                                .rate = 1};
    char line[256];

    progress_line("copied", "files", &st, 120, line, sizeof(line));
    assert_non_null(strstr(line, "[====================] 30/20 files"));
    assert_null(strstr(line, "left"));
}

static void test_names_stay_on_one_line(void **state)
{
    char buf[64];

    assert_string_equal("plain", name_text("plain", 5, buf, sizeof(buf)));
    assert_string_equal("a\\x0ab", name_text("a\nb", 3, buf, sizeof(buf)));
    assert_string_equal("\xc3\xa9t\xc3\xa9", name_text("\xc3\xa9t\xc3\xa9", 5, buf, sizeof(buf)));
    assert_string_equal("\\xff\\xc0\\xaf", name_text("\xff\xc0\xaf", 3, buf, sizeof(buf)));
    assert_string_equal("abc", name_text("abcdef", 6, buf, 4));
}

static void test_counts(void **state)
{
    char buf[COUNT_TEXT_MAX];

    assert_string_equal("0", count_text(0, buf));
    assert_string_equal("999", count_text(999, buf));
    assert_string_equal("1,000", count_text(1000, buf));
    assert_string_equal("18,446,744,073,709,551,615", count_text(UINT64_MAX, buf));
}

static char *captured(void (*fn)(FILE *f))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    fn(f);
    fclose(f);
    return text;
}

static void print_envelope(FILE *f)
{
    json_envelope(f, json_pack("{s:i}", "answer", 42), NULL, 0);
}

static void print_error_envelope(FILE *f)
{
    json_envelope(f, NULL, "cannot open pool x: \xff", -1005);
}

static void test_envelope_as_daos_prints_it(void **state)
{
    char *text = captured(print_envelope);

    assert_string_equal(
        "{\n  \"response\": {\n    \"answer\": 42\n  },\n  \"error\": null,\n  \"status\": 0\n}\n",
        text);
    free(text);
    text = captured(print_error_envelope);
    assert_string_equal("{\n  \"response\": null,\n  \"error\": \"cannot open pool x: \\\\xff\",\n "
                        " \"status\": -1005\n}\n",
                        text);
    free(text);
}

static void show_error(FILE *f)
{
    struct err e = {0};

    err_set(&e, -DER_NONEXIST, "cannot open pool ./p", "there is none", "make one");
    err_show(&e, f);
}

static void test_errors_have_three_parts(void **state)
{
    char *text = captured(show_error);

    assert_string_equal("error: cannot open pool ./p\n  why:  there is none [DER_NONEXIST -1005]\n "
                        " next: make one\n",
                        text);
    free(text);
}

static void test_base64(void **state)
{
    static const char *const pairs[][2] = {
        {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"", ""}};

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        json_t *j = json_base64(pairs[i][0], strlen(pairs[i][0]));

        assert_string_equal(pairs[i][1], json_string_value(j));
        json_decref(j);
    }
}

static void test_errno_becomes_a_code_with_a_reason(void **state)
{
    struct err e = {0};

    assert_int_equal(-DER_NOSPACE, fail_errno(&e, 28, "cannot copy %s", "x"));
    assert_string_equal("cannot copy x", e.what);
    assert_string_equal("no space left on device", e.why);
    assert_true(e.next[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_knows_how_much_is_left),
        cmocka_unit_test(test_progress_without_a_total),
        cmocka_unit_test(test_progress_never_passes_the_end),
        cmocka_unit_test(test_names_stay_on_one_line),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_envelope_as_daos_prints_it),
        cmocka_unit_test(test_errors_have_three_parts),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_errno_becomes_a_code_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
