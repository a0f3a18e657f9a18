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

int d_log_init_adv(char *log_tag, char *log_file, unsigned int flavor, d_dbug_t def_mask,
                   d_dbug_t err_mask, d_log_id_cb_t id_cb)
{
    log_init_env();
    return log_file != NULL && log_set_file(log_file) != 0 ? -DER_INVAL : 0;
}

int d_log_open(char *tag, int maxfac_hint, int default_mask, int stderr_mask, char *logfile,
               int flags, d_log_id_cb_t id_cb)
{
    return d_log_init_adv(tag, logfile, 0, 0, 0, id_cb) == 0 ? 0 : -1;
}

/* The file stays open for lines of the library's own. */
void d_log_close(void)
{
}

void d_log_rank_setup(int rank)
{
}

static void nowhere(enum log_level level, const char *line)
{
}

void d_log_disable_logging(void)
{
    log_set_sink(nowhere);
}

void d_log_reset(void)
{
    log_set_sink(NULL);
    log_init_env();
}

/* ---- Levels ---- */

void d_log_sync_mask_ex(const char *log_mask, const char *dd_mask)
{
    if (log_mask != NULL)
        d_log_setmasks(log_mask, -1);
}

int d_log_setlogmask(int facility, int mask)
{
    log_set_level(level_of(mask));
    return 0;
}

int d_log_setmasks(const char *mstr, int mlen)
{
    char text[LOG_LINE_MAX];
    int level;

    if (mstr == NULL)
        return -1;
    snprintf(text, sizeof(text), "%.*s", mlen < 0 ? (int)sizeof(text) : mlen, mstr);
    level = log_level_parse(text);
    if (level < 0)
        return -1;
    log_set_level((enum log_level)level);
    return 0;
}

/* `discard` bytes are left out at the front; `unterm`: no NUL at the end. */
int d_log_getmasks(char *buf, int discard, int len, int unterm)
{
    static const char *const names[] = {"ERR", "WARN", "INFO", "DEBUG"};
    const char *name = names[log_get_level()];
    int n = (int)strlen(name), room = unterm ? len : len - 1;

    if (buf == NULL || len <= 0 || discard < 0)
        return 0;
    discard = discard < n ? discard : n;
    n = n - discard < room ? n - discard : room;
    memcpy(buf, name + discard, (size_t)n);
    if (!unterm)
        buf[n] = '\0';
    return n;
}

/* Levels are not cached: d_log_check() asks each time. */
void d_log_add_cache(int *cache, int nr)
{
}

/* ---- Debug bits ---- */

int d_log_getdbgbit(d_dbug_t *dbgbit, char *bitname)
{
    static const struct {
        const char *name;
        d_dbug_t bit;
    } bits[] = {{"all", DB_ALL},         {"any", DB_ANY},   {"trace", DB_TRACE}, {"mem", DB_MEM},
                {"net", DB_NET},         {"io", DB_IO},     {"test", DB_TEST},   {"md", DB_MD},
                {"pl", DB_PL},           {"mgmt", DB_MGMT}, {"epc", DB_EPC},     {"df", DB_DF},
                {"rebuild", DB_REBUILD}, {"sec", DB_SEC},   {"csum", DB_CSUM},   {"dsms", DB_DSMS}};
    size_t i;

    for (i = 0; dbgbit != NULL && bitname != NULL && i < ARRAY_SIZE(bits); i++) {
        if (strcasecmp(bits[i].name, bitname) == 0) {
            *dbgbit = bits[i].bit;
            return 0;
        }
    }
    return -1;
}

/* Names of a program's own all share one bit. */
int d_log_dbg_bit_alloc(d_dbug_t *dbgbit, char *name, char *lname)
{
    if (dbgbit == NULL || name == NULL)
        return -1;
    if (d_log_getdbgbit(dbgbit, name) != 0)
        *dbgbit = DB_ANY;
    return 0;
}

int d_log_dbg_bit_dealloc(char *name)
{
    return name == NULL ? -1 : 0;
}

int d_log_dbg_grp_alloc(d_dbug_t dbgmask, char *grpname, uint32_t flags)
{
    return grpname == NULL ? -1 : 0;
}

int d_log_dbg_grp_dealloc(char *grpname)
{
    return grpname == NULL ? -1 : 0;
}

void d_log_memory(const uint8_t *ptr, size_t size)
{
    char line[16 * 3 + 1];
    size_t i, at = 0;

    for (i = 0; ptr != NULL && i < size; i++) {
        at += (size_t)snprintf(line + at, sizeof(line) - at, "%02x ", ptr[i]);
        if (i % 16 == 15 || i + 1 == size) {
            D_DEBUG(DB_ANY, "%p: %s\n", (const void *)(ptr + i / 16 * 16), line);
            at = 0;
        }
    }
}

/* D_ASSERT() always ends the program. */
int d_register_alt_assert(void (*alt_assert)(const int, const char *, const char *, const int))
{
    return alt_assert == NULL ? -DER_INVAL : -DER_NOSYS;
}

/* ---- Programs that log before daos_init() ---- */

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
