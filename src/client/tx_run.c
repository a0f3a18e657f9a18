/* Transactions that are run until they are through: see include/tarn.h. */
#include <tarn.h>
#include "client/compound.h"
#include "client/impl.h"
#include "client/tx.h"

_Static_assert(TARN_TX_OPS_MAX == COMPOUND_OPS_MAX && TARN_TX_AKEYS_MAX == NET_BULK_MAX, "limits");

struct bound {
    uint32_t tries, ms;
    uint64_t begun_ns;
};

/* Makes it ready for another attempt; false: there have been enough. */
static bool again(daos_handle_t th, uint32_t tries, const struct bound *b)
{
    if (tries >= b->tries || rt_now_ns() - b->begun_ns >= b->ms * UINT64_C(1000000))
        return false;
    return daos_tx_restart(th, NULL) == 0;
}

/* One attempt. */
static int attempt(daos_handle_t th, int (*fn)(daos_handle_t th, void *arg), void *arg)
{
    int rc = fn(th, arg);

    if (rc != 0)
        return rc;
    rc = daos_tx_commit(th, NULL);
    /* fn has ended it, or passed over an error that failed it */
    return rc == -DER_ALREADY || rc == -DER_NO_HDL || rc == -DER_NO_PERM ? -DER_INVAL : rc;
}

int tx_run(daos_handle_t coh, uint64_t flags, int (*fn)(daos_handle_t th, void *arg), void *arg,
           uint32_t tries_max, uint32_t ms_max)
{
    struct bound b = {tries_max, ms_max, rt_now_ns()};
    uint32_t tries = 0;
    daos_handle_t th;
    int rc;

    if (fn == NULL)
        return -DER_INVAL;
    rc = daos_tx_open(coh, &th, flags, NULL);
    if (rc != 0)
        return rc;
    do
        rc = attempt(th, fn, arg);
    while (rc == -DER_TX_RESTART && again(th, ++tries, &b));
    daos_tx_close(th, NULL);
    return rc;
}

int tarn_tx_run(daos_handle_t coh, uint64_t flags, int (*fn)(daos_handle_t th, void *arg),
                void *arg)
{
    return tx_run(coh, flags, fn, arg, TARN_TX_TRIES_MAX, TARN_TX_RUN_MS_MAX);
}
