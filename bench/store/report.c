/* What came out: medians, ratios, goals. */
#include <string.h>
#include <stdlib.h>

#include "bench.h"

void sample(struct samples *s, double v)
{
    if (s->nr < SAMPLES_MAX)
        s->v[s->nr++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double at_share(const struct samples *s, double share)
{
    double v[SAMPLES_MAX];

    if (s->nr == 0)
        return 0;
    memcpy(v, s->v, s->nr * sizeof(*v));
    qsort(v, s->nr, sizeof(*v), by_value);
    return v[(uint32_t)((s->nr - 1) * share + 0.5)];
}

double samples_median(const struct samples *s)
{
    return at_share(s, 0.5);
}

double samples_min(const struct samples *s)
{
    return at_share(s, 0);
}

double samples_max(const struct samples *s)
{
    return at_share(s, 1);
}

void rows_init(struct row *rows)
{
    static const struct row all[ROW_NR] = {
        [ROW_GET] = {.id = "1",
                     .work = "random get",
                     .unit = "us",
                     .goals = {{GOAL_LMDB, 1.0, 0},
                               {GOAL_ROCKSDB, 3.0, 0},
                               {GOAL_MOST, 0.6, 1000000}}},
        [ROW_PUT] = {.id = "2",
                     .work = "random put, not waited for",
                     .unit = "us",
                     .goals = {{GOAL_ROCKSDB, 2.0, 0}, {GOAL_MOST, 1.2, 1000000}}},
        [ROW_BATCH] = {.id = "2b",
                       .work = "random put, batches of 64",
                       .unit = "us",
                       .goals = {{GOAL_LMDB, 1.5, 0}}},
        [ROW_DURABLE] = {.id = "3",
                         .work = "durable put, 64 in flight",
                         .unit = "k/s",
                         .rate = true,
                         .extra_name = "puts a flush",
                         .goals = {{GOAL_ROCKSDB, 1.5, 0}, {GOAL_EXTRA, 32, 0}}},
        [ROW_SCAN] = {.id = "4",
                      .work = "ordered scan, keys and values",
                      .unit = "us",
                      .goals = {{GOAL_LMDB, 0.5, 0}}},
        [ROW_SCAN_KEYS] = {.id = "4k",
                           .work = "ordered scan, keys alone",
                           .unit = "us",
                           .note = "no goal of its own"},
        [ROW_EXTENT_4K] = {.id = "5",
                           .work = "4 KiB extents in memory",
                           .unit = "GB/s",
                           .rate = true,
                           .extra_name = "of memcpy",
                           .goals = {{GOAL_EXTRA, 0.70, 0}}},
        [ROW_EXTENT_1M] = {.id = "5m",
                           .work = "1 MiB extents in memory",
                           .unit = "GB/s",
                           .rate = true,
                           .extra_name = "of memcpy",
                           .goals = {{GOAL_EXTRA, 0.90, 0}}},
        [ROW_EXTENT_4K_SUM] = {.id = "5c",
                               .work = "4 KiB, of copying with checksums",
                               .unit = "GB/s",
                               .rate = true,
                               .extra_name = "of memcpy and CRC-32C",
                               .note = "no goal of its own"},
        [ROW_EXTENT_1M_SUM] = {.id = "5mc",
                               .work = "1 MiB, of copying with checksums",
                               .unit = "GB/s",
                               .rate = true,
                               .extra_name = "of memcpy and CRC-32C",
                               .note = "no goal of its own"},
        [ROW_OVERWRITE] = {.id = "6",
                           .work = "4 KiB overwrites, by tenths of the time",
                           .unit = "k/s",
                           .rate = true,
                           .extra_name = "last tenth of first",
                           .goals = {{GOAL_EXTRA, 0.90, 0}}},
        [ROW_SPACE] = {.id = "6s",
                       .work = "space after overwrites, of live data",
                       .unit = "x",
                       .goals = {{GOAL_MOST, 1.3, 0}}},
        [ROW_REOPEN] = {.id = "7",
                        .work = "reopen after SIGKILL and first get",
                        .unit = "s",
                        .goals = {{GOAL_MOST, 2.0, 0}}},
        [ROW_OVERHEAD] = {.id = "8",
                          .work = "bytes a pair besides its value",
                          .unit = "B",
                          .note = "no goal of its own"},
        [ROW_LARGER] = {.id = "9",
                        .work = "random get, a tenth in memory, 32 at once",
                        .unit = "k/s",
                        .rate = true,
                        .extra_name = "of the device's reads",
                        .goals = {{GOAL_EXTRA, 0.70, 0}}},
        [ROW_READS] = {.id = "9r",
                       .work = "page reads of such a get",
                       .unit = "",
                       .goals = {{GOAL_MOST, 1.2, 0}}},
        [ROW_STALL] = {.id = "10",
                       .work = "99.9 % of puts during checkpoints",
                       .unit = "ms",
                       .extra_name = "checkpoints",
                       .goals = {{GOAL_MOST, 5, 0}}},
    };

    memcpy(rows, all, sizeof(all));
}

double row_ratio(const struct row *r, enum who peer)
{
    double tarn = samples_median(&r->who[TARN]), other = samples_median(&r->who[peer]);

    if (r->who[TARN].nr == 0 || r->who[peer].nr == 0 || tarn <= 0 || other <= 0)
        return 0;
    return r->rate ? tarn / other : other / tarn;
}

enum verdict goal_verdict(const struct bench *b, const struct row *r, const struct goal *g,
                          double *figure)
{
    *figure = 0;
    switch (g->kind) {
    case GOAL_NONE:
        return NOT_MEASURED;
    case GOAL_LMDB:
        *figure = row_ratio(r, LMDB);
        break;
    case GOAL_ROCKSDB:
        *figure = row_ratio(r, ROCKSDB);
        break;
    case GOAL_MOST:
        *figure = samples_median(&r->who[TARN]);
        if (r->who[TARN].nr == 0 || (g->only_pairs != 0 && g->only_pairs != b->conf.pairs))
            return NOT_MEASURED;
        return *figure <= g->bound ? REACHED : MISSED;
    case GOAL_EXTRA:
        *figure = samples_median(&r->extra);
        break;
    }
    if (*figure <= 0)
        return NOT_MEASURED;
    return *figure >= g->bound ? REACHED : MISSED;
}

void goal_text(const struct goal *g, const struct row *r, char *buf, size_t len)
{
    switch (g->kind) {
    case GOAL_NONE:
        *buf = '\0';
        break;
    case GOAL_LMDB:
        snprintf(buf, len, ">= %gx LMDB", g->bound);
        break;
    case GOAL_ROCKSDB:
        snprintf(buf, len, ">= %gx RocksDB", g->bound);
        break;
    case GOAL_MOST:
        snprintf(buf, len, "<= %g %s", g->bound, r->unit);
        break;
    case GOAL_EXTRA:
        snprintf(buf, len, ">= %g %s", g->bound, r->extra_name);
        break;
    }
}

/* ---- The table ---- */

static void cell(const struct samples *s, char *buf, size_t len)
{
    if (s->nr == 0)
        snprintf(buf, len, "-");
    else
        snprintf(buf, len, "%.3g", samples_median(s));
}

/* How far the repetitions lie apart, as a share of their median. */
static double spread(const struct samples *s)
{
    double m = samples_median(s);

    return m > 0 ? (samples_max(s) - samples_min(s)) / m : 0;
}

static void ratio(double x, char *buf, size_t len)
{
    if (x > 0)
        snprintf(buf, len, "%.2fx", x);
    else
        snprintf(buf, len, "-");
}

static void goals(const struct bench *b, const struct row *r, FILE *out)
{
    static const char *const said[] = {"not measured", "reached", "MISSED"};
    bool first = true;

    for (uint32_t i = 0; i < 3 && r->goals[i].kind != GOAL_NONE; i++) {
        char text[64];
        double figure;
        enum verdict v = goal_verdict(b, r, &r->goals[i], &figure);

        goal_text(&r->goals[i], r, text, sizeof(text));
        fprintf(out, "%s%s: %s", first ? "" : "; ", text, said[v]);
        if (r->goals[i].kind == GOAL_EXTRA && v != NOT_MEASURED)
            fprintf(out, " (%.2f)", figure);
        first = false;
    }
    if (first && r->note != NULL)
        fprintf(out, "%s", r->note);
    if (first && r->extra_name != NULL && r->extra.nr > 0)
        fprintf(out, "; %.2f %s", samples_median(&r->extra), r->extra_name);
    fprintf(out, "\n");
}

void report_table(const struct bench *b, FILE *out)
{
    fprintf(out, "%-4s%-41s%-5s%8s%9s%9s%9s%8s%9s  %s\n", "", "work", "", "Tarn", "(spread)",
            "LMDB", "RocksDB", "/LMDB", "/RocksDB", "goal");
    for (uint32_t i = 0; i < ROW_NR; i++) {
        const struct row *r = &b->rows[i];
        char c[WHO_NR][32], x[2][32];

        if (r->who[TARN].nr == 0)
            continue;
        for (enum who w = 0; w < WHO_NR; w++)
            cell(&r->who[w], c[w], sizeof(c[w]));
        ratio(row_ratio(r, LMDB), x[0], sizeof(x[0]));
        ratio(row_ratio(r, ROCKSDB), x[1], sizeof(x[1]));
        fprintf(out, "%-4s%-41s%-5s%8s%8.0f%%%9s%9s%8s%9s  ", r->id, r->work, r->unit, c[TARN],
                100 * spread(&r->who[TARN]), c[LMDB], c[ROCKSDB], x[0], x[1]);
        goals(b, r, out);
    }
    fprintf(out, "Ratios: how many times as fast as the peer (row 8: as small); medians of this "
                 "run.\n");
}
