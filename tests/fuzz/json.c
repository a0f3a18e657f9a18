/* Tarn reads no JSON; what it writes is JSON whatever the names in it are, and says the same. */
#include "fuzz.h"
#include "tools/tool.h"

/* Invalid UTF-8 is shown as \xNN; what was valid comes back as it was. */
static void check_text(const json_t *back, const uint8_t *data, size_t size)
{
    json_t *same = json_stringn((const char *)data, size);

    FUZZ_CHECK(json_is_string(back));
    if (same != NULL)
        FUZZ_CHECK(json_string_length(back) == size &&
                   memcmp(json_string_value(back), data, size) == 0);
    json_decref(same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = fuzz_tight(data, size), *text = NULL, *error = malloc(size + 1);
    json_t *response = json_object(), *back;
    struct feed f = {data, size};
    char line[64], epoch[EPOCH_TEXT_MAX], count[COUNT_TEXT_MAX];
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    json_error_t e;

    memcpy(error, data, size);
    error[size] = '\0';
    json_object_set_new(response, "name", json_text(name, size));
    json_object_set_new(response, "value", json_base64(name, size));
    if (size >= 16)
        json_object_set_new(response, "uuid", json_uuid(data));
    json_envelope(out, response, error, size > 0 ? data[0] : 0);
    fclose(out);

    back = json_loadb(text, len, JSON_ALLOW_NUL, &e);
    FUZZ_CHECK(json_is_object(back));
    FUZZ_CHECK(json_is_string(json_object_get(back, "error")));
    response = json_object_get(back, "response");
    check_text(json_object_get(response, "name"), data, size);
    FUZZ_CHECK(json_string_length(json_object_get(response, "value")) == DIV_UP(size, 3) * 4);
    json_decref(back);

    name_text(name, size, line, sizeof(line));
    for (const char *p = line; *p != '\0'; p++)
        FUZZ_CHECK((unsigned char)*p >= 0x20 && *p != 0x7f);
    FUZZ_CHECK(strlen(epoch_text(feed_u64(&f), epoch)) < EPOCH_TEXT_MAX);
    FUZZ_CHECK(strlen(count_text(feed_u64(&f), count)) < COUNT_TEXT_MAX);
    free(text);
    free(error);
    free(name);
    return 0;
}
