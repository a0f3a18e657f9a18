/* The intrusive list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int n;
    struct list link;
};

static void expect(struct list *head, const char *digits)
{
    struct list *it;
    size_t at = 0;

    LIST_FOREACH(it, head)
    {
        assert_true(digits[at] != '\0');
        assert_int_equal(LIST_ENTRY(it, struct item, link)->n, digits[at++] - '0');
    }
    assert_int_equal(digits[at], '\0');
}

static void order_removal_and_splice(void **state)
{
    struct list a = LIST_INIT(a), b, *it, *tmp;
    struct item items[6];

    list_init(&b);
    for (int i = 0; i < 6; i++)
        items[i].n = i;
    assert_null(list_first(&a));
    assert_null(list_pop(&a));
    list_add_tail(&a, &items[1].link);
    list_add_tail(&a, &items[2].link);
    list_add(&a, &items[0].link);
    expect(&a, "012");
    list_del(&items[1].link);
    list_del(&items[1].link); /* twice is harmless */
    expect(&a, "02");
    for (int i = 3; i < 6; i++)
        list_add_tail(&b, &items[i].link);
    list_splice_tail(&a, &b);
    expect(&a, "02345");
    expect(&b, "");
    list_splice_tail(&a, &b); /* nothing */
    expect(&a, "02345");
    assert_ptr_equal(list_last(&a), &items[5].link);
    assert_ptr_equal(list_pop(&a), &items[0].link);
    LIST_FOREACH_SAFE(it, tmp, &a)
    if (LIST_ENTRY(it, struct item, link)->n % 2)
        list_del(it);
    expect(&a, "24");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_removal_and_splice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
