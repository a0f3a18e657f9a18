#include "base/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/size.h"

static int plain_parse(const char *text, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -1;
    errno = 0;
    *out = strtoull(text, &end, 0);
    return errno || *end ? -1 : 0;
}

static uint64_t read_setting(const char *name, uint64_t def, uint64_t min, uint64_t max,
                             int (*parse)(const char *, uint64_t *), const char *example)
{
    const char *text = getenv(name);
    uint64_t v;

    if (!text || !*text)
        return def;
    if (parse(text, &v) == 0 && v >= min && v <= max)
        return v;
    LOG_WARN("setting %s=%s is not usable: want %s between %llu and %llu; using %llu", name, text,
             example, (unsigned long long)min, (unsigned long long)max, (unsigned long long)def);
    return def;
}

uint64_t conf_u64(const char *name, uint64_t def, uint64_t min, uint64_t max)
{
    return read_setting(name, def, min, max, plain_parse, "a number");
}

uint64_t conf_size(const char *name, uint64_t def_bytes, uint64_t min, uint64_t max)
{
    return read_setting(name, def_bytes, min, max, size_parse, "a size such as 4MiB");
}

uint64_t conf_duration_ns(const char *name, uint64_t def_ns, uint64_t min, uint64_t max)
{
    return read_setting(name, def_ns, min, max, duration_parse, "a duration such as 20us (ns)");
}

bool conf_bool(const char *name, bool def)
{
    static const char *const yes[] = {"1", "yes", "true", "on"};
    static const char *const no[] = {"0", "no", "false", "off"};
    const char *text = getenv(name);

    if (!text || !*text)
        return def;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0)
            return true;
        if (strcasecmp(text, no[i]) == 0)
            return false;
    }
    LOG_WARN("setting %s=%s is not usable: want yes or no; using %s", name, text,
             def ? "yes" : "no");
    return def;
}
