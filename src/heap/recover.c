#include "heap/heap_int.h"
int recover(struct heap *h, struct err *e)
{
    return err_set(e, -DER_NOSYS, "cannot open the heap", "recovery is not built yet", "use a volatile heap");
}
