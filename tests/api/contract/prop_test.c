/* Contracts of property lists. */
#include "no_stage.h"

/* A list of these types, with nothing in it. */
static daos_prop_t *list_of(uint32_t nr, const uint32_t *types)
{
    daos_prop_t *p = daos_prop_alloc(nr);

    for (uint32_t i = 0; p != NULL && i < nr; i++)
        p->dpp_entries[i].dpe_type = types[i];
    return p;
}
#define LIST(...)                                                                                  \
    list_of(sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (const uint32_t[]){__VA_ARGS__})

static const struct daos_prop_co_roots some_roots = {.cr_oids = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}};

static struct daos_acl *some_acl(const char *entry)
{
    struct daos_acl *acl = NULL;

    return daos_acl_from_strs(&entry, 1, &acl) == 0 ? acl : NULL;
}

/* ---- What is valid ---- */

CONTRACT(daos_label_is_valid)
{
    static const char *const good[] = {"a", "A-Z_0.9:", "..", "1234"};
    static const char *const bad[] = {
        NULL, "", "a b", "a/b", "a@", "\xc3\xa4", "12345678-1234-1234-1234-123456789abc"};
    char longest[DAOS_PROP_LABEL_MAX_LEN + 2];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(daos_label_is_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!daos_label_is_valid(bad[i]));
    memset(longest, 'x', sizeof(longest));
    longest[DAOS_PROP_LABEL_MAX_LEN + 1] = '\0';
    CHECK(!daos_label_is_valid(longest));
    longest[DAOS_PROP_LABEL_MAX_LEN] = '\0';
    CHECK(daos_label_is_valid(longest));
    return true;
}

CONTRACT(daos_perf_domain_is_valid)
{
    CHECK(daos_perf_domain_is_valid("root") && daos_perf_domain_is_valid("group"));
    CHECK(!daos_perf_domain_is_valid(NULL) && !daos_perf_domain_is_valid("a/b"));
    return true;
}

CONTRACT(daos_rf_is_valid)
{
    CHECK(daos_rf_is_valid(0) && daos_rf_is_valid(DAOS_RF_MAX));
    CHECK(!daos_rf_is_valid(DAOS_RF_MAX + 1ull) && !daos_rf_is_valid(UINT64_MAX));
    return true;
}

CONTRACT(daos_svc_rf_is_valid)
{
    CHECK(daos_svc_rf_is_valid(0) && daos_svc_rf_is_valid(DAOS_PROP_PO_SVC_REDUN_FAC_MAX));
    CHECK(!daos_svc_rf_is_valid(DAOS_PROP_PO_SVC_REDUN_FAC_MAX + 1ull));
    return true;
}

CONTRACT(daos_prop_co_status_2_val)
{
    struct daos_co_status in = {DAOS_PROP_CO_UNCLEAN, DAOS_PROP_CO_CLEAR, UINT32_MAX}, out;

    daos_prop_val_2_co_status(daos_prop_co_status_2_val(&in), &out);
    CHECK(memcmp(&in, &out, sizeof(in)) == 0);
    CHECK(daos_prop_co_status_2_val(&in) ==
          DAOS_PROP_CO_STATUS_VAL(DAOS_PROP_CO_UNCLEAN, DAOS_PROP_CO_CLEAR, UINT32_MAX));
    daos_prop_val_2_co_status(0, &out);
    CHECK(out.dcs_status == DAOS_PROP_CO_HEALTHY && out.dcs_flags == 0 && out.dcs_pm_ver == 0);
    return true;
}

/* ---- Lists ---- */

CONTRACT(daos_prop_alloc)
{
    static const struct daos_prop_entry zero;
    daos_prop_t *p = daos_prop_alloc(0);

    CHECK(p != NULL && p->dpp_nr == 0 && p->dpp_entries == NULL);
    daos_prop_free(p);
    p = daos_prop_alloc(DAOS_PROP_ENTRIES_MAX_NR);
    CHECK(p != NULL && p->dpp_nr == DAOS_PROP_ENTRIES_MAX_NR);
    for (uint32_t i = 0; i < p->dpp_nr; i++)
        CHECK(memcmp(&p->dpp_entries[i], &zero, sizeof(zero)) == 0);
    daos_prop_free(p);
    CHECK(daos_prop_alloc(DAOS_PROP_ENTRIES_MAX_NR + 1) == NULL);
    CHECK(daos_prop_alloc(UINT32_MAX) == NULL);
    daos_prop_free(NULL);
    return true;
}

CONTRACT(daos_prop_fini)
{
    daos_prop_t *p = LIST(DAOS_PROP_CO_LABEL, DAOS_PROP_CO_ACL, DAOS_PROP_CO_REDUN_FAC);
    struct daos_acl *acl = some_acl("A::OWNER@:r");

    NOW(0, daos_prop_set_str(p, DAOS_PROP_CO_LABEL, "label", 5));
    NOW(0, daos_prop_set_ptr(p, DAOS_PROP_CO_ACL, acl, (size_t)daos_acl_get_size(acl)));
    p->dpp_entries[2].dpe_val = 1;
    daos_prop_fini(p);
    CHECK(p->dpp_nr == 3 && p->dpp_entries[0].dpe_str == NULL);
    CHECK(p->dpp_entries[1].dpe_val_ptr == NULL && p->dpp_entries[2].dpe_val == 1);
    NOW(0, daos_prop_set_str(p, DAOS_PROP_CO_LABEL, "again", 5)); /* the list is there */
    daos_prop_fini(p);
    daos_prop_fini(p);
    daos_prop_fini(NULL);
    daos_prop_fini(&(daos_prop_t){.dpp_nr = 2}); /* without entries there is nothing to free */
    daos_prop_free(p);
    daos_acl_free(acl);
    return true;
}

CONTRACT(daos_prop_entry_get)
{
    daos_prop_t *p = LIST(DAOS_PROP_CO_LABEL, DAOS_PROP_CO_CSUM), *none = daos_prop_alloc(0);

    CHECK(daos_prop_entry_get(p, DAOS_PROP_CO_LABEL) == &p->dpp_entries[0]);
    CHECK(daos_prop_entry_get(p, DAOS_PROP_CO_CSUM) == &p->dpp_entries[1]);
    CHECK(daos_prop_entry_get(p, DAOS_PROP_CO_DEDUP) == NULL);
    CHECK(daos_prop_entry_get(p, UINT32_MAX) == NULL);
    CHECK(daos_prop_entry_get(none, DAOS_PROP_CO_LABEL) == NULL);
    CHECK(daos_prop_entry_get(NULL, DAOS_PROP_CO_LABEL) == NULL);
    daos_prop_free(p);
    daos_prop_free(none);
    return true;
}

CONTRACT(daos_prop_is_set)
{
    struct daos_prop_entry e = {.dpe_type = DAOS_PROP_CO_CSUM};

    CHECK(daos_prop_is_set(&e));
    e.dpe_flags = DAOS_PROP_ENTRY_NOT_SET;
    CHECK(!daos_prop_is_set(&e));
    return true;
}

CONTRACT(daos_prop_has_str)
{
    struct daos_prop_entry e = {.dpe_type = DAOS_PROP_CO_LABEL};

    CHECK(daos_prop_has_str(&e) && !daos_prop_has_ptr(&e));
    e.dpe_type = DAOS_PROP_PO_OWNER;
    CHECK(daos_prop_has_str(&e));
    e.dpe_type = DAOS_PROP_CO_MAX;
    CHECK(!daos_prop_has_str(&e) && !daos_prop_has_str(NULL));
    return true;
}

CONTRACT(daos_prop_has_ptr)
{
    static const uint32_t blobs[] = {DAOS_PROP_PO_ACL, DAOS_PROP_CO_ACL, DAOS_PROP_CO_ROOTS,
                                     DAOS_PROP_PO_SVC_LIST};
    struct daos_prop_entry e = {0};

    for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++) {
        e.dpe_type = blobs[i];
        CHECK(daos_prop_has_ptr(&e) && !daos_prop_has_str(&e));
    }
    e.dpe_type = DAOS_PROP_CO_REDUN_FAC;
    CHECK(!daos_prop_has_ptr(&e));
    e.dpe_type = 0;
    CHECK(!daos_prop_has_ptr(&e) && !daos_prop_has_ptr(NULL));
    return true;
}

/* ---- What entries hold ---- */

CONTRACT(daos_prop_entry_set_str)
{
    struct daos_prop_entry e = {.dpe_type = DAOS_PROP_CO_LABEL}, num = {.dpe_val = 7};

    num.dpe_type = DAOS_PROP_CO_CSUM;
    NOW(0, daos_prop_entry_set_str(&e, "label and more", 5));
    CHECK(strcmp(e.dpe_str, "label") == 0);
    NOW(-DER_INVAL, daos_prop_entry_set_str(NULL, "x", 1));
    NOW(-DER_INVAL, daos_prop_entry_set_str(&e, NULL, 1));
    NOW(-DER_INVAL, daos_prop_entry_set_str(&e, "x", 0));
    NOW(-DER_INVAL, daos_prop_entry_set_str(&e, "x", UINT64_MAX));
    NOW(-DER_INVAL, daos_prop_entry_set_str(&num, "x", 1));
    CHECK(strcmp(e.dpe_str, "label") == 0 && num.dpe_val == 7);
    NOW(0, daos_prop_entry_set_str(&e, "b\0c", 3)); /* a text ends where it ends */
    CHECK(strcmp(e.dpe_str, "b") == 0);
    free(e.dpe_str);
    return true;
}

CONTRACT(daos_prop_set_str)
{
    daos_prop_t *p = LIST(DAOS_PROP_CO_OWNER, DAOS_PROP_CO_CSUM);

    NOW(0, daos_prop_set_str(p, DAOS_PROP_CO_OWNER, "bob@", 4));
    NOW(-DER_NONEXIST, daos_prop_set_str(p, DAOS_PROP_CO_LABEL, "x", 1));
    NOW(-DER_NONEXIST, daos_prop_set_str(NULL, DAOS_PROP_CO_OWNER, "x", 1));
    NOW(-DER_INVAL, daos_prop_set_str(p, DAOS_PROP_CO_CSUM, "x", 1));
    NOW(-DER_INVAL, daos_prop_set_str(p, DAOS_PROP_CO_OWNER, NULL, 1));
    NOW(-DER_INVAL, daos_prop_set_str(p, DAOS_PROP_CO_OWNER, "x", 0));
    CHECK(strcmp(p->dpp_entries[0].dpe_str, "bob@") == 0 && p->dpp_entries[1].dpe_val == 0);
    daos_prop_free(p);
    return true;
}

CONTRACT(daos_prop_entry_set_ptr)
{
    struct daos_prop_entry e = {.dpe_type = DAOS_PROP_CO_ROOTS}, text = {0};

    text.dpe_type = DAOS_PROP_CO_LABEL;
    NOW(0, daos_prop_entry_set_ptr(&e, &some_roots, sizeof(some_roots)));
    CHECK(e.dpe_val_ptr != &some_roots && memcmp(e.dpe_val_ptr, &some_roots, 64) == 0);
    NOW(-DER_INVAL, daos_prop_entry_set_ptr(NULL, &some_roots, sizeof(some_roots)));
    NOW(-DER_INVAL, daos_prop_entry_set_ptr(&e, NULL, sizeof(some_roots)));
    NOW(-DER_INVAL, daos_prop_entry_set_ptr(&e, &some_roots, 0));
    NOW(-DER_INVAL, daos_prop_entry_set_ptr(&text, &some_roots, sizeof(some_roots)));
    CHECK(memcmp(e.dpe_val_ptr, &some_roots, 64) == 0 && text.dpe_val_ptr == NULL);
    free(e.dpe_val_ptr);
    return true;
}

/* A list of ranks has an array of its own: it is copied with it. */
static bool ranks_are_copied(struct run *r)
{
    daos_prop_t *p = LIST(DAOS_PROP_PO_SVC_LIST);
    d_rank_list_t *ranks = d_rank_list_alloc(3), *got;

    NOW(-DER_INVAL, daos_prop_set_ptr(p, DAOS_PROP_PO_SVC_LIST, ranks, sizeof(*ranks) - 1));
    for (int i = 0; i < 2; i++) /* twice: what it held is freed */
        NOW(0, daos_prop_set_ptr(p, DAOS_PROP_PO_SVC_LIST, ranks, sizeof(*ranks)));
    got = p->dpp_entries[0].dpe_val_ptr;
    CHECK(got != ranks && got->rl_ranks != ranks->rl_ranks && d_rank_list_identical(got, ranks));
    d_rank_list_free(ranks);
    CHECK(got->rl_nr == 3 && got->rl_ranks[2] == 2);
    daos_prop_free(p);
    return true;
}

CONTRACT(daos_prop_set_ptr)
{
    daos_prop_t *p = LIST(DAOS_PROP_CO_ACL, DAOS_PROP_CO_CSUM);
    struct daos_acl *acl = some_acl("A::OWNER@:r"), *other = some_acl("A::bob@:rw");
    size_t size = (size_t)daos_acl_get_size(acl);

    NOW(0, daos_prop_set_ptr(p, DAOS_PROP_CO_ACL, other, (size_t)daos_acl_get_size(other)));
    NOW(0, daos_prop_set_ptr(p, DAOS_PROP_CO_ACL, acl, size));
    NOW(-DER_NONEXIST, daos_prop_set_ptr(p, DAOS_PROP_CO_ROOTS, acl, size));
    NOW(-DER_NONEXIST, daos_prop_set_ptr(NULL, DAOS_PROP_CO_ACL, acl, size));
    NOW(-DER_INVAL, daos_prop_set_ptr(p, DAOS_PROP_CO_CSUM, acl, size));
    NOW(-DER_INVAL, daos_prop_set_ptr(p, DAOS_PROP_CO_ACL, NULL, size));
    NOW(-DER_INVAL, daos_prop_set_ptr(p, DAOS_PROP_CO_ACL, acl, 0));
    CHECK(memcmp(p->dpp_entries[0].dpe_val_ptr, acl, size) == 0 && p->dpp_entries[1].dpe_val == 0);
    daos_prop_free(p);
    daos_acl_free(acl);
    daos_acl_free(other);
    return ranks_are_copied(r);
}

CONTRACT(daos_prop_entry_dup_ptr)
{
    struct daos_prop_entry src = {.dpe_type = DAOS_PROP_CO_ROOTS}, dst = src, empty = src;
    struct daos_prop_co_roots roots = some_roots;

    src.dpe_val_ptr = &roots;
    NOW(-DER_INVAL, daos_prop_entry_dup_ptr(NULL, &src, sizeof(roots)));
    NOW(-DER_INVAL, daos_prop_entry_dup_ptr(&dst, NULL, sizeof(roots)));
    NOW(-DER_INVAL, daos_prop_entry_dup_ptr(&dst, &empty, sizeof(roots)));
    CHECK(dst.dpe_val_ptr == NULL);
    NOW(0, daos_prop_entry_dup_ptr(&dst, &src, sizeof(roots)));
    memset(&roots, 0, sizeof(roots));
    CHECK(memcmp(dst.dpe_val_ptr, &some_roots, sizeof(some_roots)) == 0);
    free(dst.dpe_val_ptr);
    return true;
}

CONTRACT(daos_prop_entry_dup_co_roots)
{
    struct daos_prop_entry src = {.dpe_type = DAOS_PROP_CO_ROOTS}, dst = src, empty = src;
    struct daos_prop_co_roots roots = some_roots;

    src.dpe_val_ptr = &roots;
    NOW(-DER_INVAL, daos_prop_entry_dup_co_roots(&dst, &empty));
    NOW(-DER_INVAL, daos_prop_entry_dup_co_roots(NULL, &src));
    NOW(0, daos_prop_entry_dup_co_roots(&dst, &src));
    CHECK(dst.dpe_val_ptr != &roots && memcmp(dst.dpe_val_ptr, &roots, sizeof(roots)) == 0);
    free(dst.dpe_val_ptr);
    return true;
}

CONTRACT(daos_prop_entry_cmp_acl)
{
    struct daos_prop_entry a = {.dpe_type = DAOS_PROP_CO_ACL}, b = a, c = a, none = a;

    a.dpe_val_ptr = some_acl("A::bob@:rw");
    b.dpe_val_ptr = some_acl("A::bob@:wr");
    c.dpe_val_ptr = some_acl("A::bob@:r");
    NOW(0, daos_prop_entry_cmp_acl(&a, &b));
    NOW(0, daos_prop_entry_cmp_acl(&none, &none));
    NOW(-DER_MISMATCH, daos_prop_entry_cmp_acl(&a, &c));
    NOW(-DER_MISMATCH, daos_prop_entry_cmp_acl(&a, &none));
    NOW(-DER_MISMATCH, daos_prop_entry_cmp_acl(NULL, &a));
    daos_acl_free(a.dpe_val_ptr);
    daos_acl_free(b.dpe_val_ptr);
    daos_acl_free(c.dpe_val_ptr);
    return true;
}

/* ---- Text and merging ---- */

CONTRACT(daos_prop_from_str)
{
    static const char *const bad[] = {";",
                                      ";;",
                                      ":",
                                      "label",
                                      "label:",
                                      ":x",
                                      "label:a b",
                                      "nothing:1",
                                      "rd_fac:5",
                                      "rd_fac:-1",
                                      "rd_fac:1x",
                                      "cksum:crc32;;rd_fac:0",
                                      "label:a;label:b",
                                      "space_rb:1",
                                      "cksum:",
                                      "rd_fac:18446744073709551616"};
    static const char text[] = "label:l;rd_fac:1;";
    daos_prop_t *p = NULL;
    char many[2048] = "";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        NOW(-DER_INVAL, daos_prop_from_str(bad[i], strlen(bad[i]), &p));
    NOW(-DER_INVAL, daos_prop_from_str(NULL, 5, &p));
    NOW(-DER_INVAL, daos_prop_from_str(text, 0, &p));
    NOW(-DER_INVAL, daos_prop_from_str(text, sizeof(text), NULL));
    while (strlen(many) + 16 < sizeof(many))
        strcat(many, "rd_fac:1;");
    NOW(-DER_INVAL, daos_prop_from_str(many, sizeof(many), &p));
    CHECK(p == NULL);
    NOW(0, daos_prop_from_str(text, sizeof(text), &p)); /* with its end */
    CHECK(p->dpp_nr == 2 && daos_prop_entry_get(p, DAOS_PROP_CO_REDUN_FAC)->dpe_val == 1);
    daos_prop_free(p);
    NOW(0, daos_prop_from_str(text, 7, &p)); /* as many bytes as were said */
    CHECK(p->dpp_nr == 1 && strcmp(p->dpp_entries[0].dpe_str, "l") == 0);
    daos_prop_free(p);
    return true;
}

CONTRACT(daos_prop_merge2)
{
    daos_prop_t *old = LIST(DAOS_PROP_CO_LABEL, DAOS_PROP_CO_CSUM), *out = NULL;
    daos_prop_t *new = LIST(DAOS_PROP_CO_ROOTS, DAOS_PROP_CO_LABEL), *full, *none;

    NOW(0, daos_prop_set_str(old, DAOS_PROP_CO_LABEL, "old", 3));
    NOW(0, daos_prop_set_str(new, DAOS_PROP_CO_LABEL, "new", 3));
    NOW(0, daos_prop_set_ptr(new, DAOS_PROP_CO_ROOTS, &some_roots, sizeof(some_roots)));
    NOW(-DER_INVAL, daos_prop_merge2(NULL, new, &out));
    NOW(-DER_INVAL, daos_prop_merge2(old, new, NULL));
    NOW(-DER_INVAL, daos_prop_merge2(&(daos_prop_t){.dpp_nr = 2}, new, &out));
    NOW(-DER_INVAL, daos_prop_merge2(old, &(daos_prop_t){.dpp_nr = 2}, &out));
    full = daos_prop_alloc(DAOS_PROP_ENTRIES_MAX_NR);
    NOW(-DER_INVAL, daos_prop_merge2(full, new, &out)); /* more than fit */
    CHECK(out == NULL);
    daos_prop_free(full);
    NOW(0, daos_prop_merge2(old, new, &out));
    CHECK(out->dpp_nr == 3);
    CHECK(strcmp(old->dpp_entries[0].dpe_str, "old") == 0 && old->dpp_nr == 2);
    CHECK(strcmp(daos_prop_entry_get(out, DAOS_PROP_CO_LABEL)->dpe_str, "new") == 0);
    CHECK(daos_prop_entry_get(out, DAOS_PROP_CO_ROOTS)->dpe_val_ptr !=
          new->dpp_entries[0].dpe_val_ptr);
    daos_prop_free(out);
    none = daos_prop_alloc(0);
    NOW(0, daos_prop_merge2(none, none, &out));
    CHECK(out->dpp_nr == 0);
    daos_prop_free(out);
    daos_prop_free(none);
    daos_prop_free(old);
    daos_prop_free(new);
    return true;
}

CONTRACT(daos_prop_merge)
{
    daos_prop_t *old = LIST(DAOS_PROP_CO_CSUM), *new = LIST(DAOS_PROP_CO_CSUM), *out;

    new->dpp_entries[0].dpe_val = DAOS_PROP_CO_CSUM_CRC64;
    CHECK(daos_prop_merge(NULL, new) == NULL);
    out = daos_prop_merge(old, new);
    CHECK(out != NULL && out->dpp_nr == 1 && out->dpp_entries[0].dpe_val == 3);
    daos_prop_free(out);
    out = daos_prop_merge(old, NULL);
    CHECK(out != NULL && out->dpp_nr == 1 && out->dpp_entries[0].dpe_val == 0);
    daos_prop_free(out);
    daos_prop_free(old);
    daos_prop_free(new);
    return true;
}

#define STORIES(X)                                                                                 \
    X(daos_label_is_valid)                                                                         \
    X(daos_perf_domain_is_valid)                                                                   \
    X(daos_rf_is_valid)                                                                            \
    X(daos_svc_rf_is_valid)                                                                        \
    X(daos_prop_co_status_2_val)                                                                   \
    X(daos_prop_alloc)                                                                             \
    X(daos_prop_fini)                                                                              \
    X(daos_prop_entry_get)                                                                         \
    X(daos_prop_is_set)                                                                            \
    X(daos_prop_has_str)                                                                           \
    X(daos_prop_has_ptr)                                                                           \
    X(daos_prop_entry_set_str)                                                                     \
    X(daos_prop_set_str)                                                                           \
    X(daos_prop_entry_set_ptr)                                                                     \
    X(daos_prop_set_ptr)                                                                           \
    X(daos_prop_entry_dup_ptr)                                                                     \
    X(daos_prop_entry_dup_co_roots)                                                                \
    X(daos_prop_entry_cmp_acl)                                                                     \
    X(daos_prop_from_str)                                                                          \
    X(daos_prop_merge2)                                                                            \
    X(daos_prop_merge)

CONTRACT_MAIN(STORIES, no_stage, api_setup)
