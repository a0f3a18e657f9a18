/*
 * Access control lists: the text of entries, and struct daos_acl from a peer or a program. The
 * first byte says which.
 *
 * What the service accepts a client can read, show as text, and give back.
 */
#include "fuzz.h"
#include <daos_security.h>
#include "svc/acl.h"

#define ENTRIES_MAX 32u

static void show(struct daos_acl *acl)
{
    char **strs = NULL, words[1024];
    size_t nr = 0;
    FILE *f = fopen("/dev/null", "w");
    struct daos_acl *copy = daos_acl_dup(acl);

    FUZZ_CHECK(f != NULL && copy != NULL);
    daos_acl_to_stream(f, copy, true);
    if (daos_acl_to_strs(copy, &strs, &nr) == 0) {
        struct daos_acl *back = NULL;

        if (nr > 0 && daos_acl_validate(copy) == 0) {
            FUZZ_CHECK(daos_acl_from_strs((const char **)strs, nr, &back) == 0);
            FUZZ_CHECK(daos_acl_validate(back) == 0);
        }
        for (size_t i = 0; i < nr; i++) {
            FUZZ_CHECK(daos_ace_str_get_verbose(strs[i], words, sizeof(words)) == 0);
            free(strs[i]);
        }
        free(strs);
        daos_acl_free(back);
    }
    daos_acl_free(copy);
    fclose(f);
}

/* Every entry is found by its principal, and the list without it is still one. */
static void change(struct daos_acl *acl)
{
    struct daos_acl *work = daos_acl_dup(acl);
    struct daos_ace *ace = daos_acl_get_next_ace(work, NULL), *found = NULL;

    FUZZ_CHECK(work != NULL);
    if (ace != NULL) {
        enum daos_acl_principal_type type = ace->dae_principal_type;
        const char *name = ace->dae_principal_len > 0 ? ace->dae_principal : NULL;
        char *keep = name != NULL ? strdup(name) : NULL;

        FUZZ_CHECK(daos_acl_get_ace_for_principal(work, type, name, &found) == 0 && found == ace);
        FUZZ_CHECK(daos_acl_add_ace(&work, daos_acl_get_next_ace(acl, NULL)) == 0);
        FUZZ_CHECK(daos_acl_validate(work) == 0 && work->dal_len == acl->dal_len);
        FUZZ_CHECK(daos_acl_remove_ace(&work, type, keep) == 0);
        FUZZ_CHECK(daos_acl_validate(work) == 0);
        free(keep);
    }
    daos_acl_free(work);
}

/* The lists as the service keeps them. */
static void serve(const void *acl, size_t len)
{
    static uint8_t out[ACL_MAX_BYTES];
    const char *groups[] = {"lab@"};
    struct acl_user u = {.user = "ann@", .group = "staff@", .groups = groups, .groups_nr = 1};
    uint8_t base[128];
    size_t out_len = 0, base_len = acl_default(3, 1, base);
    int ok = acl_check(acl, len, DAOS_ACL_PERM_ALL);

    acl_eval(acl, len, "ann@", "staff@", &u);
    acl_remove(acl, len, DAOS_ACL_USER, "ann@", out, &out_len);
    if (ok != 0)
        return;
    FUZZ_CHECK(daos_acl_validate((struct daos_acl *)(uintptr_t)acl) == 0);
    if (acl_merge(base, base_len, acl, len, out, &out_len) == 0)
        FUZZ_CHECK(acl_check(out, out_len, DAOS_ACL_PERM_ALL) == 0);
}

static void bytes(const uint8_t *data, size_t size)
{
    uint8_t *acl = fuzz_tight(data, size);
    struct daos_acl head;

    serve(acl, size);
    /* as a client does with a blob: the lengths agree, nothing else is known */
    if (size >= sizeof(head)) {
        memcpy(&head, acl, sizeof(head));
        head.dal_len = (uint32_t)(size - sizeof(head));
        memcpy(acl, &head, sizeof(head));
        serve(acl, size);
        show((struct daos_acl *)acl);
        if (daos_acl_validate((struct daos_acl *)acl) == 0)
            change((struct daos_acl *)acl);
    }
    free(acl);
}

static void text(const uint8_t *data, size_t size)
{
    static char buf[ENTRIES_MAX][400];
    struct feed f = {data, size};
    const char *strs[ENTRIES_MAX];
    struct daos_acl *acl = NULL;
    char words[64], *name = NULL;
    enum daos_acl_principal_type type;
    size_t nr = 0;

    while (nr < ENTRIES_MAX && (strs[nr] = feed_text(&f, buf[nr], sizeof(buf[nr]))) != NULL)
        nr++;
    for (size_t i = 0; i < nr; i++) {
        daos_ace_str_get_verbose(strs[i], words, sizeof(words));
        if (daos_acl_principal_from_str(strs[i], &type, &name) == 0) {
            free(name);
            name = NULL;
        }
    }
    if (nr == 0 || daos_acl_from_strs(strs, nr, &acl) != 0)
        return;
    FUZZ_CHECK(daos_acl_validate(acl) == 0);
    FUZZ_CHECK(acl_check(acl, (size_t)daos_acl_get_size(acl), DAOS_ACL_PERM_ALL) == 0);
    show(acl);
    change(acl);
    daos_acl_free(acl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] % 2 == 0)
        text(data + 1, size - 1);
    else if (size > 0)
        bytes(data + 1, size - 1);
    return 0;
}
