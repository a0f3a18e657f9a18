#include "heap/heap_int.h"
int heap_check(struct heap *h, void (*report)(void *arg, const char *text), void *arg, uint64_t *problems)
{
    return -DER_NOSYS;
}
