#include "base/row.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX 32u

void row_begin(struct row *r, const char *kind, unsigned depth)
{
    r->kind = kind;
    r->depth = depth;
    r->nr = 0;
    r->used = 0;
}

static struct row_field *field(struct row *r, const char *name)
{
    struct row_field *f = &r->field[r->nr < ROW_FIELDS_MAX ? r->nr++ : ROW_FIELDS_MAX - 1];

    *f = (struct row_field){.name = name, .text = ""};
    return f;
}

void row_num(struct row *r, const char *name, uint64_t num)
{
    struct row_field *f = field(r, name);

    f->is_num = true;
    f->num = num;
}

void row_text(struct row *r, const char *name, const char *fmt, ...)
{
    struct row_field *f = field(r, name);
    size_t left = sizeof(r->room) - r->used;
    va_list ap;
    int n;

    if (left < 2)
        return;
    va_start(ap, fmt);
    n = vsnprintf(r->room + r->used, left, fmt, ap);
    va_end(ap);
    f->text = r->room + r->used;
    r->used += n < 0 ? 0 : (size_t)n + 1 < left ? (size_t)n + 1 : left;
}

void row_bytes(struct row *r, const char *name, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    char hex[2 * BYTES_MAX + BYTES_MAX / 4 + 1] = "", ascii[BYTES_MAX + 1];
    size_t n = len < BYTES_MAX ? len : BYTES_MAX, at = 0;

    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(hex + at, sizeof(hex) - at, "%s%02x", i > 0 && i % 4 == 0 ? " " : "",
                               p[i]);
        ascii[i] = p[i] >= 32 && p[i] < 127 ? (char)p[i] : '.';
    }
    ascii[n] = '\0';
    row_text(r, name, "%s |%s|%s", hex, ascii, len > n ? " ..." : "");
}

int row_end(const struct row *r, const struct row_sink *out)
{
    return out->row(out->arg, r);
}
