/*
 * The medium of one simulated device and its volatile cache: what sim_dev.h promises about bytes.
 * Nothing here waits or counts; the caller locks. Memory that runs out ends the test.
 */
#ifndef TARN_SIM_MEDIA_H
#define TARN_SIM_MEDIA_H

#include "base/list.h"
#include "io/chunks.h"
#include "sim_dev.h"

struct sim_rng {
    uint64_t s;
};
void sim_rng_seed(struct sim_rng *r, uint64_t seed);
uint64_t sim_rng_next(struct sim_rng *r);
uint64_t sim_rng_below(struct sim_rng *r, uint64_t n); /* 0 .. n - 1, n > 0 */

struct sim_media {
    struct chunks durable; /* the medium */
    struct chunks view;    /* what reads see: medium overlaid with cache */
    uint64_t size;
    struct list cache; /* unflushed writes in the order they completed */
    uint64_t cache_bytes;
    uint64_t cache_nr;
    uint64_t *bad; /* unreadable sectors */
    uint32_t bad_nr;
    bool tear_words; /* a torn sector may be a mixture */
};

struct sim_write {
    uint64_t seq; /* order of completion */
    uint64_t off;
    const struct iovec *iov;
    uint32_t iov_nr;
};

/* memory: the view lies in one piece, SIM_MEMORY_MAX bytes at most. */
#define SIM_MEMORY_MAX (UINT64_C(1) << 30)
void sim_media_init(struct sim_media *m, uint64_t size, bool memory);
void sim_media_fini(struct sim_media *m);
/* to: not initialized. */
void sim_media_copy(struct sim_media *to, const struct sim_media *from);
void sim_media_resize(struct sim_media *m, uint64_t size);
/* -DER_IO if a sector is unreadable; buf is untouched then. */
int sim_media_read(const struct sim_media *m, uint64_t off, void *buf, size_t len);
/* A completed write; torn: only sectors for which a coin says so (of a failed write). */
void sim_media_write(struct sim_media *m, const struct sim_write *w, bool durable,
                     uint64_t cache_max);
void sim_media_write_torn(struct sim_media *m, const struct sim_write *w, struct sim_rng *rng);
/* A write in flight when the power went: undecided, whatever its flags; unseen by reads. */
void sim_media_write_undecided(struct sim_media *m, const struct sim_write *w);
/* Cached writes up to seq reach the medium. */
void sim_media_flush(struct sim_media *m, uint64_t seq);
/* Cached writes up to seq are dropped, each by a coin; of memory none. */
void sim_media_drop(struct sim_media *m, uint64_t seq, struct sim_rng *rng);
/* The power cut. Counts into stat. */
void sim_media_cut(struct sim_media *m, enum sim_cut how, struct sim_rng *rng,
                   struct sim_dir_stat *stat);
/* Both layers. */
void sim_media_poke(struct sim_media *m, uint64_t off, const void *buf, size_t len);
void sim_media_set_unreadable(struct sim_media *m, uint64_t off, uint64_t len);

#endif
