/* A long extent that short ones cover goes, and searches no longer begin as far away as it reached.
 */
#include "rig.h"
#include "vos/priv.h"

#define LATEST DAOS_EPOCH_MAX
#define PIECE  64u
#define PIECES 64u
#define LONG   (PIECE * PIECES)

static const daos_obj_id_t oid = {.hi = (uint64_t)DAOS_OT_ARRAY_BYTE << 56, .lo = 5};

static struct vos_key dkey_of(const uint64_t *n)
{
    return (struct vos_key){n, sizeof *n};
}

static void write_at(struct rig *r, uint64_t n, uint64_t idx, uint64_t nr, uint8_t byte)
{
    static uint8_t buf[LONG];

    memset(buf, byte, nr);
    CHECK_EQ(write_arr(r, oid, dkey_of(&n), K("0"), idx, nr, 1, buf), 0);
}

static void reclaim(struct rig *r)
{
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_reclaim(r->v, &more)), 0);
}

/* The bound of lengths of chunk n, and how many extents it has. */
static void look(struct rig *r, uint64_t n, uint16_t *max_log, uint32_t *extents)
{
    struct vos_key d = dkey_of(&n), a = K("0");
    uint64_t obj = 0, dkey = 0, akey = 0, value;
    struct akey_rec rec;
    struct walk w;

    heap_lock(r->h);
    assert_int_equal(obj_find(r->c, oid, &obj), 0);
    assert_int_equal(dkey_find(r->h, obj, oid, &d, &dkey), 0);
    assert_int_equal(akey_find(r->h, dkey, oid, &a, DAOS_IOD_ARRAY, &akey), 0);
    assert_int_equal(akey_look(r->h, akey, &rec), 0);
    *max_log = rec.max_log;
    *extents = 0;
    walk_ext(&w, r->h, akey, 0, false);
    while (walk_next(&w, &value) == 0)
        ++*extents;
    heap_unlock(r->h);
}

static void assert_looks(struct rig *r, uint64_t n, uint16_t max_log, uint32_t extents)
{
    uint16_t log;
    uint32_t nr;

    look(r, n, &log, &nr);
    assert_int_equal(log, max_log);
    assert_int_equal(nr, extents);
}

static void assert_sound(struct rig *r)
{
    struct vos_anchor at = {{0}, 0};
    uint64_t problems = 0;
    bool more = true;

    while (more)
        CHECK_EQ(RIG_RETRY(r, vos_check(r->v, &at,
                                        &(struct vos_check_ops){
                                            .report = rig_problem, .data = NULL, .arg = NULL},
                                        &problems, &more)),
                 0);
    CHECK_EQ(problems, 0);
}

/* Every piece, from any place within it on: the search must not begin too late. */
static void assert_reads(struct rig *r, uint64_t n, uint64_t epoch, bool covered)
{
    uint8_t buf[16];

    for (uint32_t i = 0; i < PIECES; i++) {
        assert_int_equal(read_arr(r, epoch, oid, dkey_of(&n), K("0"), i * PIECE + PIECE - 16, 16,
                                  buf, 16, NULL, NULL),
                         1);
        assert_int_equal(buf[0], covered ? i : 200);
        assert_int_equal(buf[15], covered ? i : 200);
    }
}

static void the_last_of_many_is_noticed(void **state)
{
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    write_at(&r, 1, 0, LONG, 200);
    write_at(&r, 2, 0, LONG, 200);
    vos_reclaim_due(r.v);
    for (uint32_t i = 0; i < PIECES; i++) {
        assert_false(vos_reclaim_due(r.v));
        write_at(&r, 1, (i * 37 % PIECES) * PIECE, PIECE, (uint8_t)(i * 37 % PIECES));
    }
    assert_looks(&r, 1, 12, PIECES + 1);
    assert_true(vos_reclaim_due(r.v));
    reclaim(&r);
    assert_looks(&r, 1, 6, PIECES);
    assert_looks(&r, 2, 12, 1);
    assert_reads(&r, 1, LATEST, true);
    assert_reads(&r, 2, LATEST, false);
    assert_sound(&r);
    write_at(&r, 1, 10, 4 * PIECE, 77); /* and it grows again */
    assert_looks(&r, 1, 8, PIECES - 3 + 1);
    assert_sound(&r);
    rig_stop(&r);
}

/* A part that is not covered, or a snapshot that shows it, keeps the long one. */
static void what_is_seen_stays(void **state)
{
    uint64_t snap;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    write_at(&r, 1, 0, LONG, 200);
    snap = hlc_peek(r.v->clock);
    CHECK_EQ(RIG_RETRY(&r, vos_snap_add(r.c, snap)), 0);
    write_at(&r, 3, 0, LONG, 200);
    for (uint32_t round = 0; round < 3; round++)
        for (uint32_t i = 0; i < PIECES; i++) {
            write_at(&r, 1, i * PIECE, PIECE, (uint8_t)i);
            write_at(&r, 3, MAX(i, 1) * PIECE, PIECE, (uint8_t)MAX(i, 1));
            reclaim(&r);
        }
    assert_looks(&r, 1, 12, PIECES + 1);
    assert_looks(&r, 3, 12, PIECES);
    assert_reads(&r, 1, LATEST, true);
    assert_reads(&r, 1, snap, false);
    assert_sound(&r);
    rig_stop(&r);
}

/* More arrays than are counted, turn by turn: they are all found in the end. */
static void more_than_can_be_counted(void **state)
{
    enum { ARRAYS = 3 * COVER_NR, FEW = 4 };
    uint32_t left = 0, nr;
    uint16_t log;
    struct rig r;

    (void)state;
    rig_start(&r, NULL, 1, 0);
    for (uint32_t n = 0; n < ARRAYS; n++)
        write_at(&r, n, 0, FEW * PIECE, 200);
    for (uint32_t round = 0; round < 12; round++)
        for (uint32_t i = 0; i < FEW; i++)
            for (uint32_t n = 0; n < ARRAYS; n++) {
                write_at(&r, n, i * PIECE, PIECE, (uint8_t)i);
                if (vos_reclaim_due(r.v))
                    reclaim(&r);
            }
    for (uint32_t n = 0; n < ARRAYS; n++) {
        look(&r, n, &log, &nr);
        left += nr > FEW;
    }
    assert_true(left < ARRAYS / 20);
    assert_sound(&r);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_of_many_is_noticed),
        cmocka_unit_test(what_is_seen_stays),
        cmocka_unit_test(more_than_can_be_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
