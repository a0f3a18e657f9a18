/* Every command explains itself, and every example in the help is one that the parser accepts. */
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "tools/tool.h"

static void each(void (*fn)(const struct cmd_group *g, const struct command *c))
{
    for (size_t i = 0; i < tool_groups_nr; i++)
        for (size_t k = 0; k < tool_groups[i]->nr; k++)
            fn(tool_groups[i], &tool_groups[i]->commands[k]);
}

static void check_texts(const struct cmd_group *g, const struct command *c)
{
    if (c->summary == NULL || c->summary[0] == '\0' || c->examples == NULL || c->args == NULL ||
        c->run == NULL || c->min_args > c->max_args)
        fail_msg("%s %s is not complete", g->name ? g->name : "", c->name);
    for (size_t i = 0; i < TOOL_OPTIONS_MAX && c->options[i].name != NULL; i++)
        for (size_t k = i + 1; c->options[k].name != NULL; k++)
            if (strcmp(c->options[i].name, c->options[k].name) == 0 ||
                (c->options[i].letter != 0 && c->options[i].letter == c->options[k].letter))
                fail_msg("%s %s: option --%s twice", g->name ? g->name : "", c->name,
                         c->options[k].name);
}

static void test_every_command_is_complete(void **state)
{
    each(check_texts);
}

/* Splits a line as a shell would, as far as the examples need it: quotes, and an end at a pipe or
 * redirection. */
static int split(char *line, char **argv, int max)
{
    int n = 0;

    argv[n++] = (char *)"tarn";
    for (char *at = line; *at != '\0' && n < max;) {
        at += strspn(at, " ");
        if (*at == '|' || *at == '<' || *at == '>' || *at == '\0')
            break;
        char *end = *at == '\'' ? strchr(at + 1, '\'') : at + strcspn(at, " ");
        argv[n++] = *at == '\'' ? at + 1 : at;
        at = *end != '\0' ? end + 1 : end;
        *end = '\0';
    }
    argv[n] = NULL;
    return n;
}

static void check_example(const struct cmd_group *g, const struct command *c, const char *text,
                          size_t len)
{
    struct tool t = {.program = "tarn"};
    char line[512];
    char *argv[32];

    if (text[0] == '#')
        return;
    snprintf(line, sizeof(line), "%.*s", (int)len, text);
    int argc = split(line, argv, 31);
    if (args_parse(&t, argc, argv) != 0)
        fail_msg("example '%.*s': %s: %s", (int)len, text, t.err.what, t.err.why);
    for (size_t i = 0; i < tool_groups_nr; i++)
        if (tool_groups[i] == g && t.cmd == c)
            return;
    /* a second line may lead to the next step: another command */
    assert_non_null(t.cmd);
}

static void check_examples(const struct cmd_group *g, const struct command *c)
{
    for (const char *at = c->examples; *at != '\0';) {
        size_t len = strcspn(at, "\n");

        check_example(g, c, at, len);
        at += len + (at[len] == '\n');
    }
}

static void test_every_example_parses(void **state)
{
    each(check_examples);
}

static void check_help(const struct cmd_group *g, const struct command *c)
{
    struct tool t = {.program = "daos", .group = g->name != NULL ? g : NULL, .cmd = c};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    help_show(&t, out);
    fclose(out);
    assert_non_null(strstr(text, c->summary));
    assert_non_null(strstr(text, "examples:"));
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1)
        if (strcspn(at, "\n") > 140)
            fail_msg("help of %s: a line is too long: %.60s", c->name, at);
    free(text);
}

static void test_help_shows_summary_options_examples(void **state)
{
    each(check_help);
}

static void test_help_of_the_program_names_every_group(void **state)
{
    struct tool t = {.program = "tarn"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    help_show(&t, out);
    fclose(out);
    for (size_t i = 0; i < tool_groups_nr; i++)
        if (tool_groups[i]->name != NULL)
            assert_non_null(strstr(text, tool_groups[i]->name));
    assert_non_null(strstr(text, "check"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_command_is_complete),
        cmocka_unit_test(test_every_example_parses),
        cmocka_unit_test(test_help_shows_summary_options_examples),
        cmocka_unit_test(test_help_of_the_program_names_every_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
