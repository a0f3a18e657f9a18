/* How times, names and counts are written. */
#include <string.h>
#include <time.h>

#include "base/hlc.h"
#include "tools/tool.h"

char *epoch_text(daos_epoch_t epoch, char buf[EPOCH_TEXT_MAX])
{
    uint64_t ns = hlc_to_unix_ns(epoch);
    time_t sec = (time_t)(ns / 1000000000u);
    struct tm tm;

    if (epoch == 0) {
        snprintf(buf, EPOCH_TEXT_MAX, "never");
        return buf;
    }
    localtime_r(&sec, &tm);
    size_t len = strftime(buf, EPOCH_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(buf + len, EPOCH_TEXT_MAX - len, ".%06u", (unsigned)(ns % 1000000000u / 1000));
    return buf;
}

/* Bytes of the UTF-8 character at s, 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
               : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                             : 0;

    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates and what lies beyond Unicode */
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
        return 0;
    return n;
}

char *name_text(const void *name, size_t len, char *buf, size_t cap)
{
    const unsigned char *s = name;
    size_t at = 0;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_len(s + i, len - i);

        if (n == 0 || s[i] < 0x20 || s[i] == 0x7f) {
            if (at + 5 > cap)
                break;
            snprintf(buf + at, 5, "\\x%02x", s[i]);
            at += 4;
            i++;
        } else {
            if (at + n + 1 > cap)
                break;
            memcpy(buf + at, s + i, n);
            at += n;
            i += n;
        }
    }
    buf[at] = '\0';
    return buf;
}

char *count_text(uint64_t n, char buf[COUNT_TEXT_MAX])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    size_t at = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}
