/* metrics: what clients ask of a pool's engine. */
#include "client/client.h"
#include "tools/cmds.h"
#include "tools/conn.h"

struct metrics {
    struct tool *t;
    json_t *figures, *kinds;
    bool headed;
};

static void figure(void *arg, const char *name, uint64_t value)
{
    struct metrics *m = arg;
    char text[COUNT_TEXT_MAX];

    if (m->t->json)
        json_object_set_new(m->figures, name, json_integer((json_int_t)value));
    else
        fprintf(m->t->out, "  %-24s %s\n", name, count_text(value, text));
}

/* Below which time so many of a hundred stay, in us, by the histogram; 0: nothing was timed. */
static uint64_t quantile_us(const struct client_kind *k, unsigned int percent)
{
    uint64_t all = 0, sum = 0;

    for (uint32_t i = 0; i < k->took_nr; i++)
        all += k->took[i];
    for (uint32_t i = 0; i < k->took_nr && all > 0; i++) {
        sum += k->took[i];
        if (sum * 100 >= all * percent)
            return UINT64_C(1) << i;
    }
    return 0;
}

static void kind_json(struct metrics *m, const struct client_kind *k)
{
    json_t *took = json_array();

    for (uint32_t i = 0; i < k->took_nr; i++)
        json_array_append_new(took, json_integer((json_int_t)k->took[i]));
    json_object_set_new(
        m->kinds, k->name,
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "requests",
                  (json_int_t)k->requests, "errors", (json_int_t)k->errors, "refused",
                  (json_int_t)k->refused, "cancelled", (json_int_t)k->cancelled, "bytes_in",
                  (json_int_t)k->bytes_in, "bytes_out", (json_int_t)k->bytes_out, "time_us",
                  (json_int_t)k->time_us, "p50_us", (json_int_t)quantile_us(k, 50), "p99_us",
                  (json_int_t)quantile_us(k, 99), "took_below_us_log2", took));
}

static void kind(void *arg, const struct client_kind *k)
{
    struct metrics *m = arg;

    if (m->t->json) {
        kind_json(m, k);
        return;
    }
    if (!m->headed)
        fprintf(m->t->out, "\n%-18s %12s %8s %8s %9s %14s %14s %9s %9s\n", "message", "requests",
                "errors", "refused", "cancelled", "bytes_in", "bytes_out", "p50_us", "p99_us");
    m->headed = true;
    fprintf(m->t->out, "%-18s %12lu %8lu %8lu %9lu %14lu %14lu %9lu %9lu\n", k->name, k->requests,
            k->errors, k->refused, k->cancelled, k->bytes_in, k->bytes_out, quantile_us(k, 50),
            quantile_us(k, 99));
}

int cmd_metrics(struct tool *t)
{
    struct metrics m = {.t = t, .figures = json_object(), .kinds = json_object()};
    struct conn c = {0};
    int rc = conn_pool(t, &c, t->args[0], DAOS_PC_RO);

    if (rc == 0) {
        rc = client_engine_metrics(c.poh, figure, kind, &m);
        if (rc == -DER_NOSYS)
            tool_fail(t, rc, "start an engine for it: tarn engine DIR",
                      "no engine serves it, so nobody asks anything",
                      "cannot show metrics of pool '%.100s'", t->args[0]);
        else if (rc != 0)
            tool_fail_der(t, rc, "cannot show metrics of pool '%.100s'", t->args[0]);
    }
    if (rc == 0 && t->json)
        t->response = json_pack("{s:O, s:O}", "figures", m.figures, "messages", m.kinds);
    json_decref(m.figures);
    json_decref(m.kinds);
    conn_close(&c);
    return rc;
}
