/* container get-acl, overwrite-acl, update-acl, delete-acl, set-owner */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/conn.h"

#define ACL_ENTRIES_MAX 256

static struct daos_acl *acl_of(daos_prop_t *prop)
{
    struct daos_prop_entry *e = daos_prop_entry_get(prop, DAOS_PROP_CO_ACL);

    return e != NULL ? e->dpe_val_ptr : NULL;
}

static const char *text_of(daos_prop_t *prop, uint32_t type)
{
    struct daos_prop_entry *e = daos_prop_entry_get(prop, type);

    return e != NULL && e->dpe_str != NULL ? e->dpe_str : "";
}

static json_t *acl_json(daos_prop_t *prop)
{
    json_t *entries = json_array();
    char **strs = NULL;
    size_t nr = 0;

    if (acl_of(prop) != NULL && daos_acl_to_strs(acl_of(prop), &strs, &nr) == 0) {
        for (size_t i = 0; i < nr; i++) {
            json_array_append_new(entries, json_string(strs[i]));
            free(strs[i]);
        }
        free(strs);
    }
    return json_pack("{s:o, s:s, s:s}", "entries", entries, "owner_user",
                     text_of(prop, DAOS_PROP_CO_OWNER), "owner_group",
                     text_of(prop, DAOS_PROP_CO_OWNER_GROUP));
}

static int acl_write(struct tool *t, daos_prop_t *prop, bool verbose, FILE *f)
{
    fprintf(f, "# Owner: %s\n# Owner Group: %s\n# Entries:\n", text_of(prop, DAOS_PROP_CO_OWNER),
            text_of(prop, DAOS_PROP_CO_OWNER_GROUP));
    if (acl_of(prop) == NULL)
        return 0;
    int rc = daos_acl_to_stream(f, acl_of(prop), verbose);
    return rc != 0 ? tool_fail_der(t, rc, "cannot write the list of rights") : 0;
}

static int acl_to_file(struct tool *t, daos_prop_t *prop, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (opt_flag(t, "force") ? O_TRUNC : O_EXCL),
                  0644);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    int rc;

    if (f == NULL) {
        rc = tool_fail_errno(t, errno, "cannot write %s", path);
        if (fd >= 0)
            close(fd);
        return rc;
    }
    rc = acl_write(t, prop, opt_flag(t, "verbose"), f);
    if (fclose(f) != 0 && rc == 0)
        rc = tool_fail_errno(t, errno, "cannot write %s", path);
    return rc;
}

/* What every command of this file answers with: the list as it is now. */
static int acl_show(struct tool *t, struct conn *c, const char *outfile, bool verbose)
{
    daos_prop_t *prop = NULL;
    int rc = daos_cont_get_acl(c->coh, &prop, NULL);

    if (rc != 0)
        return tool_fail_der(t, rc, "cannot read the rights of container %s", t->args[1]);
    if (outfile != NULL)
        rc = acl_to_file(t, prop, outfile);
    else if (t->json)
        t->response = acl_json(prop);
    else
        rc = acl_write(t, prop, verbose, t->out);
    daos_prop_free(prop);
    return rc;
}

int cmd_get_acl(struct tool *t)
{
    struct conn c = {0};
    int rc = conn_cont(t, &c, t->args[0], t->args[1], false);

    if (rc == 0)
        rc = acl_show(t, &c, opt_text(t, "outfile"), opt_flag(t, "verbose"));
    conn_close(&c);
    return rc;
}

/* Entries of a file: lines, '#' begins a remark. */
static int acl_from_file(struct tool *t, const char *path, struct daos_acl **acl)
{
    const char *strs[ACL_ENTRIES_MAX];
    char line[DAOS_ACL_MAX_ACE_STR_LEN + 64];
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t n = 0;
    int rc = f == NULL ? tool_fail_errno(t, errno, "cannot read %s", path) : 0;

    while (rc == 0 && fgets(line, sizeof(line), f) != NULL) {
        char *text = line + strspn(line, " \t");

        text[strcspn(text, "\r\n#")] = '\0';
        for (size_t len = strlen(text); len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t');
             len--)
            text[len - 1] = '\0';
        if (text[0] == '\0')
            continue;
        if (n == ACL_ENTRIES_MAX)
            rc = tool_fail(t, -DER_OVERFLOW, "use fewer entries", "it has more than 256 entries",
                           "cannot use %s", path);
        else if ((strs[n] = base_strdup(text)) == NULL)
            rc = tool_fail_der(t, -DER_NOMEM, "cannot read %s", path);
        else
            n++;
    }
    if (f != NULL && f != stdin)
        fclose(f);
    if (rc == 0 && (rc = daos_acl_from_strs(strs, n, acl)) != 0)
        tool_fail(
            t, rc,
            "write each line as TYPES:FLAGS:PRINCIPAL:PERMISSIONS, for instance A:G:readers@:rt",
            "one of its lines is not an entry, or two name the same principal",
            "cannot use the list of rights %s", path);
    for (size_t i = 0; i < n; i++)
        base_free((char *)strs[i]);
    return rc;
}

static int acl_from_entry(struct tool *t, const char *entry, struct daos_acl **acl)
{
    int rc = daos_acl_from_strs(&entry, 1, acl);

    return rc == 0
               ? 0
               : tool_fail(
                     t, rc,
                     "write it as TYPES:FLAGS:PRINCIPAL:PERMISSIONS, for instance A:G:readers@:rt",
                     "it is not an entry", "option --entry '%.100s'", entry);
}

static int change(struct tool *t, int (*call)(daos_handle_t, struct daos_acl *, daos_event_t *),
                  struct daos_acl *acl)
{
    struct conn c = {0};
    int rc = conn_cont(t, &c, t->args[0], t->args[1], true);

    if (rc == 0) {
        rc = call(c.coh, acl, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot change the rights of container %s", t->args[1]);
    }
    if (rc == 0)
        rc = acl_show(t, &c, NULL, false);
    conn_close(&c);
    daos_acl_free(acl);
    return rc;
}

int cmd_overwrite_acl(struct tool *t)
{
    struct daos_acl *acl = NULL;
    int rc;

    if (opt_text(t, "acl-file") == NULL)
        return tool_fail(t, -DER_INVAL, "give --acl-file FILE ('-': standard input)",
                         "no list was given", "cannot overwrite the rights of container %s",
                         t->args[1]);
    rc = acl_from_file(t, opt_text(t, "acl-file"), &acl);
    return rc != 0 ? rc : change(t, daos_cont_overwrite_acl, acl);
}

static int acl_change_update(struct tool *t, struct daos_acl **acl)
{
    if (opt_text(t, "entry") != NULL)
        return acl_from_entry(t, opt_text(t, "entry"), acl);
    if (opt_text(t, "acl-file") != NULL)
        return acl_from_file(t, opt_text(t, "acl-file"), acl);
    return tool_fail(t, -DER_INVAL, "give --entry ACE or --acl-file FILE", "no entry was given",
                     "cannot change the rights of container %s", t->args[1]);
}

int cmd_update_acl(struct tool *t)
{
    struct daos_acl *acl = NULL;
    int rc = acl_change_update(t, &acl);

    return rc != 0 ? rc : change(t, daos_cont_update_acl, acl);
}

int cmd_delete_acl(struct tool *t)
{
    const char *who = opt_text(t, "principal");
    enum daos_acl_principal_type type;
    struct conn c = {0};
    char *name = NULL;
    int rc;

    if (who == NULL || daos_acl_principal_from_str(who, &type, &name) != 0)
        return tool_fail(t, -DER_INVAL,
                         "give --principal: OWNER@, GROUP@, EVERYONE@, u:NAME@ or g:NAME@",
                         who == NULL ? "no principal was given" : "it is not a principal",
                         "cannot remove the rights of '%.100s'", who != NULL ? who : "");
    rc = conn_cont(t, &c, t->args[0], t->args[1], true);
    if (rc == 0) {
        rc = daos_cont_delete_acl(c.coh, type, name, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot remove the rights of %s on container %s", who, t->args[1]);
    }
    if (rc == 0)
        rc = acl_show(t, &c, NULL, false);
    conn_close(&c);
    free(name);
    return rc;
}

int cmd_set_owner(struct tool *t)
{
    const char *user = opt_text(t, "user"), *group = opt_text(t, "group");
    struct conn c = {0};
    int rc;

    if (user == NULL && group == NULL)
        return tool_fail(t, -DER_INVAL, "give --user NAME@ or --group NAME@", "neither was given",
                         "cannot change the owner of container %s", t->args[1]);
    rc = conn_cont(t, &c, t->args[0], t->args[1], true);
    if (rc == 0) {
        rc = opt_flag(t, "no-check")
                 ? daos_cont_set_owner_no_check(c.coh, (char *)user, (char *)group, NULL)
                 : daos_cont_set_owner(c.coh, (char *)user, (char *)group, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot change the owner of container %s", t->args[1]);
    }
    if (rc == 0 && !t->json)
        fprintf(t->out, "changed\n");
    conn_close(&c);
    return rc;
}
