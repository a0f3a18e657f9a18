/*
 * A command line: words separated by bytes 0xff. The parser takes it or says in three parts what is
 * wrong; no command runs. Every word is also read as each kind of value there is.
 */
#include "fuzz.h"
#include <daos_errno.h>
#include "base/label.h"
#include "base/size.h"
#include "tools/cmds.h"
#include "tools/location.h"
#include "tools/tool.h"

#define WORDS_MAX 80
#define WORD_MAX  5000u /* longer than any path */

static void three_parts(const struct err *e)
{
    FUZZ_CHECK(e->rc != 0 && e->what[0] != '\0' && e->why[0] != '\0' && e->next[0] != '\0');
}

static void as_location(const char *text)
{
    static struct location loc;
    static char dir[PATH_MAX];
    const char *name;

    for (int flags = 0; flags <= LOCATION_IN_POOL; flags++) {
        struct err e = {0};

        if (location_parse(text, flags, &loc, &e) != 0) {
            three_parts(&e);
            continue;
        }
        if (!loc.in_pool)
            continue;
        FUZZ_CHECK(loc.pool[0] != '\0');
        if (loc.path[0] == '\0')
            continue;
        FUZZ_CHECK(loc.path[0] == '/' && strstr(loc.path, "//") == NULL);
        FUZZ_CHECK(strstr(loc.path, "/../") == NULL && strstr(loc.path, "/./") == NULL);
        if (location_split(loc.path, dir, sizeof(dir), &name))
            FUZZ_CHECK(name[0] != '\0' && strchr(name, '/') == NULL && dir[0] == '/');
    }
}

static void as_values(const char *text)
{
    char shown[UUID_TEXT_LEN + 1], size_text[SIZE_TEXT_MAX];
    unsigned char uuid[16], again[16];
    struct tool t = {.program = "tarn"};
    daos_obj_id_t oid;
    uint64_t n;

    if (size_parse(text, &n) == 0)
        FUZZ_CHECK(strlen(size_print(n, size_text, sizeof(size_text))) > 0);
    if (duration_parse(text, &n) == 0)
        FUZZ_CHECK(strlen(duration_print(n, size_text, sizeof(size_text))) > 0);
    number_parse(text, &n);
    if (uuid_text_parse(text, uuid)) {
        uuid_text_print(uuid, shown);
        FUZZ_CHECK(uuid_text_parse(shown, again) && memcmp(uuid, again, 16) == 0);
        FUZZ_CHECK(!label_is_valid(text));
    }
    FUZZ_CHECK(label_is_valid(text) == daos_label_is_valid(text));
    if (oid_parse(&t, text, &oid) != 0)
        three_parts(&t.err);
}

static void as_options(struct tool *t)
{
    uint64_t n = 0;

    for (size_t i = 0; t->cmd->options[i].name != NULL; i++) {
        const char *name = t->cmd->options[i].name;

        opt_flag(t, name);
        if (t->cmd->options[i].arg == NULL || opt_text(t, name) == NULL)
            continue;
        t->err = (struct err){0};
        if (opt_size(t, name, &n) != 0)
            three_parts(&t->err);
        t->err = (struct err){0};
        if (opt_number(t, name, &n) != 0)
            three_parts(&t->err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char buf[WORDS_MAX][WORD_MAX];
    struct tool t = {.program = "tarn"};
    struct feed f = {data, size};
    char *argv[WORDS_MAX + 1] = {buf[0]};
    int argc = 1;
    FILE *null = fopen("/dev/null", "w");

    FUZZ_CHECK(null != NULL);
    fuzz_quiet();
    strcpy(buf[0], "tarn");
    while (argc < WORDS_MAX && feed_text(&f, buf[argc], WORD_MAX) != NULL) {
        argv[argc] = buf[argc];
        as_location(buf[argc]);
        as_values(buf[argc]);
        argc++;
    }
    if (args_parse(&t, argc, argv) != 0)
        three_parts(&t.err);
    else if (t.cmd != NULL && !t.help)
        as_options(&t);
    help_show(&t, null);
    fclose(null);
    return 0;
}
