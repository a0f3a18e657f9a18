/* pool get-prop, set-prop; list-attr, get-attr, set-attr, del-attr */
#include "client/client.h"
#include "tools/attr.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/props.h"

int cmd_pool_get_prop(struct tool *t)
{
    struct conn c = {0};
    daos_prop_t *prop = NULL;
    const char *names = opt_text(t, "properties") != NULL ? opt_text(t, "properties")
                        : t->nargs > 1                    ? t->args[1]
                                                          : NULL;
    int rc = props_wanted(t, PROP_OF_POOL, names, &prop);

    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RO);
    if (rc == 0) {
        rc = daos_pool_query(c.poh, NULL, NULL, prop, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot read the properties of pool %s", t->args[0]);
    }
    if (rc == 0 && t->json)
        t->response = props_json(PROP_OF_POOL, prop);
    else if (rc == 0)
        props_print(t, PROP_OF_POOL, prop);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

int cmd_pool_set_prop(struct tool *t)
{
    struct conn c = {0};
    daos_prop_t *prop = NULL;
    const char *text = opt_text(t, "properties") != NULL ? opt_text(t, "properties")
                       : t->nargs > 1                    ? t->args[1]
                                                         : NULL;
    int rc;

    if (text == NULL)
        return tool_fail(t, -DER_INVAL, "write name:value[,name:value]", "no property was named",
                         "'set-prop' needs properties");
    rc = props_parse(t, PROP_OF_POOL, text, false, &prop);
    if (rc == 0)
        rc = conn_pool(t, &c, t->args[0], DAOS_PC_RW);
    if (rc == 0) {
        rc = client_pool_set_prop(c.poh, prop);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot set properties of pool %s", t->args[0]);
    }
    if (rc == 0 && !t->json)
        fprintf(t->out, "set %s\n", text);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

static int with_attr(struct tool *t, unsigned flags, int (*run)(struct tool *t, struct conn *c))
{
    struct conn c = {0};
    int rc = conn_pool(t, &c, t->args[0], flags);

    if (rc == 0)
        rc = run(t, &c);
    conn_close(&c);
    return rc;
}

static const char *attr_names(const struct tool *t)
{
    const char *name = opt_text(t, "attr");

    return name != NULL ? name : t->nargs > 1 ? t->args[1] : NULL;
}

static int needs_attr(struct tool *t, const char *form)
{
    return tool_fail(t, -DER_INVAL, form, "no attribute was named", "'%s' needs an attribute",
                     t->cmd->name);
}

static int run_list_attr(struct tool *t, struct conn *c)
{
    return user_attr_list(t, &attr_of_pool, c->poh, opt_flag(t, "verbose"));
}

static int run_get_attr(struct tool *t, struct conn *c)
{
    return user_attr_get(t, &attr_of_pool, c->poh, attr_names(t));
}

static int run_set_attr(struct tool *t, struct conn *c)
{
    return user_attr_set(t, &attr_of_pool, c->poh, attr_names(t), opt_text(t, "value"));
}

static int run_del_attr(struct tool *t, struct conn *c)
{
    return user_attr_del(t, &attr_of_pool, c->poh, attr_names(t));
}

int cmd_pool_list_attr(struct tool *t)
{
    return with_attr(t, DAOS_PC_RO, run_list_attr);
}

int cmd_pool_get_attr(struct tool *t)
{
    return with_attr(t, DAOS_PC_RO, run_get_attr);
}

int cmd_pool_set_attr(struct tool *t)
{
    return attr_names(t) == NULL ? needs_attr(t, "write name:value[,name:value]")
                                 : with_attr(t, DAOS_PC_RW, run_set_attr);
}

int cmd_pool_del_attr(struct tool *t)
{
    return attr_names(t) == NULL ? needs_attr(t, "write name[,name]")
                                 : with_attr(t, DAOS_PC_RW, run_del_attr);
}
