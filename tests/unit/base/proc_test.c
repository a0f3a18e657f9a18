/* Processes by pid and beginning: the living, the dead, the not yet reaped, another one of that
 * number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/proc.h"

static void the_living_and_the_dead(void **state)
{
    uint64_t born, mine = proc_born((uint32_t)getpid());
    siginfo_t si;
    pid_t pid;

    assert_true(mine > 0);
    assert_true(proc_lives((uint32_t)getpid(), mine));
    assert_false(proc_lives((uint32_t)getpid(), mine - 1)); /* had the number before */
    assert_int_equal(proc_born(0), 0);
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    born = proc_born((uint32_t)pid);
    assert_true(born >= mine);
    kill(pid, SIGSTOP);
    assert_true(proc_lives((uint32_t)pid, born));
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
    assert_false(proc_lives((uint32_t)pid, born)); /* not reaped */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(proc_lives((uint32_t)pid, born));
    assert_int_equal(proc_born((uint32_t)pid), 0);
}

static void *go_on(void *arg)
{
    for (;;)
        pause();
    return NULL;
}

/* The first thread ends, the process does not. */
static void only_its_first_thread_ended(void **state)
{
    char path[64], line[128], mode = 0;
    pthread_t t;
    pid_t pid = fork();
    uint64_t born;

    if (pid == 0) {
        pthread_create(&t, NULL, go_on, NULL);
        pthread_exit(NULL);
    }
    born = proc_born((uint32_t)pid);
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    for (int i = 0; i < 5000 && mode != 'Z'; i++, usleep(1000)) {
        FILE *f = fopen(path, "r");

        assert_non_null(f);
        if (fgets(line, sizeof(line), f) != NULL)
            mode = strrchr(line, ')')[2];
        fclose(f);
    }
    assert_int_equal(mode, 'Z');
    assert_true(proc_lives((uint32_t)pid, born));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(proc_lives((uint32_t)pid, born));
}

static void the_world_has_a_name(void **state)
{
    uint64_t boot, space, boot2, space2;

    proc_world(&boot, &space);
    proc_world(&boot2, &space2);
    assert_true(boot != 0 && space != 0);
    assert_true(boot == boot2 && space == space2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_living_and_the_dead),
                                       cmocka_unit_test(only_its_first_thread_ended),
                                       cmocka_unit_test(the_world_has_a_name)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
