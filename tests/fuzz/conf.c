/* Settings from the environment: whatever the text, what comes out is within the limits or the
 * default. The first bytes choose the limits. */
#include "fuzz.h"
#include "base/conf.h"
#include "base/log.h"

#define NAME "TARN_FUZZ_SETTING"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct feed f = {data, size};
    uint64_t a = feed_u64(&f), b = feed_u64(&f), min = MIN(a, b), max = MAX(a, b), v;
    char text[4096];
    size_t len = MIN(f.left, sizeof(text) - 1);

    fuzz_quiet();
    if (len > 0)
        memcpy(text, f.at, len);
    text[len] = '\0';
    setenv(NAME, text, 1);
    v = conf_u64(NAME, 7, min, max);
    FUZZ_CHECK(v == 7 || (v >= min && v <= max));
    v = conf_size(NAME, 7, min, max);
    FUZZ_CHECK(v == 7 || (v >= min && v <= max));
    v = conf_duration_ns(NAME, 7, min, max);
    FUZZ_CHECK(v == 7 || (v >= min && v <= max));
    conf_bool(NAME, true);
    log_level_parse(text);
    return 0;
}
