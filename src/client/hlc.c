/* Epochs as wall time, and the reverse. */
#include <daos.h>
#include <gurt/common.h>
#include "base/hlc.h"
#include "client/impl.h"

#define UNITS_NS 16u /* of the clock in a nanosecond */

int daos_hlc2timespec(uint64_t hlc, struct timespec *ts)
{
    return ts == NULL ? -DER_INVAL : d_hlc2timespec(hlc, ts);
}

int daos_hlc2timestamp(uint64_t hlc, time_t *ts)
{
    struct timespec t;

    if (ts == NULL)
        return -DER_INVAL;
    d_hlc2timespec(hlc, &t);
    *ts = t.tv_sec;
    return 0;
}

uint64_t d_hlc2nsec(uint64_t hlc)
{
    return hlc / UNITS_NS;
}

uint64_t d_nsec2hlc(uint64_t nsec)
{
    return nsec * UNITS_NS;
}

uint64_t d_hlc2unixnsec(uint64_t hlc)
{
    return HLC_START_UNIX_NS + hlc / UNITS_NS;
}

uint64_t d_unixnsec2hlc(uint64_t unixnsec)
{
    return unixnsec < HLC_START_UNIX_NS ? 0 : (unixnsec - HLC_START_UNIX_NS) * UNITS_NS;
}

int d_hlc2timespec(uint64_t hlc, struct timespec *ts)
{
    uint64_t ns = d_hlc2unixnsec(hlc);

    if (ts == NULL)
        return -DER_INVAL;
    ts->tv_sec = (time_t)(ns / 1000000000u);
    ts->tv_nsec = (long)(ns % 1000000000u);
    return 0;
}

int d_timespec2hlc(struct timespec ts, uint64_t *hlc)
{
    if (hlc == NULL || ts.tv_sec < 0)
        return -DER_INVAL;
    *hlc = d_unixnsec2hlc((uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec);
    return 0;
}

uint64_t d_hlc_get(void)
{
    struct client *c = client_current();

    return c ? hlc_get(&c->clock, rt_wall_ns()) : hlc_from_unix_ns(rt_wall_ns());
}

/* How far clocks may be apart is the engines' to say; this is what they start with. */
uint64_t d_hlc_epsilon_get(void)
{
    return d_sec2hlc(1);
}

void d_hlc_epsilon_set(uint64_t epsilon)
{
}

uint64_t d_hlc_epsilon_get_bound(uint64_t hlc)
{
    return hlc > HLC_LAST - d_hlc_epsilon_get() ? HLC_LAST
                                                : (hlc + d_hlc_epsilon_get()) | HLC_LOGICAL_MASK;
}

int d_hlc_get_msg(uint64_t msg, uint64_t *hlc_out, uint64_t *offset)
{
    uint64_t now = d_unixnsec2hlc(rt_wall_ns());
    struct client *c = client_current();

    if (offset != NULL)
        *offset = msg > now ? msg - now : 0;
    if (msg > now && msg - now > d_hlc_epsilon_get())
        return -DER_HLC_SYNC;
    now = c ? hlc_recv(&c->clock, msg, rt_wall_ns()) : hlc_merge(0, msg, rt_wall_ns());
    if (hlc_out != NULL)
        *hlc_out = now;
    return 0;
}

uint64_t d_hlct_get(void)
{
    struct client *c = client_current();

    return c ? hlc_peek(&c->clock) : 0;
}

void d_hlct_sync(uint64_t msg)
{
    struct client *c = client_current();

    if (c != NULL && msg > hlc_peek(&c->clock))
        hlc_raise(&c->clock, msg);
}

uint64_t d_hlc_age2sec(uint64_t hlc)
{
    uint64_t now = d_unixnsec2hlc(rt_wall_ns());

    return now > hlc ? (now - hlc) / UNITS_NS / 1000000000u : 0;
}
