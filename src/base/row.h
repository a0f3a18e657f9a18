/*
 * A thing shown to a person or a script: its kind, and named fields in order. Whoever makes rows
 * knows nothing of how they look; `tarn inspect` prints them as lines or as JSON.
 */
#ifndef TARN_BASE_ROW_H
#define TARN_BASE_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROW_FIELDS_MAX 24u

struct row_field {
    const char *name;
    bool is_num;
    uint64_t num;
    const char *text;
};

struct row {
    const char *kind;
    unsigned depth; /* below which row it belongs: the last one of depth - 1 */
    unsigned nr;
    struct row_field field[ROW_FIELDS_MAX];
    size_t used; /* of room; texts that do not fit are cut */
    char room[3072];
};

/* Where rows go: rc not 0 ends the listing. */
struct row_sink {
    int (*row)(void *arg, const struct row *r);
    void *arg;
};

/* names of kind and fields stay the caller's and must be constant; texts are copied. */
void row_begin(struct row *r, const char *kind, unsigned depth);
void row_num(struct row *r, const char *name, uint64_t num);
void row_text(struct row *r, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The first bytes of something, as hex and as characters. */
void row_bytes(struct row *r, const char *name, const void *bytes, size_t len);
int row_end(const struct row *r, const struct row_sink *out);

#endif
