/*
 * Hybrid logical clock: the epochs of every record. Pure arithmetic; the caller brings the wall
 * clock.
 *
 * An HLC is 64 bits: units of 1/16 ns since 2021-01-01 00:00:00 UTC, of which the low 18 bits count
 * events within one physical tick (16.384 us). So HLCs compare as integers, stay close to real
 * time, and never go back even when the wall clock does: then the logical bits count on (and may
 * carry into the physical ones). Source: Kulkarni et al., "Logical Physical Clocks" (OPODIS 2014);
 * layout as DAOS's epochs.
 *
 * 0 and UINT64_MAX are no times ("none" and "latest"). Functions saturate at HLC_LAST, about the
 * year 2057.
 */
#ifndef TARN_BASE_HLC_H
#define TARN_BASE_HLC_H

#include <stdbool.h>
#include <stdint.h>

#define HLC_START_UNIX_NS UINT64_C(1609459200000000000)
#define HLC_LOGICAL_BITS  18
#define HLC_LOGICAL_MASK  ((UINT64_C(1) << HLC_LOGICAL_BITS) - 1)
#define HLC_LAST          (UINT64_MAX - 1)

/* The HLC with logical part 0 of a time in nanoseconds since the Unix epoch; 0 before 2021. */
uint64_t hlc_from_unix_ns(uint64_t unix_ns);
/* The physical time of an HLC, rounded down to its tick. */
uint64_t hlc_to_unix_ns(uint64_t hlc);

/* The time of a local event after the event last: above last, not below the wall clock. */
uint64_t hlc_next(uint64_t last, uint64_t wall_ns);
/* The time of receiving a message sent at remote: above last and remote, not below the wall clock.
 * Check hlc_too_far() first if the sender is not trusted. */
uint64_t hlc_merge(uint64_t last, uint64_t remote, uint64_t wall_ns);
/* Whether remote lies more than epsilon_ns ahead of the later of last and the wall clock
 * (-DER_HLC_SYNC). */
bool hlc_too_far(uint64_t remote, uint64_t last, uint64_t wall_ns, uint64_t epsilon_ns);

/* A clock that any thread may draw from. The owner sets last before others see it. */
struct hlc {
    uint64_t last; /* newest value given out; accessed atomically */
};

/* Next value; values are distinct and rising over all threads. */
uint64_t hlc_get(struct hlc *c, uint64_t wall_ns);
/* As hlc_get, also above remote. */
uint64_t hlc_recv(struct hlc *c, uint64_t remote, uint64_t wall_ns);
/* From now on every value is above floor. */
void hlc_raise(struct hlc *c, uint64_t floor);
/* Newest value given out. */
uint64_t hlc_peek(const struct hlc *c);

#endif
