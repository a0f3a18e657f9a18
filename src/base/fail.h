/*
 * Memory from the allocator, with failures a test can inject: every allocation of the project goes
 * through here, so a sweep can fail the first, second, third ... of an operation and see that each
 * is handled. Memory is freed with base_free (or free(3), when a public header says so). NULL means
 * no memory.
 */
#ifndef TARN_BASE_FAIL_H
#define TARN_BASE_FAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *base_alloc(size_t size);            /* not zeroed */
void *base_calloc(size_t n, size_t size); /* zeroed; NULL when n * size overflows */
void *base_realloc(void *ptr, size_t size);
void *base_aligned(size_t align, size_t size); /* align: a power of two */
char *base_strdup(const char *s);
char *base_strndup(const char *s, size_t max);
void base_free(void *ptr); /* NULL: nothing happens */

/* For tests: while installed, counts allocations of all threads and fails the one numbered fail_at
 * (from 1; 0: none), and with forever all later ones too, with every each so-manieth of them. */
struct base_fail {
    uint64_t fail_at;
    uint64_t every; /* 0: once */
    bool forever;
    bool not_aligned; /* base_aligned() is left out: whether one needs it may depend on addresses */
    uint64_t seen;    /* allocations since it was installed */
    uint64_t failed;  /* how many were refused */
};
/* For what takes memory by other ways than malloc (stacks, rings): counts one allocation; true if
 * it is to fail. */
bool base_fail_hit(void);
/* Installs f (NULL: none). The struct must outlive its installation. */
void base_fail_set(struct base_fail *f);

#endif
