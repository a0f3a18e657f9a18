/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Pipelines: filters and aggregations that run where the data is. Experimental.
 */
#ifndef TARN_DAOS_PIPELINE_H
#define TARN_DAOS_PIPELINE_H

#include <stdint.h>
#include <daos_types.h>
#include <daos_obj.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One step of a filter: a function, or one of its operands. */
typedef struct {
    d_iov_t part_type;
    d_iov_t data_type;
    uint32_t num_operands;
    daos_key_t akey;
    size_t num_constants;
    d_iov_t *constant;
    size_t data_offset;
    size_t data_len;
} daos_filter_part_t;

/** A condition or an aggregation: its parts in prefix order. */
typedef struct {
    d_iov_t filter_type;
    uint32_t num_parts;
    daos_filter_part_t **parts;
} daos_filter_t;

/** Conditions every record must pass, then aggregations over those that do. */
typedef struct {
    uint64_t version;
    uint32_t num_filters;
    daos_filter_t **filters;
    uint32_t num_aggr_filters;
    daos_filter_t **aggr_filters;
} daos_pipeline_t;

/** How much a run looked at. */
typedef struct {
    uint64_t nr_objs;
    uint64_t nr_dkeys;
    uint64_t nr_akeys;
} daos_pipeline_stats_t;

/** Make an empty pipeline. */
void daos_pipeline_init(daos_pipeline_t *pipeline);

/** Make an empty filter. */
void daos_filter_init(daos_filter_t *filter);

/**
 * Append a filter, by its type to the conditions or to the aggregations.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_pipeline_add(daos_pipeline_t *pipeline, daos_filter_t *filter);

/**
 * Append a part.
 * Errors: -DER_INVAL, -DER_NOMEM.
 */
int daos_filter_add(daos_filter_t *filter, daos_filter_part_t *part);

/**
 * Is every filter complete and consistent?.
 * Errors: -DER_INVAL, -DER_NOSYS (feature).
 */
int daos_pipeline_check(daos_pipeline_t *pipeline);

/** Free the arrays inside a pipeline. Filters and parts stay the caller's. */
int daos_pipeline_free(daos_pipeline_t *pipeline);

/**
 * Run a pipeline over an object, or over one dkey of it. *nr_kds and *nr_iods in: room, out: what
 * was found; go on with the same anchor until its end.
 * Errors: -DER_NOSYS, -DER_INVAL, -DER_NO_HDL.
 */
int daos_pipeline_run(daos_handle_t coh, daos_handle_t oh, daos_pipeline_t *pipeline,
                      daos_handle_t th, uint64_t flags, daos_key_t *dkey, uint32_t *nr_iods,
                      daos_iod_t *iods, daos_anchor_t *anchor, uint32_t *nr_kds,
                      daos_key_desc_t *kds, d_sg_list_t *sgl_keys, d_sg_list_t *sgl_recx,
                      daos_size_t *recx_size, d_sg_list_t *sgl_agg, daos_pipeline_stats_t *stats,
                      daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_PIPELINE_H */
