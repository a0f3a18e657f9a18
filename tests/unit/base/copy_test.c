/* Copying past the caches: all bytes and no others, however the two lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/copy.h"

#define ROOM 6000u

static void every_byte_and_no_other(void **state)
{
    static const size_t lens[] = {0, 1, 63, 1023, 1024, 1025, 1087, 1088, 4095, 4096, 4097};
    uint8_t *from = malloc(ROOM), *to = malloc(ROOM), *want = malloc(ROOM);

    (void)state;
    for (uint32_t i = 0; i < ROOM; i++)
        from[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t l = 0; l < sizeof(lens) / sizeof(lens[0]); l++)
        for (uint32_t at = 0; at < 130; at += 1 + at % 5) {
            size_t src = at * 3 % 67;

            memset(to, 0xee, ROOM);
            memset(want, 0xee, ROOM);
            memcpy(want + at, from + src, lens[l]);
            copy_past(to + at, from + src, lens[l]);
            assert_memory_equal(to, want, ROOM);
        }
    free(from);
    free(to);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_and_no_other)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
