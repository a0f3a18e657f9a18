#include "base/size.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <daos_errno.h>

#include "base/assert.h"

#define NS_PER_S UINT64_C(1000000000)

/* A decimal number as whole + frac / scale, without floating point: sizes beyond 2^53 stay exact.
 */
struct number {
    uint64_t whole, frac, scale;
};

static int number_parse(const char **text, struct number *out)
{
    const char *at = *text;
    struct number n = {.scale = 1};
    bool digits = false;

    for (; *at >= '0' && *at <= '9'; at++, digits = true)
        if (__builtin_mul_overflow(n.whole, 10, &n.whole) ||
            __builtin_add_overflow(n.whole, (uint64_t)(*at - '0'), &n.whole))
            return -DER_OVERFLOW;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, digits = true)
            if (n.scale < NS_PER_S) { /* further decimals do not matter */
                n.frac = n.frac * 10 + (uint64_t)(*at - '0');
                n.scale *= 10;
            }
    if (!digits)
        return -DER_INVAL;
    while (*at == ' ')
        at++;
    *text = at;
    *out = n;
    return 0;
}

static int number_times(struct number n, uint64_t unit, uint64_t *out)
{
    unsigned __int128 v =
        (unsigned __int128)n.whole * unit + (unsigned __int128)n.frac * unit / n.scale;

    if (v > UINT64_MAX)
        return -DER_OVERFLOW;
    *out = (uint64_t)v;
    return 0;
}

/* Unit of "", "K", "KB", "KiB", "b" ... in either case; 0 if it is none. */
static uint64_t size_unit(const char *suffix)
{
    static const char letters[] = "KMGTPE";
    char c = suffix[0] >= 'a' && suffix[0] <= 'z' ? (char)(suffix[0] - 'a' + 'A') : suffix[0];
    const char *l = c ? strchr(letters, c) : NULL;
    uint64_t unit = 1, step;

    if (!c || strcasecmp(suffix, "B") == 0)
        return 1;
    if (!l)
        return 0;
    if (suffix[1] == '\0' || strcasecmp(suffix + 1, "iB") == 0 || strcasecmp(suffix + 1, "i") == 0)
        step = 1024;
    else if (strcasecmp(suffix + 1, "B") == 0)
        step = 1000;
    else
        return 0;
    for (long i = 0; i <= l - letters; i++)
        unit *= step;
    return unit;
}

int size_parse(const char *text, uint64_t *bytes_out)
{
    struct number n;
    uint64_t unit;
    int rc;

    while (*text == ' ')
        text++;
    rc = number_parse(&text, &n);
    if (rc)
        return rc;
    unit = size_unit(text);
    if (!unit)
        return -DER_INVAL;
    return number_times(n, unit, bytes_out);
}

char *size_print(uint64_t bytes, char *buf, size_t len)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned shift = 0;
    uint64_t tenths;

    if (bytes < 1024) {
        snprintf(buf, len, "%u B", (unsigned)bytes);
        return buf;
    }
    while (shift < 60 && bytes >> shift >= 1024)
        shift += 10;
    tenths = (uint64_t)(((unsigned __int128)bytes * 10) >> shift);
    snprintf(buf, len, "%llu.%llu %s", (unsigned long long)tenths / 10,
             (unsigned long long)tenths % 10, units[shift / 10]);
    return buf;
}

static const struct {
    const char *name;
    uint64_t ns;
} duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", NS_PER_S},
    {"", NS_PER_S},
    {"m", 60 * NS_PER_S},
    {"min", 60 * NS_PER_S},
    {"h", 3600 * NS_PER_S},
    {"d", 86400 * NS_PER_S},
};

int duration_parse(const char *text, uint64_t *ns_out)
{
    struct number n;
    int rc;

    while (*text == ' ')
        text++;
    rc = number_parse(&text, &n);
    if (rc)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(duration_units); i++)
        if (strcmp(text, duration_units[i].name) == 0)
            return number_times(n, duration_units[i].ns, ns_out);
    return -DER_INVAL;
}

char *duration_print(uint64_t ns, char *buf, size_t len)
{
    if (ns < 1000)
        snprintf(buf, len, "%u ns", (unsigned)ns);
    else if (ns < 1000000)
        snprintf(buf, len, "%u us", (unsigned)(ns / 1000));
    else if (ns < NS_PER_S)
        snprintf(buf, len, "%u.%u ms", (unsigned)(ns / 1000000), (unsigned)(ns / 100000 % 10));
    else if (ns < 120 * NS_PER_S)
        snprintf(buf, len, "%u.%u s", (unsigned)(ns / NS_PER_S),
                 (unsigned)(ns / (NS_PER_S / 10) % 10));
    else if (ns < 7200 * NS_PER_S)
        snprintf(buf, len, "%u min", (unsigned)(ns / (60 * NS_PER_S)));
    else
        snprintf(buf, len, "%llu h", (unsigned long long)(ns / (3600 * NS_PER_S)));
    return buf;
}
