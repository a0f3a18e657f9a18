/*
 * What only builds for tests of DAOS itself do: faults by id, allocation tracking. This library has
 * none of it; programs that call it link and go on. What is injected here is injected below the
 * API, by the simulator.
 */
#include <daos/common.h>
#include <gurt/common.h>
#include <gurt/fault_inject.h>

int d_fault_inject_init(void)
{
    return 0;
}

int d_fault_inject_fini(void)
{
    return 0;
}

int d_fault_inject_enable(void)
{
    return -DER_NOSYS;
}

int d_fault_inject_disable(void)
{
    return 0;
}

bool d_fault_inject_is_enabled(void)
{
    return false;
}

void d_fault_inject_thread_enable(bool enabled)
{
}

void d_fault_inject_thread_default_enable(bool enabled)
{
}

bool d_should_fail(struct d_fault_attr_t *fault_attr_ptr)
{
    return false;
}

int d_fault_attr_set(uint32_t fault_id, struct d_fault_attr_t fa_in)
{
    return -DER_NOSYS;
}

int d_fault_attr_err_code(uint32_t fault_id)
{
    return 0;
}

struct d_fault_attr_t *d_fault_attr_lookup(uint32_t fault_id)
{
    return NULL;
}

void daos_fail_loc_set(uint64_t id)
{
}

void daos_fail_value_set(uint64_t val)
{
}

void daos_fail_num_set(uint64_t num)
{
}

void d_set_alloc_track_cb(d_alloc_track_cb_t alloc_cb, d_alloc_track_cb_t free_cb, void *arg)
{
}
