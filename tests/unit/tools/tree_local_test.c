/* The local file system as a tree: what it lists, what it writes, and what it never follows or
 * overwrites. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "tools/tree.h"

struct world {
    char dir[64];
    struct tree tree;
    struct tree_dir top;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    strcpy(w->dir, "/tmp/tarn-tree-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    tree_local_init(&w->tree, w->dir);
    assert_int_equal(0, w->tree.ops->dir_open(&w->tree, NULL, NULL, false, &w->top));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    char cmd[128];

    w->tree.ops->dir_close(&w->tree, &w->top);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(0, system(cmd));
    free(w);
    return 0;
}

static int put(struct world *w, const char *name, const char *text, mode_t mode, long mtime)
{
    struct entry e = {.name = (char *)name,
                      .st = {.st_mode = S_IFREG | mode,
                             .st_uid = geteuid(),
                             .st_gid = getegid(),
                             .st_mtim = {mtime, 123456789}}};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = text[0] != '\0', .sg_iovs = &iov};
    bool pending = true;

    d_iov_set(&iov, (void *)text, strlen(text));
    int rc = w->tree.ops->put(&w->tree, &w->top, &e, &sgl, NULL, &pending);
    assert_false(pending);
    return rc;
}

static void expect_content(struct world *w, const char *name, const char *text)
{
    struct entry e = {.name = (char *)name};
    char buf[128];
    daos_size_t len = 0;
    bool pending;

    assert_int_equal(0, w->tree.ops->stat(&w->tree, &w->top, name, &e));
    assert_int_equal(
        0, w->tree.ops->get(&w->tree, &w->top, &e, buf, sizeof(buf), &len, NULL, &pending));
    assert_int_equal(strlen(text), len);
    assert_memory_equal(text, buf, len);
}

static mode_t mode_of(struct world *w, const char *name)
{
    struct entry e = {0};

    assert_int_equal(0, w->tree.ops->stat(&w->tree, &w->top, name, &e));
    return e.st.st_mode & 07777;
}

/* In a child that is nobody, who has no privilege to write and keep set-id bits by itself. */
static int put_as_nobody(struct world *w, const char *name, mode_t mode)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
            _exit(99);
        w->tree.superuser = false;
        _exit(put(w, name, "x", mode, 1));
    }
    assert_int_equal(pid, waitpid(pid, &status, 0));
    return WEXITSTATUS(status);
}

static void test_set_id_bits_stay_with_their_owner(void **state)
{
    struct world *w = *state;
    struct stat mine = {.st_mode = S_IFREG | 07755, .st_uid = geteuid(), .st_gid = getegid()};
    struct stat theirs = {.st_mode = S_IFREG | 07755, .st_uid = geteuid() + 1, .st_gid = getegid()};
    mode_t old = umask(0);

    assert_int_equal(0, put(w, "all", "x", 07755, 1));
    assert_int_equal(07755, mode_of(w, "all"));
    if (geteuid() == 0) {
        assert_int_equal(0, fchmod(w->top.fd, 0777));
        assert_int_equal(0, put_as_nobody(w, "nobodys", 06711));
        assert_int_equal(06711, mode_of(w, "nobodys"));
    }
    /* an ordinary user's copy of another's file is not set-id to the copier */
    w->tree.superuser = false;
    assert_int_equal(S_IFREG | 07755, tree_mode(&w->tree, &mine));
    assert_int_equal(S_IFREG | 03755, tree_mode(&w->tree, &theirs));
    theirs.st_gid++;
    assert_int_equal(S_IFREG | 01755, tree_mode(&w->tree, &theirs));
    w->tree.superuser = true;
    assert_int_equal(S_IFREG | 07755, tree_mode(&w->tree, &theirs));
    umask(old);
}

static void test_put_keeps_mode_and_time(void **state)
{
    struct world *w = *state;
    struct entry e = {0};
    mode_t old = umask(0);

    assert_int_equal(0, put(w, "f", "hello", 0640, 1000000));
    umask(old);
    assert_int_equal(0, w->tree.ops->stat(&w->tree, &w->top, "f", &e));
    assert_int_equal(0640, e.st.st_mode & 07777);
    assert_int_equal(1000000, e.st.st_mtim.tv_sec);
    assert_int_equal(123456789, e.st.st_mtim.tv_nsec);
    expect_content(w, "f", "hello");
}

static void test_put_replaces_files_but_not_what_links_lead_to(void **state)
{
    struct world *w = *state;

    assert_int_equal(0, put(w, "victim", "precious", 0600, 1));
    assert_int_equal(0, symlinkat("victim", w->top.fd, "link"));
    assert_int_equal(0, put(w, "link", "new", 0600, 1));
    expect_content(w, "victim", "precious");
    expect_content(w, "link", "new");
    assert_int_equal(0, put(w, "link", "newer", 0600, 1));
    expect_content(w, "link", "newer");
    assert_int_equal(0, put(w, "empty", "", 0600, 1));
    expect_content(w, "empty", "");
}

static void test_put_over_a_directory_fails(void **state)
{
    struct world *w = *state;

    assert_int_equal(0, mkdirat(w->top.fd, "d", 0700));
    int rc = put(w, "d", "x", 0600, 1);
    assert_true(rc == EISDIR || rc == EPERM);
}

static void test_listing_in_batches_sees_everything_once(void **state)
{
    struct world *w = *state;
    struct listing l = {0};
    char name[16];

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "f%02d", i);
        assert_int_equal(0, put(w, name, "x", 0600, 1));
    }
    while (!w->top.eof)
        assert_int_equal(0, w->tree.ops->dir_list(&w->tree, &w->top, 7, &l));
    assert_int_equal(50, l.nr);
    qsort(l.entries, l.nr, sizeof(l.entries[0]), listing_compare);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "f%02d", i);
        assert_string_equal(name, l.entries[i].name);
        assert_int_equal(1, l.entries[i].st.st_size);
    }
    listing_fini(&l);
}

static void test_links_below_the_top_are_not_followed(void **state)
{
    struct world *w = *state;
    struct entry e = {.name = (char *)"way-out"};
    struct tree_dir dir;
    char target[PATH_MAX], buf[8];
    daos_size_t len;
    bool pending;

    assert_int_equal(0, symlinkat("/etc", w->top.fd, "way-out"));
    assert_int_equal(0, w->tree.ops->readlink(&w->tree, &w->top, &e, target));
    assert_string_equal("/etc", target);
    int rc = w->tree.ops->dir_open(&w->tree, &w->top, "way-out", false, &dir);
    assert_true(rc == ENOTDIR || rc == ELOOP);
    assert_int_equal(
        ELOOP, w->tree.ops->get(&w->tree, &w->top, &e, buf, sizeof(buf), &len, NULL, &pending));
}

static void test_large_file_with_a_hole(void **state)
{
    struct world *w = *state;
    struct entry e = {.name = (char *)"big",
                      .st = {.st_mode = S_IFREG | 0600,
                             .st_uid = geteuid(),
                             .st_gid = getegid(),
                             .st_size = 3 << 20}};
    struct tree_file f;
    char buf[4096];
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_size_t len;
    uint64_t next;
    bool pending;

    memset(buf, 'x', sizeof(buf));
    d_iov_set(&iov, buf, sizeof(buf));
    assert_int_equal(0, w->tree.ops->file_open(&w->tree, &w->top, &e, true, &f));
    assert_int_equal(0, w->tree.ops->file_write(&w->tree, &f, 1 << 20, &sgl, NULL, &pending));
    assert_int_equal(0, w->tree.ops->file_close(&w->tree, &f, &e.st));
    assert_int_equal(0, w->tree.ops->stat(&w->tree, &w->top, "big", &e));
    assert_int_equal(3 << 20, e.st.st_size);
    assert_int_equal(0, w->tree.ops->file_open(&w->tree, &w->top, &e, false, &f));
    assert_int_equal(0, w->tree.ops->file_next_data(&w->tree, &f, 0, 3 << 20, &next));
    assert_true(next <= 1 << 20);
    assert_int_equal(0, w->tree.ops->file_next_data(&w->tree, &f, 2 << 20, 3 << 20, &next));
    assert_true(next == 2 << 20 || next == 3 << 20);
    d_iov_set(&iov, buf, sizeof(buf));
    assert_int_equal(
        0, w->tree.ops->file_read(&w->tree, &f, (3 << 20) - 100, &sgl, &len, NULL, &pending));
    assert_int_equal(100, len);
    assert_int_equal(0, w->tree.ops->file_close(&w->tree, &f, NULL));
}

static void test_extended_attributes(void **state)
{
    struct world *w = *state;
    char names[256], value[16];
    size_t len = sizeof(names), vlen = sizeof(value);

    assert_int_equal(0, put(w, "f", "x", 0600, 1));
    int rc = w->tree.ops->xattr_set(&w->tree, &w->top, "f", "user.colour", "blue", 4);
    if (rc == ENOTSUP)
        skip();
    assert_int_equal(0, rc);
    assert_int_equal(0,
                     w->tree.ops->xattr_set(&w->tree, &w->top, "f", "user.daos", "not copied", 10));
    assert_int_equal(0, w->tree.ops->xattr_list(&w->tree, &w->top, "f", names, &len));
    assert_int_equal(sizeof("user.colour"), len);
    assert_string_equal("user.colour", names);
    assert_int_equal(0,
                     w->tree.ops->xattr_get(&w->tree, &w->top, "f", "user.colour", value, &vlen));
    assert_int_equal(4, vlen);
    assert_memory_equal("blue", value, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_keeps_mode_and_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_id_bits_stay_with_their_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_replaces_files_but_not_what_links_lead_to, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_put_over_a_directory_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listing_in_batches_sees_everything_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_links_below_the_top_are_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_file_with_a_hole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_extended_attributes, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
