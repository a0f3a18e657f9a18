/* Answers for programs: the envelope of daos and dmg, and the few kinds of values in it. */
#include <string.h>

#include "base/fail.h"
#include "base/label.h"
#include "tools/tool.h"

void json_envelope(FILE *out, json_t *response, const char *error, int status)
{
    json_t *env = json_object();

    /* the order of the three is part of the form */
    json_object_set_new(env, "response", response != NULL ? response : json_null());
    json_object_set_new(env, "error",
                        error != NULL ? json_text(error, strlen(error)) : json_null());
    json_object_set_new(env, "status", json_integer(status));
    json_dumpf(env, out, JSON_INDENT(2) | JSON_REAL_PRECISION(10));
    fputc('\n', out);
    json_decref(env);
}

json_t *json_uuid(const uuid_t uuid)
{
    char text[UUID_TEXT_LEN + 1];

    uuid_text_print(uuid, text);
    return json_string(text);
}

json_t *json_base64(const void *buf, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = buf;
    char *text = base_alloc(DIV_UP(len, 3) * 4 + 1);
    size_t at = 0;

    if (text == NULL)
        return json_null();
    for (size_t i = 0; i < len; i += 3) {
        unsigned v = (unsigned)in[i] << 16 | (i + 1 < len ? (unsigned)in[i + 1] << 8 : 0) |
                     (i + 2 < len ? in[i + 2] : 0);

        text[at++] = digits[v >> 18];
        text[at++] = digits[v >> 12 & 63];
        text[at++] = i + 1 < len ? digits[v >> 6 & 63] : '=';
        text[at++] = i + 2 < len ? digits[v & 63] : '=';
    }
    text[at] = '\0';
    json_t *json = json_string(text);
    base_free(text);
    return json;
}

json_t *json_text(const char *text, size_t len)
{
    json_t *json = json_stringn(text, len);
    size_t cap = 4 * len + 1;

    if (json != NULL)
        return json;
    char *buf = base_alloc(cap);
    if (buf == NULL)
        return json_null();
    json = json_string(name_text(text, len, buf, cap));
    base_free(buf);
    return json;
}

void json_set_nonzero(json_t *obj, const char *key, uint64_t value)
{
    if (value != 0)
        json_object_set_new(obj, key, json_integer((json_int_t)value));
}
