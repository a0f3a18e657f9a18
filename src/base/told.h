/*
 * told: what the log is told once. Whoever can be made to complain by somebody else says it once
 * for each of those and each reason; nor do many of them fill the log: TOLD_LINES lines an hour,
 * the rest is silence.
 *
 * Not for several threads at once.
 */
#ifndef TARN_BASE_TOLD_H
#define TARN_BASE_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#define TOLD_LINES 64u
#define TOLD_WHO   16u /* bytes that tell one from another */

struct told {
    struct {
        uint8_t who[TOLD_WHO];
        uint32_t what;
    } line[TOLD_LINES];
    uint32_t nr;
    uint64_t since_ns; /* when the first of them was said */
};

/* Whether it was not said yet; from now on it was. All zero: nothing was. */
bool told_is_news(struct told *t, const uint8_t who[TOLD_WHO], uint32_t what, uint64_t now_ns);

#endif
