/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Versions. Programs test DAOS_API_VERSION_* to pick prototypes, so these numbers name the API this
 * library is compatible with, not a release of Tarn.
 */
#ifndef TARN_DAOS_VERSION_H
#define TARN_DAOS_VERSION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DAOS_API_VERSION_MAJOR 2
#define DAOS_API_VERSION_MINOR 8
#define DAOS_API_VERSION_FIX   0

#define DAOS_VERSION_MAJOR 2
#define DAOS_VERSION_MINOR 8
#define DAOS_VERSION_FIX   0
/** Sic: programs use this spelling. */
#define DAOS_VERSION_PROTOCAL 1

/** A version as four bytes or one number. */
typedef union {
    uint32_t raw;
    struct {
        uint8_t protocol;
        uint8_t patch;
        uint8_t minor;
        uint8_t major;
    };
} daos_version_t;

/** Fill in the version these headers describe. */
static inline void daos_version_pack(daos_version_t *ver)
{
    ver->protocol = DAOS_VERSION_PROTOCAL;
    ver->patch = DAOS_VERSION_FIX;
    ver->minor = DAOS_VERSION_MINOR;
    ver->major = DAOS_VERSION_MAJOR;
}

/** Protocol byte of a version. */
static inline uint8_t daos_version_get_protocol(const daos_version_t *ver)
{
    return ver->protocol;
}

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_VERSION_H */
