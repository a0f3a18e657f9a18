/* The writers of engine_kill, which are killed, and its checker, which is not. */
#include "engine_kill.h"

#include <daos.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_US 8000u
#define BATCH    8u
#define OLDER    64u /* records of earlier times that each pass of the checker looks at too */
#define OWN_MAX  4096u
#define COME_NS  UINT64_C(30000000000) /* until a pool that is killed all the time can be opened */
#define CHUNK    (UINT64_C(1) << 20)
#define LIST_NR  64u
#define KEY_TEXT 40u

struct user {
    struct shared *s;
    struct seat *seat;
    uint32_t life;
    uint64_t seed;
    daos_handle_t poh, coh, kv, arr;
    uint32_t own[OWN_MAX], own_nr; /* keys that are there, to be removed */
};

/* Every call is timed: the driver watches. */
#define CALL(u, expr)                                                                              \
    ({                                                                                             \
        uint64_t at_ = seat_take((u)->seat, __LINE__);                                             \
        int rc_ = (expr);                                                                          \
        seat_leave((u)->seat, at_);                                                                \
        rc_;                                                                                       \
    })
#define MUST(u, expr)                                                                              \
    do {                                                                                           \
        int rc__ = CALL(u, expr);                                                                  \
        if (rc__ != 0)                                                                             \
            wrong(u, #expr, rc__);                                                                 \
    } while (0)

uint64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t seat_take(struct seat *t, uint32_t line)
{
    uint64_t now = clock_ns();

    atomic_store(&t->what, line);
    atomic_store(&t->since_ns, now);
    return now;
}

static void seat_leave(struct seat *t, uint64_t since)
{
    uint64_t took = clock_ns() - since;

    if (took > atomic_load(&t->longest_ns))
        atomic_store(&t->longest_ns, took);
    atomic_store(&t->since_ns, 0);
}

static void wrong(struct user *u, const char *what, int rc)
{
    fprintf(stderr, "life %u, process %d: %s: %d\n", u->life, (int)getpid(), what, rc);
    atomic_fetch_add(&u->s->errors, 1);
    _exit(1);
}

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static uint64_t rnd(struct user *u)
{
    return mix(u->seed++);
}

/* Every byte and the length follow from the record and from who wrote it. */
static size_t value_of(uint32_t rec, uint32_t life, enum kind kind, uint8_t *buf)
{
    uint64_t h = mix((uint64_t)rec << 32 | life);
    size_t len = kind == KIND_CELL ? CELL
                 : h % 32 == 0     ? 600 + mix(h) % (VALUE_MAX - 600)
                                   : 8 + mix(h) % 300;

    for (size_t i = 0; i < len; i += 8) {
        uint64_t w = mix(h + i);

        memcpy(buf + i, &w, len - i < 8 ? len - i : 8);
    }
    return len;
}

static void key_of(uint32_t rec, char text[KEY_TEXT])
{
    snprintf(text, KEY_TEXT, "k%u", rec);
}

/* ---- The pool ---- */

static daos_obj_id_t oid_of(struct user *u, uint64_t lo, enum daos_otype_t type)
{
    daos_obj_id_t oid = {.lo = lo};

    MUST(u, daos_obj_generate_oid(u->coh, &oid, type, OC_S1, 0, 0));
    return oid;
}

/* Who opens a pool starts its engine if none is there. That one may be killed before it is ready,
 * which is an error like any other, and not of long standing. */
static void come(struct user *u)
{
    uint64_t begun = clock_ns();
    int rc;

    MUST(u, daos_init());
    while ((rc = CALL(u, daos_pool_connect(u->s->pool, NULL, DAOS_PC_RW, &u->poh, NULL, NULL))) !=
               0 &&
           clock_ns() - begun < COME_NS)
        usleep(2000);
    if (rc != 0)
        wrong(u, "daos_pool_connect", rc);
    MUST(u, daos_cont_open(u->poh, "c", DAOS_COO_RW, &u->coh, NULL, NULL));
    MUST(u, daos_kv_open(u->coh, oid_of(u, 1, DAOS_OT_KV_HASHED), DAOS_OO_RW, &u->kv, NULL));
    MUST(u, daos_array_open_with_attr(u->coh, oid_of(u, 2, DAOS_OT_ARRAY_ATTR), DAOS_TX_NONE,
                                      DAOS_OO_RW, 1, CHUNK, &u->arr, NULL));
}

static void leave(struct user *u)
{
    MUST(u, daos_array_close(u->arr, NULL));
    MUST(u, daos_kv_close(u->kv, NULL));
    MUST(u, daos_cont_close(u->coh, NULL));
    MUST(u, daos_pool_disconnect(u->poh, NULL));
    MUST(u, daos_fini());
}

/* ---- Changes ---- */

static uint32_t rec_new(struct user *u, enum kind kind)
{
    uint32_t i = (uint32_t)atomic_fetch_add(&u->s->recs, 1);

    if (i >= RECS_MAX)
        wrong(u, "more records than there is room for", (int)i);
    u->s->rec[i].life = u->life;
    atomic_store(&u->s->rec[i].kind, kind);
    atomic_store(&u->s->rec[i].state, MADE);
    return i;
}

static void acked(struct user *u, uint32_t rec)
{
    atomic_store(&u->s->rec[rec].state, ACKED);
    atomic_fetch_add(&u->s->acked, 1);
}

struct put {
    daos_event_t ev;
    uint32_t rec;
    char key[KEY_TEXT];
    uint8_t value[VALUE_MAX];
};

/* New keys, several under way: an insert that finds its own earlier copy would say that they exist.
 */
static void put_keys(struct user *u, daos_handle_t eq, struct put *p)
{
    daos_event_t *done[BATCH];
    uint64_t since = seat_take(u->seat, __LINE__);
    int nr = 0;

    for (uint32_t i = 0; i < BATCH; i++) {
        size_t len;
        int rc;

        p[i].rec = rec_new(u, KIND_KEY);
        key_of(p[i].rec, p[i].key);
        len = value_of(p[i].rec, u->life, KIND_KEY, p[i].value);
        rc = daos_event_init(&p[i].ev, eq, NULL);
        if (rc == 0)
            rc = daos_kv_put(u->kv, DAOS_TX_NONE, DAOS_COND_KEY_INSERT, p[i].key, len, p[i].value,
                             &p[i].ev);
        if (rc != 0)
            wrong(u, "daos_kv_put", rc);
    }
    while (nr < (int)BATCH) {
        int n = daos_eq_poll(eq, 1, DAOS_EQ_WAIT, BATCH, done);

        for (int i = 0; i < n; i++) {
            struct put *one = (struct put *)done[i];

            if (one->ev.ev_error != 0)
                wrong(u, one->key, one->ev.ev_error);
            daos_event_fini(&one->ev);
            acked(u, one->rec);
            u->own[u->own_nr++ % OWN_MAX] = one->rec;
        }
        nr += n > 0 ? n : 0;
    }
    seat_leave(u->seat, since);
}

/* A copy of the insert that came late would bring the key back; one of the removal would not find
 * it. */
static void remove_key(struct user *u)
{
    uint32_t nr = u->own_nr < OWN_MAX ? u->own_nr : OWN_MAX, at, rec;
    char key[KEY_TEXT];

    if (nr == 0)
        return;
    at = (uint32_t)(rnd(u) % nr);
    rec = u->own[at];
    if (atomic_load(&u->s->rec[rec].state) != ACKED)
        return;
    key_of(rec, key);
    atomic_store(&u->s->rec[rec].state, GOING);
    MUST(u, daos_kv_remove(u->kv, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, key, NULL));
    atomic_store(&u->s->rec[rec].state, GONE);
}

static int cell(struct user *u, uint32_t rec, uint8_t *buf, bool write)
{
    daos_range_t rg = {(uint64_t)rec * CELL, CELL};
    daos_array_iod_t iod = {.arr_nr = 1, .arr_rgs = &rg};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    d_iov_set(&iov, buf, CELL);
    return write ? CALL(u, daos_array_write(u->arr, DAOS_TX_NONE, &iod, &sgl, NULL))
                 : CALL(u, daos_array_read(u->arr, DAOS_TX_NONE, &iod, &sgl, NULL));
}

static void write_cell(struct user *u)
{
    uint32_t rec = rec_new(u, KIND_CELL);
    uint8_t buf[CELL];
    int rc;

    value_of(rec, u->life, KIND_CELL, buf);
    rc = cell(u, rec, buf, true);
    if (rc != 0)
        wrong(u, "daos_array_write", rc);
    acked(u, rec);
}

static uint64_t number_get(struct user *u, const char *kind, uint32_t life)
{
    uint64_t n = 0;
    daos_size_t len = sizeof(n);
    char key[KEY_TEXT];

    snprintf(key, sizeof(key), "%s%u", kind, life);
    MUST(u, daos_kv_get(u->kv, DAOS_TX_NONE, 0, key, &len, &n, NULL));
    if (len != 0 && len != sizeof(n))
        wrong(u, key, (int)len);
    return n;
}

static int number_put(struct user *u, daos_handle_t th, const char *kind, uint64_t n)
{
    char key[KEY_TEXT];

    snprintf(key, sizeof(key), "%s%u", kind, u->life);
    return daos_kv_put(u->kv, th, 0, key, sizeof(n), &n, NULL);
}

/* The newest counts: an older one that was carried out once more would be seen. */
static void overwrite(struct user *u)
{
    struct life *l = &u->s->life[u->life];
    uint64_t n = atomic_load(&l->hot_made) + 1;

    atomic_store(&l->hot_made, n);
    MUST(u, number_put(u, DAOS_TX_NONE, "hot", n));
    atomic_store(&l->hot_acked, n);
    if (number_get(u, "hot", u->life) != n)
        wrong(u, "what was overwritten last is not there", (int)n);
}

static void both(struct user *u)
{
    struct life *l = &u->s->life[u->life];
    uint64_t n = atomic_load(&l->pair_made) + 1;
    daos_handle_t th;
    int rc;

    atomic_store(&l->pair_made, n);
    MUST(u, daos_tx_open(u->coh, &th, 0, NULL));
    for (;;) {
        MUST(u, number_put(u, th, "left", n));
        MUST(u, number_put(u, th, "right", n));
        rc = CALL(u, daos_tx_commit(th, NULL));
        if (rc != -DER_TX_RESTART)
            break;
        MUST(u, daos_tx_restart(th, NULL));
    }
    if (rc != 0)
        wrong(u, "daos_tx_commit", rc);
    MUST(u, daos_tx_close(th, NULL));
    atomic_store(&l->pair_acked, n);
}

void writer_run(struct shared *s, uint32_t seat, uint32_t life, uint64_t seed)
{
    struct user u = {.s = s, .seat = &s->seat[seat], .life = life, .seed = seed};
    struct put *puts = calloc(BATCH, sizeof(*puts));
    daos_handle_t eq;

    come(&u);
    MUST(&u, daos_eq_create(&eq));
    while (!atomic_load(&s->stop)) {
        uint64_t r = rnd(&u) % 16;

        if (r < 8)
            put_keys(&u, eq, puts);
        else if (r < 11)
            write_cell(&u);
        else if (r < 13)
            remove_key(&u);
        else if (r < 15)
            overwrite(&u);
        else
            both(&u);
        usleep((useconds_t)(rnd(&u) % PAUSE_US));
    }
    MUST(&u, daos_eq_destroy(eq, 0));
    leave(&u);
    free(puts);
    exit(0);
}

/* ---- Checking ---- */

static void lost(struct user *u, uint32_t rec, const char *how)
{
    const struct rec *r = &u->s->rec[rec];

    fprintf(stderr, "record %u (kind %u, state %u, of life %u) %s\n", rec, r->kind, r->state,
            r->life, how);
    wrong(u, "what was acknowledged", -1);
}

/* What the key holds against its record, whose state was before that read; it may have moved on. */
static void check_key(struct user *u, uint32_t rec, enum state was)
{
    static uint8_t want[VALUE_MAX], got[VALUE_MAX + 1];
    struct rec *r = &u->s->rec[rec];
    daos_size_t len = sizeof(got);
    char key[KEY_TEXT];
    size_t size;

    key_of(rec, key);
    MUST(u, daos_kv_get(u->kv, DAOS_TX_NONE, 0, key, &len, got, NULL));
    if (was == GONE && len != 0)
        lost(u, rec, "was removed, and is there");
    if (was == ACKED && len == 0 && atomic_load(&r->state) == ACKED)
        lost(u, rec, "is not there");
    size = value_of(rec, r->life, KIND_KEY, want);
    if (len != 0 && (len != size || memcmp(want, got, size) != 0))
        lost(u, rec, "holds other bytes");
}

static void check_cell(struct user *u, uint32_t rec, enum state was)
{
    static const uint8_t nothing[CELL];
    uint8_t want[CELL], got[CELL] = {0};
    int rc = cell(u, rec, got, false);

    if (rc != 0)
        wrong(u, "daos_array_read", rc);
    value_of(rec, u->s->rec[rec].life, KIND_CELL, want);
    if (memcmp(want, got, CELL) != 0 && (was == ACKED || memcmp(nothing, got, CELL) != 0))
        lost(u, rec, was == ACKED ? "is not there" : "holds other bytes");
}

static void check_rec(struct user *u, uint32_t rec)
{
    struct rec *r = &u->s->rec[rec];
    enum state was = atomic_load(&r->state);

    if (was == NOTHING)
        return;
    if (r->kind == KIND_KEY)
        check_key(u, rec, was);
    else
        check_cell(u, rec, was);
    atomic_fetch_add(&u->s->checked, 1);
}

static void checker_open(struct user *u, struct shared *s)
{
    *u = (struct user){.s = s, .seat = &s->seat[WRITERS], .life = LIVES_MAX, .seed = 1};
    come(u);
}

void checker_run(struct shared *s)
{
    struct user u;
    uint32_t from = 0;

    checker_open(&u, s);
    while (!atomic_load(&s->stop)) {
        uint32_t deaths = atomic_load(&s->deaths), to = (uint32_t)atomic_load(&s->recs);

        for (uint32_t i = from; i < to; i++)
            check_rec(&u, i);
        for (uint32_t i = 0; i < OLDER && from > 0; i++)
            check_rec(&u, (uint32_t)(rnd(&u) % from));
        from = to;
        atomic_store(&s->passed, deaths);
        usleep(500);
    }
    leave(&u);
    exit(0);
}

static void check_lives(struct user *u)
{
    for (uint32_t i = 0; i < LIVES_MAX; i++) {
        const struct life *l = &u->s->life[i];
        uint64_t left, right, hot;

        if (l->pair_made == 0 && l->hot_made == 0)
            continue;
        left = number_get(u, "left", i);
        right = number_get(u, "right", i);
        hot = number_get(u, "hot", i);
        if (left != right || left < l->pair_acked || left > l->pair_made)
            wrong(u, "a transaction came apart, or is lost", (int)i);
        if (hot < l->hot_acked || hot > l->hot_made)
            wrong(u, "what was overwritten last is not there", (int)i);
    }
}

/* No key is there that nobody wrote. */
static void check_list(struct user *u)
{
    static char buf[LIST_NR * KEY_TEXT];
    daos_key_desc_t kds[LIST_NR];
    daos_anchor_t anchor = {0};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};

    while (!daos_anchor_is_eof(&anchor)) {
        uint32_t nr = LIST_NR;
        const char *at = buf;

        d_iov_set(&iov, buf, sizeof(buf));
        MUST(u, daos_kv_list(u->kv, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL));
        for (uint32_t i = 0; i < nr; at += kds[i++].kd_key_len) {
            char key[KEY_TEXT] = {0};
            unsigned rec;

            memcpy(key, at, kds[i].kd_key_len < KEY_TEXT ? kds[i].kd_key_len : KEY_TEXT - 1);
            if (key[0] == 'k' && (sscanf(key, "k%u", &rec) != 1 || rec >= u->s->recs ||
                                  u->s->rec[rec].kind != KIND_KEY || u->s->rec[rec].state == GONE))
                wrong(u, "a key that nobody wrote", 0);
        }
    }
}

int check_all(struct shared *s)
{
    struct user u;

    checker_open(&u, s);
    for (uint32_t i = 0; i < s->recs; i++)
        check_rec(&u, i);
    check_lives(&u);
    check_list(&u);
    leave(&u);
    return 0;
}
