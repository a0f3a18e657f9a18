/*
 * Reopening after SIGKILL. A process of its own holds the store: it puts all pairs, says so, and
 * goes on putting until it is killed; the next one opens what the last left, gets a pair, says how
 * long that took, verifies the rest, and goes on putting until it is killed too. Nobody is given
 * the time to bring what it put to its place first.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define WRITES_S    1 /* between "ready" and the kill: a log to replay */
#define VERIFY_MOST 200000u

/* Child: CHILD NAME DIR PAIRS create|open */
int reopen_child(int argc, char **argv)
{
    const struct contender *c = NULL;
    uint64_t pairs, sum = 0, first = 0;
    struct work w;
    double wall, cpu;
    struct store *s;
    bool create;

    if (argc != 5)
        return 2;
    for (enum who who = 0; who < WHO_NR; who++)
        if (contender_get(who) != NULL && strcmp(contender_get(who)->name, argv[1]) == 0)
            c = contender_get(who);
    pairs = strtoull(argv[3], NULL, 10);
    create = strcmp(argv[4], "create") == 0;
    if (c == NULL || pairs == 0)
        return 2;
    work_make(&w, pairs, pairs < VERIFY_MOST ? pairs : VERIFY_MOST, 0);
    wall = now_s();
    cpu = cpu_s();
    s = c->open(argv[2], pairs, false);
    if (create)
        c->put(s, &w.load, 0, pairs, BATCH);
    else
        c->get(s, &w.gets, 0, 1, &first);
    cpu = cpu_s() - cpu;
    wall = now_s() - wall;
    c->get(s, &w.gets, 0, w.gets.nr, &sum);
    if (sum != w.gets.sum)
        die(c->name, "after SIGKILL its pairs are not those that were put", "report it");
    printf("%.6f %.6f\n", wall, cpu);
    fflush(stdout);
    for (;;) /* the same values again: whatever of it survives, what is read stays right */
        c->put(s, &w.load, 0, pairs, 1);
}

/* Starts the child, reads its line, and kills it. */
static void child(struct bench *b, const struct contender *c, const char *dir, const char *how,
                  double *wall, double *cpu)
{
    char pairs[32], line[64] = "";
    struct timespec ts = {WRITES_S, 0};
    int fd[2], status;
    pid_t self = getpid(), pid;
    FILE *in;

    snprintf(pairs, sizeof(pairs), "%llu", (unsigned long long)b->conf.pairs);
    if (pipe(fd) != 0 || (pid = fork()) < 0)
        die("reopen: process", strerror(errno), "end other programs");
    if (pid == 0) {
        die_with_parent(self);
        dup2(fd[1], 1);
        close(fd[0]);
        execl("/proc/self/exe", "store_bench", "--child", c->name, dir, pairs, how, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    in = fdopen(fd[0], "r");
    if (in == NULL || fgets(line, sizeof(line), in) == NULL)
        die(c->name, "its process ended before it was killed", "see what it said above");
    nanosleep(&ts, NULL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (!WIFSIGNALED(status))
        die(c->name, "its process ended before it was killed", "see what it said above");
    fclose(in);
    if (sscanf(line, "%lf %lf", wall, cpu) != 2)
        die(c->name, "its process said something else than how long it took", line);
}

void rows_reopen(struct bench *b)
{
    if (!wanted(b, ROW_REOPEN))
        return;
    for (enum who who = 0; who < WHO_NR; who++) {
        const struct contender *c = contender_get(who);
        double wall, cpu;
        char dir[4200];

        if (c == NULL)
            continue;
        dir_make(dir, b->conf.dir, c->name);
        child(b, c, dir, "create", &wall, &cpu);
        for (uint32_t rep = 0; rep < b->conf.reps; rep++) {
            child(b, c, dir, "open", &wall, &cpu);
            sample(&b->rows[ROW_REOPEN].who[who], wall);
            sample(&b->rows[ROW_REOPEN].beside[who], cpu);
        }
        dir_remove(dir);
    }
}
