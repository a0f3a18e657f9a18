/* Contracts of the environment as helpers read and change it, and of delays. */
#include "no_stage.h"
#include <gurt/common.h>

/* A variable of this telling's own, set to a text or, with NULL, unset. */
static const char *var(struct run *r, const char *value)
{
    int rc = value != NULL ? d_setenv(r->name, value, 1) : d_unsetenv(r->name);

    if (rc != 0)
        wrong(r, __LINE__, "a variable", rc, 0);
    return r->name;
}

CONTRACT(d_setenv)
{
    char text[8] = "";

    CHECK(!d_isenv_def(r->name));
    NOW(0, d_setenv(r->name, "one", 0));
    NOW(0, d_setenv(r->name, "two", 0)); /* it is set */
    NOW(0, d_getenv_str(text, sizeof(text), r->name));
    CHECK(strcmp(text, "one") == 0 && d_isenv_def(r->name));
    NOW(0, d_setenv(r->name, "two", 1));
    NOW(0, d_getenv_str(text, sizeof(text), r->name));
    CHECK(strcmp(text, "two") == 0);
    NOW(0, d_unsetenv(r->name));
    NOW(0, d_unsetenv(r->name));
    CHECK(!d_isenv_def(r->name));
    CHECK(d_setenv("", "x", 1) < 0 && d_setenv("a=b", "x", 1) < 0);
    return true;
}

CONTRACT(d_getenv_str)
{
    char text[5] = "????";

    NOW(-DER_NONEXIST, d_getenv_str(text, sizeof(text), var(r, NULL)));
    CHECK(strcmp(text, "????") == 0);
    NOW(0, d_getenv_str(text, sizeof(text), var(r, "four")));
    CHECK(strcmp(text, "four") == 0);
    NOW(-DER_TRUNC, d_getenv_str(text, sizeof(text), var(r, "fives")));
    CHECK(strcmp(text, "five") == 0);
    NOW(-DER_TRUNC, d_getenv_str(NULL, 0, r->name));
    NOW(0, d_getenv_str(text, sizeof(text), var(r, "")));
    CHECK(text[0] == '\0');
    var(r, NULL);
    return true;
}

CONTRACT(d_agetenv_str)
{
    char *text = NULL;

    NOW(-DER_NONEXIST, d_agetenv_str(&text, var(r, NULL)));
    CHECK(text == NULL);
    NOW(0, d_agetenv_str(&text, var(r, "a text")));
    var(r, NULL);
    CHECK(strcmp(text, "a text") == 0); /* it is a copy */
    d_freeenv_str(&text);
    CHECK(text == NULL);
    d_freeenv_str(&text);
    return true;
}

CONTRACT(d_getenv_bool)
{
    static const char *const yes[] = {"1", "-1", "true", "false", "", "0x0z"};
    bool is = true;

    NOW(-DER_NONEXIST, d_getenv_bool(var(r, NULL), &is));
    CHECK(is);
    NOW(0, d_getenv_bool(var(r, "0"), &is));
    CHECK(!is);
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        is = false;
        NOW(0, d_getenv_bool(var(r, yes[i]), &is));
        CHECK(is);
    }
    var(r, NULL);
    return true;
}

CONTRACT(d_getenv_char)
{
    char c = '?';

    NOW(-DER_NONEXIST, d_getenv_char(var(r, NULL), &c));
    NOW(-DER_INVAL, d_getenv_char(var(r, ""), &c));
    NOW(-DER_INVAL, d_getenv_char(var(r, "ab"), &c));
    CHECK(c == '?');
    NOW(0, d_getenv_char(var(r, "a"), &c));
    CHECK(c == 'a');
    var(r, NULL);
    return true;
}

CONTRACT(d_getenv_uint64_t)
{
    static const char *const bad[] = {"", "x", "1x", "1 ", "18446744073709551616"};
    uint64_t n = 7;

    NOW(-DER_NONEXIST, d_getenv_uint64_t(var(r, NULL), &n));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        NOW(-DER_INVAL, d_getenv_uint64_t(var(r, bad[i]), &n));
    CHECK(n == 7);
    NOW(0, d_getenv_uint64_t(var(r, "18446744073709551615"), &n));
    CHECK(n == UINT64_MAX);
    NOW(0, d_getenv_uint64_t(var(r, "0x10"), &n));
    CHECK(n == 16);
    var(r, NULL);
    return true;
}

CONTRACT(d_getenv_uint32_t)
{
    uint32_t n = 7;

    NOW(-DER_NONEXIST, d_getenv_uint32_t(var(r, NULL), &n));
    NOW(-DER_INVAL, d_getenv_uint32_t(var(r, "4294967296"), &n));
    NOW(-DER_INVAL, d_getenv_uint32_t(var(r, "-1"), &n));
    CHECK(n == 7);
    NOW(0, d_getenv_uint32_t(var(r, "4294967295"), &n));
    CHECK(n == UINT32_MAX);
    var(r, NULL);
    return true;
}

CONTRACT(d_getenv_uint)
{
    unsigned int n = 7;

    NOW(-DER_NONEXIST, d_getenv_uint(var(r, NULL), &n));
    NOW(-DER_NONEXIST, d_getenv_int(r->name, &n));
    NOW(-DER_INVAL, d_getenv_uint(var(r, "4294967296"), &n));
    NOW(-DER_INVAL, d_getenv_int(r->name, &n));
    CHECK(n == 7);
    NOW(0, d_getenv_uint(var(r, "0"), &n));
    CHECK(n == 0);
    var(r, NULL);
    return true;
}

/* ---- Two threads ---- */

struct changes {
    struct run *r;
    int who, bad;
};

/* Makes, changes and reads variables, so that the environment moves all the while. */
static void *changes(void *arg)
{
    struct changes *c = arg;
    char name[64], text[64], want[64];

    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "%s_%d_%d", c->r->name, c->who, i % 40);
        snprintf(want, sizeof(want), "value %d of %d", i, c->who);
        c->bad += d_setenv(name, want, 1) != 0;
        c->bad += d_getenv_str(text, sizeof(text), name) != 0 || strcmp(text, want) != 0;
        c->bad +=
            d_getenv_str(text, sizeof(text), c->r->name) != 0 || strncmp(text, "both", 4) != 0;
        c->bad += d_setenv(c->r->name, i % 2 ? "both, in a longer text" : "both", 1) != 0;
        if (i % 3 == 0)
            c->bad += d_unsetenv(name) != 0 || d_isenv_def(name);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "%s_%d_%d", c->r->name, c->who, i);
        c->bad += d_unsetenv(name) != 0;
    }
    return NULL;
}

CONTRACT(d_unsetenv)
{
    struct changes one = {r, 1, 0}, two = {r, 2, 0};

    var(r, "both");
    CHECK(both(r, changes, &one, &two));
    NOW(0, one.bad + two.bad);
    var(r, NULL);
    return true;
}

/* ---- Delays ---- */

CONTRACT(d_backoff_seq_init)
{
    struct d_backoff_seq seq = {0}, was = seq;
    uint32_t bound = 4;

    NOW(-DER_INVAL, d_backoff_seq_init(NULL, 0, 2, 1, 8));
    NOW(-DER_INVAL, d_backoff_seq_init(&seq, 0, 0, 1, 8));
    NOW(-DER_INVAL, d_backoff_seq_init(&seq, 0, 2, 0, 8));
    NOW(-DER_INVAL, d_backoff_seq_init(&seq, 0, 2, 1, 0));
    CHECK(memcmp(&seq, &was, sizeof(seq)) == 0);
    NOW(0, d_backoff_seq_init(&seq, 3, 4, 4, 100));
    for (int i = 0; i < 3; i++)
        CHECK(d_backoff_seq_next(&seq) == 0);
    for (int i = 0; i < 20; i++) {
        CHECK(d_backoff_seq_next(&seq) <= bound);
        bound = bound * 4 < 100 ? bound * 4 : 100;
    }
    d_backoff_seq_fini(&seq);
    return true;
}

#define STORIES(X)                                                                                 \
    X(d_setenv)                                                                                    \
    X(d_getenv_str)                                                                                \
    X(d_agetenv_str)                                                                               \
    X(d_getenv_bool)                                                                               \
    X(d_getenv_char)                                                                               \
    X(d_getenv_uint64_t)                                                                           \
    X(d_getenv_uint32_t)                                                                           \
    X(d_getenv_uint)                                                                               \
    X(d_unsetenv)                                                                                  \
    X(d_backoff_seq_init)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
