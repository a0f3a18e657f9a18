/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Start and end of logging for programs that log before daos_init(), and more debug bits.
 */
#ifndef TARN_DAOS_DEBUG_H
#define TARN_DAOS_DEBUG_H

#include <stdint.h>
#include <gurt/debug.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Name of a log that goes where the environment says. */
#define DAOS_LOG_DEFAULT ((char *)0)

/** Debug bits of the storage model. */
#define DB_MD      ((d_dbug_t)0x004000)
#define DB_PL      ((d_dbug_t)0x008000)
#define DB_MGMT    ((d_dbug_t)0x010000)
#define DB_EPC     ((d_dbug_t)0x020000)
#define DB_DF      ((d_dbug_t)0x040000)
#define DB_REBUILD ((d_dbug_t)0x080000)
#define DB_SEC     ((d_dbug_t)0x100000)
#define DB_CSUM    ((d_dbug_t)0x200000)
#define DB_DSMS    ((d_dbug_t)0x400000)

/**
 * Start logging to a file (DAOS_LOG_DEFAULT: as the environment says). Counted. 0 or a negative
 * DER code.
 */
int daos_debug_init(char *logfile);

/** As daos_debug_init() with the mask to begin with. */
int daos_debug_init_ex(char *logfile, d_dbug_t logmask);

/** Set what tells rank and thread for a line. */
void daos_debug_set_id_cb(d_log_id_cb_t id_cb);

/** Undo one start. */
void daos_debug_fini(void);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_DEBUG_H */
