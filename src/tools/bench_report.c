/* What was measured: a table, a chart of all times on one scale, and with --vs the ratios. */
#include <string.h>
#include <sys/stat.h>

#include "embed/embed.h"
#include "tools/bench.h"

#define CHART_FROM_NS     100
#define CHART_PER_DECADE  9
#define CHART_DECADES     7
#define CHART_COLUMNS     (CHART_DECADES * CHART_PER_DECADE)
#define HISTOGRAM_COLUMNS 50u
#define HISTOGRAM_STEP    (HIST_SUB / 4)

/* ---- Numbers of one phase ---- */

static double rate(const struct bench_result *r)
{
    return r->seconds > 0 ? (double)r->hist.nr / r->seconds : 0;
}

/* The same phase on the directory; NULL: there is none. */
static const struct bench_result *peer_of(const struct bench *b, const struct bench_result *r)
{
    const struct bench_result *next = r + 1;

    return !r->local && next < b->results + b->nr && next->local ? next : NULL;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double ratio_p50(const struct bench_result *r, const struct bench_result *peer)
{
    return ratio((double)hist_quantile_ns(&r->hist, 50000),
                 (double)hist_quantile_ns(&peer->hist, 50000));
}

/* ---- Text ---- */

/* Three digits and a unit that leaves them readable: "870 ns", "3.71 us", "12.0 ms". */
#define TIME_TEXT_MAX 16
static char *time_text(uint64_t ns, char buf[TIME_TEXT_MAX])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double v = (double)ns;
    unsigned u = 0;

    for (; v >= 999.5 && u < 3; u++)
        v /= 1000;
    snprintf(buf, TIME_TEXT_MAX, "%.*f %s",
             u == 0 || v >= 99.95 ? 0
             : v >= 9.995         ? 1
                                  : 2,
             v, units[u]);
    return buf;
}

static void show_times(const struct bench_result *r, FILE *out)
{
    static const uint32_t shown[] = {50000, 90000, 99000, 99900, 100000};
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
        fprintf(out, " %9s", time_text(hist_quantile_ns(&r->hist, shown[i]), text));
}

static void show_row(const struct bench_result *r, FILE *out)
{
    char ops[COUNT_TEXT_MAX], per_second[COUNT_TEXT_MAX], mib[32] = "";

    if (r->size != 0)
        snprintf(mib, sizeof(mib), "%.1f", rate(r) * r->size / (1 << 20));
    fprintf(out, "%-8s  %-7s %-5s %10s %10s %9s", r->load->name, r->phase->name,
            r->local ? "DIR" : "pool", count_text(r->hist.nr, ops),
            count_text((uint64_t)(rate(r) + 0.5), per_second), mib);
    show_times(r, out);
    fputc('\n', out);
}

static void show_table(const struct bench *b, FILE *out)
{
    fprintf(out, "%-8s  %-7s %-5s %10s %10s %9s %9s %9s %9s %9s %9s\n", "workload", "", "where",
            "ops", "ops/s", "MiB/s", "p50", "p90", "p99", "p99.9", "max");
    for (uint32_t i = 0; i < b->nr; i++)
        show_row(&b->results[i], out);
}

static void show_chart(const struct bench *b, FILE *out)
{
    static const char *const marks[CHART_DECADES] = {"100 ns", "1 us",  "10 us", "100 us",
                                                     "1 ms",   "10 ms", "100 ms"};
    char row[CHART_COLUMNS + 1];

    fprintf(out,
            "\nhow long an operation took (of all operations: @ a fifth and more, # 8 %%, * 3 "
            "%%, + 1 %%, - 0.1 %%, . fewer)\n%-22s ",
            "");
    for (int d = 0; d < CHART_DECADES; d++)
        fprintf(out, "|%-*s", CHART_PER_DECADE - 1, marks[d]);
    fputc('\n', out);
    for (uint32_t i = 0; i < b->nr; i++) {
        const struct bench_result *r = &b->results[i];

        hist_row(&r->hist, CHART_FROM_NS, CHART_PER_DECADE, CHART_COLUMNS, row);
        row[CHART_COLUMNS] = '\0';
        for (int c = CHART_COLUMNS; c > 0 && row[c - 1] == ' '; c--)
            row[c - 1] = '\0';
        fprintf(out, "%-8s  %-7s %-4s %s\n", r->load->name, r->phase->name,
                r->local ? "DIR" : "pool", row);
    }
}

/* A pool in memory and a directory on a disk say little of each other. */
static bool elsewhere(const struct bench *b)
{
    const char *dir = embed_path_of(b->t->args[0]);
    struct stat pool, vs;

    return dir != NULL && stat(dir, &pool) == 0 && stat(b->vs, &vs) == 0 &&
           pool.st_dev != vs.st_dev;
}

static void show_ratios(const struct bench *b, FILE *out)
{
    fprintf(out,
            "\nthe pool against %s%s: its median time is so many times that of DIR, and its "
            "rate\n",
            b->vs, b->vs_cached ? " (whose changes may be in memory only)" : "");
    for (uint32_t i = 0; i < b->nr; i++) {
        const struct bench_result *r = &b->results[i], *peer = peer_of(b, r);

        if (peer != NULL)
            fprintf(out, "%-8s  %-7s %9.2f x the time, %9.2f x the rate\n", r->load->name,
                    r->phase->name, ratio_p50(r, peer), ratio(rate(r), rate(peer)));
    }
    if (elsewhere(b))
        fprintf(out, "the two are on different file systems: that is compared, too\n");
}

static uint64_t in_step(const struct hist *h, uint32_t first)
{
    uint64_t in = 0;

    for (uint32_t i = first; i < first + HISTOGRAM_STEP; i++)
        in += h->in[i];
    return in;
}

/* Four lines to each doubling of time, where anything was, with bars as long as their share of the
 * longest. */
static void show_histogram(const struct bench_result *r, FILE *out)
{
    char from[TIME_TEXT_MAX], count[COUNT_TEXT_MAX];
    uint64_t most = 1;

    for (uint32_t i = 0; i < HIST_BUCKETS; i += HISTOGRAM_STEP)
        most = MAX(most, in_step(&r->hist, i));
    fprintf(out, "\n%s %s%s\n", r->load->name, r->phase->name, r->local ? " in DIR" : "");
    for (uint32_t i = 0; i < HIST_BUCKETS; i += HISTOGRAM_STEP) {
        uint64_t in = in_step(&r->hist, i);
        int len = (int)((in * HISTOGRAM_COLUMNS + most - 1) / most);

        if (in > 0)
            fprintf(out, "  from %8s %12s %.*s\n", time_text(hist_from_ns(i), from),
                    count_text(in, count), len,
                    "==================================================");
    }
}

/* ---- JSON ---- */

static json_t *times_json(const struct hist *h)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "min", (json_int_t)h->min_ns, "mean",
                     (json_int_t)hist_mean_ns(h), "p50", (json_int_t)hist_quantile_ns(h, 50000),
                     "p90", (json_int_t)hist_quantile_ns(h, 90000), "p99",
                     (json_int_t)hist_quantile_ns(h, 99000), "p999",
                     (json_int_t)hist_quantile_ns(h, 99900), "max", (json_int_t)h->max_ns);
}

static json_t *histogram_json(const struct hist *h)
{
    json_t *out = json_array();

    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        if (h->in[i] > 0)
            json_array_append_new(out,
                                  json_pack("{s:I, s:I}", "from_ns", (json_int_t)hist_from_ns(i),
                                            "count", (json_int_t)h->in[i]));
    return out;
}

static json_t *result_json(const struct bench *b, const struct bench_result *r)
{
    const struct bench_result *peer = peer_of(b, r);
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:f, s:o, s:o}", "workload", r->load->name,
                  "operation", r->phase->name, "where", r->local ? "directory" : "pool", "ops",
                  (json_int_t)r->hist.nr, "bytes", (json_int_t)r->size, "seconds", r->seconds,
                  "ops_per_second", rate(r), "bytes_per_second", rate(r) * r->size, "latency_ns",
                  times_json(&r->hist), "histogram", histogram_json(&r->hist));

    if (peer != NULL)
        json_object_set_new(out, "vs",
                            json_pack("{s:f, s:f}", "p50_ratio", ratio_p50(r, peer), "rate_ratio",
                                      ratio(rate(r), rate(peer))));
    return out;
}

static json_t *all_json(const struct bench *b)
{
    json_t *results = json_array();

    for (uint32_t i = 0; i < b->nr; i++)
        json_array_append_new(results, result_json(b, &b->results[i]));
    return json_pack("{s:o, s:o?, s:b, s:I, s:I, s:I, s:o}", "pool",
                     json_text(b->t->args[0], strlen(b->t->args[0])), "directory",
                     b->vs != NULL ? json_text(b->vs, strlen(b->vs)) : NULL, "directory_cached",
                     b->vs_cached, "threads", (json_int_t)b->threads, "ops_at_most",
                     (json_int_t)b->ops, "seconds_at_most", (json_int_t)b->seconds, "results",
                     results);
}

void bench_report(struct bench *b)
{
    FILE *out = b->t->out;

    if (b->t->json) {
        b->t->response = all_json(b);
        return;
    }
    show_table(b, out);
    show_chart(b, out);
    if (b->vs != NULL)
        show_ratios(b, out);
    for (uint32_t i = 0; i < b->nr && opt_flag(b->t, "histogram"); i++)
        show_histogram(&b->results[i], out);
}
