/*
 * Checksums of stored bytes. A checksum is computed by the client and stored as it came, so types
 * and values are part of the format. The numbers are those of DAOS's container property; CSUM_XXH3
 * is our own, for pages, WAL records, superblocks and messages. Results are in the low bits of a
 * uint64_t; csum_len() bytes of it, little endian, are what is stored.
 */
#ifndef TARN_BASE_CSUM_H
#define TARN_BASE_CSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum csum_type {
    CSUM_OFF = 0,
    CSUM_CRC16 = 1, /* T10 DIF, polynomial 0x8bb7 */
    CSUM_CRC32 = 2, /* CRC-32C (Castagnoli), as iSCSI: "123456789" gives e3069283 */
    CSUM_CRC64 = 3, /* ECMA-182 reflected (xz): "123456789" gives 995dc9bbdf1939fa */
    CSUM_SHA1 = 4,  /* known by name, not computed here */
    CSUM_SHA256 = 5,
    CSUM_SHA512 = 6,
    CSUM_ADLER32 = 7,
    CSUM_XXH3 = 64, /* internal: XXH3 64 bit, seed 0 */
};

/* In records of the store and in messages, beside CSUM_CRC32, of an extent: one for each
 * CSUM_FINE_BYTES, not for each CSUM_CHUNK_BYTES. */
#define CSUM_FINE        0x80u
#define CSUM_CHUNK_BYTES 32768u
#define CSUM_FINE_BYTES  4096u

/* Whether csum_calc can compute it. CSUM_OFF counts: its value is 0 in 0 bytes. */
bool csum_supported(enum csum_type type);
/* Stored bytes of a checksum of this type; 0 for CSUM_OFF and types not computed here. */
uint32_t csum_len(enum csum_type type);
const char *csum_name(enum csum_type type);
/* The type of a name such as "crc32", -1 if unknown. */
int csum_by_name(const char *name);

/* Both ASSERT csum_supported(type). */
uint64_t csum_calc(enum csum_type type, const void *buf, size_t len);
uint64_t csum_calc_iov(enum csum_type type, const struct iovec *iov, size_t n);

/* Over pieces as they come; the result does not depend on where they were cut. */
struct csum {
    enum csum_type type;
    uint64_t value;
    uint64_t room[72] __attribute__((aligned(64))); /* private: XXH3's state */
};
void csum_begin(struct csum *c, enum csum_type type);
void csum_add(struct csum *c, const void *buf, size_t len);
uint64_t csum_end(struct csum *c);

#endif
