/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The smallest vocabulary shared by every header: I/O vectors, scatter/gather lists, rank lists.
 * Nothing here allocates; whoever fills a list owns the memory it points at.
 */
#ifndef TARN_GURT_TYPES_H
#define TARN_GURT_TYPES_H

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>
#include <inttypes.h>
#include <uuid/uuid.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Number of an engine in its system. */
typedef uint32_t d_rank_t;

/** NUL-terminated text that its holder may change or free. */
typedef char *d_string_t;
/** NUL-terminated text that is only read. */
typedef const char *d_const_string_t;

/** printf pieces for 64-bit numbers: decimal and hexadecimal. */
#define DF_U64 "%" PRIu64
#define DF_X64 "%" PRIx64

/** A list of ranks. */
typedef struct {
    d_rank_t *rl_ranks;
    uint32_t rl_nr;
} d_rank_list_t;

/** Ranks lo to hi, both included. */
typedef struct {
    d_rank_t lo;
    d_rank_t hi;
} d_rank_range_t;

/** A list of rank ranges. */
typedef struct {
    d_rank_range_t *rrl_ranges;
    uint32_t rrl_nr;
} d_rank_range_list_t;

/** A UUID inside a struct, so that it can be passed by value and compared as a key. */
struct d_uuid {
    uuid_t uuid;
};

/** Text that grows as it is appended to; see d_write_string_buffer(). */
struct d_string_buffer_t {
    int status;
    size_t str_size;
    size_t buf_size;
    char *str;
};

/** One contiguous piece of memory; also the form in which keys and global handles travel. */
typedef struct {
    void *iov_buf;      /**< start */
    size_t iov_buf_len; /**< bytes there are */
    size_t iov_len;     /**< bytes in use */
} d_iov_t;

/** A list of memory pieces that is read or filled front to back. */
typedef struct {
    uint32_t sg_nr;     /**< number of pieces */
    uint32_t sg_nr_out; /**< pieces a fetch or listing filled */
    d_iov_t *sg_iovs;   /**< the pieces */
} d_sg_list_t;

/** Point @a iov at @a size bytes at @a buf and mark all of them as used. */
static inline void d_iov_set(d_iov_t *iov, void *buf, size_t size)
{
    iov->iov_buf = buf;
    iov->iov_buf_len = size;
    iov->iov_len = size;
}

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_TYPES_H */
