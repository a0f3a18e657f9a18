/*
 * What a crash leaves: a process prepares transactions of a write on two of sixteen shards each and
 * is killed. Undecided: their leaders know nothing of them. Decided: the leaders have, and nobody
 * was told. Then the pool is opened, which it is timed until it serves, and until nothing is in
 * doubt.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

void doubt_child(const struct conf *c, const char *dir, enum doubt how)
{
    struct world w = {.targets = SHARDS_MAX};
    struct raw *r = raw_open(dir);

    for (uint32_t t = 0; t < w.targets; t++)
        w.oid[t] = raw_object(r, t);
    raw_hold(r);
    for (uint32_t n = 0; n < c->doubt; n++)
        raw_doubt(r, &w, n, how);
    kill(getpid(), SIGKILL);
}

static void leave(struct bench *b, const struct world *w, bool decided)
{
    char self[4096], nr[16];
    int status;
    pid_t pid;

    self_path(self);
    snprintf(nr, sizeof(nr), "%u", b->conf.doubt);
    pid = fork();
    if (pid == 0) {
        execl(self, self, decided ? "--leave-decided" : "--leave-prepared", w->dir, "--doubt", nr,
              (char *)NULL);
        _exit(1);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
        WTERMSIG(status) != SIGKILL)
        die("the process that was to be killed", -DER_IO);
}

static void of_kind(struct bench *b, bool decided, const char *id)
{
    struct row *open, *all;

    if (!wanted(b, id))
        return;
    open = row_new(b, id, "s", "open with %u transactions %s", b->conf.doubt,
                   decided ? "decided, untold" : "undecided");
    all = row_new(b, id, "s", "... until none is in doubt");
    all->goal = 1;
    for (uint32_t k = 0; k < b->conf.reps; k++) {
        struct world w;
        struct raw *r;
        char name[32];
        double t0;

        snprintf(name, sizeof(name), "%s%u", id, k);
        world_make(&w, &b->conf, name, SHARDS_MAX);
        world_open(&w);
        world_fill(&w);
        world_close(&w);
        leave(b, &w, decided);
        t0 = wall_s();
        r = raw_open(w.dir);
        sample(&open->figure, wall_s() - t0);
        sample(&all->figure, raw_settled(r, t0));
        raw_close(r);
        worlds_remove();
    }
}

void rows_recover(struct bench *b)
{
    of_kind(b, true, "decided");
    of_kind(b, false, "undecided");
}
