#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

const struct contender *contender_get(enum who who)
{
    switch (who) {
    case TARN:
        return &tarn_contender;
    case LMDB:
#ifdef BENCH_LMDB
        return &lmdb_contender;
#else
        return NULL;
#endif
    case ROCKSDB:
#ifdef BENCH_ROCKSDB
        return &rocksdb_contender;
#else
        return NULL;
#endif
    case WHO_NR:
        break;
    }
    return NULL;
}

const char *contender_missing(enum who who)
{
    return who == LMDB ? "LMDB is missing: apt-get install liblmdb-dev"
                       : "RocksDB is missing: apt-get install librocksdb-dev";
}

static const char usage[] =
    "usage: store_bench [options]\n"
    "One shard of Tarn beside LMDB and RocksDB, on one CPU, in one run.\n"
    "  --pairs N                pairs of 16-byte keys and 100-byte values (1000000)\n"
    "  --durable N              durable puts (60000, or fewer if --pairs is small)\n"
    "  --reps N                 repetitions, 1 to 32 (5)\n"
    "  --dir DIR                where nobody waits for durability (/dev/shm)\n"
    "  --disk DIR               where somebody does (.)\n"
    "  --overwrite-seconds S    of row 6 (20)\n"
    "  --rows 1,2,2b,...        these rows only: 1 2 2b 3 4 4k 5 5m 5c 5mc 6 6s 7 8 9 9r 10\n"
    "  --json FILE, --plot FILE the result for programs, and as a picture (SVG)\n";

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    if (*end != '\0' || end == text || n < least || n > most)
        die(text, "it is no number, or too small or large here", "see --help");
    return n;
}

static void options(struct conf *c, int argc, char **argv)
{
    static const struct option opts[] = {
        {"pairs", required_argument, NULL, 'n'},
        {"durable", required_argument, NULL, 'u'},
        {"reps", required_argument, NULL, 'r'},
        {"dir", required_argument, NULL, 'd'},
        {"disk", required_argument, NULL, 'k'},
        {"overwrite-seconds", required_argument, NULL, 'o'},
        {"rows", required_argument, NULL, 'w'},
        {"json", required_argument, NULL, 'j'},
        {"plot", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int o;

    *c = (struct conf){
        .pairs = 1000000, .reps = 5, .overwrite_s = 20, .dir = "/dev/shm", .disk = "."};
    while ((o = getopt_long(argc, argv, "h", opts, NULL)) != -1) {
        switch (o) {
        case 'n':
            c->pairs = number(optarg, 100, 1000000000);
            break;
        case 'u':
            c->durable = number(optarg, 1000, 100000000);
            break;
        case 'r':
            c->reps = (uint32_t)number(optarg, 1, SAMPLES_MAX);
            break;
        case 'd':
            c->dir = optarg;
            break;
        case 'k':
            c->disk = optarg;
            break;
        case 'o':
            c->overwrite_s = (double)number(optarg, 1, 1000000);
            break;
        case 'w':
            c->only = optarg;
            break;
        case 'j':
            c->json = optarg;
            break;
        case 'p':
            c->plot = optarg;
            break;
        default:
            fputs(usage, o == 'h' ? stdout : stderr);
            exit(o == 'h' ? 0 : 2);
        }
    }
    if (c->durable == 0)
        c->durable = c->pairs < 60000 ? c->pairs : 60000;
}

/* All threads that anybody starts inherit it. */
static void pin(void)
{
    cpu_set_t may, one;

    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof(may), &may) != 0)
        return;
    for (int i = CPU_SETSIZE - 1; i >= 0; i--)
        if (CPU_ISSET(i, &may)) {
            CPU_SET(i, &one);
            break;
        }
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
        fprintf(stderr, "store_bench: not pinned to one CPU: %s\n", strerror(errno));
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what;
        void (*run)(struct bench *b);
    } parts[] = {
        {"puts, gets, scans", rows_shared}, {"durable puts", rows_durable},
        {"extents", rows_extent},           {"overwrites", rows_overwrite},
        {"reopening", rows_reopen},         {"gets from a store larger than memory", rows_larger},
        {"longest waits", rows_stall}};
    struct bench b = {0};

    pin();
    if (argc > 1 && strcmp(argv[1], "--child") == 0)
        return reopen_child(argc - 1, argv + 1);
    options(&b.conf, argc, argv);
    supervise(&b.conf);
    rows_init(b.rows);
    for (enum who who = LMDB; who < WHO_NR; who++)
        if (contender_get(who) == NULL)
            fprintf(stderr, "store_bench: %s, then build again; measuring without it\n",
                    contender_missing(who));
    work_make(&b.work, b.conf.pairs, b.conf.pairs < 100000 ? 10 * b.conf.pairs : 1000000,
              b.conf.durable);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        fprintf(stderr, "store_bench: %s ...\n", parts[i].what);
        parts[i].run(&b);
    }
    report_table(&b, stdout);
    if (b.conf.json != NULL)
        report_json(&b, b.conf.json);
    if (b.conf.plot != NULL)
        plot(&b, b.conf.plot);
    work_free(&b.work);
    return 0;
}
