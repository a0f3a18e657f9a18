/*
 * The image of a pool's device in memory, for targets that damage it: made once, sealed, and put
 * back after every input at the cost of the pages that were touched.
 */
#ifndef TESTS_FUZZ_FUZZ_IMAGE_H
#define TESTS_FUZZ_FUZZ_IMAGE_H

#include "fuzz.h"
#include "io/io.h"
#include "io/super_format.h"

#define FUZZ_IMAGE_MAX (48u << 20) /* the device grows no further: -DER_NOSPACE */

/* The directory with the device in it; the first device created is the one there is. Not closed. */
struct io_dir *fuzz_image_dir(void);
/* Its bytes, FUZZ_IMAGE_MAX of them, and how they are changed. */
const uint8_t *fuzz_image_bytes(void);
void fuzz_image_poke(uint64_t off, const void *buf, size_t len);
/* The device's length as who opens it next sees it. */
void fuzz_image_resize(uint64_t size);
/* What is there now is what fuzz_image_reset() brings back. Everything is closed. */
void fuzz_image_seal(void);
void fuzz_image_reset(void);
/* Where a role begins on the device (its first extent), and how long it is. */
uint64_t fuzz_image_role(enum super_role role, uint64_t *size);

/* ---- A pool in it ---- */

/* Formats a pool and fills it: container "data" with objects of every shape (objects 1 to 6 of
 * engine_rig.h's rig_oid()), a snapshot, attributes, a punched object; then everything goes to its
 * pages and the log is empty. Seals it. */
void fuzz_pool_make(void);

#endif
