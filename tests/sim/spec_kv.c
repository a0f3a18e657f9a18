/* The model of key-value objects; see spec_kv.h. */
#include "spec_kv.h"
#include <daos.h>
#include <stdio.h>
#include <string.h>
#include "value.h"

static int condition(uint16_t id, uint8_t cond)
{
    if (cond == IF_NEW && id != 0)
        return -DER_EXIST;
    return cond == IF_THERE && id == 0 ? -DER_NONEXIST : 0;
}

static bool get_fits(uint16_t id, const struct kv_op *op)
{
    uint32_t size = id ? value_len(id) : 0;
    int rc = condition(id, op->cond);

    if (rc == 0 && !op->size_only && size > op->room)
        rc = -DER_REC2BIG;
    if (op->rc != rc)
        return false;
    if (rc == -DER_NONEXIST)
        return true;
    return op->size == size && (rc != 0 || op->size_only || op->got == id);
}

static bool list_fits(const struct kv_state *st, const struct kv_op *op)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < KV_KEYS; i++)
        found |= (uint32_t)(st->id[op->obj][i] != 0) << i;
    return op->rc == 0 && op->found == found;
}

static bool gets_fit(const struct kv_state *st, const struct kv_op *op)
{
    for (uint32_t i = 0; i < op->nr; i++)
        if (op->item[i].get && op->item[i].id != st->id[op->item[i].obj][op->item[i].key])
            return false;
    return true;
}

static bool apply(void *state, const void *arg, bool known)
{
    const struct kv_op *op = arg;
    struct kv_state *st = state;
    uint16_t *id = &st->id[op->obj][op->key];
    int rc = 0;

    switch (op->what) {
    case KV_GET:
        return !known || get_fits(*id, op);
    case KV_LIST:
        return !known || list_fits(st, op);
    case KV_DESTROY:
        memset(st->id[op->obj], 0, sizeof(st->id[op->obj]));
        break;
    case KV_READS:
        return !known || gets_fit(st, op);
    case KV_TX:
        if (!gets_fit(st, op)) /* a conflict: nothing is changed */
            return !known;
        for (uint32_t i = 0; i < op->nr; i++)
            if (!op->item[i].get)
                st->id[op->item[i].obj][op->item[i].key] = op->item[i].id;
        break;
    default:
        rc = condition(*id, op->cond);
        if (rc == 0)
            *id = op->what == KV_PUT ? op->id : 0;
    }
    return !known || op->rc == rc;
}

static uint64_t key_bit(uint32_t obj, uint32_t key)
{
    return UINT64_C(1) << (obj * KV_KEYS + key);
}

static uint64_t touches(const void *arg)
{
    const struct kv_op *op = arg;
    uint64_t bits = 0;

    if (op->what == KV_DESTROY || op->what == KV_LIST)
        return ((UINT64_C(1) << KV_KEYS) - 1) << (op->obj * KV_KEYS);
    if (op->what != KV_TX && op->what != KV_READS)
        return key_bit(op->obj, op->key);
    for (uint32_t i = 0; i < op->nr; i++)
        bits |= key_bit(op->item[i].obj, op->item[i].key);
    return bits;
}

static bool only_reads(const void *arg)
{
    return ((const struct kv_op *)arg)->what >= KV_GET;
}

static void print_items(const struct kv_op *op, bool known, char *buf, size_t len)
{
    size_t n = (size_t)snprintf(buf, len, op->what == KV_TX ? "together" : "reads");

    for (uint32_t i = 0; i < op->nr && n < len; i++) {
        const struct kv_item *it = &op->item[i];

        n += (size_t)snprintf(buf + n, len - n, "; %s o%u k%u", it->get ? "get" : "put", it->obj,
                              it->key);
        if (n < len && (known || !it->get))
            n += (size_t)snprintf(buf + n, len - n, " %s v%u", it->get ? "->" : "=", it->id);
    }
    if (known && op->rc != 0 && n < len)
        snprintf(buf + n, len - n, " %s", d_errstr(op->rc));
}

static void print_op(const void *arg, bool known, char *buf, size_t len)
{
    static const char *const names[] = {"put", "remove", "destroy", "", "get", "list", ""};
    static const char *const conds[] = {"", " if new", " if there"};
    const struct kv_op *op = arg;
    int n;

    if (op->what == KV_TX || op->what == KV_READS) {
        print_items(op, known, buf, len);
        return;
    }
    n = snprintf(buf, len, "%s %c%u k%u%s", names[op->what], op->many ? 'm' : 'o', op->obj, op->key,
                 conds[op->cond]);
    if (op->what == KV_PUT)
        n += snprintf(buf + n, len - (size_t)n, " = v%u", op->id);
    if (op->what == KV_GET)
        n += snprintf(buf + n, len - (size_t)n, op->size_only ? " size" : " room %u", op->room);
    if (!known)
        return;
    if (op->what == KV_GET)
        n += snprintf(buf + n, len - (size_t)n, " -> v%u (%u bytes)", op->got, op->size);
    if (op->what == KV_LIST)
        n += snprintf(buf + n, len - (size_t)n, " -> %x", op->found);
    if (op->rc != 0)
        snprintf(buf + n, len - (size_t)n, " %s", d_errstr(op->rc));
}

static void print_state(const void *state, char *buf, size_t len)
{
    const struct kv_state *st = state;
    int n = 0;

    for (uint32_t o = 0; o < KV_OBJS; o++)
        for (uint32_t k = 0; k < KV_KEYS; k++)
            if (st->id[o][k] != 0)
                n += snprintf(buf + n, len - (size_t)n, "o%u k%u = v%u  ", o, k, st->id[o][k]);
}

const struct hist_spec kv_spec = {.name = "kv",
                                  .state_bytes = sizeof(struct kv_state),
                                  .op_bytes = sizeof(struct kv_op),
                                  .apply = apply,
                                  .touches = touches,
                                  .only_reads = only_reads,
                                  .print_op = print_op,
                                  .print_state = print_state};
