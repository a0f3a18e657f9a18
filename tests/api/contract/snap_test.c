/* Contracts of snapshots, of object id tables, and of what goes back to them. */
#include "stage.h"

CONTRACT(daos_cont_create_snap)
{
    daos_prop_t *one = daos_prop_alloc(1);
    daos_epoch_t epoch = 0, next = 0;
    struct mine m;

    one->dpp_entries[0].dpe_type = DAOS_PROP_CO_SNAPSHOT_MAX;
    one->dpp_entries[0].dpe_val = 2;
    CHECK(mine_make(r, &m, one));
    daos_prop_free(one);
    GIVES(-DER_NOSYS, daos_cont_create_snap(m.coh, &epoch, (char *)"name", ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_snap(m.coh, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_create_snap(r->poh, &epoch, NULL, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_create_snap(r->ro_coh, &epoch, NULL, ev(r)));
    CHECK(epoch == 0);
    GIVES(0, daos_cont_create_snap(m.coh, &epoch, NULL, ev(r)));
    GIVES(0, daos_cont_create_snap(m.coh, &next, NULL, ev(r)));
    CHECK(epoch > 0 && next > epoch && next < DAOS_EPOCH_MAX);
    GIVES(-DER_INVAL, daos_cont_create_snap(m.coh, &epoch, NULL, ev(r))); /* as many as may be */
    return mine_end(r, &m);
}

CONTRACT(daos_cont_create_snap_opt)
{
    const enum daos_snapshot_opts both = DAOS_SNAP_OPT_CR | DAOS_SNAP_OPT_OIT;
    daos_epoch_t epoch = 0;
    struct mine m;

    CHECK(mine_make(r, &m, NULL));
    GIVES(-DER_INVAL, daos_cont_create_snap_opt(m.coh, &epoch, NULL, 0, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_snap_opt(m.coh, &epoch, NULL, DAOS_SNAP_OPT_OIT, ev(r)));
    GIVES(-DER_INVAL, daos_cont_create_snap_opt(m.coh, NULL, NULL, both, ev(r)));
    GIVES(-DER_NOSYS, daos_cont_create_snap_opt(m.coh, &epoch, (char *)"name", both, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_create_snap_opt(r->ro_coh, &epoch, NULL, both, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_create_snap_opt(r->poh, &epoch, NULL, both, ev(r)));
    CHECK(epoch == 0);
    GIVES(0, daos_cont_create_snap_opt(m.coh, &epoch, NULL, both, ev(r)));
    CHECK(epoch > 0);
    return mine_end(r, &m);
}

CONTRACT(daos_cont_list_snap)
{
    daos_epoch_t made[3], got[4] = {0};
    daos_anchor_t anchor = {0};
    struct mine m;
    int n = 4;

    CHECK(mine_make(r, &m, NULL));
    GIVES(0, daos_cont_list_snap(m.coh, &n, got, NULL, &anchor, ev(r)));
    CHECK(n == 0 && daos_anchor_is_eof(&anchor));
    for (int i = 0; i < 3; i++)
        NOW(0, daos_cont_create_snap(m.coh, &made[i], NULL, NULL));
    memset(&anchor, 0, sizeof(anchor));
    n = 0;
    GIVES(0, daos_cont_list_snap(m.coh, &n, NULL, NULL, &anchor, ev(r)));
    CHECK(n == 3);
    memset(&anchor, 0, sizeof(anchor));
    n = 4;
    GIVES(0, daos_cont_list_snap(m.coh, &n, got, NULL, &anchor, ev(r)));
    CHECK(n == 3 && memcmp(got, made, sizeof(made)) == 0);
    memset(&anchor, 0, sizeof(anchor));
    memset(got, 0, sizeof(got));
    n = 2; /* as many as there is room for, and how many there are */
    GIVES(0, daos_cont_list_snap(m.coh, &n, got, NULL, &anchor, ev(r)));
    CHECK(n == 3 && got[1] == made[1] && got[2] == 0);
    n = -1;
    GIVES(-DER_INVAL, daos_cont_list_snap(m.coh, &n, got, NULL, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_cont_list_snap(m.coh, NULL, got, NULL, &anchor, ev(r)));
    n = 4;
    GIVES(-DER_INVAL, daos_cont_list_snap(m.coh, &n, got, NULL, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_list_snap(r->poh, &n, got, NULL, &anchor, ev(r)));
    return mine_end(r, &m);
}

CONTRACT(daos_cont_destroy_snap)
{
    daos_epoch_range_t epr;
    daos_anchor_t anchor = {0};
    daos_handle_t ro;
    daos_epoch_t epoch;
    struct mine m;
    int n = 0;

    CHECK(mine_make(r, &m, NULL));
    NOW(0, daos_cont_create_snap(m.coh, &epoch, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, m.label, DAOS_COO_RO, &ro, NULL, NULL));
    epr = (daos_epoch_range_t){epoch, epoch};
    GIVES(-DER_NO_PERM, daos_cont_destroy_snap(ro, epr, ev(r)));
    NOW(0, daos_cont_close(ro, NULL));
    epr.epr_hi++;
    GIVES(-DER_INVAL, daos_cont_destroy_snap(m.coh, epr, ev(r)));
    epr.epr_lo++;
    GIVES(-DER_NONEXIST, daos_cont_destroy_snap(m.coh, epr, ev(r)));
    epr = (daos_epoch_range_t){0, 0};
    GIVES(-DER_INVAL, daos_cont_destroy_snap(m.coh, epr, ev(r)));
    epr = (daos_epoch_range_t){epoch, epoch};
    GIVES(-DER_NO_HDL, daos_cont_destroy_snap(r->poh, epr, ev(r)));
    NOW(0, daos_cont_list_snap(m.coh, &n, NULL, NULL, &anchor, NULL));
    CHECK(n == 1);
    GIVES(0, daos_cont_destroy_snap(m.coh, epr, ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_destroy_snap(m.coh, epr, ev(r)));
    return mine_end(r, &m);
}

CONTRACT(daos_cont_rollback)
{
    daos_epoch_t old, newer;
    daos_handle_t oh, ro;
    daos_obj_id_t oid;
    struct mine m;

    CHECK(mine_make(r, &m, NULL));
    NOW(0, stage_oid(m.coh, DAOS_OT_MULTI_HASHED, 1, &oid));
    NOW(0, daos_obj_open(m.coh, oid, DAOS_OO_RW, &oh, NULL));
    NOW(0, put(oh, 0, "d", "a", "before"));
    NOW(0, daos_cont_create_snap(m.coh, &old, NULL, NULL));
    NOW(0, put(oh, 0, "d", "a", "after"));
    NOW(0, daos_cont_create_snap(m.coh, &newer, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, m.label, DAOS_COO_RO, &ro, NULL, NULL));
    GIVES(-DER_INVAL, daos_cont_rollback(m.coh, 0, ev(r)));
    GIVES(-DER_INVAL, daos_cont_rollback(m.coh, DAOS_EPOCH_MAX, ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_rollback(m.coh, old + 1, ev(r)));
    GIVES(-DER_BUSY, daos_cont_rollback(m.coh, old, ev(r)));
    GIVES(-DER_NO_PERM, daos_cont_rollback(ro, newer, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_rollback(r->poh, newer, ev(r)));
    NOW(0, daos_cont_close(ro, NULL));
    CHECK(strcmp(get(oh, "d", "a"), "after") == 0);
    NOW(0, daos_cont_destroy_snap(m.coh, (daos_epoch_range_t){newer, newer}, NULL));
    GIVES(0, daos_cont_rollback(m.coh, old, ev(r)));
    CHECK(strcmp(get(oh, "d", "a"), "before") == 0);
    NOW(0, daos_obj_close(oh, NULL));
    return mine_end(r, &m);
}

/* ---- Object id tables ---- */

/* Of a container with three objects and a snapshot of them. */
struct table {
    struct mine m;
    daos_handle_t ro, oit;
    daos_epoch_t epoch;
    daos_obj_id_t oid[3];
};

static bool table_open(struct run *r, struct table *t)
{
    daos_handle_t oh;

    CHECK(mine_make(r, &t->m, NULL));
    for (uint64_t i = 0; i < 3; i++) {
        NOW(0, stage_oid(t->m.coh, DAOS_OT_MULTI_HASHED, i + 1, &t->oid[i]));
        NOW(0, daos_obj_open(t->m.coh, t->oid[i], DAOS_OO_RW, &oh, NULL));
        NOW(0, put(oh, 0, "d", "a", "v"));
        NOW(0, daos_obj_close(oh, NULL));
    }
    NOW(0, daos_cont_create_snap(t->m.coh, &t->epoch, NULL, NULL));
    NOW(0, daos_cont_open(r->poh, t->m.label, DAOS_COO_RO, &t->ro, NULL, NULL));
    NOW(0, daos_oit_open(t->m.coh, t->epoch, &t->oit, NULL));
    return true;
}

static bool table_close(struct run *r, struct table *t)
{
    NOW(0, daos_oit_close(t->oit, NULL));
    NOW(0, daos_cont_close(t->ro, NULL));
    return mine_end(r, &t->m);
}

/* Marks one entry. */
static bool mark(struct run *r, struct table *t, int i, const char *text)
{
    d_iov_t marker;

    d_iov_set(&marker, (void *)text, strlen(text));
    NOW(0, daos_oit_mark(t->oit, t->oid[i], &marker, NULL));
    return true;
}

static uint32_t unmarked(struct table *t)
{
    daos_anchor_t anchor = {0};
    daos_obj_id_t oids[8];
    uint32_t nr, all = 0;

    while (!daos_anchor_is_eof(&anchor)) {
        nr = 8;
        if (daos_oit_list_unmarked(t->oit, oids, &nr, &anchor, NULL) != 0)
            return 99;
        all += nr;
    }
    return all;
}

CONTRACT(daos_cont_snap_oit_create)
{
    struct table t;

    CHECK(table_open(r, &t));
    GIVES(0, daos_cont_snap_oit_create(t.m.coh, t.epoch, NULL, ev(r)));
    GIVES(-DER_NOSYS, daos_cont_snap_oit_create(t.m.coh, t.epoch, (char *)"name", ev(r)));
    GIVES(-DER_NONEXIST, daos_cont_snap_oit_create(t.m.coh, t.epoch + 1, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_snap_oit_create(t.m.coh, 0, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_cont_snap_oit_create(t.m.coh, DAOS_EPOCH_MAX, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_snap_oit_create(r->poh, t.epoch, NULL, ev(r)));
    return table_close(r, &t);
}

CONTRACT(daos_cont_snap_oit_destroy)
{
    daos_handle_t ro_oit;
    struct table t;

    CHECK(table_open(r, &t));
    CHECK(mark(r, &t, 0, "mark"));
    CHECK(unmarked(&t) == 2);
    NOW(0, daos_oit_open(t.ro, t.epoch, &ro_oit, NULL));
    GIVES(-DER_NO_PERM, daos_cont_snap_oit_destroy(t.ro, ro_oit, ev(r)));
    NOW(0, daos_oit_close(ro_oit, NULL));
    GIVES(-DER_NO_HDL, daos_cont_snap_oit_destroy(t.m.coh, r->oh, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_snap_oit_destroy(DAOS_HDL_INVAL, t.oit, ev(r)));
    GIVES(-DER_NO_HDL, daos_cont_snap_oit_destroy(r->poh, t.oit, ev(r)));
    CHECK(unmarked(&t) == 2);
    GIVES(0, daos_cont_snap_oit_destroy(t.m.coh, t.oit, ev(r)));
    CHECK(unmarked(&t) == 3);
    return table_close(r, &t);
}

CONTRACT(daos_oit_open)
{
    daos_handle_t oit = DAOS_HDL_INVAL;
    struct table t;

    CHECK(table_open(r, &t));
    GIVES(-DER_NONEXIST, daos_oit_open(t.m.coh, t.epoch + 1, &oit, ev(r)));
    GIVES(-DER_INVAL, daos_oit_open(t.m.coh, 0, &oit, ev(r)));
    GIVES(-DER_INVAL, daos_oit_open(t.m.coh, DAOS_EPOCH_MAX, &oit, ev(r)));
    GIVES(-DER_INVAL, daos_oit_open(t.m.coh, t.epoch, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_open(r->poh, t.epoch, &oit, ev(r)));
    CHECK(daos_handle_is_inval(oit));
    GIVES(0, daos_oit_open(t.ro, t.epoch, &oit, ev(r)));
    NOW(0, daos_oit_close(oit, NULL));
    return table_close(r, &t);
}

CONTRACT(daos_oit_close)
{
    daos_handle_t oit;
    struct table t;

    CHECK(table_open(r, &t));
    NOW(0, daos_oit_open(t.m.coh, t.epoch, &oit, NULL));
    GIVES(0, daos_oit_close(oit, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_close(oit, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_close(r->oh, ev(r)));
    return table_close(r, &t);
}

CONTRACT(daos_oit_list)
{
    daos_anchor_t anchor = {0};
    daos_obj_id_t oids[8];
    uint64_t sum = 0;
    uint32_t nr;
    struct table t;

    CHECK(table_open(r, &t));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 2;
        GIVES(0, daos_oit_list(t.oit, oids, &nr, &anchor, ev(r)));
        CHECK(nr <= 2);
        for (uint32_t i = 0; i < nr; i++)
            sum += oids[i].lo;
    }
    CHECK(sum == 6);
    memset(&anchor, 0, sizeof(anchor));
    nr = 0;
    GIVES(-DER_INVAL, daos_oit_list(t.oit, oids, &nr, &anchor, ev(r)));
    nr = 8;
    GIVES(-DER_INVAL, daos_oit_list(t.oit, NULL, &nr, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_oit_list(t.oit, oids, NULL, &anchor, ev(r)));
    GIVES(-DER_INVAL, daos_oit_list(t.oit, oids, &nr, NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_list(r->oh, oids, &nr, &anchor, ev(r)));
    CHECK(nr == 8);
    return table_close(r, &t);
}

CONTRACT(daos_oit_mark)
{
    char text[DAOS_OIT_MARKER_MAX_LEN + 1] = "0123456789abcdef0123456789abcdef";
    daos_obj_id_t none = {.lo = 4711};
    daos_handle_t ro_oit;
    d_iov_t marker;
    struct table t;

    CHECK(table_open(r, &t));
    d_iov_set(&marker, text, DAOS_OIT_MARKER_MAX_LEN);
    GIVES(-DER_NONEXIST, daos_oit_mark(t.oit, none, &marker, ev(r)));
    GIVES(-DER_INVAL, daos_oit_mark(t.oit, t.oid[0], NULL, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_mark(r->oh, t.oid[0], &marker, ev(r)));
    NOW(0, daos_oit_open(t.ro, t.epoch, &ro_oit, NULL));
    GIVES(-DER_NO_PERM, daos_oit_mark(ro_oit, t.oid[0], &marker, ev(r)));
    NOW(0, daos_oit_close(ro_oit, NULL));
    marker.iov_len = 0;
    GIVES(-DER_INVAL, daos_oit_mark(t.oit, t.oid[0], &marker, ev(r)));
    d_iov_set(&marker, text, sizeof(text));
    GIVES(-DER_INVAL, daos_oit_mark(t.oit, t.oid[0], &marker, ev(r)));
    CHECK(unmarked(&t) == 3);
    d_iov_set(&marker, text, DAOS_OIT_MARKER_MAX_LEN);
    GIVES(0, daos_oit_mark(t.oit, t.oid[0], &marker, ev(r)));
    GIVES(0, daos_oit_mark(t.oit, t.oid[0], &marker, ev(r))); /* in its place */
    CHECK(unmarked(&t) == 2);
    return table_close(r, &t);
}

CONTRACT(daos_oit_list_unmarked)
{
    daos_anchor_t anchor = {0};
    daos_obj_id_t oids[8];
    uint64_t sum = 0;
    uint32_t nr;
    struct table t;

    CHECK(table_open(r, &t));
    CHECK(mark(r, &t, 1, "seen"));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 1;
        GIVES(0, daos_oit_list_unmarked(t.oit, oids, &nr, &anchor, ev(r)));
        sum += nr == 1 ? oids[0].lo : 0;
    }
    CHECK(sum == 4);
    nr = 0;
    GIVES(-DER_INVAL, daos_oit_list_unmarked(t.oit, oids, &nr, &anchor, ev(r)));
    nr = 1;
    GIVES(-DER_INVAL, daos_oit_list_unmarked(t.oit, NULL, &nr, &anchor, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_list_unmarked(r->oh, oids, &nr, &anchor, ev(r)));
    return table_close(r, &t);
}

static int only_marked(daos_obj_id_t oid, d_iov_t *marker)
{
    return marker != NULL && marker->iov_len == 4 && memcmp(marker->iov_buf, "seen", 4) == 0;
}

static int not_at_all(daos_obj_id_t oid, d_iov_t *marker)
{
    return -DER_MISC;
}

CONTRACT(daos_oit_list_filter)
{
    daos_anchor_t anchor = {0};
    daos_obj_id_t oids[8];
    uint64_t sum = 0;
    uint32_t nr;
    struct table t;

    CHECK(table_open(r, &t));
    CHECK(mark(r, &t, 1, "seen"));
    CHECK(mark(r, &t, 2, "other"));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 2;
        GIVES(0, daos_oit_list_filter(t.oit, oids, &nr, &anchor, only_marked, ev(r)));
        for (uint32_t i = 0; i < nr; i++)
            sum += oids[i].lo;
    }
    CHECK(sum == 2);
    memset(&anchor, 0, sizeof(anchor));
    nr = 8;
    GIVES(-DER_INVAL, daos_oit_list_filter(t.oit, oids, &nr, &anchor, NULL, ev(r)));
    GIVES(-DER_INVAL, daos_oit_list_filter(t.oit, oids, NULL, &anchor, only_marked, ev(r)));
    GIVES(-DER_NO_HDL, daos_oit_list_filter(r->oh, oids, &nr, &anchor, only_marked, ev(r)));
    GIVES(-DER_MISC, daos_oit_list_filter(t.oit, oids, &nr, &anchor, not_at_all, ev(r)));
    return table_close(r, &t);
}

#define STORIES(X)                                                                                 \
    X(daos_cont_create_snap)                                                                       \
    X(daos_cont_create_snap_opt)                                                                   \
    X(daos_cont_list_snap)                                                                         \
    X(daos_cont_destroy_snap)                                                                      \
    X(daos_cont_rollback)                                                                          \
    X(daos_cont_snap_oit_create)                                                                   \
    X(daos_cont_snap_oit_destroy)                                                                  \
    X(daos_oit_open)                                                                               \
    X(daos_oit_close)                                                                              \
    X(daos_oit_list)                                                                               \
    X(daos_oit_mark)                                                                               \
    X(daos_oit_list_unmarked)                                                                      \
    X(daos_oit_list_filter)

CONTRACT_MAIN(STORIES, daos_stage, api_setup)
