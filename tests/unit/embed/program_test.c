/* Which program may be started as an engine: what others could have written may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>
#include "embed/embed_int.h"

#define INSTALLED TARN_BINDIR "/tarn" /* of this build, if it was installed */

static char root[64];

static const char *at(const char *name)
{
    static char buf[4][PATH_MAX];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(buf[turn], sizeof(buf[turn]), "%s/%s", root, name);
    return buf[turn];
}

static void make(const char *dir, const char *file)
{
    assert_int_equal(mkdir(at(dir), 0755), 0);
    assert_int_equal(close(open(at(file), O_CREAT | O_WRONLY, 0755)), 0);
    assert_int_equal(chmod(at(file), 0755), 0);
}

static void what_others_can_write_is_not_trusted(void **state)
{
    uid_t me = geteuid();

    make("bin", "bin/tarn");
    assert_true(program_trusted(at("bin/tarn"), me));
    assert_false(program_trusted(at("bin/none"), me));
    assert_false(program_trusted(at("bin"), me)); /* no file */

    assert_int_equal(chmod(at("bin/tarn"), 0757), 0);
    assert_false(program_trusted(at("bin/tarn"), me));
    assert_int_equal(chmod(at("bin/tarn"), 0644), 0);
    assert_false(program_trusted(at("bin/tarn"), me)); /* no program */
    assert_int_equal(chmod(at("bin/tarn"), 0755), 0);

    assert_int_equal(chmod(at("bin"), 0757), 0);
    assert_false(program_trusted(at("bin/tarn"), me));
    assert_int_equal(chmod(at("bin"), 01777), 0); /* as /tmp: only owners replace what is in it */
    assert_true(program_trusted(at("bin/tarn"), me));
    assert_int_equal(chmod(at("bin"), 0755), 0);
    assert_true(program_trusted(at("bin/tarn"), me));

    /* somewhere above */
    assert_int_equal(chmod(root, 0777), 0);
    assert_false(program_trusted(at("bin/tarn"), me));
    assert_int_equal(chmod(root, 0755), 0);
}

static void a_link_counts_as_what_it_leads_to(void **state)
{
    make("open", "open/tarn");
    make("links", "links/other");
    assert_int_equal(symlink(at("open/tarn"), at("links/tarn")), 0);
    assert_true(program_trusted(at("links/tarn"), geteuid()));
    assert_int_equal(chmod(at("open"), 0777), 0);
    assert_false(program_trusted(at("links/tarn"), geteuid()));
}

static void owners_and_groups(void **state)
{
    if (geteuid() != 0)
        skip();
    make("own", "own/tarn");
    assert_int_equal(chown(at("own/tarn"), 65533, 0), 0);
    assert_false(program_trusted(at("own/tarn"), 0));
    assert_true(program_trusted(at("own/tarn"), 65533)); /* the library is his too */
    assert_int_equal(chown(at("own/tarn"), 0, 65533), 0);
    assert_true(program_trusted(at("own/tarn"), 0));
    assert_int_equal(chmod(at("own/tarn"), 0775), 0);
    assert_false(program_trusted(at("own/tarn"), 0)); /* a group that is not ours can write it */
    assert_int_equal(chown(at("own/tarn"), 0, getegid()), 0);
    assert_true(program_trusted(at("own/tarn"), 0));
}

static void where_it_is_looked_for(void **state)
{
    char found[PATH_MAX], path[3 * PATH_MAX];

    make("first", "first/tarn");
    make("second", "second/tarn");
    assert_int_equal(chmod(at("first"), 0777), 0);
    snprintf(path, sizeof(path), ":.:first:%s:%s", at("first"), at("second"));
    setenv("PATH", path, 1);
    assert_int_equal(chdir(root), 0);
    unsetenv("TARN_ENGINE");
    assert_true(program_find(found));
    if (access(INSTALLED, F_OK) != 0)
        assert_string_equal(found, at("second/tarn"));
    setenv("PATH", "", 1);
    if (access(INSTALLED, F_OK) != 0)
        assert_false(program_find(found));
    setenv("TARN_ENGINE", "/whatever/he says", 1); /* the user's word */
    assert_true(program_find(found));
    assert_string_equal(found, "/whatever/he says");
    unsetenv("TARN_ENGINE");
    setenv("PATH", path, 1);
}

/* In a child: limits do not come back. */
static const char *unfit_with(int which, const char *dir)
{
    static const char *const none = "";
    static char text[256];
    struct rlimit r = {1 << 30, 1 << 30};
    int fds[2];
    ssize_t n;

    assert_int_equal(pipe(fds), 0);
    if (fork() == 0) {
        const char *why;

        if (which >= 0 && setrlimit((__rlimit_resource_t)which, &r) != 0)
            _exit(1);
        why = program_unfit(dir);
        n = write(fds[1], why != NULL ? why : none, strlen(why != NULL ? why : none));
        _exit(0);
    }
    close(fds[1]);
    n = read(fds[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fds[0]);
    wait(NULL);
    return text;
}

static void who_starts_none(void **state)
{
    assert_int_equal(mkdir(at("pool"), 0755), 0);
    assert_string_equal(unfit_with(-1, at("pool")), "");
    assert_non_null(strstr(unfit_with(RLIMIT_CPU, at("pool")), "ulimit"));
    assert_non_null(strstr(unfit_with(RLIMIT_FSIZE, at("pool")), "ulimit"));
    assert_non_null(strstr(unfit_with(-1, at("nothing")), "cannot be written"));
    if (geteuid() == 0) {
        assert_int_equal(chown(at("pool"), 65533, 65533), 0);
        assert_non_null(strstr(unfit_with(-1, at("pool")), "another user"));
    }
}

static void whose_is_the_lock(void **state)
{
    siginfo_t si;
    pid_t pid;
    int fd;

    assert_int_equal(mkdir(at("locked"), 0755), 0);
    assert_int_equal(holder_of(at("locked")), HOLDER_NONE);
    fd = open(at("locked/lock"), O_CREAT | O_RDWR | O_APPEND, 0600);
    assert_int_equal(holder_of(at("locked")), HOLDER_NONE); /* given back */
    dprintf(fd, "%ld\n", (long)getpid());
    assert_int_equal(holder_of(at("locked")), HOLDER_PROGRAM);
    assert_int_equal(ftruncate(fd, 0), 0);
    pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    dprintf(fd, "%ld\n", (long)pid);
    assert_int_equal(holder_of(at("locked")), HOLDER_NONE); /* it has ended, nobody looked */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(write(fd, "nonsense\n", 9), 9);
    assert_int_equal(holder_of(at("locked")), HOLDER_NONE);
    close(fd);
}

static int setup(void **state)
{
    strcpy(root, "/tmp/tarn-program-XXXXXX");
    return mkdtemp(root) != NULL && chmod(root, 0755) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    char cmd[128];

    snprintf(cmd, sizeof(cmd), "/bin/rm -rf %s", root);
    return system(cmd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_can_write_is_not_trusted),
        cmocka_unit_test(a_link_counts_as_what_it_leads_to),
        cmocka_unit_test(owners_and_groups),
        cmocka_unit_test(where_it_is_looked_for),
        cmocka_unit_test(who_starts_none),
        cmocka_unit_test(whose_is_the_lock),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
