#include "base/label.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Not isxdigit() and friends: the rules do not change with the locale. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool label_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("._:-", c));
}

bool label_is_valid(const char *label)
{
    unsigned char uuid[16];
    size_t len = 0;

    if (!label)
        return false;
    for (; label[len]; len++)
        if (len == LABEL_MAX_LEN || !label_char(label[len]))
            return false;
    return len > 0 && !uuid_text_parse(label, uuid);
}

bool uuid_text_parse(const char *text, unsigned char uuid[16])
{
    unsigned char out[16] = {0};
    int digits = 0;

    if (!text)
        return false;
    for (int i = 0; i < UUID_TEXT_LEN; i++) {
        int d = hex_digit(text[i]);

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
            continue;
        }
        if (d < 0)
            return false;
        out[digits / 2] = (unsigned char)(out[digits / 2] << 4 | d);
        digits++;
    }
    if (text[UUID_TEXT_LEN])
        return false;
    memcpy(uuid, out, sizeof(out));
    return true;
}

void uuid_text_print(const unsigned char uuid[16], char text[UUID_TEXT_LEN + 1])
{
    static const char hex[] = "0123456789abcdef";
    char *at = text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = hex[uuid[i] >> 4];
        *at++ = hex[uuid[i] & 15];
    }
    *at = '\0';
}
