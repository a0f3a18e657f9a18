#include "heap/heap_int.h"
int heap_checkpoint(struct heap *h)
{
    return h->is_volatile ? 0 : -DER_NOSYS;
}
