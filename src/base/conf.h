/*
 * Settings from the environment, with units and limits. A text that is wrong or out of range is
 * reported in the log with what would be right, and the default is used: a bad setting never stops
 * a program half-way.
 */
#ifndef TARN_BASE_CONF_H
#define TARN_BASE_CONF_H

#include <stdbool.h>
#include <stdint.h>

uint64_t conf_u64(const char *name, uint64_t def, uint64_t min, uint64_t max);
uint64_t conf_size(const char *name, uint64_t def_bytes, uint64_t min, uint64_t max);
uint64_t conf_duration_ns(const char *name, uint64_t def_ns, uint64_t min, uint64_t max);
bool conf_bool(const char *name, bool def); /* 1 0 yes no true false on off */

#endif
