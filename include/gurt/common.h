/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Helpers that programs written against the API lean on: memory, locks, lists of ranks, hashes,
 * environment, time, hybrid logical clock. Functions return 0 or a negative DER code unless they
 * say otherwise.
 */
#ifndef TARN_GURT_COMMON_H
#define TARN_GURT_COMMON_H

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <daos_errno.h>
#include <gurt/types.h>
#include <gurt/list.h>
#include <gurt/debug.h>
#include <gurt/fault_inject.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef likely
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#endif
#ifndef prefetch
#define prefetch(x) __builtin_prefetch(x)
#endif
#ifndef __cplusplus
#ifndef min
#define min(a, b)                                                                                  \
    __extension__({                                                                                \
        __typeof__(a) __a = (a);                                                                   \
        __typeof__(b) __b = (b);                                                                   \
        __a < __b ? __a : __b;                                                                     \
    })
#endif
#ifndef max
#define max(a, b)                                                                                  \
    __extension__({                                                                                \
        __typeof__(a) __a = (a);                                                                   \
        __typeof__(b) __b = (b);                                                                   \
        __a > __b ? __a : __b;                                                                     \
    })
#endif
#endif
#ifndef min_t
#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#endif
/** @a x rounded up to a multiple of @a align, a power of two. */
#define D_ALIGNUP(x, align) (((x) + ((align)-1)) & ~((__typeof__(x))(align)-1))

#ifdef __GNUC__
#define D_HAS_WARNING(gcc_version, warning) (__GNUC__ >= (gcc_version))
#else
#define D_HAS_WARNING(gcc_version, warning) 0
#endif

/** Evaluate @a expr, usually an assignment to rc, and go to a label. */
#define D_GOTO(label, expr)                                                                        \
    do {                                                                                           \
        (void)(expr);                                                                              \
        goto label;                                                                                \
    } while (0)

/*
 * Memory. Each sets `ptr`, to NULL when there is none; new memory is zeroed unless the name ends in
 * _NZ. Free with D_FREE(), which also sets the pointer to NULL.
 */
#define D_ASSIGN_ALLOC(ptr, mem)     ((ptr) = (__typeof__(ptr))(mem))
#define D_ALLOC(ptr, size)           D_ASSIGN_ALLOC(ptr, d_calloc(1, size))
#define D_ALLOC_NZ(ptr, size)        D_ASSIGN_ALLOC(ptr, d_malloc(size))
#define D_ALLOC_PTR(ptr)             D_ALLOC(ptr, sizeof(*(ptr)))
#define D_ALLOC_PTR_NZ(ptr)          D_ALLOC_NZ(ptr, sizeof(*(ptr)))
#define D_ALLOC_ARRAY(ptr, count)    D_ASSIGN_ALLOC(ptr, d_calloc((size_t)(count), sizeof(*(ptr))))
#define D_ALLOC_ARRAY_NZ(ptr, count) D_ASSIGN_ALLOC(ptr, d_malloc((size_t)(count) * sizeof(*(ptr))))
#define D_ALIGNED_ALLOC(ptr, alignment, size)                                                      \
    D_ASSIGN_ALLOC(ptr, d_aligned_alloc(alignment, size, true))
#define D_ALIGNED_ALLOC_NZ(ptr, alignment, size)                                                   \
    D_ASSIGN_ALLOC(ptr, d_aligned_alloc(alignment, size, false))
#define D_STRNDUP(ptr, s, n)  D_ASSIGN_ALLOC(ptr, d_strndup(s, n))
#define D_STRNDUP_S(ptr, s)   D_ASSIGN_ALLOC(ptr, d_strndup(s, sizeof(s)))
#define D_REALPATH(ptr, path) D_ASSIGN_ALLOC(ptr, d_realpath(path, NULL))
#define D_ASPRINTF(ptr, ...)                                                                       \
    do {                                                                                           \
        int __len;                                                                                 \
                                                                                                   \
        (ptr) = d_asprintf2(&__len, __VA_ARGS__);                                                  \
    } while (0)
#define D_FREE(ptr)                                                                                \
    do {                                                                                           \
        d_free((void *)(ptr));                                                                     \
        (ptr) = NULL;                                                                              \
    } while (0)

/*
 * Growing. `newptr` and `oldptr` must be different variables. On success oldptr becomes NULL; on
 * failure newptr is NULL and oldptr is as before. What lies beyond `zero_from` is zeroed; size 0
 * gives one byte.
 */
#define D_REALLOC_FROM(newptr, oldptr, zero_from, size)                                            \
    do {                                                                                           \
        size_t __size = (size_t)(size) == 0 ? 1 : (size_t)(size);                                  \
        size_t __from = (zero_from);                                                               \
                                                                                                   \
        D_ASSERT((void *)&(newptr) != (void *)&(oldptr));                                          \
        (newptr) = (__typeof__(newptr))d_realloc((void *)(oldptr), __size);                        \
        if ((newptr) != NULL) {                                                                    \
            (oldptr) = NULL;                                                                       \
            if (__from < __size)                                                                   \
                memset((char *)(newptr) + __from, 0, __size - __from);                             \
        }                                                                                          \
    } while (0)
#define D_REALLOC(newptr, oldptr, oldsize, size)                                                   \
    D_REALLOC_FROM(newptr, oldptr, (size_t)(oldsize), size)
#define D_REALLOC_NZ(newptr, oldptr, size) D_REALLOC_FROM(newptr, oldptr, SIZE_MAX, size)
#define D_REALLOC_Z(newptr, oldptr, size)  D_REALLOC_FROM(newptr, oldptr, 0, size)
#define D_REALLOC_ARRAY(newptr, oldptr, oldcount, count)                                           \
    D_REALLOC_FROM(newptr, oldptr, (size_t)(oldcount) * sizeof(*(oldptr)),                         \
                   (size_t)(count) * sizeof(*(oldptr)))
#define D_REALLOC_ARRAY_NZ(newptr, oldptr, count)                                                  \
    D_REALLOC_FROM(newptr, oldptr, SIZE_MAX, (size_t)(count) * sizeof(*(oldptr)))
#define D_REALLOC_ARRAY_Z(newptr, oldptr, count)                                                   \
    D_REALLOC_FROM(newptr, oldptr, 0, (size_t)(count) * sizeof(*(oldptr)))

/** free(). */
void d_free(void *ptr);

/** calloc(). */
void *d_calloc(size_t nmemb, size_t size);

/** malloc(). */
void *d_malloc(size_t size);

/** realloc(). */
void *d_realloc(void *, size_t);

/** strndup(). */
char *d_strndup(const char *s, size_t n);
/** Formatted text in new memory; the length, or -1. */
int d_asprintf(char **strp, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** As d_asprintf(), giving the text (NULL on failure) and the length in *rc. */
char *d_asprintf2(int *rc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** aligned_alloc() of @a size rounded up to @a alignment; @a zero: zeroed. */
void *d_aligned_alloc(size_t alignment, size_t size, bool zero);

/** realpath(). */
char *d_realpath(const char *path, char *resolved_path);

/** Called for each allocation or release. */
typedef void (*d_alloc_track_cb_t)(void *arg, size_t size);

/** Have these called for each allocation and each release. */
void d_set_alloc_track_cb(d_alloc_track_cb_t alloc_cb, d_alloc_track_cb_t free_cb, void *arg);

/*
 * Locks. INIT gives 0 or a negative DER code; the others must succeed.
 */
#define D_LOCK_CHECK(call)                                                                         \
    do {                                                                                           \
        int __lock_rc = (call);                                                                    \
                                                                                                   \
        D_ASSERTF(__lock_rc == 0, "%s\n", strerror(__lock_rc));                                    \
    } while (0)
#define D_MUTEX_INIT(x, attr)   d_errno2der(pthread_mutex_init(x, attr))
#define D_MUTEX_LOCK(x)         D_LOCK_CHECK(pthread_mutex_lock(x))
#define D_MUTEX_TRYLOCK(x)      pthread_mutex_trylock(x)
#define D_MUTEX_UNLOCK(x)       D_LOCK_CHECK(pthread_mutex_unlock(x))
#define D_MUTEX_DESTROY(x)      d_errno2der(pthread_mutex_destroy(x))
#define D_RWLOCK_INIT(x, attr)  d_errno2der(pthread_rwlock_init(x, attr))
#define D_RWLOCK_RDLOCK(x)      D_LOCK_CHECK(pthread_rwlock_rdlock(x))
#define D_RWLOCK_WRLOCK(x)      D_LOCK_CHECK(pthread_rwlock_wrlock(x))
#define D_RWLOCK_UNLOCK(x)      D_LOCK_CHECK(pthread_rwlock_unlock(x))
#define D_RWLOCK_DESTROY(x)     d_errno2der(pthread_rwlock_destroy(x))
#define D_SPIN_INIT(x, pshared) d_errno2der(pthread_spin_init(x, pshared))
#define D_SPIN_LOCK(x)          D_LOCK_CHECK(pthread_spin_lock(x))
#define D_SPIN_UNLOCK(x)        D_LOCK_CHECK(pthread_spin_unlock(x))
#define D_SPIN_DESTROY(x)       d_errno2der(pthread_spin_destroy(x))

/** The negative DER code of an errno value; 0 stays 0. */
static inline int d_errno2der(int err)
{
    switch (err) {
    case 0:
        return 0;
    case EPERM:
    case EACCES:
        return -DER_NO_PERM;
    case ENOMEM:
        return -DER_NOMEM;
    case EDQUOT:
    case ENOSPC:
        return -DER_NOSPACE;
    case EEXIST:
        return -DER_EXIST;
    case ENOENT:
        return -DER_NONEXIST;
    case ECANCELED:
        return -DER_CANCELED;
    case EBUSY:
        return -DER_BUSY;
    default:
        return -DER_MISC;
    }
}

/** Seed the library's own random numbers (not the C library's). */
void d_srand(long);

/** Next random number, 0 or more. */
long d_rand(void);

/** Next random number from 0 up to but not 1. */
double d_randd(void);

/** @a bits high bits of a multiplicative hash. */
static inline uint64_t d_u64_hash(uint64_t val, unsigned int bits)
{
    return bits == 0 ? 0 : (val * 0x9e3779b97f4a7c15ull) >> (64 - bits);
}

/** As d_u64_hash(), of 32 bits. */
static inline uint32_t d_u32_hash(uint64_t key, unsigned int bits)
{
    return bits == 0 ? 0 : ((uint32_t)key * 0x9e3779b1u) >> (32 - bits);
}

/** Least n with 1 << n at least @a val. */
static inline unsigned int d_power2_nbits(unsigned int val)
{
    return val <= 1 ? 0 : 32 - (unsigned int)__builtin_clz(val - 1);
}

/** Mix 64 bits. */
uint64_t d_hash_mix64(uint64_t key);

/** Mix three times 32 bits into one. */
uint32_t d_hash_mix96(uint32_t a, uint32_t b, uint32_t c);

/** In a sorted ring of hashes: place of the first that is at least @a value, or 0. */
unsigned int d_hash_srch_u64(uint64_t *hashes, unsigned int nhashes, uint64_t value);

/** h = h * 33 + byte from 5381 on, over @a len bytes. */
uint32_t d_hash_string_u32(const char *string, unsigned int len);

/** MurmurHash64A of @a key_len bytes. */
uint64_t d_hash_murmur64(const unsigned char *key, unsigned int key_len, unsigned int seed);

/**
 * Jump consistent hash: a bucket for a key, moving few keys when @a num_buckets changes (Lamping,
 * Veach: "A Fast, Minimal Memory, Consistent Hash Algorithm").
 */
uint32_t d_hash_jump(uint64_t key, uint32_t num_buckets);

/** A copy for d_rank_list_free(); NULL of NULL. -DER_NOMEM. */
int d_rank_list_dup(d_rank_list_t **dst, const d_rank_list_t *src);

/** A sorted copy without duplicates. -DER_NOMEM. */
int d_rank_list_dup_sort_uniq(d_rank_list_t **dst, const d_rank_list_t *src);

/** Keep in @a dst_set what is in @a src_set, or with @a exclude what is not. */
void d_rank_list_filter(d_rank_list_t *src_set, d_rank_list_t *dst_set, bool exclude);

/** Add to @a src_set what @a merge_set has and it has not. -DER_NOMEM. */
int d_rank_list_merge(d_rank_list_t *src_set, d_rank_list_t *merge_set);

/** A list of the ranks 0 to size - 1; NULL when there is no memory. */
d_rank_list_t *d_rank_list_alloc(uint32_t size);

/** Change the length; new places are not set, length 0 frees the array. -DER_NOMEM. */
int d_rank_list_resize(d_rank_list_t *ptr, uint32_t size);

/** Free a list. NULL is fine. */
void d_rank_list_free(d_rank_list_t *rank_list);

/** Copy into a list, changing its length. -DER_NOMEM. */
int d_rank_list_copy(d_rank_list_t *dst, d_rank_list_t *src);

/** Put a list into random order. */
void d_rank_list_shuffle(d_rank_list_t *rank_list);

/** Sort a list, least rank first. */
void d_rank_list_sort(d_rank_list_t *rank_list);

/** Find a rank in a sorted list; *idx, unless NULL, is its place. */
bool d_rank_list_bsearch(d_rank_list_t *rank_list, d_rank_t rank, int *idx);

/** Find a rank; *idx, unless NULL, is its place. */
bool d_rank_list_find(d_rank_list_t *rank_list, d_rank_t rank, int *idx);

/** Remove what is at a place. */
void d_rank_list_del_at(d_rank_list_t *list, int idx);

/** Remove a rank if it is there. -DER_INVAL without a list. */
int d_rank_list_del(d_rank_list_t *rank_list, d_rank_t rank);

/** Same ranks in the same order? */
bool d_rank_list_identical(d_rank_list_t *rank_list1, d_rank_list_t *rank_list2);

/** Is a rank in a list? */
bool d_rank_in_rank_list(d_rank_list_t *rank_list, d_rank_t rank);

/** Place of a rank. -DER_NONEXIST. */
int d_idx_in_rank_list(d_rank_list_t *rank_list, d_rank_t rank, uint32_t *idx);

/** Add a rank at the end. -DER_NOMEM. */
int d_rank_list_append(d_rank_list_t *rank_list, d_rank_t rank);

/** Log a list. */
int d_rank_list_dump(d_rank_list_t *rank_list, d_string_t name, int name_len);

/** A list of @a len numbers; NULL when there is no memory. */
d_rank_list_t *uint32_array_to_rank_list(uint32_t *ints, size_t len);

/** A new array of a list's ranks, for free(). -DER_NOMEM. */
int rank_list_to_uint32_array(d_rank_list_t *rl, uint32_t **ints, size_t *len);

/** Text such as "[0-3,7]", for D_FREE(); NULL of NULL. -DER_NOMEM. */
int d_rank_list_to_str(d_rank_list_t *rank_list, char **rank_str);

/** A list of @a size ranges; NULL when there is no memory. */
d_rank_range_list_t *d_rank_range_list_alloc(uint32_t size);

/** Change its length. */
d_rank_range_list_t *d_rank_range_list_realloc(d_rank_range_list_t *range_list, uint32_t size);

/** The ranges of a sorted list of ranks. */
d_rank_range_list_t *d_rank_range_list_create_from_ranks(d_rank_list_t *rank_list);

/** Text such as "[0-3,7]", for D_FREE(). -DER_NOMEM. */
int d_rank_range_list_str(d_rank_range_list_t *list, char **ranks_str);

/** Free a list of ranges. NULL is fine. */
void d_rank_range_list_free(d_rank_range_list_t *range_list);

/** Give @a sgl room for @a nr pieces; they are zeroed. -DER_NOMEM. */
static inline int d_sgl_init(d_sg_list_t *sgl, unsigned int nr)
{
    sgl->sg_nr = nr;
    sgl->sg_nr_out = 0;
    sgl->sg_iovs = NULL;
    if (nr == 0)
        return 0;
    D_ALLOC_ARRAY(sgl->sg_iovs, nr);
    return sgl->sg_iovs == NULL ? -DER_NOMEM : 0;
}

/** Free the pieces of @a sgl, with @a free_iovs also the memory they point at. */
static inline void d_sgl_fini(d_sg_list_t *sgl, bool free_iovs)
{
    uint32_t i;

    if (sgl == NULL || sgl->sg_iovs == NULL)
        return;
    for (i = 0; free_iovs && i < sgl->sg_nr; i++)
        D_FREE(sgl->sg_iovs[i].iov_buf);
    D_FREE(sgl->sg_iovs);
    memset(sgl, 0, sizeof(*sgl));
}

/** Room of all pieces together, in bytes. */
static inline size_t d_sgl_buf_size(d_sg_list_t *sgl)
{
    size_t size = 0;
    uint32_t i;

    for (i = 0; sgl != NULL && sgl->sg_iovs != NULL && i < sgl->sg_nr; i++)
        size += sgl->sg_iovs[i].iov_buf_len;
    return size;
}

/** Copy piece by piece into pieces that are at least as many and as large. */
static inline void d_sgl_buf_copy(d_sg_list_t *dst_sgl, d_sg_list_t *src_sgl)
{
    uint32_t i;

    D_ASSERT(dst_sgl->sg_nr >= src_sgl->sg_nr);
    for (i = 0; i < src_sgl->sg_nr; i++) {
        D_ASSERT(dst_sgl->sg_iovs[i].iov_buf_len >= src_sgl->sg_iovs[i].iov_len);
        if (src_sgl->sg_iovs[i].iov_len > 0)
            memcpy(dst_sgl->sg_iovs[i].iov_buf, src_sgl->sg_iovs[i].iov_buf,
                   src_sgl->sg_iovs[i].iov_len);
        dst_sgl->sg_iovs[i].iov_len = src_sgl->sg_iovs[i].iov_len;
    }
    dst_sgl->sg_nr_out = src_sgl->sg_nr_out;
}

/** Does @a ptr look like an address on this thread's stack? A guess: within 1 MiB of here. */
static inline bool is_on_stack(void *ptr)
{
    /* where this is inlined the frame is the caller's, and its variables are below */
    uintptr_t reach = (uintptr_t)1 << 20, here = (uintptr_t)__builtin_frame_address(0);

    return (uintptr_t)ptr - here + reach < 2 * reach;
}

/** d_iov_set() for memory that must outlive the caller's frame. */
static inline void d_iov_set_safe(d_iov_t *iov, void *buf, size_t size)
{
    D_ASSERT(!is_on_stack(buf));
    d_iov_set(iov, buf, size);
}

/*
 * Environment, under one lock, so that reading and changing do not race.
 */

/** Is this variable set? */
bool d_isenv_def(char *name);

/** Copy a variable into @a str_val of @a str_size bytes. -DER_NONEXIST, -DER_TRUNC. */
int d_getenv_str(char *str_val, size_t str_size, const char *name);

/** A copy of a variable, for d_freeenv_str(). -DER_NONEXIST, -DER_NOMEM. */
int d_agetenv_str(char **str_val, const char *name);

/** Free a copy and set it to NULL. NULL inside is fine. */
void d_freeenv_str(char **str_val);

/**
 * A variable as a truth value: the number 0 is false, any other number or text (even "false")
 * true. Unset: -DER_NONEXIST and *bool_val stays.
 */
int d_getenv_bool(const char *name, bool *bool_val);

/** A variable of one character. -DER_NONEXIST, -DER_INVAL. */
int d_getenv_char(const char *name, char *char_val);

/** As d_getenv_uint(), by an older name. */
int d_getenv_int(const char *name, unsigned int *uint_val);

/** A variable as a number. -DER_NONEXIST, -DER_INVAL. */
int d_getenv_uint(const char *name, unsigned int *uint_val);

/** A variable as a 32-bit number. -DER_NONEXIST, -DER_INVAL. */
int d_getenv_uint32_t(const char *name, uint32_t *uint32_val);

/** A variable as a 64-bit number. -DER_NONEXIST, -DER_INVAL. */
int d_getenv_uint64_t(const char *name, uint64_t *uint64_val);

/** putenv(). */
int d_putenv(char *name);

/** setenv(). */
int d_setenv(const char *name, const char *value, int overwrite);

/** unsetenv(). */
int d_unsetenv(const char *name);

/** clearenv(). */
int d_clearenv(void);

/** Append to a text that grows. -DER_NOMEM; status keeps the first failure. */
int d_write_string_buffer(struct d_string_buffer_t *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** Free a text that grew. */
void d_free_string(struct d_string_buffer_t *buf);

/** Nanoseconds in a second. */
#define NSEC_PER_SEC 1000000000L

/** Time since some moment in the past. 0 or a negative DER code. */
static inline int d_gettime(struct timespec *t)
{
    return clock_gettime(CLOCK_MONOTONIC, t) == 0 ? 0 : d_errno2der(errno);
}

/** As d_gettime(), cheaper and to a few milliseconds only. */
static inline int d_gettime_coarse(struct timespec *t)
{
    return clock_gettime(CLOCK_MONOTONIC_COARSE, t) == 0 ? 0 : d_errno2der(errno);
}

/** Nanoseconds from @a t1 to @a t2. */
static inline int64_t d_timediff_ns(const struct timespec *t1, const struct timespec *t2)
{
    return ((int64_t)t2->tv_sec - t1->tv_sec) * NSEC_PER_SEC + t2->tv_nsec - t1->tv_nsec;
}

/** Time from @a t1 to a @a t2 that is not earlier. */
static inline struct timespec d_timediff(const struct timespec *t1, const struct timespec *t2)
{
    int64_t ns = d_timediff_ns(t1, t2);
    struct timespec diff;

    diff.tv_sec = (time_t)(ns / NSEC_PER_SEC);
    diff.tv_nsec = (long)(ns % NSEC_PER_SEC);
    return diff;
}

/** Is a time zero? */
static inline bool d_timenull(const struct timespec *t)
{
    return t->tv_sec == 0 && t->tv_nsec == 0;
}

/** Is @a t1 before @a t2? */
static inline bool d_timeless(const struct timespec *t1, const struct timespec *t2)
{
    return t1->tv_sec < t2->tv_sec || (t1->tv_sec == t2->tv_sec && t1->tv_nsec < t2->tv_nsec);
}

/** Nanoseconds until a d_gettime() time, 0 when it is past. */
static inline int64_t d_timeleft_ns(const struct timespec *expiration)
{
    struct timespec now = {0, 0};
    int64_t ns;

    (void)d_gettime(&now);
    ns = d_timediff_ns(&now, expiration);
    return ns < 0 ? 0 : ns;
}

/** Time since a d_gettime() time. */
static inline struct timespec d_time_elapsed(const struct timespec start)
{
    struct timespec now = {0, 0};

    (void)d_gettime(&now);
    return d_timediff(&start, &now);
}

/** The d_gettime() time in @a sec_diff seconds, in microseconds. */
static inline uint64_t d_timeus_secdiff(unsigned int sec_diff)
{
    struct timespec now = {0, 0};

    (void)d_gettime(&now);
    return ((uint64_t)now.tv_sec + sec_diff) * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/** Add nanoseconds. */
static inline void d_timeinc(struct timespec *now, uint64_t ns)
{
    ns += (uint64_t)now->tv_nsec;
    now->tv_sec += (time_t)(ns / (uint64_t)NSEC_PER_SEC);
    now->tv_nsec = (long)(ns % (uint64_t)NSEC_PER_SEC);
}

/** Milliseconds as a time. */
static inline struct timespec d_time_ms(unsigned int ms)
{
    struct timespec t;

    t.tv_sec = ms / 1000;
    t.tv_nsec = (long)(ms % 1000) * 1000000L;
    return t;
}

/** A time in milliseconds, microseconds, seconds. */
static inline double d_time2ms(struct timespec t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline double d_time2us(struct timespec t)
{
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline double d_time2s(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/** Random, growing delays: a number of zeros, then up to a bound that grows by a factor. */
struct d_backoff_seq {
    uint8_t bos_flags;
    uint8_t bos_nzeros;
    uint16_t bos_factor;
    uint32_t bos_max;
    uint32_t bos_next;
};

/**
 * Start: @a nzeros delays of 0, then a bound of @a next that grows by @a factor up to @a max.
 * -DER_INVAL.
 */
int d_backoff_seq_init(struct d_backoff_seq *seq, uint8_t nzeros, uint16_t factor, uint32_t next,
                       uint32_t max);

/** Done. */
void d_backoff_seq_fini(struct d_backoff_seq *seq);

/** Next delay: random, from 0 to the bound. */
uint32_t d_backoff_seq_next(struct d_backoff_seq *seq);

/** Standard deviation. */
double d_stand_div(double *array, int nr);

/*
 * Hybrid logical clock: time since 2021-01-01 UTC in sixteenths of a nanosecond, the low bits being
 * a counter that keeps values apart and after all that was heard of.
 */

/** Advance this process's clock and read it. */
uint64_t d_hlc_get(void);

/**
 * Advance it past a value that was received. -DER_HLC_SYNC when that is too far ahead; *offset,
 * unless NULL, is how far.
 */
int d_hlc_get_msg(uint64_t msg, uint64_t *hlc_out, uint64_t *offset);

/** A clock value in nanoseconds since 2021. */
uint64_t d_hlc2nsec(uint64_t hlc);

/** Nanoseconds since 2021 as a clock value. */
uint64_t d_nsec2hlc(uint64_t nsec);

/** A clock value in nanoseconds since 1970. */
uint64_t d_hlc2unixnsec(uint64_t hlc);

/** A clock value as wall time. 0 or a negative DER code. */
int d_hlc2timespec(uint64_t hlc, struct timespec *ts);

/** Wall time as a clock value. 0 or a negative DER code. */
int d_timespec2hlc(struct timespec ts, uint64_t *hlc);

/** Nanoseconds since 1970 as a clock value; 0 before 2021. */
uint64_t d_unixnsec2hlc(uint64_t unixnsec);

/** Set how far clocks may be apart. */
void d_hlc_epsilon_set(uint64_t epsilon);

/** How far clocks may be apart. */
uint64_t d_hlc_epsilon_get(void);

/** Latest value any clock may show when this one shows @a hlc. */
uint64_t d_hlc_epsilon_get_bound(uint64_t hlc);

/** Seconds since a clock value. */
uint64_t d_hlc_age2sec(uint64_t hlc);

/** Largest value heard from any server; a client makes none of its own. */
uint64_t d_hlct_get(void);

/** Raise that value. */
void d_hlct_sync(uint64_t msg);

/** A clock value in microseconds, milliseconds, seconds since 2021. */
static inline uint64_t d_hlc2usec(uint64_t hlc)
{
    return d_hlc2nsec(hlc) / 1000u;
}

static inline uint64_t d_hlc2msec(uint64_t hlc)
{
    return d_hlc2nsec(hlc) / 1000000u;
}

static inline uint64_t d_hlc2sec(uint64_t hlc)
{
    return d_hlc2nsec(hlc) / 1000000000u;
}

/** Microseconds, milliseconds, seconds since 2021 as a clock value. */
static inline uint64_t d_usec2hlc(uint64_t usec)
{
    return d_nsec2hlc(usec * 1000u);
}

static inline uint64_t d_msec2hlc(uint64_t msec)
{
    return d_nsec2hlc(msec * 1000000u);
}

static inline uint64_t d_sec2hlc(uint64_t sec)
{
    return d_nsec2hlc(sec * 1000000000u);
}

/** A vector of pointers that grows. */
struct d_vec_pointers {
    void **p_buf;
    uint32_t p_cap;
    uint32_t p_len;
};

/** Start with room for @a cap pointers. -DER_NOMEM. */
int d_vec_pointers_init(struct d_vec_pointers *pointers, uint32_t cap);

/** Free the vector. */
void d_vec_pointers_fini(struct d_vec_pointers *pointers);

/** Add a pointer. -DER_NOMEM. */
int d_vec_pointers_append(struct d_vec_pointers *pointers, void *pointer);

/** Print the stack on fatal signals, or not. */
void d_signal_stack_enable(bool enabled);

/** Install the handlers for that. */
void d_signal_register(void);

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_COMMON_H */
