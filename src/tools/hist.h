/*
 * How long operations took: a histogram of times whose buckets grow with them, 64 to each doubling,
 * so that a quantile is right to 2 % of itself and the room never grows. One thread adds;
 * whoever wants to know of several adds them up.
 */
#ifndef TARN_TOOLS_HIST_H
#define TARN_TOOLS_HIST_H

#include <stddef.h>
#include <stdint.h>

#define HIST_SUB     64u
#define HIST_BUCKETS (HIST_SUB * 36u) /* up to about an hour; longer ones are in the last */

struct hist {
    uint64_t nr, sum_ns, min_ns, max_ns; /* min_ns: 0 with nr 0 */
    uint64_t in[HIST_BUCKETS];
};

void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *into, const struct hist *h);
/* So many of 100,000 took no longer (99,900: the 99.9th of a hundred). 0 of an empty one. */
uint64_t hist_quantile_ns(const struct hist *h, uint32_t of_100000);
uint64_t hist_mean_ns(const struct hist *h);
/* Bucket i holds times from the first up to, and without, the second. */
uint64_t hist_from_ns(uint32_t i);
uint64_t hist_to_ns(uint32_t i);

/* The chart: a column for each third of a doubling or so of time, from from_ns on a logarithmic
 * scale, per_decade columns to each tenfold; the more fell into it the darker its character. What
 * lies outside is shown in the first and last column. buf: columns characters and a NUL. */
void hist_row(const struct hist *h, uint64_t from_ns, unsigned per_decade, unsigned columns,
              char *buf);

#endif
