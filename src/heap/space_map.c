/*
 * The persistent side of data space: which blocks are used (layout in space_int.h).
 */
#include "heap/space_int.h"

#include <string.h>

#define MAP_PAGES 2u /* head and table; bitmaps of four groups */

int space_map_groups(struct heap *h, uint64_t *groups)
{
    const struct space_head *head;
    uint64_t off;
    int rc = heap_root_get(h, HEAP_ROOT_SPACE, &off);

    *groups = 0;
    if (rc != 0 || off == 0)
        return rc;
    head = heap_ptr(h, off, sizeof(*head));
    if (head == NULL)
        return heap_rc(h);
    *groups = head->groups;
    return head->groups <= SPACE_TABLES_MAX * SPACE_TABLE ? 0 : -DER_CSUM;
}

/* Offset of a group's summary, 0 if it has none. */
static int sum_find(struct heap *h, uint64_t group, uint64_t *sum)
{
    const struct space_head *head;
    uint64_t off, table;
    int rc = heap_root_get(h, HEAP_ROOT_SPACE, &off);

    *sum = 0;
    if (rc != 0 || off == 0)
        return rc;
    if (group / SPACE_TABLE >= SPACE_TABLES_MAX)
        return -DER_INVAL;
    head = heap_ptr(h, off, sizeof(*head));
    if (head == NULL)
        return heap_rc(h);
    table = head->table[group / SPACE_TABLE];
    if (table % 8 != 0) /* damaged */
        return -DER_CSUM;
    if (table != 0)
        *sum = table + group % SPACE_TABLE * sizeof(struct space_sum);
    return 0;
}

int space_map_sum(struct heap *h, uint64_t group, struct space_sum *sum)
{
    const struct space_sum *p;
    uint64_t off;
    int rc = sum_find(h, group, &off);

    *sum = (struct space_sum){0};
    if (rc != 0 || off == 0)
        return rc;
    p = heap_ptr(h, off, sizeof(*p));
    if (p == NULL)
        return heap_rc(h);
    *sum = *p;
    return 0;
}

int space_map_bits(struct heap *h, uint64_t group, const uint64_t **bits)
{
    struct space_sum sum;
    int rc = space_map_sum(h, group, &sum);

    *bits = NULL;
    if (rc != 0 || sum.bitmap == 0)
        return rc;
    if (sum.bitmap % 8 != 0)
        return -DER_CSUM;
    *bits = heap_ptr(h, sum.bitmap, SPACE_WORDS * sizeof(**bits));
    return *bits != NULL ? 0 : heap_rc(h);
}

/* In a transaction: *field at off becomes value. */
static int put_u64(struct heap *h, uint64_t off, uint64_t value)
{
    uint64_t *p = heap_tx_write(h, off, sizeof(*p));

    if (p == NULL)
        return heap_rc(h);
    *p = value;
    return 0;
}

/* The group's summary, with head and table made when they are missing. */
static int sum_make(struct heap *h, uint64_t group, uint64_t *sum)
{
    const struct space_head *head;
    uint64_t off, table;
    int rc = heap_root_get(h, HEAP_ROOT_SPACE, &off);

    if (group / SPACE_TABLE >= SPACE_TABLES_MAX)
        return -DER_INVAL;
    if (rc == 0 && off == 0) {
        rc = heap_tx_alloc(h, sizeof(*head), 0, &off, NULL);
        if (rc == 0)
            rc = heap_tx_root_set(h, HEAP_ROOT_SPACE, off);
    }
    if (rc != 0)
        return rc;
    head = heap_ptr(h, off, sizeof(*head));
    if (head == NULL)
        return heap_rc(h);
    table = head->table[group / SPACE_TABLE];
    if (table % 8 != 0)
        return -DER_CSUM;
    if (table == 0) {
        rc = heap_tx_alloc(h, SPACE_TABLE * sizeof(struct space_sum), off, &table, NULL);
        if (rc == 0)
            rc = put_u64(h,
                         off + offsetof(struct space_head, table) +
                             group / SPACE_TABLE * sizeof(uint64_t),
                         table);
    }
    if (rc == 0 && head->groups <= group)
        rc = put_u64(h, off + offsetof(struct space_head, groups), group + 1);
    *sum = table + group % SPACE_TABLE * sizeof(struct space_sum);
    return rc;
}

/* The group's bitmap, made when it is missing. */
static int bits_make(struct heap *h, uint64_t sum_off, uint64_t *bitmap)
{
    const struct space_sum *sum = heap_ptr(h, sum_off, sizeof(*sum));
    int rc;

    if (sum == NULL)
        return heap_rc(h);
    *bitmap = sum->bitmap;
    if (*bitmap != 0)
        return 0;
    rc = heap_tx_alloc(h, SPACE_WORDS * sizeof(uint64_t), sum_off, bitmap, NULL);
    return rc != 0 ? rc : put_u64(h, sum_off + offsetof(struct space_sum, bitmap), *bitmap);
}

/* Is the allocation behind off there? HEAP_FAULT. */
static int is_there(struct heap *h, uint64_t off, size_t len, bool *yes)
{
    int rc = heap_alloc_is_live(h, off, yes);

    if (rc == 0 && *yes && heap_ptr(h, off, len) == NULL) {
        rc = heap_rc(h);
        *yes = false;
    }
    return rc > 0 || rc == -DER_NOMEM ? rc : 0;
}

/* Takes out of the way what cannot be read on the way to the group's bitmap: it is made again. */
static int way_clear(struct heap *h, uint64_t group, bool dry, bool *changed)
{
    const struct space_head *head;
    const struct space_sum *sum;
    uint64_t off, table;
    bool there;
    int rc = heap_root_get(h, HEAP_ROOT_SPACE, &off);

    if (rc != 0 || off == 0)
        return rc;
    rc = is_there(h, off, sizeof(*head), &there);
    if (rc == 0 && !there) {
        *changed = true;
        return dry ? 0 : heap_tx_root_set(h, HEAP_ROOT_SPACE, 0);
    }
    head = rc == 0 ? heap_ptr(h, off, sizeof(*head)) : NULL;
    if (head == NULL)
        return rc != 0 ? rc : heap_rc(h);
    table = head->table[group / SPACE_TABLE];
    if (table == 0)
        return 0;
    rc = is_there(h, table, SPACE_TABLE * sizeof(*sum), &there);
    if (rc == 0 && !there) {
        *changed = true;
        return dry ? 0
                   : put_u64(h,
                             off + offsetof(struct space_head, table) +
                                 group / SPACE_TABLE * sizeof(uint64_t),
                             0);
    }
    table += group % SPACE_TABLE * sizeof(*sum);
    sum = rc == 0 ? heap_ptr(h, table, sizeof(*sum)) : NULL;
    if (sum == NULL)
        return rc != 0 ? rc : heap_rc(h);
    if (sum->bitmap == 0)
        return 0;
    rc = is_there(h, sum->bitmap, SPACE_WORDS * sizeof(uint64_t), &there);
    if (rc != 0 || there)
        return rc;
    *changed = true;
    return dry ? 0 : put_u64(h, table + offsetof(struct space_sum, bitmap), 0);
}

int space_map_mend(struct heap *h, uint64_t group, const uint64_t *want, bool dry, bool *changed)
{
    uint32_t used = bits_count(want, 0, SPACE_GROUP);
    const uint64_t *bits;
    uint64_t sum_off, bitmap, *words;
    struct space_sum sum;
    uint32_t *count;
    int rc;

    *changed = false;
    rc = way_clear(h, group, dry, changed);
    if (rc != 0 || (dry && *changed))
        return rc;
    rc = space_map_sum(h, group, &sum);
    if (rc == 0)
        rc = space_map_bits(h, group, &bits);
    if (rc != 0 || (bits == NULL && used == 0 && sum.used == 0))
        return rc;
    if (bits != NULL && sum.used == used && memcmp(bits, want, SPACE_WORDS * sizeof(*bits)) == 0)
        return 0;
    *changed = true;
    if (dry)
        return 0;
    rc = sum_make(h, group, &sum_off);
    if (rc == 0)
        rc = bits_make(h, sum_off, &bitmap);
    words = rc == 0 ? heap_tx_write(h, bitmap, SPACE_WORDS * sizeof(*words)) : NULL;
    count = words != NULL
                ? heap_tx_write(h, sum_off + offsetof(struct space_sum, used), sizeof(*count))
                : NULL;
    if (count == NULL)
        return rc != 0 ? rc : heap_rc(h);
    memcpy(words, want, SPACE_WORDS * sizeof(*words));
    *count = used;
    return 0;
}

/* The way to a group's bitmap is made once and for good. In a heap that is full it may come from
 * the pages kept for deletes: without it a pool whose metadata is full of little could never store
 * a value in its data. From the last MAP_PAGES above what others leave, so few of them; what was
 * promised stays. */
static int way_make(struct heap *h, uint64_t group, uint64_t *sum, uint64_t *bitmap)
{
    uint64_t leaves = h->tx.leaves, kept = leaves - MIN(leaves, h->alloc.promised);
    int rc;

    if (h->tight && !MUTANT(SPACE_MAP_KEPT_OUT))
        h->tx.leaves -= MIN(kept, MAP_PAGES);
    rc = sum_make(h, group, sum);
    if (rc == 0)
        rc = bits_make(h, *sum, bitmap);
    h->tx.leaves = leaves;
    return rc;
}

int space_map_set(struct heap *h, const struct space_extent *ext, bool used)
{
    uint64_t group = ext->block / SPACE_GROUP, sum_off, bitmap;
    uint32_t from = (uint32_t)(ext->block % SPACE_GROUP), w0 = from / 64,
             w1 = (from + ext->nr - 1) / 64;
    uint64_t *words;
    uint32_t *count;
    int rc;

    ASSERT(heap_tx_active(h) && ext->nr > 0 && from + ext->nr <= SPACE_GROUP);
    rc = used ? way_make(h, group, &sum_off, &bitmap) : sum_find(h, group, &sum_off);
    if (rc == 0 && sum_off == 0)
        rc = -DER_CSUM; /* freed, but nothing was ever used there */
    if (rc == 0 && !used)
        rc = bits_make(h, sum_off, &bitmap);
    if (rc != 0)
        return rc;
    words = heap_tx_write(h, bitmap + w0 * sizeof(*words), (w1 - w0 + 1) * sizeof(*words));
    if (words == NULL)
        return heap_rc(h);
    if (bits_count(words, from % 64, ext->nr) != (used ? 0 : ext->nr))
        return -DER_CSUM;
    count = heap_tx_write(h, sum_off + offsetof(struct space_sum, used), sizeof(*count));
    if (count == NULL)
        return heap_rc(h);
    if (used) {
        bits_set(words, from % 64, ext->nr);
        *count += ext->nr;
    } else {
        bits_clear(words, from % 64, ext->nr);
        *count -= ext->nr;
    }
    return 0;
}
