#include "rpc_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "timing.h"

#define ARGS    16
#define DIALS   40 /* until the other side listens */
#define DIAL_US 50000
#define LIMIT_S 20 /* who hangs is killed */

const struct peer_tool peer_tools[PEERS] = {
    {"UCX, shared memory: there and back", "ucx_perftest", "posix,self", 200, true},
    {"UCX, shared memory: 200 bytes, one way", "ucx_perftest", "posix,self", 200, false},
    {"UCX, shared memory: 1 MiB, one way", "ucx_perftest", "posix,cma,self", 1 << 20, false},
    {"UCX, TCP: there and back", "ucx_perftest", "tcp", 200, true},
    {"UCX, TCP: 200 bytes, one way", "ucx_perftest", "tcp", 200, false},
    {"libfabric, shared memory: there and back", "fi_pingpong", "shm", 200, true},
    {"libfabric, TCP: there and back", "fi_pingpong", "tcp", 200, true},
};

struct command {
    char text[4][16]; /* numbers */
    char *argv[ARGS];
    int nr;
};

static void arg(struct command *c, const char *s)
{
    c->argv[c->nr++] = (char *)(uintptr_t)s;
    c->argv[c->nr] = NULL;
}

static void number(struct command *c, int slot, const char *name, uint32_t n)
{
    snprintf(c->text[slot], sizeof(c->text[slot]), "%u", n);
    arg(c, name);
    arg(c, c->text[slot]);
}

static uint32_t messages(const struct peer_tool *p)
{
    return p->bytes > 65536 ? 1000 : p->lat ? 20000 : 100000;
}

static void command(struct command *c, const struct peer_tool *p, uint32_t port, bool client)
{
    bool ucx = strcmp(p->tool, "ucx_perftest") == 0;

    c->nr = 0;
    arg(c, p->tool);
    number(c, 0, ucx ? "-p" : client ? "-P" : "-B", port);
    if (ucx && client) {
        arg(c, "-f");
        arg(c, "-t");
        arg(c, p->lat ? "tag_lat" : "tag_bw");
    }
    if (!ucx) {
        arg(c, "-p");
        arg(c, p->way);
        arg(c, "-e");
        arg(c, strcmp(p->way, "tcp") == 0 ? "msg" : "rdm");
    }
    if (!ucx || client) {
        number(c, 1, ucx ? "-n" : "-I", messages(p));
        number(c, 2, ucx ? "-s" : "-S", p->bytes);
    }
    if (client)
        arg(c, "127.0.0.1");
}

/* *out: what it prints; -1: nowhere. */
static pid_t start(const struct peer_tool *p, const struct command *c, int cpu, int out)
{
    pid_t pid = fork();
    int null;

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(LIMIT_S);
    pin(cpu);
    null = open("/dev/null", O_RDWR);
    dup2(out >= 0 ? out : null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    setenv("UCX_TLS", p->way, 1);
    setenv("UCX_WARN_UNUSED_ENV_VARS", "n", 1);
    execvp(c->argv[0], c->argv);
    _exit(127);
}

/* The last line that is all numbers. */
static int last_numbers(FILE *f, double v[], int max)
{
    char line[512];
    int found = 0;

    while (fgets(line, sizeof(line), f) != NULL) {
        double at[ARGS];
        char *p = line, *end;
        int n = 0;

        for (; n < max; n++, p = end) {
            at[n] = strtod(p, &end);
            while (end != p && (*end == 'k' || *end == 'm')) /* of counts */
                end++;
            if (end == p)
                break;
        }
        if (n >= 3 && strspn(p, " \t\n=") == strlen(p)) {
            memcpy(v, at, (size_t)n * sizeof(*v));
            found = n;
        }
    }
    return found;
}

/* ucx_perftest -f: messages, median us, us now and in all, MB/s now and in all, messages/s now and
 * in all; of tag_lat one way. */
static double ucx_us(FILE *f, bool lat)
{
    double v[ARGS];
    int n = last_numbers(f, v, 8);

    return n < 8 ? 0 : lat ? 2 * v[1] : v[7] > 0 ? 1e6 / v[7] : 0;
}

/* fi_pingpong: a table whose last line ends with us of one way, and millions a second. */
static double fi_us(FILE *f)
{
    char line[512], last[512] = "";
    double us = 0, rate;

    while (fgets(line, sizeof(line), f) != NULL)
        strcpy(last, line);
    if (sscanf(last, "%*s %*s %*s %*s %*s %*s %lf %lf", &us, &rate) != 2)
        return 0;
    return 2 * us;
}

/* *missing: there is no such program. */
static double ask(const struct peer_tool *p, const struct command *c, int cpu, bool *missing)
{
    int fds[2], status = 0;
    double us = 0;
    pid_t pid;
    FILE *f;

    if (pipe(fds) != 0)
        exit(1);
    pid = start(p, c, cpu, fds[1]);
    close(fds[1]);
    f = fdopen(fds[0], "r");
    if (f != NULL)
        us = strcmp(p->tool, "ucx_perftest") == 0 ? ucx_us(f, p->lat) : fi_us(f);
    if (f != NULL)
        fclose(f);
    waitpid(pid, &status, 0);
    *missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
    return us;
}

double peer_round(const struct peer_tool *p, int client, int server)
{
    static uint32_t ports;
    uint32_t port = 20000 + ((uint32_t)getpid() * 7 + ports++) % 20000;
    struct command there, here;
    bool missing = false, ended = false;
    double us = 0;
    pid_t pid;

    command(&there, p, port, false);
    command(&here, p, port, true);
    pid = start(p, &there, server, -1);
    for (int i = 0; i < DIALS && us == 0 && !missing && !ended; i++) {
        usleep(DIAL_US);
        ended = waitpid(pid, NULL, WNOHANG) == pid;
        if (!ended)
            us = ask(p, &here, client, &missing);
    }
    if (!ended) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return us;
}
