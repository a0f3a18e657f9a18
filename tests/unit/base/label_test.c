/* Labels and UUID texts never overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/label.h"

#define UUID "01234567-89ab-cdef-0123-456789ABCDEF"

static void labels(void **state)
{
    char longest[130];

    memset(longest, 'a', sizeof(longest));
    longest[127] = '\0';
    assert_true(label_is_valid("a"));
    assert_true(label_is_valid("Pool-1_x.y:z"));
    assert_true(label_is_valid(longest));
    longest[127] = 'a';
    longest[128] = '\0';
    assert_false(label_is_valid(longest));
    assert_false(label_is_valid(""));
    assert_false(label_is_valid(NULL));
    assert_false(label_is_valid("a b"));
    assert_false(label_is_valid("a/b"));
    assert_false(label_is_valid("\xc3\xa9"));
    assert_false(label_is_valid(UUID));
    assert_true(label_is_valid("01234567-89ab-cdef-0123-456789abcde"));
}

static void uuids(void **state)
{
    unsigned char uuid[16];
    char text[UUID_TEXT_LEN + 1];

    assert_true(uuid_text_parse(UUID, uuid));
    assert_memory_equal(uuid, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef",
                        16);
    uuid_text_print(uuid, text);
    assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
}

static void texts_that_are_none_leave_the_uuid_alone(void **state)
{
    static const char *const bad[] = {"",
                                      "01234567-89ab-cdef-0123-456789abcde",
                                      UUID "0",
                                      " " UUID,
                                      "0123456-789ab-cdef-0123-456789abcdef",
                                      "0123456789abcdef0123456789abcdef",
                                      "g1234567-89ab-cdef-0123-456789abcdef"};
    unsigned char uuid[16], before[16];

    memset(uuid, 0x55, sizeof(uuid));
    memcpy(before, uuid, sizeof(uuid));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(uuid_text_parse(bad[i], uuid));
    assert_false(uuid_text_parse(NULL, uuid));
    assert_memory_equal(uuid, before, sizeof(uuid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels),
        cmocka_unit_test(uuids),
        cmocka_unit_test(texts_that_are_none_leave_the_uuid_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
