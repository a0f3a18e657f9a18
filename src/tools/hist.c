/* Buckets 0 to 63 are single nanoseconds; after that each power of two is cut into 64. */
#include "tools/hist.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

#define SUB_BITS 6

static uint32_t bucket_of(uint64_t ns)
{
    if (ns < HIST_SUB)
        return (uint32_t)ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    uint64_t i =
        (uint64_t)(power - SUB_BITS + 1) * HIST_SUB + ((ns >> (power - SUB_BITS)) & (HIST_SUB - 1));

    return i < HIST_BUCKETS ? (uint32_t)i : HIST_BUCKETS - 1;
}

uint64_t hist_from_ns(uint32_t i)
{
    if (i < HIST_SUB)
        return i;
    return (uint64_t)(HIST_SUB + i % HIST_SUB) << (i / HIST_SUB - 1);
}

uint64_t hist_to_ns(uint32_t i)
{
    return i + 1 < HIST_BUCKETS ? hist_from_ns(i + 1) : UINT64_MAX; /* that one too */
}

void hist_add(struct hist *h, uint64_t ns)
{
    h->in[bucket_of(ns)]++;
    h->min_ns = h->nr == 0 || ns < h->min_ns ? ns : h->min_ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
    h->sum_ns += ns;
    h->nr++;
}

void hist_merge(struct hist *into, const struct hist *h)
{
    if (h->nr == 0)
        return;
    into->min_ns = into->nr == 0 || h->min_ns < into->min_ns ? h->min_ns : into->min_ns;
    into->max_ns = h->max_ns > into->max_ns ? h->max_ns : into->max_ns;
    into->sum_ns += h->sum_ns;
    into->nr += h->nr;
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        into->in[i] += h->in[i];
}

uint64_t hist_mean_ns(const struct hist *h)
{
    return h->nr == 0 ? 0 : h->sum_ns / h->nr;
}

/* The end of the bucket, but never beyond what was seen. */
uint64_t hist_quantile_ns(const struct hist *h, uint32_t of_100000)
{
    uint64_t want = (h->nr * of_100000 + 99999) / 100000, seen = 0;

    for (uint32_t i = 0; i < HIST_BUCKETS && h->nr > 0; i++) {
        seen += h->in[i];
        if (seen >= want && seen > 0) {
            uint64_t ns = i + 1 < HIST_BUCKETS ? hist_to_ns(i) - 1 : h->max_ns;

            return ns > h->max_ns ? h->max_ns : ns < h->min_ns ? h->min_ns : ns;
        }
    }
    return h->max_ns;
}

/* By part of all; what occurred at all is seen. */
static char shade(uint64_t in, uint64_t nr)
{
    static const struct {
        double part;
        char c;
    } shades[] = {{0.20, '@'}, {0.08, '#'}, {0.03, '*'}, {0.01, '+'}, {0.001, '-'}, {0, '.'}};

    if (in == 0)
        return ' ';
    for (size_t i = 0; i < sizeof(shades) / sizeof(shades[0]); i++)
        if ((double)in >= shades[i].part * (double)nr)
            return shades[i].c;
    return '.';
}

static unsigned column_of(uint64_t ns, uint64_t from_ns, unsigned per_decade, unsigned columns)
{
    double at;

    if (ns <= from_ns)
        return 0;
    at = log10((double)ns / (double)from_ns) * per_decade;
    return at >= columns ? columns - 1 : (unsigned)at;
}

void hist_row(const struct hist *h, uint64_t from_ns, unsigned per_decade, unsigned columns,
              char *buf)
{
    uint64_t in[256] = {0};

    ASSERT(columns > 0 && columns <= 256 && from_ns > 0);
    for (uint32_t i = 0; i < HIST_BUCKETS; i++)
        if (h->in[i] > 0)
            in[column_of(hist_from_ns(i), from_ns, per_decade, columns)] += h->in[i];
    for (unsigned c = 0; c < columns; c++)
        buf[c] = shade(in[c], h->nr);
    buf[columns] = '\0';
}
