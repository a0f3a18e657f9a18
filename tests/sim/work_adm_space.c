/* Of the workload "admin": what has no state of a model. Ranges of object ids are never given out
 * twice; the space of a destroyed container comes back. */
#include <stdlib.h>
#include <string.h>
#include "rt/rt.h"
#include "work_admin.h"

/* ---- Ranges ---- */

/* The first range that ends behind this id. */
static uint32_t find(const struct ad_work *w, uint64_t id)
{
    uint32_t lo = 0, hi = w->ranges;

    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;

        if (w->range[mid].to > id)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

void ad_oids_given(struct work_client *c, uint64_t first, uint64_t nr)
{
    struct ad_work *w = ad_work(c);
    uint32_t at = find(w, first);

    if (at < w->ranges && w->range[at].from < first + nr) {
        work_wrong(c->work,
                   "client %u was given object ids %lu to %lu; %lu to %lu were given before",
                   c->index, first, first + nr - 1, w->range[at].from, w->range[at].to - 1);
        return;
    }
    if (w->ranges == w->ranges_max) {
        w->ranges_max = MAX(64u, 2 * w->ranges_max);
        w->range = realloc(w->range, w->ranges_max * sizeof(*w->range));
        ASSERT(w->range != NULL);
    }
    memmove(w->range + at + 1, w->range + at, (w->ranges - at) * sizeof(*w->range));
    w->range[at] = (struct ad_range){first, first + nr};
    w->ranges++;
}

/* ---- Space ---- */

#define BIG        "adm-big"
#define BIG_VALUES 12u
#define BIG_BYTES  60000u
#define SLACK      (128u << 10) /* metadata grows by pages */
#define TRIES      400u
#define SAME_MAX   100u
#define LONG_NS    UINT64_C(100000000)
#define TRY_NS     UINT64_C(20000000)

static int used(struct work_client *c, uint64_t *bytes)
{
    daos_pool_info_t info = {.pi_bits = DPI_SPACE};
    const struct daos_space *s = &info.pi_space.ps_space;
    int rc = daos_pool_query(c->poh, NULL, &info, NULL, NULL);

    if (rc != 0)
        return rc;
    for (int i = 0; i < DAOS_MEDIA_MAX; i++)
        if (s->s_free[i] > s->s_total[i])
            work_wrong(c->work, "of %lu bytes of medium %d %lu are free", s->s_total[i], i,
                       s->s_free[i]);
    *bytes = s->s_total[DAOS_MEDIA_NVME] - s->s_free[DAOS_MEDIA_NVME];
    return 0;
}

/* Until it is no more than that, or has not changed for a while. */
static int wait_for(struct work_client *c, uint64_t want, uint64_t *bytes)
{
    uint64_t before = 0;
    uint32_t same = 0;
    int rc = 0;

    for (uint32_t i = 0; i < TRIES && rc == 0 && same < SAME_MAX; i++) {
        rc = used(c, bytes);
        if (rc != 0 || *bytes <= want)
            return rc;
        same = *bytes == before ? same + 1 : 0;
        before = *bytes;
        rt_sleep_ns(same < SAME_MAX / 2 ? TRY_NS : LONG_NS); /* a failed round is tried again */
    }
    return rc;
}

static bool is_full(const struct work_client *c, int rc)
{
    return rc == -DER_NOSPACE && c->work->faults & WORK_FULL;
}

/* As much of it as there is room for, which is all of it unless the pool may be full. */
static int write_big(struct work_client *c, uint32_t *written)
{
    unsigned char *buf = calloc(1, BIG_BYTES);
    daos_iod_t iod = {.iod_nr = 1, .iod_type = DAOS_IOD_SINGLE, .iod_size = BIG_BYTES};
    daos_handle_t coh, oh;
    daos_key_t dkey;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    ASSERT(buf != NULL);
    rc = daos_cont_open(c->poh, BIG, DAOS_COO_RW, &coh, NULL, NULL);
    if (rc == 0)
        rc = daos_obj_open(coh, ad_work(c)->oid[0], DAOS_OO_RW, &oh, NULL);
    d_iov_set(&iod.iod_name, "a", 1);
    for (uint32_t i = 0; i < BIG_VALUES && rc == 0; i++) {
        d_iov_set(&dkey, &i, sizeof(i));
        d_iov_set(&iov, buf, BIG_BYTES);
        rc = daos_obj_update(oh, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL);
        *written += rc == 0;
    }
    if (is_full(c, rc))
        rc = 0;
    if (rc == 0)
        rc = daos_obj_close(oh, NULL);
    free(buf);
    return rc != 0 ? rc : daos_cont_close(coh, NULL);
}

int ad_space_returns(struct work_client *c)
{
    uint64_t at_first = 0, full = 0, at_last = 0;
    uint32_t written = 0;
    int rc = daos_cont_destroy(c->poh, BIG, 1, NULL); /* of a try that damage ended */

    if (rc == 0 || rc == -DER_NONEXIST)
        rc = wait_for(c, 0, &at_first);
    if (rc == 0)
        rc = daos_cont_create_with_label(c->poh, BIG, NULL, NULL, NULL);
    if (is_full(c, rc))
        return 0;
    if (rc == 0)
        rc = write_big(c, &written);
    if (rc == 0)
        rc = used(c, &full);
    if (rc == 0)
        rc = daos_cont_destroy(c->poh, BIG, 0, NULL);
    if (rc == 0)
        rc = wait_for(c, at_first + SLACK, &at_last);
    if (rc != 0)
        return rc;
    if (full < at_first + written * BIG_BYTES)
        work_wrong(c->work, "%u bytes were written, and of %lu used bytes became %lu",
                   written * BIG_BYTES, at_first, full);
    if (at_last > at_first + SLACK && c->work->faults & WORK_ROT)
        c->work->excused++; /* what cannot be read is not given back; the checker has to say so */
    else if (at_last > at_first + SLACK)
        work_wrong(c->work,
                   "a container of %u bytes was destroyed, and used bytes are %lu; they were %lu "
                   "before it was made, %lu when it was there",
                   written * BIG_BYTES, at_last, at_first, full);
    return 0;
}
