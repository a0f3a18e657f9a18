/* docs/messages.md is what the table says. TARN_UPDATE_DOCS=1 writes it anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "net/msg.h"

#ifndef MESSAGES_MD
#error "MESSAGES_MD: path of docs/messages.md"
#endif

static void add_line(void *arg, const char *text)
{
    fprintf(arg, "%s\n", text);
}

static void test_the_document_is_up_to_date(void **state)
{
    char *want = NULL, *have;
    size_t want_len = 0, have_len;
    FILE *f = open_memstream(&want, &want_len);

    msg_doc(add_line, f);
    fclose(f);
    if (getenv("TARN_UPDATE_DOCS") != NULL) {
        f = fopen(MESSAGES_MD, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(want, 1, want_len, f), want_len);
        fclose(f);
    }
    f = fopen(MESSAGES_MD, "r");
    assert_non_null(f);
    have = malloc(want_len + 2);
    have_len = fread(have, 1, want_len + 1, f);
    fclose(f);
    if (have_len != want_len || memcmp(have, want, want_len) != 0)
        fail_msg("docs/messages.md is old: run this test with TARN_UPDATE_DOCS=1");
    free(have);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_document_is_up_to_date)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
