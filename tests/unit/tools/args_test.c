/* From words on a command line to a command with options, and what is said when they make no sense.
 */
#include <string.h>

#include "cmocka_all.h"
#include "tools/tool.h"

#define WORDS(...) ((char *[]){(char *)"tarn", __VA_ARGS__, NULL})

static int parse(struct tool *t, char **argv)
{
    int argc = 0;

    memset(t, 0, sizeof(*t));
    t->program = "tarn";
    while (argv[argc] != NULL)
        argc++;
    return args_parse(t, argc, argv);
}

static void test_command_with_options_anywhere(void **state)
{
    struct tool t;

    assert_int_equal(0, parse(&t, WORDS("pool", "create", "--size", "10G", "./p", "-L", "mine",
                                        "--wal-size=64M")));
    assert_string_equal("create", t.cmd->name);
    assert_string_equal("./p", t.args[0]);
    assert_int_equal(1, t.nargs);
    assert_string_equal("10G", opt_text(&t, "size"));
    assert_string_equal("mine", opt_text(&t, "label"));
    assert_string_equal("64M", opt_text(&t, "wal-size"));
    assert_null(opt_text(&t, "properties"));
}

static void test_aliases_and_bundled_switches(void **state)
{
    struct tool t;

    assert_int_equal(0, parse(&t, WORDS("cont", "ls", "-jv", "./p")));
    assert_string_equal("list", t.cmd->name);
    assert_true(t.json);
    assert_true(opt_flag(&t, "verbose"));
    assert_int_equal(0, parse(&t, WORDS("fs", "mkdir", "-pm700", "x/y")));
    assert_true(opt_flag(&t, "parents"));
    assert_string_equal("700", opt_text(&t, "mode"));
}

static void test_double_dash_ends_options(void **state)
{
    struct tool t;

    assert_int_equal(0, parse(&t, WORDS("kv", "put", "p", "c", "1", "--", "-key", "--value")));
    assert_string_equal("-key", t.args[3]);
    assert_string_equal("--value", t.args[4]);
}

static void test_a_single_dash_is_an_argument(void **state)
{
    struct tool t;

    assert_int_equal(0, parse(&t, WORDS("fs", "put", "-", "daos://p/c/x")));
    assert_string_equal("-", t.args[0]);
}

static void refused(char **argv, const char *what, const char *next)
{
    struct tool t;

    assert_int_equal(-DER_INVAL, parse(&t, argv));
    assert_int_equal(EXIT_USAGE, t.status);
    if (strstr(t.err.what, what) == NULL || strstr(t.err.next, next) == NULL)
        fail_msg("what: %s; why: %s; next: %s", t.err.what, t.err.why, t.err.next);
    assert_true(t.err.why[0] != '\0');
}

static void test_unknown_words_are_met_with_the_nearest_known_one(void **state)
{
    refused(WORDS("poool", "create"), "poool", "did you mean 'pool'");
    refused(WORDS("pool", "craete", "./p"), "pool craete", "did you mean 'create'");
    refused(WORDS("pool", "frobnicate"), "frobnicate", "tarn pool --help");
    refused(WORDS("pool", "create", "--lable", "x", "./p"), "--lable", "did you mean '--label'");
    refused(WORDS("pool", "query", "--size", "1", "./p"), "--size", "tarn pool query --help");
    refused(WORDS("chekc", "./p"), "chekc", "did you mean 'check'");
}

static void test_missing_and_surplus_words(void **state)
{
    refused(WORDS("pool", "create"), "arguments are missing", "tarn pool create --help");
    refused(WORDS("pool", "query", "a", "b"), "one argument too many: 'b'", "--help");
    refused(WORDS("pool"), "'pool' needs a command", "tarn pool --help");
    refused(WORDS("pool", "create", "./p", "--label"), "--label needs a value", "--help");
    refused(WORDS("fs", "ls", "--long=yes", "x"), "--long takes no value", "leave the value out");
}

static void test_help_needs_nothing_else(void **state)
{
    struct tool t;

    assert_int_equal(0, parse(&t, WORDS("pool", "create", "--help")));
    assert_true(t.help);
    assert_int_equal(0, parse(&t, WORDS("--help")));
    assert_true(t.help);
    assert_int_equal(0, parse(&t, (char *[]){(char *)"tarn", NULL}));
    assert_true(t.help);
}

static void test_numbers_and_sizes(void **state)
{
    struct tool t;
    uint64_t v = 7;

    assert_int_equal(0, parse(&t, WORDS("pool", "create", "./p")));
    assert_int_equal(0, opt_size(&t, "size", &v));
    assert_int_equal(7, v);
    assert_int_equal(0, parse(&t, WORDS("pool", "create", "./p", "--size", "4K")));
    assert_int_equal(0, opt_size(&t, "size", &v));
    assert_int_equal(4096, v);
    assert_int_equal(0, parse(&t, WORDS("pool", "create", "./p", "--size", "lots")));
    assert_int_equal(-DER_INVAL, opt_size(&t, "size", &v));
    assert_true(number_parse("0x10", &v));
    assert_int_equal(16, v);
    assert_false(number_parse("-1", &v));
    assert_false(number_parse("12a", &v));
    assert_false(number_parse("", &v));
    assert_false(number_parse("99999999999999999999", &v));
}

static void test_distance_counts_slips(void **state)
{
    assert_int_equal(0, suggest_distance("list", "list"));
    assert_int_equal(1, suggest_distance("lsit", "list"));
    assert_int_equal(1, suggest_distance("lst", "list"));
    assert_int_equal(4, suggest_distance("", "list"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_with_options_anywhere),
        cmocka_unit_test(test_aliases_and_bundled_switches),
        cmocka_unit_test(test_double_dash_ends_options),
        cmocka_unit_test(test_a_single_dash_is_an_argument),
        cmocka_unit_test(test_unknown_words_are_met_with_the_nearest_known_one),
        cmocka_unit_test(test_missing_and_surplus_words),
        cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_numbers_and_sizes),
        cmocka_unit_test(test_distance_counts_slips),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
