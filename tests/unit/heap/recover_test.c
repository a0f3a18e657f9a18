/* What comes back after a close, orderly or not. */
#include "heap_rig.h"

static void an_orderly_close_brings_everything_back(struct rig *r)
{
    r->seed = 1;
    rig_format(r, &(struct sim_dir_conf){.seed = 1});
    for (uint32_t round = 0; round < 10; round++) {
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
        CHECK(rig_work(r, 100) == 0);
        r->acked = r->committed;
        CHECK(heap_close(r->h, true) == 0);
        rig_detach(r);
        CHECK(rig_attach(r) == 0);
        CHECK(super_is_clean(r->sup));
    }
}

static void a_killed_process_loses_nothing_acknowledged(struct rig *r)
{
    r->seed = 2;
    rig_format(r, &(struct sim_dir_conf){.seed = 2});
    for (uint32_t round = 0; round < 30; round++) {
        CHECK(rig_open(r, NULL) == 0);
        rig_verify(r, true);
        CHECK(rig_work(r, 40) == 0);
        rig_ack(r);
        CHECK(heap_close(r->h, false) == 0);
        rig_detach(r);
        CHECK(rig_attach(r) == 0);
        CHECK(!super_is_clean(r->sup));
    }
}

static void t_orderly(void **state)
{
    rig_run(an_orderly_close_brings_everything_back);
}

static void t_killed(void **state)
{
    rig_run(a_killed_process_loses_nothing_acknowledged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_orderly),
        cmocka_unit_test(t_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
