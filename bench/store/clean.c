/*
 * Nothing is left behind, however a run ends: stores in memory may be gigabytes. The measuring is
 * done by a child; its parent waits and then removes every directory of this run, whose names begin
 * with its process number. Whoever interrupts the parent ends the child with it, and the child's
 * own children.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define TRIES 50 /* a child that was killed may need a moment to be gone */

void dir_make(char path[4200], const char *parent, const char *name)
{
    snprintf(path, 4200, "%s/store_bench.%d.%s.XXXXXX", parent, (int)getppid(), name);
    if (mkdtemp(path) == NULL)
        die(path, strerror(errno), "name a directory that can be written with --dir and --disk");
}

void dir_remove(const char *path)
{
    for (int i = 0; i < TRIES; i++) {
        DIR *d = opendir(path);
        struct dirent *e;

        while (d != NULL && (e = readdir(d)) != NULL)
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                unlinkat(dirfd(d), e->d_name, 0);
        if (d != NULL)
            closedir(d);
        if (rmdir(path) == 0 || errno != ENOTEMPTY)
            return;
        usleep(100000);
    }
}

static void remove_ours(const char *parent)
{
    DIR *d = opendir(parent);
    struct dirent *e;
    char ours[64];

    snprintf(ours, sizeof(ours), "store_bench.%d.", (int)getpid());
    while (d != NULL && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, ours, strlen(ours)) == 0) {
            char path[4200];

            snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);
            dir_remove(path);
        }
    if (d != NULL)
        closedir(d);
}

void die_with_parent(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it was gone before */
        _exit(1);
}

void supervise(const struct conf *c)
{
    pid_t self = getpid(), pid;
    sigset_t set, old;
    int status = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &old);
    pid = fork();
    if (pid < 0)
        die("cannot begin", strerror(errno), "end other programs");
    if (pid == 0) {
        die_with_parent(self);
        sigprocmask(SIG_SETMASK, &old, NULL);
        return;
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        int sig;

        sigwait(&set, &sig);
        if (sig != SIGCHLD)
            kill(pid, SIGKILL);
    }
    remove_ours(c->dir);
    remove_ours(c->disk);
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
