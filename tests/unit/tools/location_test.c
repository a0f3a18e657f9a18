/* Places on the command line: which part names the pool, which the container, which the path in it.
 */
#include <daos_errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "tools/location.h"

struct world {
    char dir[64];
};

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    assert_true(fd >= 0);
    close(fd);
}

/* a directory with what marks a pool in it, below another one */
static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    strcpy(w->dir, "/tmp/tarn-location-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(0, chdir(w->dir));
    assert_int_equal(0, mkdir("my", 0700));
    assert_int_equal(0, mkdir("my/pool", 0700));
    touch("my/pool/target0");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    assert_int_equal(0, chdir(w->dir));
    unlink("my/pool/target0");
    rmdir("my/pool");
    rmdir("my");
    assert_int_equal(0, chdir("/"));
    rmdir(w->dir);
    free(w);
    return 0;
}

static void expect(const char *text, int flags, const char *pool, const char *cont,
                   const char *path)
{
    struct location loc;
    struct err e = {0};
    int rc = location_parse(text, flags, &loc, &e);

    if (rc != 0)
        fail_msg("%s: %s: %s", text, e.what, e.why);
    assert_true(loc.in_pool);
    assert_string_equal(pool, loc.pool);
    assert_string_equal(cont, loc.cont);
    assert_string_equal(path, loc.path);
}

static void test_labels_and_uuids(void **state)
{
    expect("daos://lab/home", 0, "lab", "home", "/");
    expect("daos://lab/home/a/b.txt", 0, "lab", "home", "/a/b.txt");
    expect("daos://0a1b2c3d-0000-1111-2222-333344445555/c", 0,
           "0a1b2c3d-0000-1111-2222-333344445555", "c", "/");
}

static void test_a_directory_is_the_pool(void **state)
{
    struct world *w = *state;
    char text[256], pool[256];

    expect("daos://./my/pool/home", 0, "./my/pool", "home", "/");
    expect("daos://./my/pool/home/docs/x", 0, "./my/pool", "home", "/docs/x");
    snprintf(text, sizeof(text), "daos://%s/my/pool/home/x", w->dir);
    snprintf(pool, sizeof(pool), "%s/my/pool", w->dir);
    expect(text, 0, pool, "home", "/x");
    expect("daos://inproc:./my/pool/home", 0, "inproc:./my/pool", "home", "/");
    expect("./my/pool/home/x", LOCATION_IN_POOL, "./my/pool", "home", "/x");
}

static void test_paths_are_made_plain(void **state)
{
    expect("daos://lab/home//a/./b/../c/", 0, "lab", "home", "/a/c");
    expect("daos://lab/home/..", 0, "lab", "home", "/");
    expect("daos://lab/home/../../x", 0, "lab", "home", "/x");
}

static void test_everything_else_is_local(void **state)
{
    struct location loc;
    struct err e = {0};

    assert_int_equal(0, location_parse("./my/pool/home", 0, &loc, &e));
    assert_false(loc.in_pool);
    assert_string_equal("./my/pool/home", loc.path);
}

static void refused(const char *text, int rc, const char *why)
{
    struct location loc;
    struct err e = {0};

    assert_int_equal(rc, location_parse(text, 0, &loc, &e));
    if (strstr(e.why, why) == NULL || e.what[0] == '\0' || e.next[0] == '\0')
        fail_msg("%s: %s / %s / %s", text, e.what, e.why, e.next);
}

static void test_bad_places(void **state)
{
    char long_name[400];

    refused("daos://./nowhere/home", -DER_NONEXIST, "no directory on this path holds a pool");
    refused("daos://lab", -DER_BADPATH, "container is missing");
    refused("daos://./my/pool", -DER_BADPATH, "container is missing");
    refused("daos://", -DER_BADPATH, "pool's name is missing");
    refused("daos://la*b/c", -DER_BADPATH, "neither a label nor a UUID");
    refused("daos://lab/c*d", -DER_BADPATH, "neither a label nor a UUID");
    snprintf(long_name, sizeof(long_name), "daos://lab/home/%0300d", 1);
    refused(long_name, -DER_OVERFLOW, "longer than 255");
    snprintf(long_name, sizeof(long_name), "daos://lab/%0128d", 1);
    refused(long_name, -DER_OVERFLOW, "longer than 127");
    refused("", -DER_BADPATH, "empty");
}

static void test_split_and_join(void **state)
{
    char dir[64];
    const char *name;

    assert_true(location_split("/a/b", dir, sizeof(dir), &name));
    assert_string_equal("/a", dir);
    assert_string_equal("b", name);
    assert_true(location_split("/a", dir, sizeof(dir), &name));
    assert_string_equal("/", dir);
    assert_false(location_split("/", dir, sizeof(dir), &name));
    assert_true(location_join("/", "x", dir, sizeof(dir)));
    assert_string_equal("/x", dir);
    assert_false(location_join("/aaaa", "bbbb", dir, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_labels_and_uuids),
        cmocka_unit_test_setup_teardown(test_a_directory_is_the_pool, setup, teardown),
        cmocka_unit_test(test_paths_are_made_plain),
        cmocka_unit_test(test_everything_else_is_local),
        cmocka_unit_test_setup_teardown(test_bad_places, setup, teardown),
        cmocka_unit_test(test_split_and_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
