/* The log as programs see it, on Tarn's own: levels map to levels, facilities and debug groups do
 * not exist. */
#include <daos/debug.h>
#include <gurt/common.h>
#include <stdio.h>
#include "base/log.h"

static enum log_level level_of(int flags)
{
    switch (flags & 0xf000000) {
    case DLOG_INFO:
        return LOG_LEVEL_INFO;
    case DLOG_NOTE:
    case DLOG_WARN:
        return LOG_LEVEL_WARN;
    case 0:
        return LOG_LEVEL_DEBUG;
    default:
        return LOG_LEVEL_ERROR;
    }
}

int d_log_check(int flags)
{
    return log_enabled(level_of(flags)) ? flags : 0;
}

void d_vlog(int flags, const char *fmt, va_list ap)
{
    char line[LOG_LINE_MAX];
    size_t len;

    if (!log_enabled(level_of(flags)))
        return;
    vsnprintf(line, sizeof(line), fmt, ap);
    len = strlen(line);
    if (len > 0 && line[len - 1] == '\n')
        line[len - 1] = '\0';
    log_line(level_of(flags), "client", 0, "%s", line);
}

/* Lines are written as they come. */
void d_log_sync(void)
{
}

int d_log_init(void)
{
    log_init_env();
    return 0;
}

void d_log_fini(void)
{
}

int d_log_allocfacility(const char *aname, const char *lname)
{
    return 0;
}

void d_log_sync_mask(void)
{
    log_init_env();
}

int daos_debug_init(char *logfile)
{
    log_init_env();
    return 0;
}

int daos_debug_init_ex(char *logfile, d_dbug_t logmask)
{
    return daos_debug_init(logfile);
}

void daos_debug_set_id_cb(d_log_id_cb_t id_cb)
{
}

void daos_debug_fini(void)
{
}
