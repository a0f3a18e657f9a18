/* Names of the steps of the durability protocol: the table is in step.h. */
#include "heap/heap_int.h"
#include "heap/step.h"

static const char *const step_name[] = {
#define STEP_NAME(name, text) text,
    HEAP_STEPS(STEP_NAME)
#undef STEP_NAME
};

uint32_t heap_step_nr(void)
{
    return HEAP_STEP_NR;
}

const char *heap_step_name(uint32_t step)
{
    return step < HEAP_STEP_NR ? step_name[step] : "?";
}

void heap_step(struct heap *h, uint32_t step)
{
    if (h->conf.on_step != NULL)
        h->conf.on_step(h->conf.arg, step);
}
