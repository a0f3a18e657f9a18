/* bench --breakdown: where the time of a read goes, by what the engine tells of each. */
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "rt/rt.h"
#include "tools/bench.h"

#define READS_DEFAULT 20000u
#define READS_MAX     10000000u
#define VALUE         4096u

/* Between two moments of a read. The first begins, and the last ends, where the caller looks. */
enum stage { S_CLIENT, S_THERE, S_ENGINE, S_STORE, S_BACK, S_RETURN, S_ALL, S_NR };

static const struct {
    const char *name, *what;
} stages[S_NR] = {
    [S_CLIENT] = {"client_ns", "the library makes a request of the call"},
    [S_THERE] = {"there_ns", "the request is on its way, and the engine takes it"},
    [S_ENGINE] = {"engine_ns", "the engine decodes it"},
    [S_STORE] = {"store_ns", "the store finds the value, verifies its checksum and copies it"},
    [S_BACK] = {"back_ns", "the answer is encoded, is on its way, and the client takes it"},
    [S_RETURN] = {"return_ns", "the library copies the value and returns"},
    [S_ALL] = {"all_ns", "the whole read"},
};

struct breakdown {
    struct tool *t;
    struct conn c;
    daos_handle_t coh, oh;
    char label[BENCH_LABEL_MAX];
    bool made; /* the container of that label */
    uint32_t reads;
    uint64_t *took[S_NR];
    uint64_t *plain; /* reads without looking at the clock in between */
    char value[VALUE];
    struct bench_watch watch;
};

static int one_more(struct breakdown *b)
{
    atomic_fetch_add_explicit(&b->watch.done, 1, memory_order_relaxed);
    return atomic_load_explicit(&b->watch.stop, memory_order_relaxed) ? -DER_CANCELED : 0;
}

static int value_io(struct breakdown *b, bool write)
{
    char dkey_name[] = "dkey", akey_name[] = "akey";
    daos_recx_t recx = {0, VALUE};
    daos_iod_t iod = {.iod_type = DAOS_IOD_ARRAY, .iod_size = 1, .iod_nr = 1, .iod_recxs = &recx};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    daos_key_t dkey;

    d_iov_set(&dkey, dkey_name, strlen(dkey_name));
    d_iov_set(&iod.iod_name, akey_name, strlen(akey_name));
    d_iov_set(&iov, b->value, VALUE);
    return write ? daos_obj_update(b->oh, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL)
                 : daos_obj_fetch(b->oh, DAOS_TX_NONE, 0, &dkey, 1, &iod, &sgl, NULL, NULL);
}

static int prepare(struct breakdown *b)
{
    daos_obj_id_t oid = {.lo = 1};
    int rc;

    rc = daos_cont_create_with_label(b->c.poh, b->label, NULL, NULL, NULL);
    b->made = rc == 0;
    if (rc != 0)
        return rc;
    rc = daos_cont_open(b->c.poh, b->label, DAOS_COO_RW, &b->coh, NULL, NULL);
    if (rc != 0)
        return rc;
    rc = daos_obj_generate_oid(b->coh, &oid, DAOS_OT_MULTI_HASHED, OC_S1, 0, 0);
    if (rc == 0)
        rc = daos_obj_open(b->coh, oid, DAOS_OO_RW, &b->oh, NULL);
    if (rc != 0)
        return rc;
    memset(b->value, 'b', VALUE);
    return value_io(b, true);
}

static int undo(struct breakdown *b)
{
    int rc = 0;

    if (daos_handle_is_valid(b->oh))
        daos_obj_close(b->oh, NULL);
    if (daos_handle_is_valid(b->coh))
        daos_cont_close(b->coh, NULL);
    if (b->made)
        rc = daos_cont_destroy(b->c.poh, b->label, 1, NULL);
    return rc;
}

static int read_plain(struct breakdown *b)
{
    int rc = 0;

    for (uint32_t i = 0; i < b->reads && rc == 0; i++) {
        uint64_t t0 = rt_now_ns();

        rc = value_io(b, false);
        b->plain[i] = rt_now_ns() - t0;
        rc = rc != 0 ? rc : one_more(b);
    }
    return rc;
}

static int read_timed(struct breakdown *b)
{
    struct client_times at;
    int rc = client_time_calls(b->c.poh, &at);

    for (uint32_t i = 0; i < b->reads && rc == 0; i++) {
        uint64_t begun, ended;

        memset(&at, 0, sizeof(at));
        begun = rt_now_ns();
        rc = value_io(b, false);
        ended = rt_now_ns();
        if (rc == 0 && at.taken_ns == 0)
            rc = -DER_NOTSUPPORTED;
        b->took[S_CLIENT][i] = at.sent_ns - begun;
        b->took[S_THERE][i] = at.taken_ns - at.sent_ns;
        b->took[S_ENGINE][i] = at.decoded_ns - at.taken_ns;
        b->took[S_STORE][i] = at.answered_ns - at.decoded_ns;
        b->took[S_BACK][i] = at.received_ns - at.answered_ns;
        b->took[S_RETURN][i] = ended - at.received_ns;
        b->took[S_ALL][i] = ended - begun;
        rc = rc != 0 ? rc : one_more(b);
    }
    client_time_calls(b->c.poh, NULL);
    return rc;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t quantile_ns(uint64_t *v, uint32_t nr, uint32_t percent)
{
    qsort(v, nr, sizeof(*v), by_value);
    return v[(uint64_t)(nr - 1) * percent / 100];
}

static void report(struct breakdown *b)
{
    struct tool *t = b->t;
    json_t *out = json_array();
    uint64_t plain = quantile_ns(b->plain, b->reads, 50), p99 = quantile_ns(b->plain, b->reads, 99);

    if (!t->json)
        fprintf(t->out, "a read of %u bytes, %u of them, one at a time; medians\n\n", VALUE,
                b->reads);
    for (int s = 0; s < S_NR; s++) {
        uint64_t ns = quantile_ns(b->took[s], b->reads, 50);

        if (t->json)
            json_array_append_new(out, json_pack("{s:s, s:s, s:I}", "stage", stages[s].name, "what",
                                                 stages[s].what, "ns", (json_int_t)ns));
        else
            fprintf(t->out, "%s%8lu ns  %s\n", s == S_ALL ? "\n" : "", ns, stages[s].what);
    }
    if (t->json)
        t->response = json_pack("{s:I, s:I, s:O, s:I, s:I}", "reads", (json_int_t)b->reads, "bytes",
                                (json_int_t)VALUE, "stages", out, "untimed_p50_ns",
                                (json_int_t)plain, "untimed_p99_ns", (json_int_t)p99);
    else
        fprintf(t->out,
                "%8lu ns  the same without looking at the clock in between; 99 %%: %lu ns\n", plain,
                p99);
    json_decref(out);
}

static int measure(struct breakdown *b)
{
    int rc = prepare(b);

    if (rc == 0)
        rc = read_plain(b); /* warms up, too */
    if (rc == 0)
        rc = read_timed(b);
    return rc;
}

static int reads_of(struct tool *t, uint32_t *reads)
{
    uint64_t n = READS_DEFAULT;
    int rc = opt_number(t, "reads", &n);

    if (rc == 0 && (n == 0 || n > READS_MAX))
        rc = tool_fail(t, -DER_INVAL, "give a number from 1 to 10000000",
                       "so many reads cannot be measured", "cannot use --reads=%.40s",
                       opt_text(t, "reads"));
    *reads = (uint32_t)n;
    return rc;
}

int bench_breakdown(struct tool *t)
{
    struct breakdown b = {.t = t};
    uint64_t *mem;
    int rc = reads_of(t, &b.reads), rc2;

    if (rc != 0)
        return rc;
    mem = calloc((size_t)b.reads * (S_NR + 1), sizeof(*mem));
    if (mem == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot keep the times of %u reads", b.reads);
    for (int s = 0; s < S_NR; s++)
        b.took[s] = mem + (size_t)s * b.reads;
    b.plain = mem + (size_t)S_NR * b.reads;
    bench_name(b.label);
    bench_watch_start(&b.watch, t, "reads", 2 * (uint64_t)b.reads, b.label, NULL);
    rc = conn_pool(t, &b.c, t->args[0], DAOS_PC_RW);
    if (rc == 0) {
        rc = measure(&b);
        rc2 = undo(&b);
        rc = rc != 0 ? rc : rc2;
        if (rc == -DER_CANCELED) {
            t->status = EXIT_INTERRUPTED;
            tool_fail(t, rc, "run the command again, perhaps with fewer --reads",
                      "it was interrupted; what it had made is removed",
                      "pool '%.100s' is not measured", t->args[0]);
        } else if (rc == -DER_NOTSUPPORTED)
            tool_fail(t, rc, "use an engine of this version", "its engine does not tell times",
                      "cannot measure pool '%.100s'", t->args[0]);
        else if (rc != 0)
            tool_fail_der(t, rc, "cannot measure pool '%.100s'", t->args[0]);
    }
    bench_watch_end(&b.watch);
    if (rc == 0)
        report(&b);
    conn_close(&b.c);
    free(mem);
    return rc;
}
