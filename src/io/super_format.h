/* The bytes of a superblock copy (docs/formats.md, "Superblock"), encoded and decoded. Private to
 * io. Pure functions. */
#ifndef TARN_IO_SUPER_FORMAT_H
#define TARN_IO_SUPER_FORMAT_H

#include "io/super.h"

#define SUPER_COPIES      4u
#define SUPER_COPY_STEP   16384u /* from one copy to the next */
#define SUPER_BYTES       8192u  /* of one copy */
#define SUPER_ALIGN       65536u /* of extents */
#define SUPER_STATE_CLEAN 1u

struct super_extent {
    enum super_role role;
    uint64_t off; /* on the device */
    uint64_t len;
};

/* What a superblock says. */
struct super_block {
    uint32_t version;
    uint32_t state; /* SUPER_STATE_CLEAN */
    uint64_t generation;
    uint64_t compat, ro_compat, incompat;
    struct super_id id;
    uint32_t extent_nr;
    struct super_extent extent[SUPER_EXTENTS_MAX]; /* in table order */
};

enum super_copy_state {
    SUPER_COPY_FOREIGN, /* no magic */
    SUPER_COPY_DAMAGED, /* magic, but the checksum, the length or the copy's number is wrong */
    SUPER_COPY_NEWER, /* whole, of a version this program does not know; only version and generation
                         are decoded */
    SUPER_COPY_WHOLE,
};

/* Writes SUPER_BYTES to buf, unused bytes zero. */
void super_encode(const struct super_block *b, uint32_t copy, void *buf);
/* buf holds the SUPER_COPY_STEP bytes of the copy's place. */
enum super_copy_state super_decode(const void *buf, uint32_t copy, struct super_block *b);
/* Whether a whole superblock makes sense: NULL, or what is wrong with it. */
const char *super_block_check(const struct super_block *b);
/* Where its extents end. */
uint64_t super_block_end(const struct super_block *b);
uint64_t super_block_role_size(const struct super_block *b, enum super_role role);

#endif
