/*
 * Handles of processes that are gone. A puppet opens a container for writing, does what it is told,
 * and is killed; whether its handle is still open shows when the container is destroyed.
 */
#include "api.h"
#include <tarn.h>
#include <sys/socket.h>

#define SOON_US 10000000 /* until a handle has to be gone */
#define LATER_US                                                                                   \
    700000 /* until one that is to stay would be gone: well behind the engine's last look */

static int group_setup(void **state)
{
    setenv("TARN_TEST_SHARED", "1", 1);
    return api_group_setup(state);
}

struct puppet {
    pid_t pid;
    int fd;
};

struct said {
    int rc;
    pid_t pid;
};

static int use(daos_handle_t coh)
{
    daos_obj_id_t oid = {.lo = 1};
    daos_handle_t oh;
    struct one x;
    int rc = daos_obj_generate_oid(coh, &oid, DAOS_OT_MULTI_HASHED, OC_S1, 0, 0);

    if (rc == 0)
        rc = daos_obj_open(coh, oid, DAOS_OO_RW, &oh, NULL);
    if (rc != 0)
        return rc;
    one_single(&x, "d", "a", "value", 6);
    rc = daos_obj_update(oh, DAOS_TX_NONE, 0, &x.dkey, 1, &x.iod, &x.sgl, NULL);
    daos_obj_close(oh, NULL);
    return rc;
}

static void puppet_run(const struct api *a, int fd)
{
    daos_handle_t poh = DAOS_HDL_INVAL, coh = DAOS_HDL_INVAL;
    char order;

    while (read(fd, &order, 1) == 1) {
        struct said said = {0, getpid()};

        if (order == 'o') { /* open */
            said.rc = daos_pool_connect(a->path, NULL, DAOS_PC_RW, &poh, NULL, NULL);
            if (said.rc == 0)
                said.rc = daos_cont_open(poh, a->label, DAOS_COO_RW, &coh, NULL, NULL);
        } else if (order == 'u') { /* use */
            said.rc = use(coh);
        } else if (order == 'c') { /* close, and live on */
            said.rc = daos_cont_close(coh, NULL);
            if (said.rc == 0)
                said.rc = daos_pool_disconnect(poh, NULL);
        } else if (order == 'f') { /* fork: the child takes over */
            said.rc = 0;
            if (fork() != 0)
                for (;;)
                    pause();
            said.pid = getpid();
        }
        if (write(fd, &said, sizeof(said)) != sizeof(said))
            break;
    }
    _exit(0);
}

static struct puppet puppet_new(struct api *a)
{
    struct puppet p;
    int fd[2];

    OK(daos_cont_close(a->coh, NULL)); /* only the puppet is to have it open */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    p.pid = fork();
    if (p.pid == 0) {
        close(fd[0]);
        puppet_run(a, fd[1]);
    }
    close(fd[1]);
    p.fd = fd[0];
    return p;
}

static pid_t tell(struct puppet *p, char order)
{
    struct said said = {-1, 0};

    assert_int_equal(write(p->fd, &order, 1), 1);
    assert_int_equal(read(p->fd, &said, sizeof(said)), sizeof(said));
    OK(said.rc);
    return said.pid;
}

static void puppet_kill(struct puppet *p)
{
    kill(p->pid, SIGKILL);
    assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
}

static int try_destroy(struct api *a)
{
    return daos_cont_destroy(a->poh, a->label, 0, NULL);
}

/* The container can be destroyed soon; another one takes its place, for the teardown. */
static void goes(struct api *a)
{
    int rc = -1;

    for (int us = 0; us < SOON_US && rc != 0; us += 5000) {
        rc = try_destroy(a);
        if (rc != 0)
            usleep(5000);
    }
    OK(rc);
    OK(daos_cont_create_with_label(a->poh, a->label, NULL, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RW, &a->coh, NULL, NULL));
}

static void stays(struct api *a)
{
    FAILS(DER_BUSY, try_destroy(a));
    usleep(LATER_US);
    FAILS(DER_BUSY, try_destroy(a));
}

static void engine_again(struct api *a)
{
    int status;

    kill(a->engine, SIGKILL);
    close(a->engine_fd);
    assert_int_equal(waitpid(a->engine, &status, 0), a->engine);
}

/* ---- */

static void killed(void **state)
{
    struct api *a = *state;
    struct puppet p = puppet_new(a);

    tell(&p, 'o');
    tell(&p, 'u');
    stays(a);
    puppet_kill(&p);
    goes(a);
    close(p.fd);
}

/* It has the pool for itself: nobody could get in to help. */
static void killed_alone(void **state)
{
    struct api *a = *state;
    struct puppet p = puppet_new(a);
    daos_handle_t poh;
    int rc = -1;

    tell(&p, 'o');
    puppet_kill(&p);
    OK(daos_pool_disconnect(a->poh, NULL));
    for (int us = 0; us < SOON_US && rc != 0; us += 5000, usleep(5000))
        rc = daos_pool_connect(a->path, NULL, DAOS_PC_EX, &poh, NULL, NULL);
    OK(rc);
    OK(daos_pool_disconnect(poh, NULL));
    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RW, &a->poh, NULL, NULL));
    goes(a);
    close(p.fd);
}

static void child_uses_on(void **state)
{
    struct api *a = *state;
    struct puppet p = puppet_new(a);
    pid_t child;

    tell(&p, 'o');
    child = tell(&p, 'f');
    tell(&p, 'u');
    puppet_kill(&p);
    stays(a);
    tell(&p, 'u');
    kill(child, SIGKILL);
    goes(a);
    close(p.fd);
}

/* The child of a program that went into the background, and takes its time. */
static void child_uses_late(void **state)
{
    struct api *a = *state;
    struct puppet p = puppet_new(a);
    pid_t child;

    tell(&p, 'o');
    child = tell(&p, 'f');
    puppet_kill(&p);
    stays(a);
    tell(&p, 'u');
    tell(&p, 'f'); /* and its child */
    kill(child, SIGKILL);
    stays(a);
    tell(&p, 'u');
    tell(&p, 'c');
    goes(a);
    close(p.fd);
}

/* ---- The engine is not there when it happens ---- */

static void killed_meanwhile(void **state)
{
    struct api *a = *state;
    struct puppet p = puppet_new(a);

    tell(&p, 'o');
    engine_again(a);
    puppet_kill(&p);
    assert_int_equal(api_engine_start(a), 0);
    goes(a);
    close(p.fd);
}

static void idle_meanwhile(void **state)
{
    struct api *a = *state;
    struct puppet p = puppet_new(a);
    pid_t child;

    tell(&p, 'o');
    engine_again(a);
    assert_int_equal(api_engine_start(a), 0);
    stays(a);
    tell(&p, 'u');
    child = tell(&p, 'f');
    tell(&p, 'u');
    engine_again(a);
    puppet_kill(&p);
    assert_int_equal(api_engine_start(a), 0);
    stays(a); /* the child has used it once */
    tell(&p, 'u');
    kill(child, SIGKILL);
    goes(a);
    close(p.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {API_TEST(killed),           API_TEST(killed_alone),
                                       API_TEST(child_uses_on),    API_TEST(child_uses_late),
                                       API_TEST(killed_meanwhile), API_TEST(idle_meanwhile)};

    return cmocka_run_group_tests(tests, group_setup, api_group_teardown);
}
