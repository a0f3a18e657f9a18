/* A sparse memory image of a device: bytes never written read as zeros and take no memory. Not
 * locked. */
#ifndef TARN_IO_CHUNKS_H
#define TARN_IO_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chunk;

struct chunks {
    struct chunk **at; /* NULL: all zeros */
    uint64_t nr;
    char *flat; /* instead of at: all bytes side by side (chunks_flat) */
    size_t flat_max;
    bool plain; /* allocations that base/fail.h cannot fail: the simulated hardware is not what is
                   tested */
};

/* Before anything else: up to max bytes will lie side by side at c->flat, and stay there.
 * -DER_NOMEM. */
int chunks_flat(struct chunks *c, size_t max);
/* Makes room for size bytes; never shrinks. -DER_NOMEM leaves it as it was. */
int chunks_resize(struct chunks *c, uint64_t size);
/* Ranges must lie within the size. */
void chunks_read(const struct chunks *c, uint64_t off, void *buf, size_t len);
int chunks_write(struct chunks *c, uint64_t off, const void *buf,
                 size_t len); /* -DER_NOMEM: a part may be written */
/* A copy that shares its memory with the original until one of the two is written to; they may then
 * live on different threads. What is flat is copied, to what is not. to: not initialized.
 * -DER_NOMEM leaves nothing behind. */
int chunks_copy(struct chunks *to, const struct chunks *from);
void chunks_fini(struct chunks *c);

#endif
