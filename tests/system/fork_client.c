/*
 * A program that shares a pool with its children: they go on with what it has open and open the
 * pool anew, also when the engine was killed in between and somebody has to start the next one.
 * usage: fork_client DIR CHILDREN
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <daos.h>
#include "base/err.h"

static int make(daos_handle_t poh, const char *who, int i)
{
    char label[64];
    int rc;

    snprintf(label, sizeof(label), "%s-%d", who, i);
    rc = daos_cont_create_with_label(poh, label, NULL, NULL, NULL);
    if (rc != 0)
        fprintf(stderr, "%s: %d\n", label, rc);
    return rc;
}

static int child(const char *dir, daos_handle_t poh, const char *who, int i)
{
    char other[64];
    daos_handle_t mine;
    int rc;

    snprintf(other, sizeof(other), "%s-anew", who);
    rc = i % 2 == 0 ? make(poh, who, i) : 0; /* with the parent's, or with its own alone */
    if (rc == 0)
        rc = daos_pool_connect(dir, NULL, DAOS_PC_RW, &mine, NULL, NULL);
    if (rc == 0)
        rc = make(mine, other, i);
    return rc != 0 ? 1 : 0;
}

static int family(const char *dir, daos_handle_t poh, const char *who, int nr)
{
    int status, rc = 0;

    for (int i = 0; i < nr; i++)
        if (fork() == 0)
            _exit(child(dir, poh, who, i));
    for (int i = 0; i < nr; i++)
        if (wait(&status) < 0 || status != 0)
            rc = 1;
    return rc != 0 ? rc : make(poh, who, 1000);
}

static int kill_engine(const char *dir)
{
    char path[4200];
    long pid = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/lock", dir);
    f = fopen(path, "r");
    if (f == NULL || fscanf(f, "%ld", &pid) != 1 || pid == getpid())
        return 1; /* it is in this process */
    fclose(f);
    return kill((pid_t)pid, SIGKILL);
}

int main(int argc, char **argv)
{
    daos_handle_t poh;
    int nr = argc > 2 ? atoi(argv[2]) : 4, rc;

    if (argc < 2 || daos_init() != 0)
        return 2;
    rc = daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &poh, NULL, NULL);
    if (rc != 0) {
        char text[1024];

        err_format(err_last(), text, sizeof(text));
        fprintf(stderr, "%d: %s\n", rc, text);
        return 2;
    }
    rc = family(argv[1], poh, "first", nr);
    if (rc == 0)
        rc = kill_engine(argv[1]);
    if (rc == 0)
        rc = family(argv[1], poh, "second", nr);
    if (rc == 0)
        rc = daos_pool_disconnect(poh, NULL);
    return rc != 0 || daos_fini() != 0;
}
