/* Of the workload "oit": lists of tables, and filters, which see a marker and nothing else. */
#include <string.h>
#include "base/assert.h"
#include "work_oit.h"

uint32_t oit_number(const struct oit_work *w, daos_obj_id_t oid)
{
    for (uint32_t i = 0; i < OIT_OBJS; i++)
        if (w->oid[i].lo == oid.lo && w->oid[i].hi == oid.hi)
            return i;
    return OIT_OBJS;
}

/* Every byte depends on the value, its place and whose marker it is; and so does the length. */
size_t oit_marker(uint16_t val, daos_obj_id_t oid, uint8_t bytes[DAOS_OIT_MARKER_MAX_LEN])
{
    size_t len = 2 + (val + oid.lo) % (DAOS_OIT_MARKER_MAX_LEN - 1);

    for (size_t i = 2; i < len; i++)
        bytes[i] = (uint8_t)(val * 31 + oid.lo * 7 + i);
    memcpy(bytes, &val, sizeof(val));
    return len;
}

/* 0: no marker; -DER_MISMATCH: one that nobody made. */
static int marker_read(daos_obj_id_t oid, const d_iov_t *marker, uint16_t *val)
{
    uint8_t want[DAOS_OIT_MARKER_MAX_LEN];

    *val = 0;
    if (marker == NULL)
        return 0;
    if (marker->iov_len < sizeof(*val) || marker->iov_len > sizeof(want))
        return -DER_MISMATCH;
    memcpy(val, marker->iov_buf, sizeof(*val));
    if (oit_marker(*val, oid, want) != marker->iov_len ||
        memcmp(want, marker->iov_buf, marker->iov_len) != 0)
        return -DER_MISMATCH;
    return 0;
}

bool oit_taken(uint16_t val, uint32_t filter)
{
    if (filter <= 1)
        return filter == 0 || val == 0;
    return filter == 2 ? val != 0 : val >> (filter - 3) & 1;
}

static int by_filter(daos_obj_id_t oid, const d_iov_t *marker, uint32_t filter)
{
    uint16_t val;
    int rc = marker_read(oid, marker, &val);

    return rc != 0 ? rc : oit_taken(val, filter);
}

#define FILTER(n)                                                                                  \
    static int filter_##n(daos_obj_id_t oid, d_iov_t *marker)                                      \
    {                                                                                              \
        return by_filter(oid, marker, n);                                                          \
    }
FILTER(2)
FILTER(3)
FILTER(4)
FILTER(5)
FILTER(6)
FILTER(7)
FILTER(8)

static daos_oit_filter_cb *const filters[OIT_FILTERS] = {
    NULL, NULL, filter_2, filter_3, filter_4, filter_5, filter_6, filter_7, filter_8};

static int list_some(daos_handle_t oh, uint32_t filter, daos_obj_id_t *oid, uint32_t *nr,
                     daos_anchor_t *anchor)
{
    if (filter == 0)
        return daos_oit_list(oh, oid, nr, anchor, NULL);
    if (filter == 1)
        return daos_oit_list_unmarked(oh, oid, nr, anchor, NULL);
    return daos_oit_list_filter(oh, oid, nr, anchor, filters[filter], NULL);
}

int oit_list(struct work_client *c, daos_handle_t oh, uint32_t filter, uint32_t at_once,
             uint8_t shown[OIT_OBJS])
{
    struct oit_work *w = oit_work_of(c);
    daos_obj_id_t oid[2 * OIT_OBJS];
    daos_anchor_t anchor = {0};
    int rc = 0;

    ASSERT(at_once <= ARRAY_LEN(oid) && filter < OIT_FILTERS);
    memset(shown, 0, OIT_OBJS);
    while (rc == 0 && !daos_anchor_is_eof(&anchor) && !c->work->failed) {
        uint32_t nr = at_once;

        rc = list_some(oh, filter, oid, &nr, &anchor);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            uint32_t k = oit_number(w, oid[i]);

            if (k == OIT_OBJS)
                work_wrong(c->work, "a table shows object %llx.%llx, which nobody made",
                           (unsigned long long)oid[i].hi, (unsigned long long)oid[i].lo);
            else if (++shown[k] > 1)
                work_wrong(c->work, "a table shows object %u twice (filter %u)", k, filter);
        }
    }
    return rc;
}
