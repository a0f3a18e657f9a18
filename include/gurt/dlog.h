/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Logging underneath the macros of gurt/debug.h. An int of flags carries level (or debug bits) and
 * facility; output is set up from the environment: D_LOG_FILE, D_LOG_MASK, DD_MASK and others.
 */
#ifndef TARN_GURT_DLOG_H
#define TARN_GURT_DLOG_H

#include <stdarg.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A set of debug bits. */
typedef uint64_t d_dbug_t;

/** Levels, highest first; DLOG_DBG covers all debug bits. */
#define DLOG_EMIT  0x8000000
#define DLOG_EMERG 0x7000000
#define DLOG_ALERT 0x6000000
#define DLOG_CRIT  0x5000000
#define DLOG_ERR   0x4000000
#define DLOG_WARN  0x3000000
#define DLOG_NOTE  0x2000000
#define DLOG_INFO  0x1000000
#define DLOG_DBG   0xffff00

/** Tells rank and thread shown in a line. */
typedef void (*d_log_id_cb_t)(uint32_t *xs_id, uint64_t *ult_id);

/** Forget the name of a debug bit. */
int d_log_dbg_bit_dealloc(char *name);

/** A debug bit for a name. */
int d_log_dbg_bit_alloc(d_dbug_t *dbgbit, char *name, char *lname);

/** Forget a group. */
int d_log_dbg_grp_dealloc(char *grpname);

/** Give a set of bits a name. */
int d_log_dbg_grp_alloc(d_dbug_t dbgmask, char *grpname, uint32_t flags);

/** Would a line with these flags be written? Not 0: yes. */
int d_log_check(int flags);

/** Write one line, if level and facility in @a flags are enabled. */
void d_vlog(int flags, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/** As d_vlog(), with arguments. */
static inline void __attribute__((format(printf, 2, 3))) d_log(int flags, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    d_vlog(flags, fmt, ap);
    va_end(ap);
}

/** A facility by short and long name; -1 on failure. */
int d_log_allocfacility(const char *aname, const char *lname);

/** Start logging as the environment says. Counted. */
int d_log_init(void);

/** Start logging with tag, file and masks. */
int d_log_init_adv(char *log_tag, char *log_file, unsigned int flavor, d_dbug_t def_mask,
                   d_dbug_t err_mask, d_log_id_cb_t id_cb);

/** Undo one start. */
void d_log_fini(void);

/** Close the log file. */
void d_log_close(void);

/** Set the rank shown in lines. */
void d_log_rank_setup(int rank);

/** Read the masks from the environment again. */
void d_log_sync_mask(void);

/** Set the masks. */
void d_log_sync_mask_ex(const char *log_mask, const char *dd_mask);

/** Open the log. */
int d_log_open(char *tag, int maxfac_hint, int default_mask, int stderr_mask, char *logfile,
               int flags, d_log_id_cb_t id_cb);

/** Set the level of a facility. */
int d_log_setlogmask(int facility, int mask);

/** Set levels from text such as "ERR,fac=DEBUG". */
int d_log_setmasks(const char *mstr, int mlen);

/** Write the levels as such text. */
int d_log_getmasks(char *buf, int discard, int len, int unterm);

/** Let the log update these cached levels. */
void d_log_add_cache(int *cache, int nr);

/** Write out what is buffered. */
void d_log_sync(void);

/** Write nothing more. */
void d_log_disable_logging(void);

/** In a child after fork(): start afresh. */
void d_log_reset(void);

#ifdef __cplusplus
}
#endif

#endif /* TARN_GURT_DLOG_H */
