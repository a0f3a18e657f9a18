/* What an engine can be told: every key, every mistake, and that what is said names file, line and
 * key. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <daos_errno.h>

#include "cmocka_all.h"
#include "tools/cmds.h"
#include "tools/settings.h"

static char file[] = "/tmp/tarn-settings-XXXXXX";

static void write_file(const char *text, size_t len)
{
    int fd = open(file, O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
}

static int read_text(struct settings *s, const char *text, struct err *e)
{
    memset(e, 0, sizeof(*e));
    settings_init(s);
    write_file(text, strlen(text));
    return settings_read(s, file, e);
}

static void good(struct settings *s, const char *text)
{
    struct err e;

    if (read_text(s, text, &e) != 0)
        fail_msg("%s: %s: %s; %s", text, e.what, e.why, e.next);
}

static void has(const char *part, const char *text, const char *config)
{
    if (strstr(part, text) == NULL)
        fail_msg("'%s' is not in '%s', of: %s", text, part, config);
}

/* what, why, next: texts that the parts of the error hold. */
static void bad(const char *text, const char *what, const char *why, const char *next)
{
    struct settings s;
    struct err e;
    int rc = read_text(&s, text, &e);

    if (rc == 0)
        fail_msg("it is taken: %s", text);
    assert_int_equal(e.rc, rc);
    has(e.what, file, text);
    has(e.what, what, text);
    has(e.why, why, text);
    has(e.next, next, text);
    settings_fini(&s);
}

static void bad_option(enum setting_id id, const char *text, const char *why)
{
    struct settings s;
    struct err e = {0};

    settings_init(&s);
    assert_int_equal(settings_option(&s, id, text, &e), -DER_INVAL);
    has(e.what, setting_option(id), text);
    has(e.why, why, text);
    assert_true(e.next[0] != '\0');
    settings_fini(&s);
}

/* ---- Tests ---- */

static void defaults(void **state)
{
    struct settings s;

    settings_init(&s);
    assert_false(s.v[SET_PATH].known);
    assert_int_equal(s.v[SET_SOCKET_MODE].number, 0600);
    assert_int_equal(s.v[SET_CLIENTS_MAX].number, 4096);
    assert_int_equal(s.v[SET_CLIENTS_ROOM].number, 256u << 20);
    assert_int_equal(s.v[SET_LISTEN].nr, 0);
    assert_int_equal(s.v[SET_IDLE_EXIT].number, 0);
    assert_false(s.v[SET_CLIENTS_MAX].given);
    settings_fini(&s);
    good(&s, "");
    settings_fini(&s);
    good(&s, "# nothing but a remark\n---\n");
    settings_fini(&s);
    good(&s, "create:\nlog:\n");
    settings_fini(&s);
}

static void values(void **state)
{
    struct settings s;
    struct err e = {0};

    good(&s,
         "path: /srv/pool\nlisten: [a:1, 'b:2', \"[::1]:3\"]\ncpus:\n  - 3\n  - 0x10\n"
         "socket:\n  mode: '0660'\n  group: staff\nmem_limit: 512M\nspin_us: 0\n"
         "idle_exit: 90s\nlog: {level: warn, file: e.log}\ncreate:\n  label: lab\n  limit: 1T\n");
    assert_string_equal(s.v[SET_PATH].text, "/srv/pool");
    assert_true(s.v[SET_PATH].given);
    assert_int_equal(s.v[SET_PATH].line, 1);
    assert_int_equal(s.v[SET_LISTEN].nr, 3);
    assert_string_equal(s.v[SET_LISTEN].items[1], "b:2");
    assert_string_equal(s.v[SET_LISTEN].items[2], "[::1]:3");
    assert_int_equal(s.v[SET_CPUS].nr, 2);
    assert_int_equal(s.v[SET_CPUS].numbers[1], 16);
    assert_int_equal(s.v[SET_SOCKET_MODE].number, 0660);
    assert_int_equal(s.v[SET_SOCKET_MODE].line, 7);
    assert_int_equal(s.v[SET_MEM_LIMIT].number, 512u << 20);
    assert_true(s.v[SET_SPIN_US].known);
    assert_int_equal(s.v[SET_IDLE_EXIT].number, 90 * UINT64_C(1000000000));
    assert_string_equal(s.v[SET_LOG_LEVEL].text, "warn");
    assert_string_equal(s.v[SET_CREATE_LABEL].text, "lab");

    /* the command line counts more */
    assert_int_equal(settings_option(&s, SET_MEM_LIMIT, "1G", &e), 0);
    assert_int_equal(settings_option(&s, SET_CPUS, "1,2,3", &e), 0);
    assert_int_equal(s.v[SET_MEM_LIMIT].number, 1u << 30);
    assert_int_equal(s.v[SET_CPUS].nr, 3);
    assert_int_equal(s.v[SET_CPUS].numbers[2], 3);
    assert_int_equal(settings_absolute(&s, SET_PATH, &e), 0);
    assert_string_equal(s.v[SET_PATH].text, "/srv/pool");
    assert_int_equal(settings_absolute(&s, SET_LOG_FILE, &e), 0);
    assert_int_equal(s.v[SET_LOG_FILE].text[0], '/');
    assert_non_null(strstr(s.v[SET_LOG_FILE].text, "/e.log"));
    assert_int_equal(settings_option(&s, SET_PATH, ".//./pools/x", &e), 0);
    assert_int_equal(settings_absolute(&s, SET_PATH, &e), 0);
    assert_null(strstr(s.v[SET_PATH].text, "./"));
    assert_non_null(strstr(s.v[SET_PATH].text, "/pools/x"));
    settings_fini(&s);

    /* an alias stands for what it names */
    good(&s, "mem_limit: &m 64M\nclients: {room: *m}\n");
    assert_int_equal(s.v[SET_CLIENTS_ROOM].number, 64u << 20);
    settings_fini(&s);
}

static void mistakes_of_keys(void **state)
{
    bad("paht: /x\n", "line 1: key 'paht'", "no such key", "did you mean 'path'");
    bad("\n\nsocket:\n  mod: 0600\n", "line 4: key 'socket.mod'", "no such key", "'socket.mode'");
    bad("mode: 0600\n", "line 1: key 'mode'", "no such key", "'socket.mode'");
    bad("path: /x\nxyzzy: 1\n", "line 2: key 'xyzzy'", "no such key", "example-config");
    bad("path: /x\nspin_us: 1\npath: /y\n", "line 3: key 'path'", "line 1 already", "one of the");
    bad("log: {level: INFO}\nlog: {file: x}\n", "line 2: key 'log'", "line 1", "one of the two");
    bad("[a, b]: c\n", "line 1", "not a word", "key: value");
    bad("socket.mode: 0600\n", "key 'socket.mode'", "no such key", "in the line below");
}

static void mistakes_of_types(void **state)
{
    bad("path:\n", "line 1: key 'path'", "no value", "leave the line out");
    bad("path: ~\n", "key 'path'", "no value", "");
    bad("path: [a]\n", "key 'path'", "single value", "");
    bad("mem_limit: {a: 1}\n", "key 'mem_limit'", "single value", "");
    bad("socket: 0600\n", "key 'socket'", "keys in it", "indented");
    bad("socket: [mode]\n", "key 'socket'", "keys in it", "indented");
    bad("listen: host:1\n", "key 'listen'", "a list", "[a, b]");
    bad("cpus: 3\n", "key 'cpus'", "a list", "[a, b]");
    bad("listen:\n  - a\n  - [b]\n", "line 3: key 'listen'", "not a single value", "");
    bad("listen: [a, ~]\n", "key 'listen'", "not a single value", "");
    bad("path: \"a\\0b\"\n", "key 'path'", "zero byte", "");
    bad("path: ''\n", "key 'path'", "empty", "");
}

static void mistakes_of_values(void **state)
{
    bad("spin_us: soon\n", "line 1: key 'spin_us': 'soon'", "not a number", "12");
    bad("spin_us: -1\n", "'-1'", "not a number", "12");
    bad("spin_us: 1e3\n", "'1e3'", "not a number", "12");
    bad("spin_us: 2000000\n", "'2000000'", "too large", "0 to 1000000");
    bad("clients:\n  max: 0\n", "line 2: key 'clients.max'", "too small", "1 to 65536");
    bad("clients:\n  room: 1K\n", "'1K'", "too small", "1.0 MiB to");
    bad("clients:\n  room: plenty\n", "'plenty'", "not a size", "512M");
    bad("checkpoint_pct: 99\n", "'99'", "too large", "5 to 90");
    bad("socket:\n  mode: 0888\n", "'0888'", "octal", "0660");
    bad("socket:\n  mode: 04777\n", "'04777'", "too large", "0777");
    bad("socket:\n  mode: rw-rw----\n", "'rw-rw----'", "octal", "0660");
    bad("log:\n  level: loud\n", "key 'log.level'", "not a level", "DEBUG");
    bad("log:\n  level: WARN,NET=DEBUG\n", "key 'log.level'", "not a level", "DEBUG");
    bad("idle_exit: tomorrow\n", "key 'idle_exit'", "not a time", "30s");
    bad("idle_exit: 100000h\n", "key 'idle_exit'", "too large", "a year");
    bad("cpus: [0, one]\n", "key 'cpus': 'one'", "not a number", "");
    bad("cpus: [5000]\n", "key 'cpus'", "too large", "1023");
    bad("create:\n  label: 'not*good'\n", "line 2: key 'create.label'", "letters", "another");
    bad("create:\n  wal_size: 1M\n", "key 'create.wal_size'", "too small", "8.0 MiB");
    bad_option(SET_SOCKET_MODE, "rw", "octal");
    bad_option(SET_CPUS, "1,,2", "not a number");
    bad_option(SET_LISTEN, "a,", "empty");
    bad_option(SET_PATH, "", "empty");
    bad_option(SET_CREATE_LABEL, "a/b", "letters");
}

static void mistakes_of_yaml(void **state)
{
    char *large = malloc(70000);

    bad("path: [a\nb: c\n", "line ", "not YAML", "example-config");
    bad("path: /x\n\tmode: 1\n", "line 2", "not YAML", "key: value");
    bad("path: *nobody\n", "line 1", "not YAML", "");
    bad("just words\n", "line 1", "not a list of keys", "key: value");
    bad("- path\n- mode\n", "line 1", "not a list of keys", "key: value");
    bad("path: /x\n---\npath: /y\n", "line 2", "second document", "one");
    bad("path: \xff\xfe\n", "byte", "not YAML", "UTF-8");
    memset(large, '#', 69999);
    large[69999] = '\0';
    bad(large, "", "larger than", "example-config");
    free(large);
}

static void files(void **state)
{
    struct settings s;
    struct err e = {0};

    settings_init(&s);
    assert_int_equal(settings_read(&s, "/no/such/file.yaml", &e), -DER_NONEXIST);
    has(e.what, "/no/such/file.yaml", "");
    settings_fini(&s);
    e = (struct err){0};
    settings_init(&s);
    assert_int_equal(settings_read(&s, "/tmp", &e), -DER_INVAL);
    has(e.why, "directory", "");
    settings_fini(&s);
}

/* What a value comes from is said also where the value only turns out not to do. */
static void refusals(void **state)
{
    struct settings s;
    struct err e = {0};

    good(&s, "socket:\n  group: elves\n");
    assert_int_equal(settings_refuse(&s, SET_SOCKET_GROUP, &e, -DER_INVAL, "why", "next"),
                     -DER_INVAL);
    has(e.what, "line 2: key 'socket.group': 'elves'", "");
    e = (struct err){0};
    assert_int_equal(settings_option(&s, SET_SOCKET_GROUP, "dwarves", &e), 0);
    settings_refuse(&s, SET_SOCKET_GROUP, &e, -DER_INVAL, "why", "next");
    has(e.what, "option --socket-group: 'dwarves'", "");
    settings_fini(&s);
}

static char *example(void)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    settings_example(f);
    fclose(f);
    return text;
}

/* The example says what holds anyway; with its own examples taken it sets every key. */
static void the_example(void **state)
{
    char *text = example();
    struct settings s, d;

    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1)
        if (strcspn(at, "\n") > 110)
            fail_msg("a line is too long: %.60s", at);
    good(&s, text);
    settings_init(&d);
    for (int i = 0; i < SETTING_NR; i++) {
        assert_int_equal(s.v[i].known, d.v[i].known);
        assert_int_equal(s.v[i].number, d.v[i].number);
        assert_int_equal(s.v[i].nr > 0 && setting_is_list((enum setting_id)i), 0);
    }
    settings_fini(&s);
    settings_fini(&d);
    for (char *p = text; (p = strchr(p, '#')) != NULL; p++)
        if (p[1] != ' ')
            memmove(p, p + 1, strlen(p));
    good(&s, text);
    for (int i = 0; i < SETTING_NR; i++)
        if (!s.v[i].given)
            fail_msg("%s is not in the example", setting_key((enum setting_id)i));
    settings_fini(&s);
    free(text);
}

/* socket.mode is --socket-mode, of the command as well. */
static void every_key_is_an_option(void **state)
{
    char *argv[] = {(char *)"tarn", (char *)"engine", NULL};
    struct tool t = {.program = "tarn"};

    assert_int_equal(args_parse(&t, 2, argv), 0);
    for (int i = 0; i < SETTING_NR; i++) {
        const char *key = setting_key((enum setting_id)i),
                   *opt = setting_option((enum setting_id)i);

        assert_int_equal(strlen(key), strlen(opt));
        for (size_t k = 0; key[k] != '\0'; k++)
            assert_int_equal(opt[k], key[k] == '.' || key[k] == '_' ? '-' : key[k]);
        assert_null(opt_text(&t, opt)); /* asserts that it is in the table */
    }
}

static int setup(void **state)
{
    int fd = mkstemp(file);

    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(values),
        cmocka_unit_test(mistakes_of_keys),
        cmocka_unit_test(mistakes_of_types),
        cmocka_unit_test(mistakes_of_values),
        cmocka_unit_test(mistakes_of_yaml),
        cmocka_unit_test(files),
        cmocka_unit_test(refusals),
        cmocka_unit_test(the_example),
        cmocka_unit_test(every_key_is_an_option),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
