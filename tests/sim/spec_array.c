/* The model of arrays; see spec_array.h. */
#include <daos.h>
#include <stdio.h>
#include <string.h>
#include "base/assert.h"
#include "spec_array.h"
#include "value.h"

const uint32_t ar_cell_bytes[AR_ARRAYS] = {8, 1, 100, 3000};

uint32_t ar_size(const struct ar_state *st, uint32_t arr)
{
    uint32_t n = AR_CELLS;

    while (n > 0 && st->cell[arr][n - 1] == 0)
        n--;
    return n;
}

static bool cell_fits(uint16_t is, uint16_t got)
{
    return is == got || (is == 0 && got == AR_ZERO);
}

static bool read_fits(const struct ar_state *st, const struct ar_op *op)
{
    for (uint32_t i = 0; i < AR_CELLS; i++)
        if ((op->bits >> i & 1) && !cell_fits(st->cell[op->arr][i], op->got[i]))
            return false;
    return op->rc == 0;
}

static bool answer_fits(const struct ar_state *st, const struct ar_op *op)
{
    switch (op->what) {
    case AR_READ:
        return read_fits(st, op);
    case AR_SIZE:
        return op->rc == 0 && ar_size(st, op->arr) == op->size;
    case AR_SIZE_MAX:
        return op->rc == 0 && ar_size(st, op->arr) <= op->size;
    default:
        return op->rc == (st->made[op->arr] ? 0 : -DER_NONEXIST);
    }
}

static void change(struct ar_state *st, const struct ar_op *op)
{
    for (uint32_t i = 0; i < AR_CELLS; i++) {
        uint16_t *cell = &st->cell[op->arr][i];

        if (!(op->bits >> i & 1))
            continue;
        if (op->what == AR_WRITE)
            *cell = value_record(op->id, ar_cell_bytes[op->arr], i);
        else if (op->what == AR_PUNCH)
            *cell = 0;
        else if (*cell == 0)
            *cell = AR_ZERO;
    }
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct ar_op *op = arg;
    struct ar_state *st = state;
    int rc = 0;

    if (op->what > AR_READS)
        return !known || answer_fits(st, op);
    if (op->what == AR_CREATE) {
        rc = st->made[op->arr] ? -DER_EXIST : 0;
        st->made[op->arr] = 1;
    } else if (op->what == AR_DESTROY) {
        memset(st->cell[op->arr], 0, sizeof(st->cell[op->arr]));
        st->made[op->arr] = 0;
    } else {
        change(st, op);
    }
    return !known || rc == op->rc;
}

static uint64_t touches(const void *arg)
{
    const struct ar_op *op = arg;
    uint64_t bits = 0;
    uint32_t cells = op->bits;

    if (op->what == AR_SIZE || op->what == AR_SIZE_MAX || op->what == AR_DESTROY)
        cells = AR_ALL;
    for (uint32_t i = 0; i < AR_CHUNKS; i++)
        if (cells >> (i * AR_CHUNK) & ((1u << AR_CHUNK) - 1))
            bits |= UINT64_C(1) << i;
    if (op->what == AR_CREATE || op->what == AR_OPEN || op->what == AR_DESTROY)
        bits |= UINT64_C(1) << AR_CHUNKS;
    return bits << (op->arr * (AR_CHUNKS + 1));
}

static bool only_reads(const void *arg)
{
    return ((const struct ar_op *)arg)->what > AR_READS;
}

static int say_cell(char *buf, size_t len, uint16_t id)
{
    if (id == 0)
        return snprintf(buf, len, " -");
    if (id == AR_ZERO)
        return snprintf(buf, len, " 0");
    return id == VALUE_TORN ? snprintf(buf, len, " TORN") : snprintf(buf, len, " v%u", id);
}

static void print_op(const void *arg, bool known, char *buf, size_t len)
{
    static const char *const names[] = {"write", "punch", "grow", "destroy",      "create",
                                        "",      "read",  "size", "size at most", "open"};
    const struct ar_op *op = arg;
    int n = snprintf(buf, len, "%s a%u", names[op->what], op->arr);

    if (op->bits != 0)
        n += snprintf(buf + n, len - (size_t)n, " cells %07x", op->bits);
    if (op->what == AR_WRITE)
        n += snprintf(buf + n, len - (size_t)n, " = v%u", op->id);
    if (!known)
        return;
    for (uint32_t i = 0; op->what == AR_READ && i < AR_CELLS; i++)
        if (op->bits >> i & 1)
            n += say_cell(buf + n, len - (size_t)n, op->got[i]);
    if (op->what == AR_SIZE || op->what == AR_SIZE_MAX)
        n += snprintf(buf + n, len - (size_t)n, " -> %u", op->size);
    if (op->rc != 0)
        snprintf(buf + n, len - (size_t)n, " %s", d_errstr(op->rc));
}

static void print_state(const void *state, char *buf, size_t len)
{
    const struct ar_state *st = state;
    int n = 0;

    for (uint32_t a = 0; a < AR_ARRAYS; a++) {
        n += snprintf(buf + n, len - (size_t)n, "\n      a%u%s:", a, st->made[a] ? " (made)" : "");
        for (uint32_t i = 0; i < ar_size(st, a); i++)
            n += say_cell(buf + n, len - (size_t)n, st->cell[a][i]);
    }
}

const struct hist_spec ar_spec = {.name = "arrays",
                                  .state_bytes = sizeof(struct ar_state),
                                  .op_bytes = sizeof(struct ar_op),
                                  .apply = apply,
                                  .touches = touches,
                                  .only_reads = only_reads,
                                  .print_op = print_op,
                                  .print_state = print_state};
