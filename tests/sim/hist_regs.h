/* A domain to test the oracle with: three registers, and a copy of them (a snapshot). */
#ifndef TARN_SIM_HIST_REGS_H
#define TARN_SIM_HIST_REGS_H

#include <stdio.h>
#include <string.h>
#include "hist.h"

#define KEYS 3

struct regs {
    uint8_t now[KEYS], snap[KEYS];
    uint8_t pad[2];
};

enum op_kind { WRITE, READ, CAS, BOTH, READ_BOTH, SNAP, READ_SNAP, KINDS };

struct op {
    uint8_t kind, key, value, expect; /* BOTH, READ_BOTH: key and the one after it */
    uint8_t got[2];                   /* the result; CAS: 1 done, 0 not */
    uint8_t pad[2];
};

static uint8_t after(uint8_t key)
{
    return (uint8_t)((key + 1) % KEYS);
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct op *op = arg;
    struct regs *r = state;
    bool hit;

    switch (op->kind) {
    case WRITE:
        r->now[op->key] = op->value;
        return true;
    case BOTH:
        r->now[op->key] = r->now[after(op->key)] = op->value;
        return true;
    case READ:
        return !known || r->now[op->key] == op->got[0];
    case READ_BOTH:
        return !known || (r->now[op->key] == op->got[0] && r->now[after(op->key)] == op->got[1]);
    case CAS:
        hit = r->now[op->key] == op->expect;
        if (hit)
            r->now[op->key] = op->value;
        return !known || hit == op->got[0];
    case SNAP:
        memcpy(r->snap, r->now, KEYS);
        return true;
    default:
        return !known || r->snap[op->key] == op->got[0];
    }
}

static uint64_t touches(const void *arg)
{
    const struct op *op = arg;

    switch (op->kind) {
    case BOTH:
    case READ_BOTH:
        return UINT64_C(1) << op->key | UINT64_C(1) << after(op->key);
    case SNAP:
        return UINT64_MAX;
    case READ_SNAP:
        return 8;
    default:
        return UINT64_C(1) << op->key;
    }
}

static bool only_reads(const void *arg)
{
    const struct op *op = arg;

    return op->kind == READ || op->kind == READ_BOTH || op->kind == READ_SNAP;
}

static void print_op(const void *arg, bool known, char *buf, size_t len)
{
    static const char *const kinds[] = {"write",     "read", "cas",      "write both",
                                        "read both", "snap", "read snap"};
    const struct op *op = arg;

    if (known)
        snprintf(buf, len, "%s %u (%u) = %u %u", kinds[op->kind], op->key, op->value, op->got[0],
                 op->got[1]);
    else
        snprintf(buf, len, "%s %u (%u)", kinds[op->kind], op->key, op->value);
}

static void print_state(const void *state, char *buf, size_t len)
{
    const struct regs *r = state;

    snprintf(buf, len, "%u %u %u, snapshot %u %u %u", r->now[0], r->now[1], r->now[2], r->snap[0],
             r->snap[1], r->snap[2]);
}

static const struct hist_spec spec = {.name = "registers",
                                      .state_bytes = sizeof(struct regs),
                                      .op_bytes = sizeof(struct op),
                                      .apply = apply,
                                      .touches = touches,
                                      .only_reads = only_reads,
                                      .print_op = print_op,
                                      .print_state = print_state};

#endif
