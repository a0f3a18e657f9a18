/*
 * From argv to a command with its options. Options may stand anywhere after the command; "--" ends
 * them. Global options
 * (--json, --help, --verbose ...) may stand anywhere; an option of the command goes before a global
 * one of the same letter.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "tools/tool.h"

enum global { G_JSON, G_HELP, G_VERBOSE, G_DEBUG, G_SYS, G_INSECURE };

static const struct option_def globals[] = {
    [G_JSON] = {'j', "json", NULL, "answer as JSON: {\"response\", \"error\", \"status\"}"},
    [G_HELP] = {'h', "help", NULL, "explain the command, with examples"},
    [G_VERBOSE] = {0, "verbose", NULL, "say more"},
    [G_DEBUG] = {0, "debug", NULL, "log at level DEBUG to standard error"},
    [G_SYS] = {'G', "sys-name", "NAME", "system of the pool (embedded pools have none)"},
    [G_INSECURE] = {'i', "insecure", NULL, "no certificates (embedded pools use none)"},
};

bool word_in(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t n = strcspn(at, " ");

        if (n == len && memcmp(at, word, n) == 0)
            return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

bool number_parse(const char *text, uint64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    errno = 0;
    uint64_t v = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    if (errno != 0 || *end != '\0')
        return false;
    *out = v;
    return true;
}

static bool is_called(const char *name, const char *aliases, const char *word)
{
    return strcmp(name, word) == 0 || word_in(aliases, word);
}

static const struct cmd_group *group_find(const char *word)
{
    for (size_t i = 0; i < tool_groups_nr; i++)
        if (tool_groups[i]->name != NULL &&
            is_called(tool_groups[i]->name, tool_groups[i]->aliases, word))
            return tool_groups[i];
    return NULL;
}

static const struct command *command_find(const struct cmd_group *g, const char *word)
{
    for (size_t i = 0; i < g->nr; i++)
        if (is_called(g->commands[i].name, g->commands[i].aliases, word))
            return &g->commands[i];
    return NULL;
}

static int usage(struct tool *t, const char *next, const char *why, const char *what)
{
    t->status = EXIT_USAGE;
    err_setf(&t->err, -DER_INVAL, next, why, "%s", what);
    return -DER_INVAL;
}

/* "run tarn pool --help" for as much as is known already. */
static void see_help(const struct tool *t, char *buf, size_t len)
{
    const char *group = t->group != NULL && t->group->name != NULL ? t->group->name : NULL;

    snprintf(buf, len, "run: %s%s%s%s%s --help", t->program, group != NULL ? " " : "",
             group != NULL ? group : "", t->cmd != NULL ? " " : "",
             t->cmd != NULL ? t->cmd->name : "");
}

static int unknown_word(struct tool *t, const char *word)
{
    const char *best = NULL;
    char what[ERR_PART_MAX], next[ERR_PART_MAX], see[ERR_PART_MAX];

    for (size_t i = 0; i < tool_groups_nr; i++) {
        const struct cmd_group *g = tool_groups[i];

        if (t->group == NULL && g->name != NULL)
            suggest_offer(word, g->name, &best);
        if (t->group == NULL ? g->name == NULL : g == t->group)
            for (size_t k = 0; k < g->nr; k++)
                suggest_offer(word, g->commands[k].name, &best);
    }
    see_help(t, see, sizeof(see));
    if (t->group != NULL)
        snprintf(what, sizeof(what), "unknown command '%s %s'", t->group->name, word);
    else
        snprintf(what, sizeof(what), "unknown command '%s'", word);
    if (best != NULL)
        snprintf(next, sizeof(next), "did you mean '%s'? For the list %.150s", best, see);
    else
        snprintf(next, sizeof(next), "for the list %.150s", see);
    return usage(t, next,
                 t->group != NULL ? "the group has no such command"
                                  : "there is no such command or group",
                 what);
}

static int unknown_option(struct tool *t, const char *text)
{
    const char *best = NULL;
    char what[ERR_PART_MAX], next[ERR_PART_MAX], see[ERR_PART_MAX];
    char name[64];

    snprintf(name, sizeof(name), "%s", text + strspn(text, "-"));
    name[strcspn(name, "=")] = '\0';
    for (size_t i = 0; t->cmd != NULL && t->cmd->options[i].name != NULL; i++)
        suggest_offer(name, t->cmd->options[i].name, &best);
    for (size_t i = 0; i < ARRAY_LEN(globals); i++)
        suggest_offer(name, globals[i].name, &best);
    see_help(t, see, sizeof(see));
    snprintf(what, sizeof(what), "unknown option '%.200s'", text);
    if (best != NULL)
        snprintf(next, sizeof(next), "did you mean '--%s'? For the options %.150s", best, see);
    else
        snprintf(next, sizeof(next), "for the options %.150s", see);
    return usage(t, next, "the command has no such option", what);
}

static void global_set(struct tool *t, size_t which)
{
    if (which == G_JSON)
        t->json = true;
    if (which == G_HELP)
        t->help = true;
    if (which == G_VERBOSE || which == G_DEBUG)
        t->verbose = true;
    if (which == G_DEBUG)
        setenv("D_LOG_MASK", "DEBUG", 1);
}

/* One option by name or letter: looks in the command's table, then in the global one. Sets *def,
 * *slot (-1: global). */
static const struct option_def *option_find(const struct tool *t, const char *name, size_t len,
                                            char letter, int *slot)
{
    for (int i = 0; t->cmd != NULL && t->cmd->options[i].name != NULL; i++) {
        const struct option_def *o = &t->cmd->options[i];

        *slot = i;
        if (name != NULL ? strlen(o->name) == len && memcmp(o->name, name, len) == 0
                         : letter != 0 && o->letter == letter)
            return o;
    }
    *slot = -1;
    for (size_t i = 0; i < ARRAY_LEN(globals); i++)
        if (name != NULL ? strlen(globals[i].name) == len && memcmp(globals[i].name, name, len) == 0
                         : letter != 0 && globals[i].letter == letter)
            return &globals[i];
    return NULL;
}

static int needs_value(struct tool *t, const struct option_def *o)
{
    char what[ERR_PART_MAX], see[ERR_PART_MAX];

    see_help(t, see, sizeof(see));
    snprintf(what, sizeof(what), "option --%s needs a value: %s", o->name, o->arg);
    return usage(t, see, "it was given without one", what);
}

static int option_take(struct tool *t, const struct option_def *o, int slot, const char *value)
{
    if (slot >= 0)
        t->values[slot] = value;
    else
        global_set(t, (size_t)(o - globals));
    return 0;
}

/* --name, --name=value, --name value. *i moves past what was used. */
static int parse_long(struct tool *t, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    int slot;
    const struct option_def *o = option_find(t, name, len, 0, &slot);

    if (o == NULL)
        return unknown_option(t, argv[*i]);
    if (o->arg == NULL) {
        char what[ERR_PART_MAX];

        if (value == NULL)
            return option_take(t, o, slot, "");
        snprintf(what, sizeof(what), "option --%s takes no value", o->name);
        return usage(t, "leave the value out", "it is a switch", what);
    }
    if (value == NULL && *i + 1 < argc)
        value = argv[++*i];
    return value == NULL ? needs_value(t, o) : option_take(t, o, slot, value);
}

/* -x, -xyz (switches), -x value, -xvalue. */
static int parse_short(struct tool *t, int argc, char **argv, int *i)
{
    for (const char *at = argv[*i] + 1; *at != '\0'; at++) {
        int slot;
        const struct option_def *o = option_find(t, NULL, 0, *at, &slot);

        if (o == NULL)
            return unknown_option(t, argv[*i]);
        if (o->arg != NULL) {
            const char *value = at[1] != '\0' ? at + 1 : *i + 1 < argc ? argv[++*i] : NULL;

            return value == NULL ? needs_value(t, o) : option_take(t, o, slot, value);
        }
        option_take(t, o, slot, "");
    }
    return 0;
}

static int take_word(struct tool *t, const char *word)
{
    if (t->cmd == NULL && t->group == NULL) {
        t->group = group_find(word);
        if (t->group != NULL)
            return 0;
    }
    if (t->cmd == NULL) {
        if (strcmp(word, "help") == 0) {
            t->help = true;
            return 0;
        }
        for (size_t i = 0; i < tool_groups_nr && t->cmd == NULL; i++)
            if (t->group == NULL ? tool_groups[i]->name == NULL : tool_groups[i] == t->group)
                t->cmd = command_find(tool_groups[i], word);
        return t->cmd != NULL ? 0 : unknown_word(t, word);
    }
    if (t->nargs >= t->cmd->max_args || t->nargs == TOOL_ARGS_MAX) {
        char what[ERR_PART_MAX], see[ERR_PART_MAX];

        see_help(t, see, sizeof(see));
        snprintf(what, sizeof(what), "one argument too many: '%.200s'", word);
        return usage(t, see,
                     t->cmd->max_args == 0 ? "the command takes no arguments"
                                           : "the command takes fewer arguments",
                     what);
    }
    t->args[t->nargs++] = word;
    return 0;
}

static int check_complete(struct tool *t)
{
    char what[ERR_PART_MAX], see[ERR_PART_MAX];

    if (t->help)
        return 0;
    see_help(t, see, sizeof(see));
    if (t->cmd == NULL && t->group == NULL) {
        t->help = true;
        return 0;
    }
    if (t->cmd == NULL) {
        snprintf(what, sizeof(what), "'%s' needs a command", t->group->name);
        return usage(t, see, "only its group was named", what);
    }
    if (t->nargs < t->cmd->min_args) {
        snprintf(what, sizeof(what), "arguments are missing: %s%s%s %s",
                 t->group != NULL ? t->group->name : "", t->group != NULL ? " " : "", t->cmd->name,
                 t->cmd->args);
        return usage(t, see, "the command needs more arguments than were given", what);
    }
    return 0;
}

int args_parse(struct tool *t, int argc, char **argv)
{
    bool options = true;
    int rc = 0;

    /* the error of a bad command line goes out as JSON too if JSON is asked for anywhere on it */
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0 || strcmp(argv[i], "-j") == 0)
            t->json = true;
    for (int i = 1; i < argc && rc == 0; i++) {
        const char *word = argv[i];

        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (options && strncmp(word, "--", 2) == 0)
            rc = parse_long(t, argc, argv, &i);
        else if (options && word[0] == '-' && word[1] != '\0')
            rc = parse_short(t, argc, argv, &i);
        else
            rc = take_word(t, word);
    }
    return rc == 0 ? check_complete(t) : rc;
}

const char *opt_text(const struct tool *t, const char *name)
{
    for (size_t i = 0; t->cmd->options[i].name != NULL; i++)
        if (strcmp(t->cmd->options[i].name, name) == 0)
            return t->values[i];
    ASSERT(!"option is not in the command's table");
    return NULL;
}

bool opt_flag(const struct tool *t, const char *name)
{
    return opt_text(t, name) != NULL;
}

int opt_size(struct tool *t, const char *name, uint64_t *out)
{
    const char *text = opt_text(t, name);

    if (text == NULL)
        return 0;
    if (size_parse(text, out) != 0)
        return tool_fail(t, -DER_INVAL, "write a number with K, M, G or T, for instance 512M",
                         "it is not a size", "option --%s '%.200s'", name, text);
    return 0;
}

int opt_number(struct tool *t, const char *name, uint64_t *out)
{
    const char *text = opt_text(t, name);

    if (text == NULL)
        return 0;
    if (!number_parse(text, out))
        return tool_fail(t, -DER_INVAL, "write a number such as 12 or 0x12ab", "it is not a number",
                         "option --%s '%.200s'", name, text);
    return 0;
}
