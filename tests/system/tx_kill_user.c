/* What workers, the auditor and both workloads of tx_kill have in common. */
#include "tx_kill.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COME_TRIES 15000u /* of 2 ms, until a pool that is killed all the time can be opened */
#define LIST_NR    128u

struct job {
    struct user u;
    const struct workload *w;
    bool snapshots;
    pthread_t thread;
};

void wrong(struct user *u, const char *what, int64_t rc)
{
    fprintf(stderr, "process %d: %s: %lld\n", (int)getpid(), what, (long long)rc);
    atomic_fetch_add(&u->s->errors, 1);
    _exit(1);
}

uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

uint32_t rnd(struct user *u, uint32_t below)
{
    return (uint32_t)(mix(u->seed++) % below);
}

bool is_late(struct user *u, int rc)
{
    if (rc != -DER_TIMEDOUT)
        return false;
    atomic_fetch_add(&u->s->late, 1);
    return true;
}

/* ---- Attempts ---- */

uint32_t attempt_new(struct user *u, uint8_t kind)
{
    uint64_t id = atomic_fetch_add(&u->s->attempts, 1);

    if (id >= ATTEMPTS_MAX)
        wrong(u, "more attempts than there is room for", (int64_t)id);
    u->s->at[id].kind = kind;
    atomic_store(&u->s->at[id].state, MADE);
    return (uint32_t)id;
}

void attempt_acked(struct user *u, uint32_t id)
{
    atomic_store(&u->s->at[id].state, ACKED);
    atomic_fetch_add(&u->s->acked, 1);
}

void attempt_refused(struct user *u, uint32_t id)
{
    atomic_store(&u->s->at[id].state, REFUSED);
    atomic_fetch_add(&u->s->refused, 1);
}

/* ---- Objects ---- */

daos_handle_t kv_open(struct user *u, uint64_t lo)
{
    daos_obj_id_t oid = {.lo = lo};
    daos_handle_t oh;

    MUST(u, daos_obj_generate_oid(u->coh, &oid, DAOS_OT_KV_HASHED, OC_SX, 0, 0));
    MUST(u, daos_kv_open(u->coh, oid, DAOS_OO_RW, &oh, NULL));
    return oh;
}

bool kv_there(struct user *u, daos_handle_t oh, const char *key, void *value, size_t size)
{
    daos_size_t len;
    int rc;

    do {
        len = size;
        rc = daos_kv_get(oh, DAOS_TX_NONE, 0, key, &len, value, NULL);
    } while (is_late(u, rc));
    MUST(u, rc);
    if (len != 0 && len != size)
        wrong(u, "a value of another size", (int64_t)len);
    return len != 0;
}

static int each_of(const daos_key_desc_t *kds, uint32_t nr, const char *at,
                   int (*each)(const char *key, void *arg), void *arg)
{
    char key[KEY_TEXT];
    int rc = 0;

    for (uint32_t i = 0; i < nr && rc == 0; at += kds[i++].kd_key_len) {
        snprintf(key, sizeof(key), "%.*s", (int)kds[i].kd_key_len, at);
        rc = each(key, arg);
    }
    return rc;
}

int kv_each(daos_handle_t oh, daos_handle_t th, int (*each)(const char *key, void *arg), void *arg)
{
    char buf[LIST_NR * KEY_TEXT];
    daos_key_desc_t kds[LIST_NR];
    daos_anchor_t anchor = {0};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc = 0;

    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = LIST_NR;

        d_iov_set(&iov, buf, sizeof(buf));
        rc = daos_kv_list(oh, th, &nr, kds, &sgl, &anchor, NULL);
        if (rc == 0)
            rc = each_of(kds, nr, buf, each, arg);
    }
    return rc;
}

/* ---- Processes ---- */

/* Who opens a pool starts its engine if none is there. That one may be killed before it is ready,
 * which is an error like any other, and not of long standing. */
static void come(struct user *u, struct shared *s, const struct workload *w, uint64_t seed)
{
    uint32_t tries = 0;
    int rc;

    *u = (struct user){.s = s, .seed = mix(seed)};
    MUST(u, daos_init());
    while ((rc = daos_pool_connect(s->pool, NULL, DAOS_PC_RW, &u->poh, NULL, NULL)) != 0 &&
           ++tries < COME_TRIES)
        usleep(2000);
    if (rc != 0)
        wrong(u, "daos_pool_connect", rc);
    do /* an engine that stands still for longer than its client waits leaves that open */
        rc = daos_cont_create_with_label(u->poh, "c", NULL, NULL, NULL);
    while (rc == -DER_TX_UNCERTAIN);
    if (rc != 0 && rc != -DER_EXIST)
        wrong(u, "daos_cont_create_with_label", rc);
    MUST(u, daos_cont_open(u->poh, "c", DAOS_COO_RW, &u->coh, NULL, NULL));
    w->open(u);
}

static void __attribute__((noreturn)) leave(struct user *u, const struct workload *w)
{
    w->close(u);
    MUST(u, daos_cont_close(u->coh, NULL));
    MUST(u, daos_pool_disconnect(u->poh, NULL));
    MUST(u, daos_fini());
    exit(0);
}

static void *work(void *arg)
{
    struct job *j = arg;

    while (!atomic_load(&j->u.s->stop)) {
        j->w->work(&j->u);
        usleep(rnd(&j->u, 2000));
    }
    return NULL;
}

static void read_at(struct user *u, const struct workload *w, daos_handle_t th, struct view *v)
{
    int rc;

    do
        rc = w->read(th, v);
    while (is_late(u, rc));
    MUST(u, rc);
}

/* Of one that was uncertain a snapshot may stay that nobody knows. */
static daos_epoch_t snapshot_make(struct user *u)
{
    daos_epoch_t epoch;
    int rc;

    do
        rc = daos_cont_create_snap(u->coh, &epoch, NULL, NULL);
    while (rc == -DER_TX_UNCERTAIN || is_late(u, rc));
    MUST(u, rc);
    return epoch;
}

static void snapshot_remove(struct user *u, daos_epoch_t epoch)
{
    daos_epoch_range_t epr = {epoch, epoch};
    bool uncertain = false;
    int rc;

    while ((rc = daos_cont_destroy_snap(u->coh, epr, NULL)) == -DER_TX_UNCERTAIN || is_late(u, rc))
        uncertain |= rc == -DER_TX_UNCERTAIN;
    if (rc != -DER_NONEXIST || !uncertain)
        MUST(u, rc);
}

/* A snapshot's reads conflict with nobody: no such error is expected. */
static void read_snapshot(struct user *u, const struct workload *w, struct view *v)
{
    daos_epoch_t epoch = snapshot_make(u);
    daos_handle_t th;

    MUST(u, daos_tx_open_snap(u->coh, epoch, &th, NULL));
    read_at(u, w, th, v);
    v->made = atomic_load(&u->s->attempts);
    w->judge(u, v);
    read_at(u, w, th, v); /* it stays as it is */
    MUST(u, daos_tx_close(th, NULL));
    snapshot_remove(u, epoch);
}

static void audit(struct user *u, const struct workload *w, bool snapshot)
{
    struct view v = {.u = u, .acked = atomic_load(&u->s->acked), .top = atomic_load(&u->s->top)};
    int rc = 0;

    if (snapshot)
        read_snapshot(u, w, &v);
    else
        do
            rc = tarn_tx_run(u->coh, DAOS_TF_RDONLY, w->read, &v);
        while (is_late(u, rc));
    MUST(u, rc);
    v.made = atomic_load(&u->s->attempts);
    w->judge(u, &v);
    atomic_fetch_add(&u->s->audits, 1);
}

static void *look(void *arg)
{
    struct job *j = arg;

    while (!atomic_load(&j->u.s->stop)) {
        audit(&j->u, j->w, j->snapshots);
        usleep(rnd(&j->u, 5000));
    }
    return NULL;
}

static void threads_run(struct shared *s, const struct workload *w, uint64_t seed,
                        void *(*fn)(void *))
{
    struct job job[THREADS];
    struct user u;

    come(&u, s, w, seed);
    for (uint32_t i = 0; i < THREADS; i++) {
        job[i] = (struct job){.u = u, .w = w, .snapshots = i % 2 == 1};
        job[i].u.seed = mix(u.seed + i);
        MUST(&u, pthread_create(&job[i].thread, NULL, fn, &job[i]));
    }
    for (uint32_t i = 0; i < THREADS; i++)
        MUST(&u, pthread_join(job[i].thread, NULL));
    leave(&u, w);
}

void worker_run(struct shared *s, const struct workload *w, uint64_t seed)
{
    threads_run(s, w, seed, work);
    exit(0);
}

void auditor_run(struct shared *s, const struct workload *w, uint64_t seed)
{
    threads_run(s, w, seed, look);
    exit(0);
}

void make_run(struct shared *s, const struct workload *w)
{
    struct user u;

    come(&u, s, w, 1);
    w->make(&u);
    leave(&u, w);
}

void check_run(struct shared *s, const struct workload *w)
{
    struct user u;

    come(&u, s, w, 2);
    audit(&u, w, false);
    audit(&u, w, true);
    w->check(&u);
    leave(&u, w);
}
