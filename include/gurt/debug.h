/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Log and assert macros. `D_LOGFAC` names the facility of a source file; define it before including
 * this header: #define D_LOGFAC DD_FAC(mine).
 */
#ifndef TARN_GURT_DEBUG_H
#define TARN_GURT_DEBUG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdbool.h>
#include <daos_errno.h>
#include <gurt/dlog.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Facility of a name; all lines go to one log. */
#define DD_FAC(name) 0
#ifndef D_LOGFAC
#define D_LOGFAC DD_FAC(misc)
#endif

/** Debug bits. */
#define DB_ALL   ((d_dbug_t)DLOG_DBG)
#define DB_ANY   ((d_dbug_t)0x000100)
#define DB_TRACE ((d_dbug_t)0x000200)
#define DB_MEM   ((d_dbug_t)0x000400)
#define DB_NET   ((d_dbug_t)0x000800)
#define DB_IO    ((d_dbug_t)0x001000)
#define DB_TEST  ((d_dbug_t)0x002000)

#define D_LOG_AT(level, fmt, ...)                                                                  \
    d_log((int)(D_LOGFAC | (level)), "%s:%d %s() " fmt, __FILE__, __LINE__, __func__, ##__VA_ARGS__)

/** Write a line at a level, or if one of the debug bits of @a mask is on. */
#define D_DEBUG(mask, fmt, ...)                                                                    \
    do {                                                                                           \
        if (d_log_check((int)(D_LOGFAC | (mask))))                                                 \
            D_LOG_AT(mask, fmt, ##__VA_ARGS__);                                                    \
    } while (0)
#define D_INFO(fmt, ...)  D_LOG_AT(DLOG_INFO, fmt, ##__VA_ARGS__)
#define D_NOTE(fmt, ...)  D_LOG_AT(DLOG_NOTE, fmt, ##__VA_ARGS__)
#define D_WARN(fmt, ...)  D_LOG_AT(DLOG_WARN, fmt, ##__VA_ARGS__)
#define D_ERROR(fmt, ...) D_LOG_AT(DLOG_ERR, fmt, ##__VA_ARGS__)
#define D_CRIT(fmt, ...)  D_LOG_AT(DLOG_CRIT, fmt, ##__VA_ARGS__)
#define D_FATAL(fmt, ...) D_LOG_AT(DLOG_EMERG, fmt, ##__VA_ARGS__)
#define D_EMIT(fmt, ...)  D_LOG_AT(DLOG_EMIT, fmt, ##__VA_ARGS__)

/** Level t_level if @a cond, otherwise f_level. */
#define D_CDEBUG(cond, t_level, f_level, fmt, ...)                                                 \
    do {                                                                                           \
        if (cond)                                                                                  \
            D_LOG_AT(t_level, fmt, ##__VA_ARGS__);                                                 \
        else                                                                                       \
            D_LOG_AT(f_level, fmt, ##__VA_ARGS__);                                                 \
    } while (0)

/** With the text of a DER code at the end. */
#define DL_AT(level, rc, fmt, ...) D_LOG_AT(level, fmt ": " DF_RC "\n", ##__VA_ARGS__, DP_RC(rc))
#define DL_INFO(rc, fmt, ...)      DL_AT(DLOG_INFO, rc, fmt, ##__VA_ARGS__)
#define DL_WARN(rc, fmt, ...)      DL_AT(DLOG_WARN, rc, fmt, ##__VA_ARGS__)
#define DL_ERROR(rc, fmt, ...)     DL_AT(DLOG_ERR, rc, fmt, ##__VA_ARGS__)
#define DL_CDEBUG(cond, t_level, f_level, rc, fmt, ...)                                            \
    D_CDEBUG(cond, t_level, f_level, fmt ": " DF_RC "\n", ##__VA_ARGS__, DP_RC(rc))

/** With the text of an errno value at the end. */
#define DS_AT(level, err, fmt, ...)                                                                \
    D_LOG_AT(level, fmt ": %d (%s)\n", ##__VA_ARGS__, err, strerror(err))
#define DS_INFO(err, fmt, ...)  DS_AT(DLOG_INFO, err, fmt, ##__VA_ARGS__)
#define DS_WARN(err, fmt, ...)  DS_AT(DLOG_WARN, err, fmt, ##__VA_ARGS__)
#define DS_ERROR(err, fmt, ...) DS_AT(DLOG_ERR, err, fmt, ##__VA_ARGS__)

/** The same, with the object the line is about. */
#define DHL_INFO(ptr, rc, fmt, ...)   DL_INFO(rc, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define DHL_WARN(ptr, rc, fmt, ...)   DL_WARN(rc, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define DHL_ERROR(ptr, rc, fmt, ...)  DL_ERROR(rc, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define DHS_INFO(ptr, err, fmt, ...)  DS_INFO(err, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define DHS_WARN(ptr, err, fmt, ...)  DS_WARN(err, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define DHS_ERROR(ptr, err, fmt, ...) DS_ERROR(err, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)

/** Lines about an object, by its address; UP and ROOT note its origin, DOWN its end. */
#define D_TRACE_DEBUG(mask, ptr, fmt, ...) D_DEBUG(mask, "%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define D_TRACE_INFO(ptr, fmt, ...)        D_INFO("%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define D_TRACE_WARN(ptr, fmt, ...)        D_WARN("%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define D_TRACE_ERROR(ptr, fmt, ...)       D_ERROR("%p " fmt, (void *)(ptr), ##__VA_ARGS__)
#define D_TRACE_UP(mask, ptr, parent, type)                                                        \
    D_DEBUG(mask, "%p is a %s of %p\n", (void *)(ptr), type, (void *)(parent))
#define D_TRACE_ROOT(mask, ptr, type) D_DEBUG(mask, "%p is a %s\n", (void *)(ptr), type)
#define D_TRACE_DOWN(mask, ptr)       D_DEBUG(mask, "%p ends\n", (void *)(ptr))

/** Print to stdout or stderr at once. */
#define D_PRINT(fmt, ...)                                                                          \
    do {                                                                                           \
        printf(fmt, ##__VA_ARGS__);                                                                \
        fflush(stdout);                                                                            \
    } while (0)
#define D_PRINT_ERR(fmt, ...)                                                                      \
    do {                                                                                           \
        fprintf(stderr, fmt, ##__VA_ARGS__);                                                       \
        fflush(stderr);                                                                            \
    } while (0)

/** What must be true; logs and aborts otherwise, in every build. */
#define D_ASSERTF(cond, fmt, ...)                                                                  \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0)) {                                                        \
            D_FATAL("'%s' does not hold: " fmt, #cond, ##__VA_ARGS__);                             \
            d_log_sync();                                                                          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
#define D_ASSERT(cond) D_ASSERTF(cond, "%s", "\n")
/** What must be true at compile time. */
#ifdef __cplusplus
#define D_CASSERT(cond, ...) static_assert(cond, #cond)
#else
#define D_CASSERT(cond, ...) _Static_assert(cond, #cond)
#endif

/** A facility by short and long name; -1 on failure. */
static inline int d_add_log_facility(const char *aname, const char *lname)
{
    return d_log_allocfacility(aname, lname);
}

/** A facility in *fac; -DER_UNINIT on failure. */
static inline int d_init_log_facility(int *fac, const char *aname, const char *lname)
{
    *fac = d_add_log_facility(aname, lname);
    return *fac < 0 ? -DER_UNINIT : 0;
}

/** A debug bit by its name. */
int d_log_getdbgbit(d_dbug_t *dbgbit, char *bitname);

/** Have a function called in place of an abort. For tests. -DER_INVAL when it is NULL. */
int d_register_alt_assert(void (*alt_assert)(const int, const char *, const char *, const int));

/** Log bytes in hexadecimal. */
void d_log_memory(const uint8_t *ptr, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_DEBUG_H */
