/* What came out: for people, and for programs. */
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "bench.h"

void die(const char *what, int rc)
{
    char text[1024] = "";

    err_format(err_last(), text, sizeof(text));
    fprintf(stderr, "tx_bench: %s: %d %s\n", what, rc, text);
    exit(1);
}

void sample(struct samples *s, double v)
{
    if (s->nr < REPS_MAX)
        s->v[s->nr++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void sorted(const struct samples *s, double *v)
{
    memcpy(v, s->v, s->nr * sizeof(*v));
    qsort(v, s->nr, sizeof(*v), by_value);
}

double median(const struct samples *s)
{
    double v[REPS_MAX];

    if (s->nr == 0)
        return 0;
    sorted(s, v);
    return s->nr % 2 == 1 ? v[s->nr / 2] : (v[s->nr / 2 - 1] + v[s->nr / 2]) / 2;
}

bool wanted(const struct bench *b, const char *id)
{
    const char *at = b->conf.only;
    size_t len = strlen(id);

    while (at != NULL) {
        if (strncmp(at, id, len) == 0 && (at[len] == ',' || at[len] == '\0'))
            return true;
        at = strchr(at, ',');
        if (at == NULL)
            return false;
        at++;
    }
    return true;
}

struct row *row_new(struct bench *b, const char *id, const char *unit, const char *fmt, ...)
{
    struct row *r = &b->row[b->rows++];
    va_list ap;

    if (b->rows > ROWS_MAX)
        die("too many rows", 0);
    r->id = id;
    r->unit = unit;
    r->rate = strcmp(unit, "k/s") == 0;
    va_start(ap, fmt);
    vsnprintf(r->what, sizeof(r->what), fmt, ap);
    va_end(ap);
    return r;
}

/* What the goal is about: the ratio if there is a peer and the figure is no rate, else the figure.
 */
static double judged(const struct row *r)
{
    if (r->rate)
        return median(&r->figure) / 1e3;
    return r->peer != NULL ? median(&r->ratio) : median(&r->figure);
}

static bool reached(const struct row *r)
{
    return r->rate ? judged(r) >= r->goal : judged(r) <= r->goal;
}

static void line(const struct row *r)
{
    double v[REPS_MAX], unit = r->rate ? 1e3 : 1;

    sorted(&r->figure, v);
    printf("%-10s %-58s %9.3f %-8s (%.3f to %.3f)", r->id, r->what, median(&r->figure) / unit,
           r->unit, v[0] / unit, v[r->figure.nr - 1] / unit);
    if (r->cpu_us.nr > 0)
        printf("  CPU %.2f us", median(&r->cpu_us));
    if (r->ratio.nr > 0)
        printf("  %.3f x %s", median(&r->ratio), r->peer);
    if (r->beside.nr > 0)
        printf("  %.3f %s", median(&r->beside), r->beside_what);
    if (r->goal > 0)
        printf("  goal %s %g: %s", r->rate ? ">=" : "<=", r->goal,
               reached(r) ? "reached" : "missed");
    printf("\n");
}

/* Of other machines: what size such figures have, no more. */
static const char published[] =
    "For context, what others have published, of their machines:\n"
    "  FoundationDB, one core, one SSD, one client: 917 transactions/s of a write, 865 of ten\n"
    "  FoundationDB, 384 processes on 24 machines: 8.2 million operations/s, 10 % of them writes\n"
    "    (apple.github.io/foundationdb: Benchmarking, Performance)\n"
    "  DAOS: no rate of transactions is published with its documentation; its protocol is the\n"
    "    subject of \"Distributed Transaction and Self-Healing System of DAOS\" (2020)\n";

void report(const struct bench *b)
{
    for (uint32_t i = 0; i < b->rows; i++)
        if (b->row[i].figure.nr > 0)
            line(&b->row[i]);
    printf("%s", published);
}

static json_t *of_samples(const struct samples *s)
{
    json_t *all = json_array();

    if (s->nr == 0) {
        json_decref(all);
        return json_null();
    }
    for (uint32_t i = 0; i < s->nr; i++)
        json_array_append_new(all, json_real(s->v[i]));
    return json_pack("{s:f, s:o}", "median", median(s), "samples", all);
}

static json_t *of_row(const struct row *r)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "row", r->id, "what", r->what,
                            "unit", r->rate ? "1/s" : r->unit, "figure", of_samples(&r->figure),
                            "cpu_us", of_samples(&r->cpu_us), "ratio", of_samples(&r->ratio),
                            "beside", of_samples(&r->beside));

    if (r->peer != NULL)
        json_object_set_new(row, "peer", json_string(r->peer));
    if (r->beside_what != NULL)
        json_object_set_new(row, "beside_what", json_string(r->beside_what));
    if (r->goal > 0) {
        json_object_set_new(row, "goal", json_real(r->goal));
        json_object_set_new(row, "judged", json_real(judged(r)));
        json_object_set_new(row, "reached", json_boolean(reached(r)));
    }
    return row;
}

void report_json(const struct bench *b, const char *path)
{
    json_t *rows = json_array(), *all;

    for (uint32_t i = 0; i < b->rows; i++)
        if (b->row[i].figure.nr > 0)
            json_array_append_new(rows, of_row(&b->row[i]));
    all = json_pack("{s:i, s:i, s:i, s:i, s:o}", "transactions", (int)b->conf.nr, "under_way",
                    (int)b->conf.lanes, "repetitions", (int)b->conf.reps, "value_bytes",
                    (int)VALUE_BYTES, "rows", rows);
    if (all == NULL || json_dump_file(all, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
        die(path, -DER_IO);
    json_decref(all);
}
