/*
 * A burst: many calls of one client under way at once, as a program makes them that does not wait
 * for each.
 *
 * The workload says how a call is begun and what its end means; how the client waits is drawn:
 * polling one event queue, several fibers polling the same one (simulated only), testing events
 * that belong to no queue, or children of one event. Events are now and then asked to be aborted,
 * which promises nothing. To the oracle they are concurrent operations of one client. When
 * work_burst() returns nothing of it is under way any more. struct work's `waits` makes it do
 * nothing.
 */
#ifndef TARN_SIM_WORK_BURST_H
#define TARN_SIM_WORK_BURST_H

#include "workload.h"

#define WORK_FLIGHTS 24u /* of a burst, at most */

/* One call: the first member of whatever the workload keeps for it. */
struct work_flight {
    daos_event_t ev;
    bool up;
};

struct work_burst_ops {
    /* Draws a call and begins it with &f->ev. 0: it is under way; 1: none can be made now, nothing
     * was begun; else it was refused with that code, which end() is told at once. */
    int (*launch)(struct work_client *c, struct work_flight *f);
    /* It ended with rc: the oracle is told. Must not wait. */
    void (*end)(struct work_client *c, struct work_flight *f, int rc);
};

/* Makes about `calls` of them, at most nr under way: each with one of f. 0, or -DER_NO_HDL if that
 * is what one ended with. */
int work_burst(struct work_client *c, const struct work_burst_ops *ops,
               struct work_flight *const *f, uint32_t nr, uint32_t calls);

#endif
