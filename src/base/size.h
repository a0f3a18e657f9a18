/*
 * Sizes as people write them. "10G" and "10GiB" are both 2^30 units, "10GB" is 10^9: sizes of
 * devices and pools are meant binary, and only the form with an explicit B and no i is decimal.
 */
#ifndef TARN_BASE_SIZE_H
#define TARN_BASE_SIZE_H

#include <stddef.h>
#include <stdint.h>

/* A number (decimals allowed: "1.5 GiB") with K M G T P E, in either case. 0 or -DER_INVAL (not a
 * size, negative) or -DER_OVERFLOW (beyond 2^64 - 1). */
int size_parse(const char *text, uint64_t *bytes_out);
/* "512 B", "4.0 KiB", "1.5 GiB"; returns buf. */
char *size_print(uint64_t bytes, char *buf, size_t len);
#define SIZE_TEXT_MAX 16
/* Durations: "20us", "1.5s", "100ms", "3m", "2h", "7ns"; a bare number is seconds. Same errors. */
int duration_parse(const char *text, uint64_t *ns_out);
char *duration_print(uint64_t ns, char *buf, size_t len); /* "1.2 s", "350 us" */

#endif
