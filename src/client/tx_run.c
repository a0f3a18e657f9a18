/* Transactions that are run until they are through: see include/tarn.h. */
#include <tarn.h>
#include "client/compound.h"
#include "client/impl.h"

_Static_assert(TARN_TX_OPS_MAX == COMPOUND_OPS_MAX && TARN_TX_AKEYS_MAX == NET_BULK_MAX, "limits");

/* Makes it ready for another attempt; false: there have been enough. */
static bool again(daos_handle_t th, uint32_t tries, uint64_t begun_ns)
{
    if (tries >= TARN_TX_TRIES_MAX ||
        rt_now_ns() - begun_ns >= TARN_TX_RUN_MS_MAX * UINT64_C(1000000))
        return false;
    return daos_tx_restart(th, NULL) == 0;
}

/* One attempt. What fn makes of a conflict is its own; the transaction knows. */
static int attempt(daos_handle_t th, int (*fn)(daos_handle_t th, void *arg), void *arg)
{
    int rc = fn(th, arg);

    if (rc != 0)
        return rc;
    rc = daos_tx_commit(th, NULL);
    /* fn has ended it, or an operation that it does not speak of has failed it */
    return rc == -DER_ALREADY || rc == -DER_NO_HDL || rc == -DER_NO_PERM ? -DER_INVAL : rc;
}

int tarn_tx_run(daos_handle_t coh, uint64_t flags, int (*fn)(daos_handle_t th, void *arg),
                void *arg)
{
    uint64_t begun_ns = rt_now_ns();
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
    while (rc == -DER_TX_RESTART && again(th, ++tries, begun_ns));
    daos_tx_close(th, NULL);
    return rc;
}
