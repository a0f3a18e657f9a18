#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"

static const char usage[] =
    "usage: tx_bench [options]\n"
    "Transactions over shards of one engine, beside plain updates of the same data.\n"
    "  --nr N        transactions of a sample (40000); four times as many updates\n"
    "  --lanes N     of them under way, 1 to 64 (16)\n"
    "  --doubt N     transactions that recovery meets (10000)\n"
    "  --reps N      repetitions, 1 to 32 (5)\n"
    "  --dir DIR     where pools lie (/dev/shm)\n"
    "  --rows A,B    these only: plain1 1of1 plain4 1of4 2of4 4of4 plain16 1of16 8of16 16of16\n"
    "                machinery zipf1 zipf4 blind4 read4 reads snapshot decided undecided\n"
    "  --bare FILE   tx_bench of a build with -Dbare_updates=true: the row machinery\n"
    "  --json FILE   the result for programs\n";

enum mode { ALL, ONE, LEAVE_DECIDED, LEAVE_PREPARED };

static uint32_t number(const char *text, uint32_t most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (*end != '\0' || end == text || n < 1 || n > most) {
        fprintf(stderr, "tx_bench: %s: it is no number, or too large here; see --help\n", text);
        exit(2);
    }
    return (uint32_t)n;
}

static enum mode options(struct conf *c, int argc, char **argv, const char **where)
{
    static const struct option opts[] = {
        {"nr", required_argument, NULL, 'n'},
        {"lanes", required_argument, NULL, 'l'},
        {"doubt", required_argument, NULL, 'u'},
        {"reps", required_argument, NULL, 'r'},
        {"dir", required_argument, NULL, 'd'},
        {"rows", required_argument, NULL, 'w'},
        {"bare", required_argument, NULL, 'b'},
        {"json", required_argument, NULL, 'j'},
        {"one", no_argument, NULL, 'o'},
        {"leave-decided", required_argument, NULL, 'D'},
        {"leave-prepared", required_argument, NULL, 'P'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    enum mode mode = ALL;
    int o;

    *c = (struct conf){.reps = 5, .lanes = 16, .nr = 40000, .doubt = 10000, .dir = "/dev/shm"};
    while ((o = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
        switch (o) {
        case 'n':
            c->nr = number(optarg, 10000000);
            break;
        case 'l':
            c->lanes = number(optarg, LANES_MAX);
            break;
        case 'u':
            c->doubt = number(optarg, 1000000);
            break;
        case 'r':
            c->reps = number(optarg, REPS_MAX);
            break;
        case 'd':
            c->dir = optarg;
            break;
        case 'w':
            c->only = optarg;
            break;
        case 'b':
            c->bare = optarg;
            break;
        case 'j':
            c->json = optarg;
            break;
        case 'o':
            mode = ONE;
            break;
        case 'D':
        case 'P':
            mode = o == 'D' ? LEAVE_DECIDED : LEAVE_PREPARED;
            *where = optarg;
            break;
        default:
            fputs(usage, o == 'h' ? stdout : stderr);
            exit(o == 'h' ? 0 : 2);
        }
    }
    return mode;
}

void self_path(char path[4096])
{
    ssize_t len = readlink("/proc/self/exe", path, 4095);

    path[len < 0 ? 0 : len] = '\0';
}

int main(int argc, char **argv)
{
    static struct bench b;
    const char *where = NULL;
    enum mode mode = options(&b.conf, argc, argv, &where);
    int rc = daos_init();

    if (rc != 0)
        die("daos_init", rc);
    if (mode == ONE) {
        one_update(&b.conf);
    } else if (mode != ALL) {
        doubt_child(&b.conf, where, mode == LEAVE_DECIDED ? DECIDED : PREPARED);
    } else {
        rows_rates(&b);
        rows_contention(&b);
        rows_reads(&b);
        rows_snapshot(&b);
        rows_recover(&b);
        report(&b);
        if (b.conf.json != NULL)
            report_json(&b, b.conf.json);
    }
    daos_fini();
    return 0;
}
