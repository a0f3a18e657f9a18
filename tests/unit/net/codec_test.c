/* The codec against every message of the table: what goes in comes out, and no bytes of a peer do
 * harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "base/arena.h"
#include "base/assert.h"
#include "net/msg.h"

/* ---- Random messages, made from the same table ---- */

static uint64_t seed;

static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct arena mem;

static void *rnd_bytes(size_t len)
{
    uint8_t *p = arena_alloc(&mem, len + 1);

    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)rnd();
    return p;
}

static const char *rnd_str(void)
{
    size_t len = rnd() % 12;
    char *s = rnd_bytes(len);

    for (size_t i = 0; i < len; i++)
        s[i] = (char)('a' + (uint8_t)s[i] % 26);
    s[len] = '\0';
    return rnd() % 4 == 0 ? NULL : s;
}

static struct msg_buf rnd_buf(void)
{
    uint32_t len = (uint32_t)(rnd() % 40);

    return (struct msg_buf){len > 0 ? rnd_bytes(len) : NULL, len};
}

#define RND_num(t, n)  s->n = (t)rnd();
#define RND_uuid(t, n) memcpy(s->n, rnd_bytes(16), 16);
#define RND_oid(t, n)  s->n = (daos_obj_id_t){rnd(), rnd()};
#define RND_str(t, n)  s->n = rnd_str();
#define RND_buf(t, n)  s->n = rnd_buf();
#define RND_sub(t, n)  rnd_##t(&s->n);
#define RND_EACH_(type, n, one)                                                                    \
    {                                                                                              \
        uint32_t nr_ = (uint32_t)(rnd() % 4);                                                      \
        type *v_ = arena_calloc(&mem, nr_ + 1, sizeof(type));                                      \
        for (uint32_t i = 0; i < nr_; i++)                                                         \
            one;                                                                                   \
        s->n = v_;                                                                                 \
        s->n##_nr = nr_;                                                                           \
    }
#define RND_arr(t, n)           RND_EACH_(struct t, n, rnd_##t(&v_[i]))
#define RND_strs(t, n)          RND_EACH_(const char *, n, v_[i] = rnd_str())
#define RND_bufs(t, n)          RND_EACH_(struct msg_buf, n, v_[i] = rnd_buf())
#define RND_u32s(t, n)          RND_EACH_(uint32_t, n, v_[i] = (uint32_t)rnd())
#define RND_u64s(t, n)          RND_EACH_(uint64_t, n, v_[i] = rnd())
#define RND_oids(t, n)          RND_EACH_(daos_obj_id_t, n, v_[i].lo = rnd())
#define RND_recxs(t, n)         RND_EACH_(daos_recx_t, n, v_[i].rx_nr = rnd())
#define RND_F_(kind, t, n, doc) RND_##kind(t, n)

#define RND_STRUCT_(name, FIELDS, doc)                                                             \
    static void rnd_##name(struct name *s)                                                         \
    {                                                                                              \
        FIELDS(RND_F_)                                                                             \
    }
MSG_STRUCTS(RND_STRUCT_)
#define RND_PAIR_(id, name, NAME, Q, R, flags, doc)                                                \
    static void rnd_##name##_req(struct msg_##name##_req *s)                                       \
    {                                                                                              \
        Q(RND_F_)                                                                                  \
    }                                                                                              \
    static void rnd_##name##_rep(struct msg_##name##_rep *s)                                       \
    {                                                                                              \
        R(RND_F_)                                                                                  \
    }
MSG_TABLE(RND_PAIR_)

#define REQ_CASE_(id, name, NAME, Q, R, flags, doc)                                                \
    case id:                                                                                       \
        rnd_##name##_req(msg);                                                                     \
        break;
#define REP_CASE_(id, name, NAME, Q, R, flags, doc)                                                \
    case id:                                                                                       \
        rnd_##name##_rep(msg);                                                                     \
        break;
static void rnd_message(uint16_t op, bool reply, void *msg)
{
    if (!reply) {
        switch (op) {
            MSG_TABLE(REQ_CASE_)
        }
    } else {
        switch (op) {
            MSG_TABLE(REP_CASE_)
        }
    }
}

static int encode(uint16_t op, bool reply, const void *msg, void *buf, size_t len, size_t *need)
{
    return reply ? msg_encode_rep(op, msg, buf, len, need)
                 : msg_encode_req(op, msg, buf, len, need);
}

static int decode(uint16_t op, bool reply, const void *buf, size_t len, struct arena *a, void *msg)
{
    return reply ? msg_decode_rep(op, buf, len, a, msg) : msg_decode_req(op, buf, len, a, msg);
}

/* Decodes a copy of the bytes that ends where the allocation ends, so that the sanitizer sees one
 * byte too many. */
static int decode_tight(uint16_t op, bool reply, const void *buf, size_t len, void *msg)
{
    uint8_t *copy = malloc(len + (len == 0));
    struct arena a;
    int rc;

    memcpy(copy, buf, len);
    arena_init(&a, 1024);
    rc = decode(op, reply, copy, len, &a, msg);
    if (rc == 0) {
        /* Everything that was decoded can be read. */
        uint8_t again[16384];
        size_t need = 0;

        assert_int_equal(encode(op, reply, msg, again, sizeof(again), &need), 0);
        assert_int_equal(need, len);
    }
    assert_true(a.used_bytes <= 64 * len + 1024);
    arena_fini(&a);
    free(copy);
    return rc;
}

static void each_message(void (*fn)(uint16_t op, bool reply))
{
    for (uint16_t op = 0; op < MSG_OPCODE_MAX; op++) {
        if (msg_info(op) == NULL)
            continue;
        fn(op, false);
        fn(op, true);
    }
}

static uint64_t msg_a[128], msg_b[128];

static size_t make(uint16_t op, bool reply, uint8_t *buf, size_t cap)
{
    size_t need = 0;

    memset(msg_a, 0, sizeof(msg_a));
    rnd_message(op, reply, msg_a);
    assert_int_equal(encode(op, reply, msg_a, buf, cap, &need), 0);
    return need;
}

/* ---- Tests ---- */

static void same_after_a_round_trip(uint16_t op, bool reply)
{
    uint8_t one[16384], two[16384];

    for (int i = 0; i < 50; i++) {
        size_t need = 0, len;
        struct arena a;

        arena_reset(&mem);
        arena_init(&a, 0);
        len = make(op, reply, one, sizeof(one));
        memset(msg_b, 0xee, sizeof(msg_b));
        assert_int_equal(decode(op, reply, one, len, &a, msg_b), 0);
        assert_int_equal(encode(op, reply, msg_b, two, sizeof(two), &need), 0);
        assert_int_equal(need, len);
        assert_memory_equal(one, two, len);
        arena_fini(&a);
    }
}

static void test_round_trip(void **state)
{
    each_message(same_after_a_round_trip);
}

static void short_ones_are_refused(uint16_t op, bool reply)
{
    uint8_t buf[16384];
    size_t len = make(op, reply, buf, sizeof(buf));
    size_t need;

    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode_tight(op, reply, buf, cut, msg_b), -DER_PROTO);
    buf[len] = 0;
    assert_int_equal(decode_tight(op, reply, buf, len + 1, msg_b), -DER_PROTO);
    if (len > 0) {
        assert_int_equal(encode(op, reply, msg_a, buf, len - 1, &need), -DER_TRUNC);
        assert_int_equal(need, len);
    }
}

static void test_truncated_and_overlong(void **state)
{
    each_message(short_ones_are_refused);
}

static void flips_do_no_harm(uint16_t op, bool reply)
{
    uint8_t buf[16384];

    for (int i = 0; i < 300; i++) {
        size_t len;

        arena_reset(&mem);
        len = make(op, reply, buf, sizeof(buf));
        if (len == 0)
            return;
        for (uint64_t n = rnd() % 4; n < 4; n++)
            buf[rnd() % len] ^= (uint8_t)(1u << rnd() % 8);
        decode_tight(op, reply, buf, len, msg_b);
    }
}

static void test_bit_flips(void **state)
{
    each_message(flips_do_no_harm);
}

static void noise_does_no_harm(uint16_t op, bool reply)
{
    uint8_t buf[512];

    for (int i = 0; i < 300; i++) {
        size_t len = rnd() % sizeof(buf);

        for (size_t k = 0; k < len; k++)
            buf[k] = rnd() % 3 == 0 ? (uint8_t)rnd() : 0; /* zeros make lengths plausible */
        decode_tight(op, reply, buf, len, msg_b);
    }
}

static void test_noise(void **state)
{
    each_message(noise_does_no_harm);
}

static void test_hostile_counts_and_texts(void **state)
{
    /* ATTR_LIST reply: count of names, then texts. */
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0, 0};
    static const uint8_t no_nul[] = {1, 0, 0, 0, 2, 0, 0, 0, 'a', 'b'};
    static const uint8_t inner_nul[] = {1, 0, 0, 0, 3, 0, 0, 0, 'a', 0, 0};
    static const uint8_t empty_text[] = {1, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t null_text[] = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    struct msg_attr_list_rep rep;

    assert_int_equal(decode_tight(MSG_ATTR_LIST, true, huge, sizeof(huge), &rep), -DER_PROTO);
    assert_int_equal(decode_tight(MSG_ATTR_LIST, true, no_nul, sizeof(no_nul), &rep), -DER_PROTO);
    assert_int_equal(decode_tight(MSG_ATTR_LIST, true, inner_nul, sizeof(inner_nul), &rep),
                     -DER_PROTO);
    assert_int_equal(decode_tight(MSG_ATTR_LIST, true, empty_text, sizeof(empty_text), &rep),
                     -DER_PROTO);
    assert_int_equal(decode_tight(MSG_ATTR_LIST, true, null_text, sizeof(null_text), &rep), 0);
    assert_int_equal(rep.names_nr, 1);
}

static void test_unknown_opcodes(void **state)
{
    size_t need;

    assert_null(msg_info(0));
    assert_null(msg_info(19));
    assert_null(msg_info(UINT16_MAX));
    assert_int_equal(msg_decode_req(0, "", 0, &mem, msg_b), -DER_PROTO);
    assert_int_equal(msg_decode_rep(UINT16_MAX, "", 0, &mem, msg_b), -DER_PROTO);
    assert_int_equal(msg_encode_req(0, msg_a, NULL, 0, &need), -DER_INVAL);
}

static void count_line(void *arg, const char *text)
{
    unsigned int *seen = arg;

    if (strstr(text, "OBJ_UPDATE request") != NULL)
        seen[0]++;
    if (strncmp(text, "| `", 3) == 0)
        seen[1]++;
}

static void test_the_table_documents_itself(void **state)
{
    unsigned int seen[2] = {0, 0};

    msg_doc(count_line, seen);
    assert_int_equal(seen[0], 1);
    assert_true(seen[1] > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_truncated_and_overlong),
        cmocka_unit_test(test_bit_flips),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_hostile_counts_and_texts),
        cmocka_unit_test(test_unknown_opcodes),
        cmocka_unit_test(test_the_table_documents_itself),
    };
    int rc;

    seed = 0x7461726e;
    arena_init(&mem, 0);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&mem);
    return rc;
}
