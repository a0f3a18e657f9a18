/* What benchmarks of two sides share: time, quantiles, and which CPU is whose. */
#ifndef TARN_BENCH_TIMING_H
#define TARN_BENCH_TIMING_H

#include <sched.h>
#include <stdlib.h>
#include <time.h>

static inline double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Sorts v. */
static inline double quantile(double *v, int n, double q)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[(int)((double)(n - 1) * q)];
}

static inline void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

/* The first two CPUs that this process may use; the same one twice if there is one. */
static inline void find_cpus(int cpus[2])
{
    cpu_set_t set;
    int n = 0;

    sched_getaffinity(0, sizeof(set), &set);
    for (int i = 0; i < CPU_SETSIZE && n < 2; i++)
        if (CPU_ISSET(i, &set))
            cpus[n++] = i;
    if (n == 1)
        cpus[1] = cpus[0];
}

#endif
