/*
 * Pipelines as programs build them (daos_pipeline.h). Engines do not run them; DAOS's do only when
 * asked to by the environment, so programs are ready for -DER_NOSYS.
 */
#include <daos_pipeline.h>
#include <daos_errno.h>
#include <string.h>
#include "base/fail.h"
#include "client/impl.h"

#define VERSION   1
#define CONDITION "DAOS_FILTER_CONDITION"
#define AGGREGATE "DAOS_FILTER_AGGREGATION"

void daos_pipeline_init(daos_pipeline_t *pipeline)
{
    if (pipeline == NULL)
        return;
    memset(pipeline, 0, sizeof(*pipeline));
    pipeline->version = VERSION;
}

void daos_filter_init(daos_filter_t *filter)
{
    if (filter != NULL)
        memset(filter, 0, sizeof(*filter));
}

static bool iov_is(const d_iov_t *iov, const char *text)
{
    return iov->iov_buf != NULL && iov->iov_len == strlen(text) &&
           memcmp(iov->iov_buf, text, iov->iov_len) == 0;
}

/* Appends to an array of pointers that its owner frees with free(). */
static int append(void ***array, uint32_t *nr, void *what)
{
    void **grown = base_realloc(*array, (*nr + 1) * sizeof(*grown));

    if (grown == NULL)
        return -DER_NOMEM;
    grown[(*nr)++] = what;
    *array = grown;
    return 0;
}

int daos_pipeline_add(daos_pipeline_t *pipeline, daos_filter_t *filter)
{
    if (pipeline == NULL || filter == NULL)
        return -DER_INVAL;
    if (iov_is(&filter->filter_type, CONDITION))
        return append((void ***)&pipeline->filters, &pipeline->num_filters, filter);
    if (iov_is(&filter->filter_type, AGGREGATE))
        return append((void ***)&pipeline->aggr_filters, &pipeline->num_aggr_filters, filter);
    return -DER_INVAL;
}

int daos_filter_add(daos_filter_t *filter, daos_filter_part_t *part)
{
    if (filter == NULL || part == NULL)
        return -DER_INVAL;
    return append((void ***)&filter->parts, &filter->num_parts, part);
}

/* Parts stand in prefix order: each that is read is one less awaited and as many more as it has
 * operands. */
static bool filter_complete(const daos_filter_t *f, const char *type)
{
    uint64_t awaited = 1;
    uint32_t i;

    if (f == NULL || !iov_is(&f->filter_type, type) || f->num_parts == 0)
        return false;
    for (i = 0; i < f->num_parts && awaited > 0; i++) {
        if (f->parts[i] == NULL || f->parts[i]->part_type.iov_buf == NULL)
            return false;
        awaited += f->parts[i]->num_operands - (uint64_t)1;
    }
    return i == f->num_parts && awaited == 0;
}

int daos_pipeline_check(daos_pipeline_t *pipeline)
{
    uint32_t i;

    if (pipeline == NULL || pipeline->version != VERSION)
        return -DER_INVAL;
    for (i = 0; i < pipeline->num_filters; i++)
        if (!filter_complete(pipeline->filters[i], CONDITION))
            return -DER_INVAL;
    for (i = 0; i < pipeline->num_aggr_filters; i++)
        if (!filter_complete(pipeline->aggr_filters[i], AGGREGATE))
            return -DER_INVAL;
    return 0;
}

/* Parts are the caller's, the arrays that daos_filter_add() made are freed. */
static void filters_free(daos_filter_t ***filters, uint32_t *nr)
{
    uint32_t i;

    for (i = 0; i < *nr; i++) {
        base_free((*filters)[i]->parts);
        (*filters)[i]->parts = NULL;
        (*filters)[i]->num_parts = 0;
    }
    base_free(*filters);
    *filters = NULL;
    *nr = 0;
}

int daos_pipeline_free(daos_pipeline_t *pipeline)
{
    if (pipeline == NULL)
        return -DER_INVAL;
    filters_free(&pipeline->filters, &pipeline->num_filters);
    filters_free(&pipeline->aggr_filters, &pipeline->num_aggr_filters);
    return 0;
}

int daos_pipeline_run(daos_handle_t coh, daos_handle_t oh, daos_pipeline_t *pipeline,
                      daos_handle_t th, uint64_t flags, daos_key_t *dkey, uint32_t *nr_iods,
                      daos_iod_t *iods, daos_anchor_t *anchor, uint32_t *nr_kds,
                      daos_key_desc_t *kds, d_sg_list_t *sgl_keys, d_sg_list_t *sgl_recx,
                      daos_size_t *recx_size, d_sg_list_t *sgl_agg, daos_pipeline_stats_t *stats,
                      daos_event_t *ev)
{
    struct obj *o = obj_get(client_current(), oh, DAOS_HTYPE_OBJ);
    int rc;

    if (o == NULL)
        return -DER_NO_HDL;
    handle_put(&o->h);
    rc = daos_pipeline_check(pipeline);
    return rc ? rc : -DER_NOSYS;
}
