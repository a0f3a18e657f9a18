/* Access control lists: what is refused, who may what, and how lists change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <daos_errno.h>
#include "svc/acl.h"

#define R DAOS_ACL_PERM_READ
#define W DAOS_ACL_PERM_WRITE
#define T DAOS_ACL_PERM_GET_PROP

struct list {
    _Alignas(8) uint8_t bytes[4096];
    size_t len;
};

static void begin(struct list *l)
{
    struct daos_acl head = {.dal_ver = DAOS_ACL_VERSION};

    memset(l, 0, sizeof(*l));
    memcpy(l->bytes, &head, sizeof(head));
    l->len = sizeof(head);
}

static void add(struct list *l, enum daos_acl_principal_type type, const char *name, uint64_t perms)
{
    struct daos_ace ace = {.dae_access_types = DAOS_ACL_ACCESS_ALLOW,
                           .dae_principal_type = (uint8_t)type,
                           .dae_allow_perms = perms};
    struct daos_acl *head = (struct daos_acl *)l->bytes;

    if (type == DAOS_ACL_GROUP || type == DAOS_ACL_OWNER_GROUP)
        ace.dae_access_flags = DAOS_ACL_FLAG_GROUP;
    if (name != NULL)
        ace.dae_principal_len = (uint16_t)((strlen(name) + 8) / 8 * 8);
    memcpy(l->bytes + l->len, &ace, sizeof(ace));
    if (name != NULL)
        strcpy((char *)l->bytes + l->len + sizeof(ace), name);
    l->len += sizeof(ace) + ace.dae_principal_len;
    head->dal_len = (uint32_t)(l->len - sizeof(*head));
}

static int check(const struct list *l)
{
    return acl_check(l->bytes, l->len, DAOS_ACL_PERM_CONT_ALL);
}

static uint64_t eval(const struct list *l, const char *user, const char *group, const char *other)
{
    const char *groups[] = {group, other};
    struct acl_user u = {user, group, groups, other != NULL ? 2 : 1};

    return acl_eval(l->bytes, l->len, "ann@", "lab@", &u);
}

static void test_the_first_step_that_matches_decides(void **state)
{
    struct list l;

    begin(&l);
    add(&l, DAOS_ACL_OWNER, NULL, R | W);
    add(&l, DAOS_ACL_USER, "bob@", 0);
    add(&l, DAOS_ACL_USER, "eve@", T);
    add(&l, DAOS_ACL_OWNER_GROUP, NULL, R);
    add(&l, DAOS_ACL_GROUP, "ops@", W);
    add(&l, DAOS_ACL_EVERYONE, NULL, T);
    assert_int_equal(check(&l), 0);
    assert_int_equal(eval(&l, "ann@", "x@", NULL), R | W);
    assert_int_equal(eval(&l, "bob@", "lab@", NULL),
                     0); /* named, with nothing: groups do not help */
    assert_int_equal(eval(&l, "eve@", "lab@", NULL), T);
    assert_int_equal(eval(&l, "joe@", "lab@", NULL), R);
    assert_int_equal(eval(&l, "joe@", "ops@", NULL), W);
    assert_int_equal(eval(&l, "joe@", "lab@", "ops@"), R | W); /* the union of all groups */
    assert_int_equal(eval(&l, "joe@", "x@", NULL), T);
    assert_int_equal(acl_eval(NULL, 0, "ann@", "lab@", &(struct acl_user){.user = "ann@"}), 0);
}

static void test_an_empty_list_gives_nothing(void **state)
{
    struct list l;

    begin(&l);
    assert_int_equal(check(&l), 0);
    assert_int_equal(eval(&l, "ann@", "lab@", NULL), 0);
}

static void test_what_is_refused(void **state)
{
    struct list l;
    struct daos_acl *head = (struct daos_acl *)l.bytes;
    struct daos_ace *ace = (struct daos_ace *)(l.bytes + sizeof(*head));

    assert_int_equal(acl_check(NULL, 0, DAOS_ACL_PERM_ALL), -DER_INVAL);
    begin(&l);
    add(&l, DAOS_ACL_USER, "bob@", R);
    add(&l, DAOS_ACL_OWNER, NULL, R); /* not in order */
    assert_int_equal(check(&l), -DER_INVAL);
    begin(&l);
    add(&l, DAOS_ACL_USER, "bob@", R);
    add(&l, DAOS_ACL_USER, "bob@", W); /* twice */
    assert_int_equal(check(&l), -DER_INVAL);
    begin(&l);
    add(&l, DAOS_ACL_USER, "bob", R); /* no principal */
    assert_int_equal(check(&l), -DER_INVAL);
    begin(&l);
    add(&l, DAOS_ACL_OWNER, "bob@", R); /* a name where none belongs */
    assert_int_equal(check(&l), -DER_INVAL);
    begin(&l);
    add(&l, DAOS_ACL_OWNER, NULL, DAOS_ACL_PERM_CREATE_CONT); /* means nothing on a container */
    assert_int_equal(check(&l), -DER_INVAL);
    assert_int_equal(acl_check(l.bytes, l.len, DAOS_ACL_PERM_POOL_ALL), 0);
    begin(&l);
    add(&l, DAOS_ACL_GROUP, "ops@", R);
    ace->dae_access_flags = 0; /* a group that does not say so */
    assert_int_equal(check(&l), -DER_INVAL);
    begin(&l);
    add(&l, DAOS_ACL_OWNER, NULL, R);
    head->dal_ver = 9;
    assert_int_equal(check(&l), -DER_INVAL);
    head->dal_ver = DAOS_ACL_VERSION;
    ace->dae_principal_len = 4096; /* beyond the end */
    assert_int_equal(check(&l), -DER_INVAL);
}

static void test_any_bytes_are_survived(void **state)
{
    struct list l;
    uint64_t seed = 1;

    begin(&l);
    add(&l, DAOS_ACL_OWNER, NULL, R);
    add(&l, DAOS_ACL_USER, "bob@", R | W);
    add(&l, DAOS_ACL_EVERYONE, NULL, 0);
    for (int i = 0; i < 20000; i++) {
        uint8_t *copy = malloc(l.len);
        size_t len = l.len, out_len;
        static uint8_t out[ACL_MAX_BYTES];

        memcpy(copy, l.bytes, len);
        for (int k = 0; k < 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            copy[(seed >> 33) % len] ^= (uint8_t)(1u << (seed >> 60 & 7));
        }
        if (acl_check(copy, len, DAOS_ACL_PERM_ALL) == 0)
            assert_int_equal(acl_merge(l.bytes, l.len, copy, len, out, &out_len), 0);
        acl_eval(copy, len, "ann@", "lab@", &(struct acl_user){.user = "bob@"});
        free(copy);
    }
}

static void test_merge_and_remove(void **state)
{
    struct list base, more;
    struct list out;

    begin(&base);
    add(&base, DAOS_ACL_OWNER, NULL, R | W);
    add(&base, DAOS_ACL_OWNER_GROUP, NULL, R);
    begin(&more);
    add(&more, DAOS_ACL_OWNER, NULL, R);
    add(&more, DAOS_ACL_USER, "bob@", W);
    assert_int_equal(acl_merge(base.bytes, base.len, more.bytes, more.len, out.bytes, &out.len), 0);
    assert_int_equal(check(&out), 0);
    assert_int_equal(eval(&out, "ann@", "x@", NULL), R);
    assert_int_equal(eval(&out, "bob@", "x@", NULL), W);
    assert_int_equal(eval(&out, "joe@", "lab@", NULL), R);
    base = out;
    assert_int_equal(acl_remove(base.bytes, base.len, DAOS_ACL_USER, "bob@", out.bytes, &out.len),
                     0);
    assert_int_equal(check(&out), 0);
    assert_int_equal(eval(&out, "bob@", "x@", NULL), 0);
    assert_int_equal(acl_remove(out.bytes, out.len, DAOS_ACL_USER, "bob@", base.bytes, &base.len),
                     -DER_NONEXIST);
    assert_int_equal(acl_remove(out.bytes, out.len, DAOS_ACL_EVERYONE, NULL, base.bytes, &base.len),
                     -DER_NONEXIST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_step_that_matches_decides),
        cmocka_unit_test(test_an_empty_list_gives_nothing),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_any_bytes_are_survived),
        cmocka_unit_test(test_merge_and_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
