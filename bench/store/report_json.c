/* The result for programs. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static const char *const names[WHO_NR] = {"tarn", "lmdb", "rocksdb"};

static json_t *of_samples(const struct samples *s)
{
    json_t *all = json_array();

    if (s->nr == 0) {
        json_decref(all);
        return json_null();
    }
    for (uint32_t i = 0; i < s->nr; i++)
        json_array_append_new(all, json_real(s->v[i]));
    return json_pack("{s:f, s:f, s:f, s:o}", "median", samples_median(s), "min", samples_min(s),
                     "max", samples_max(s), "samples", all);
}

static json_t *of_ratio(double x)
{
    return x > 0 ? json_real(x) : json_null();
}

static json_t *of_goals(const struct bench *b, const struct row *r)
{
    json_t *all = json_array();

    for (uint32_t i = 0; i < 3 && r->goals[i].kind != GOAL_NONE; i++) {
        char text[64];
        double figure;
        enum verdict v = goal_verdict(b, r, &r->goals[i], &figure);

        goal_text(&r->goals[i], r, text, sizeof(text));
        json_array_append_new(
            all, json_pack("{s:s, s:f, s:f, s:o}", "goal", text, "bound", r->goals[i].bound,
                           "figure", figure, "reached",
                           v == NOT_MEASURED ? json_null() : json_boolean(v == REACHED)));
    }
    return all;
}

static json_t *of_row(const struct bench *b, const struct row *r)
{
    json_t *row = json_pack("{s:s, s:s, s:s, s:b}", "row", r->id, "work", r->work, "unit", r->unit,
                            "more_is_better", r->rate);

    for (enum who w = 0; w < WHO_NR; w++) {
        json_t *s = of_samples(&r->who[w]);

        if (r->beside[w].nr > 0)
            json_object_set_new(s, r == &b->rows[ROW_REOPEN] ? "cpu" : "wall",
                                of_samples(&r->beside[w]));
        if (r->form[w] != NULL)
            json_object_set_new(s, "form", json_string(r->form[w]));
        json_object_set_new(row, names[w], s);
    }
    json_object_set_new(row, "ratio_to_lmdb", of_ratio(row_ratio(r, LMDB)));
    json_object_set_new(row, "ratio_to_rocksdb", of_ratio(row_ratio(r, ROCKSDB)));
    if (r->extra_name != NULL) {
        json_t *extra = of_samples(&r->extra);

        if (json_is_object(extra))
            json_object_set_new(extra, "what", json_string(r->extra_name));
        json_object_set_new(row, "extra", extra);
    }
    json_object_set_new(row, "goals", of_goals(b, r));
    return row;
}

void report_json(const struct bench *b, const char *path)
{
    json_t *rows = json_array(), *all;

    for (uint32_t i = 0; i < ROW_NR; i++)
        json_array_append_new(rows, of_row(b, &b->rows[i]));
    all = json_pack("{s:I, s:i, s:i, s:i, s:i, s:f, s:b, s:b, s:o}", "pairs",
                    (json_int_t)b->conf.pairs, "repetitions", (int)b->conf.reps, "key_bytes",
                    (int)KEY_BYTES, "value_bytes", (int)VALUE_BYTES, "batch", (int)BATCH,
                    "overwrite_seconds", b->conf.overwrite_s, "lmdb", contender_get(LMDB) != NULL,
                    "rocksdb", contender_get(ROCKSDB) != NULL, "rows", rows);
    if (all == NULL || json_dump_file(all, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) != 0)
        die(path, "the result could not be written", "name another file with --json");
    json_decref(all);
}
