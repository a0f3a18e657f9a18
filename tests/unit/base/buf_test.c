/* What was written is read back; what does not fit, on either side, turns bad and stays bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <daos_errno.h>

#include "base/buf.h"
#include "base/fail.h"

static void put_everything(struct wbuf *w)
{
    wbuf_u8(w, 0x12);
    wbuf_u16(w, 0x3456);
    wbuf_u32(w, 0x789abcde);
    wbuf_u64(w, UINT64_C(0x0123456789abcdef));
    wbuf_varint(w, 0);
    wbuf_varint(w, 300);
    wbuf_varint(w, UINT64_MAX);
    wbuf_bytes(w, "abc", 3);
    wbuf_blob(w, "blob", 4);
    wbuf_str(w, "text");
    wbuf_zero(w, 2);
}

/* Reads it from the first len bytes; the bad flag must come before any wrong value. */
static int get_everything(const void *mem, size_t len)
{
    struct rbuf r;
    char raw[3], text[8];
    const void *blob;
    size_t n;

    rbuf_init(&r, mem, len);
    rbuf_u8(&r);
    rbuf_u16(&r);
    rbuf_u32(&r);
    rbuf_u64(&r);
    rbuf_varint(&r);
    rbuf_varint(&r);
    rbuf_varint(&r);
    rbuf_copy(&r, raw, 3);
    blob = rbuf_blob(&r, 100, &n);
    assert_true(blob ? n == 4 && memcmp(blob, "blob", 4) == 0 : n == 0);
    rbuf_str(&r, text, sizeof(text));
    rbuf_u16(&r);
    if (rbuf_check(&r) == 0)
        assert_string_equal(text, "text");
    return rbuf_check_end(&r);
}

static void a_message_comes_back(void **state)
{
    static const uint8_t want[] = {0x12, 0x56, 0x34, 0xde, 0xbc, 0x9a, 0x78, 0xef, 0xcd};
    struct rbuf r;
    struct wbuf w;

    wbuf_init_grow(&w, 0);
    put_everything(&w);
    assert_int_equal(wbuf_check(&w), 0);
    assert_memory_equal(w.data, want, sizeof(want)); /* little endian, no padding */
    rbuf_init(&r, w.data, w.len);
    assert_int_equal(rbuf_u8(&r), 0x12);
    assert_int_equal(rbuf_u16(&r), 0x3456);
    assert_int_equal(rbuf_u32(&r), 0x789abcde);
    assert_int_equal(rbuf_u64(&r), UINT64_C(0x0123456789abcdef));
    assert_int_equal(rbuf_varint(&r), 0);
    assert_int_equal(rbuf_varint(&r), 300);
    assert_int_equal(rbuf_varint(&r), UINT64_MAX);
    assert_int_equal(get_everything(w.data, w.len), 0);
    wbuf_fini(&w);
}

static void every_shorter_message_is_refused(void **state)
{
    struct wbuf w;

    wbuf_init_grow(&w, 0);
    put_everything(&w);
    for (size_t len = 0; len < w.len; len++)
        assert_int_equal(get_everything(w.data, len), -DER_PROTO);
    wbuf_u8(&w, 0); /* and a longer one */
    assert_int_equal(get_everything(w.data, w.len), -DER_PROTO);
    wbuf_fini(&w);
}

static void fixed_memory_is_never_overrun(void **state)
{
    uint8_t mem[100];

    for (size_t cap = 0; cap < 53; cap++) {
        struct wbuf w;

        memset(mem, 0xee, sizeof(mem));
        wbuf_init(&w, mem, cap);
        put_everything(&w);
        assert_true(w.len <= cap);
        for (size_t i = cap; i < sizeof(mem); i++)
            assert_int_equal(mem[i], 0xee);
        if (wbuf_check(&w))
            assert_int_equal(wbuf_check(&w), -DER_OVERFLOW);
        else
            assert_int_equal(get_everything(mem, w.len), 0);
    }
}

static void a_growing_writer_stops_at_its_limit_and_survives_no_memory(void **state)
{
    struct base_fail f = {.fail_at = 1};
    struct wbuf w;
    size_t len = 0;
    void *mem;

    wbuf_init_grow(&w, 1000);
    wbuf_zero(&w, 1000);
    assert_int_equal(wbuf_check(&w), 0);
    wbuf_u8(&w, 0);
    assert_int_equal(wbuf_check(&w), -DER_OVERFLOW);
    assert_null(wbuf_take(&w, &len));
    wbuf_reset(&w);
    wbuf_u32(&w, 0);
    wbuf_u8(&w, 9);
    wbuf_patch_u32(&w, 0, 0x01020304);
    mem = wbuf_take(&w, &len);
    assert_int_equal(len, 5);
    assert_memory_equal(mem, "\4\3\2\1\11", 5);
    base_free(mem);

    base_fail_set(&f);
    wbuf_u8(&w, 1);
    base_fail_set(NULL);
    assert_int_equal(wbuf_check(&w), -DER_NOMEM);
    wbuf_fini(&w);
}

static void a_bad_reader_gives_zeros(void **state)
{
    struct rbuf r;
    char text[4] = "xyz";
    uint64_t raw = 7;
    size_t n = 9;

    rbuf_init(&r, "\xff\xff", 2);
    assert_int_equal(rbuf_u32(&r), 0);
    assert_int_equal(rbuf_u8(&r), 0); /* stays bad though a byte would be there */
    rbuf_copy(&r, &raw, sizeof(raw));
    assert_int_equal(raw, 0);
    rbuf_str(&r, text, sizeof(text));
    assert_string_equal(text, "");
    assert_null(rbuf_blob(&r, 10, &n));
    assert_int_equal(n, 0);
    assert_int_equal(rbuf_left(&r), 0);
    assert_int_equal(rbuf_check(&r), -DER_PROTO);
}

static int varint_of(const void *mem, size_t len, uint64_t *v)
{
    struct rbuf r;

    rbuf_init(&r, mem, len);
    *v = rbuf_varint(&r);
    return rbuf_check(&r);
}

static void hostile_lengths_are_refused(void **state)
{
    struct rbuf r;
    char text[8];
    size_t n;
    uint64_t v;

    rbuf_init(&r, "\xff\xff\xff\xff....", 8); /* a blob of 4 GiB */
    assert_null(rbuf_blob(&r, SIZE_MAX, &n));
    rbuf_init(&r, "\x03\0\0\0abc", 7); /* a count of 3 elements of 2 bytes in 3 bytes */
    assert_int_equal(rbuf_count(&r, 2), 0);
    assert_int_equal(rbuf_check(&r), -DER_PROTO);
    rbuf_init(&r, "\x03\0\0\0abc", 7);
    assert_int_equal(rbuf_count(&r, 1), 3);
    rbuf_init(&r, "\x03\0\0\0a\0c", 7); /* a NUL inside a text */
    rbuf_str(&r, text, sizeof(text));
    assert_int_equal(rbuf_check(&r), -DER_PROTO);
    rbuf_init(&r, "\x08\0\0\0abcdefgh", 12); /* no room for the NUL */
    rbuf_str(&r, text, sizeof(text));
    assert_int_equal(rbuf_check(&r), -DER_PROTO);
    assert_string_equal(text, "");

    assert_int_equal(varint_of("\x80\x00", 2, &v), -DER_PROTO); /* over-long 0 */
    assert_int_equal(varint_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &v), -DER_PROTO);
    assert_int_equal(varint_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, &v), 0);
    assert_int_equal(v, UINT64_MAX);
}

static void an_empty_slice_is_not_an_error(void **state)
{
    struct rbuf r;
    size_t n;

    rbuf_init(&r, NULL, 0);
    assert_non_null(rbuf_bytes(&r, 0));
    assert_int_equal(rbuf_check_end(&r), 0);
    rbuf_init(&r, "\0\0\0\0", 4);
    assert_non_null(rbuf_blob(&r, 0, &n));
    assert_int_equal(n, 0);
    assert_int_equal(rbuf_check_end(&r), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_back),
        cmocka_unit_test(every_shorter_message_is_refused),
        cmocka_unit_test(fixed_memory_is_never_overrun),
        cmocka_unit_test(a_growing_writer_stops_at_its_limit_and_survives_no_memory),
        cmocka_unit_test(a_bad_reader_gives_zeros),
        cmocka_unit_test(hostile_lengths_are_refused),
        cmocka_unit_test(an_empty_slice_is_not_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
