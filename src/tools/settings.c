/* The table of settings and what a value of each kind is. settings_file.c: the file. */
#include "tools/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/label.h"
#include "base/log.h"
#include "base/size.h"
#include "tools/tool.h"

#define COLUMNS 96u /* of the example */

struct setting_def {
    const char *key, *option;
    enum setting_kind kind;
    const char *dflt, *example;
    uint64_t least, most;
    const char *help;
};

#define SETTING_DEF(id, key, option, kind, arg, dflt, example, least, most, help)                  \
    [SET_##id] = {key, option, KIND_##kind, dflt, example, least, most, help},
static const struct setting_def defs[SETTING_NR] = {SETTINGS(SETTING_DEF)};

const char *setting_key(enum setting_id id)
{
    return defs[id].key;
}

const char *setting_option(enum setting_id id)
{
    return defs[id].option;
}

bool setting_is_list(enum setting_id id)
{
    return defs[id].kind == KIND_LIST || defs[id].kind == KIND_NUMBERS;
}

/* ---- Values ---- */

static int refuse(struct err *e, const char *where, const char *text, const char *why,
                  const char *next)
{
    return err_setf(e, -DER_INVAL, next, why, "cannot use %.150s: '%.60s'", where, text);
}

static int take_range(const struct setting_def *d, uint64_t v, const char *where, const char *text,
                      struct err *e)
{
    char next[ERR_PART_MAX], least[SIZE_TEXT_MAX], most[SIZE_TEXT_MAX];

    if (v >= d->least && v <= d->most)
        return 0;
    if (d->kind == KIND_SIZE)
        snprintf(next, sizeof(next), "write a size from %s to %s",
                 size_print(d->least, least, sizeof(least)),
                 size_print(d->most, most, sizeof(most)));
    else if (d->kind == KIND_DURATION)
        snprintf(next, sizeof(next), "write a time of a year at most, or 0");
    else if (d->kind == KIND_MODE)
        snprintf(next, sizeof(next), "write an octal mode up to %#llo",
                 (unsigned long long)d->most);
    else
        snprintf(next, sizeof(next), "write a number from %llu to %llu",
                 (unsigned long long)d->least, (unsigned long long)d->most);
    return refuse(e, where, text, v < d->least ? "it is too small" : "it is too large", next);
}

static bool mode_parse(const char *text, uint64_t *out)
{
    char *end;

    *out = strtoull(text, &end, 8);
    return text[0] != '\0' && strspn(text, "01234567") == strlen(text) && strlen(text) <= 6;
}

static int take_number(const struct setting_def *d, const char *text, const char *where,
                       uint64_t *out, struct err *e)
{
    if (!number_parse(text, out))
        return refuse(e, where, text, "it is not a number", "write a whole number, such as 12");
    return take_range(d, *out, where, text, e);
}

static int take_text(const struct setting_def *d, const char *text, const char *where,
                     struct err *e)
{
    if (text[0] == '\0')
        return refuse(e, where, text, "it is empty", "give a value, or leave it out");
    if (d->kind == KIND_PATH && strlen(text) >= PATH_MAX)
        return refuse(e, where, text, "the path is too long", "give a shorter path");
    if (d->kind == KIND_LABEL && !label_is_valid(text))
        return refuse(
            e, where, text,
            "a label is 1 to 127 of letters, digits and . _ : - and does not look like a UUID",
            "choose another label");
    if (d->kind == KIND_LEVEL && (strcspn(text, ",=") != strlen(text) || log_level_parse(text) < 0))
        return refuse(e, where, text, "it is not a level of the log",
                      "write ERR, WARN, INFO or DEBUG");
    return 0;
}

static int take_one(const struct setting_def *d, const char *text, const char *where, uint64_t *out,
                    struct err *e)
{
    switch (d->kind) {
    case KIND_NUMBER:
    case KIND_NUMBERS:
        return take_number(d, text, where, out, e);
    case KIND_SIZE:
        if (size_parse(text, out) != 0)
            return refuse(e, where, text, "it is not a size",
                          "write a number with K, M, G or T, for instance 512M");
        return take_range(d, *out, where, text, e);
    case KIND_DURATION:
        if (duration_parse(text, out) != 0)
            return refuse(e, where, text, "it is not a time",
                          "write seconds, or a number with ms, s, m or h, for instance 30s");
        return take_range(d, *out, where, text, e);
    case KIND_MODE:
        if (!mode_parse(text, out))
            return refuse(e, where, text, "it is not an octal mode",
                          "write it as for chmod, for instance 0660");
        return take_range(d, *out, where, text, e);
    default:
        return take_text(d, text, where, e);
    }
}

static int no_memory(struct err *e, const char *where)
{
    return err_setf(e, -DER_NOMEM, "free some memory and try again", "out of memory",
                    "cannot use %.150s", where);
}

int setting_take(struct settings *s, enum setting_id id, uint32_t line, const char *const *words,
                 uint32_t nr, const char *where, struct err *e)
{
    const struct setting_def *d = &defs[id];
    struct setting v = {.given = true, .known = true, .line = line, .nr = nr};
    int rc = 0;

    ASSERT(setting_is_list(id) || nr == 1);
    v.items = arena_calloc(&s->mem, nr + 1, sizeof(*v.items));
    v.numbers = arena_calloc(&s->mem, nr + 1, sizeof(*v.numbers));
    if (v.items == NULL || v.numbers == NULL)
        return no_memory(e, where);
    for (uint32_t i = 0; i < nr && rc == 0; i++) {
        v.items[i] = arena_strdup(&s->mem, words[i]);
        rc = v.items[i] != NULL ? take_one(d, words[i], where, &v.numbers[i], e)
                                : no_memory(e, where);
    }
    if (rc != 0)
        return rc;
    v.text = nr > 0 ? v.items[0] : NULL;
    v.number = v.numbers[0];
    s->v[id] = v;
    return 0;
}

/* ---- The command line and defaults ---- */

static int take_line(struct settings *s, enum setting_id id, const char *text, const char *where,
                     struct err *e)
{
    const char **words;
    uint32_t nr = 1;
    char *copy;

    if (!setting_is_list(id))
        return setting_take(s, id, 0, &text, 1, where, e);
    for (const char *p = text; *p != '\0'; p++)
        nr += *p == ',';
    copy = arena_strdup(&s->mem, text);
    words = arena_calloc(&s->mem, nr, sizeof(*words));
    if (copy == NULL || words == NULL)
        return no_memory(e, where);
    for (uint32_t i = 0; i < nr; i++)
        words[i] = strsep(&copy, ",");
    return setting_take(s, id, 0, words, nr, where, e);
}

int settings_option(struct settings *s, enum setting_id id, const char *text, struct err *e)
{
    char where[64];

    snprintf(where, sizeof(where), "option --%s", defs[id].option);
    return take_line(s, id, text, where, e);
}

void settings_init(struct settings *s)
{
    memset(s, 0, sizeof(*s));
    arena_init(&s->mem, 0);
    for (int i = 0; i < SETTING_NR; i++) {
        const struct setting_def *d = &defs[i];

        if (d->dflt == NULL)
            continue;
        s->v[i].known = true;
        s->v[i].text = d->dflt;
        if (!setting_is_list((enum setting_id)i)) {
            int rc = take_one(d, d->dflt, d->key, &s->v[i].number, NULL);

            ASSERT(rc == 0);
        }
    }
}

void settings_fini(struct settings *s)
{
    arena_fini(&s->mem);
}

int settings_absolute(struct settings *s, enum setting_id id, struct err *e)
{
    struct setting *v = &s->v[id];
    char cwd[PATH_MAX], *whole;
    const char *text = v->text;
    size_t len;

    if (!v->known || text[0] == '/')
        return 0;
    while (text[0] == '.' && text[1] == '/')
        text += 1 + strspn(text + 1, "/");
    if (getcwd(cwd, sizeof(cwd)) == NULL)
        return settings_refuse(s, id, e, -DER_NONEXIST, strerror(errno),
                               "give an absolute path, or run it in a directory that exists");
    len = strlen(cwd) + strlen(text) + 2;
    whole = len <= PATH_MAX ? arena_alloc(&s->mem, len) : NULL;
    if (whole == NULL)
        return settings_refuse(s, id, e, -DER_OVERFLOW, "the path is too long",
                               "give a shorter path");
    strcpy(whole, strcmp(cwd, "/") == 0 ? "" : cwd);
    strcat(whole, "/");
    strcat(whole, text);
    v->text = whole;
    return 0;
}

int settings_refuse(const struct settings *s, enum setting_id id, struct err *e, int rc,
                    const char *why, const char *next)
{
    const struct setting *v = &s->v[id];
    const char *text = v->text != NULL ? v->text : "";

    if (!v->given)
        return err_setf(e, rc, next, why, "cannot use '%.100s' for %s, as is the default", text,
                        defs[id].key);
    if (v->line == 0)
        return err_setf(e, rc, next, why, "cannot use option --%s: '%.150s'", defs[id].option,
                        text);
    return err_setf(e, rc, next, why, "cannot use %.120s, line %u: key '%s': '%.60s'", s->file,
                    v->line, defs[id].key, text);
}

/* ---- The example ---- */

static void remark(FILE *out, const char *indent, const char *text)
{
    while (*text != '\0') {
        size_t room = COLUMNS - 2 - strlen(indent), len = strlen(text);

        if (len > room) {
            len = room;
            while (text[len] != ' ')
                len--;
        }
        fprintf(out, "%s# %.*s\n", indent, (int)len, text);
        text += len + (text[len] == ' ');
    }
}

void settings_example(FILE *out)
{
    const char *section = "";
    size_t section_len = 0;

    fprintf(out,
            "# Configuration of a Tarn engine: tarn engine --config=FILE\n"
            "# Every key may be left out. What follows a '#' at once is an example, the rest is "
            "what holds without it.\n"
            "# On the command line mode of socket is --socket-mode, and counts more.\n");
    for (int i = 0; i < SETTING_NR; i++) {
        const struct setting_def *d = &defs[i];
        const char *dot = strchr(d->key, '.'), *name = dot != NULL ? dot + 1 : d->key;
        size_t len = dot != NULL ? (size_t)(dot - d->key) : 0;
        const char *indent = dot != NULL ? "  " : "";

        if (dot == NULL || len != section_len || strncmp(section, d->key, len) != 0)
            fprintf(out, "\n");
        if (dot != NULL && (len != section_len || strncmp(section, d->key, len) != 0))
            fprintf(out, "%.*s:\n", (int)len, d->key);
        section = d->key;
        section_len = len;
        remark(out, indent, d->help);
        fprintf(out, "%s%s%s: %s\n", indent, d->dflt == NULL ? "#" : "", name,
                d->dflt != NULL ? d->dflt : d->example);
    }
}
