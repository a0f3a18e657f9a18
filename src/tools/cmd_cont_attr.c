/* container get-prop, set-prop; list-attr, get-attr, set-attr, del-attr */
#include "tools/attr.h"
#include "tools/cmds.h"
#include "tools/conn.h"
#include "tools/props.h"

int cmd_cont_get_prop(struct tool *t)
{
    struct conn c = {0};
    daos_prop_t *prop = NULL;
    const char *names = opt_text(t, "properties") != NULL ? opt_text(t, "properties")
                        : t->nargs > 2                    ? t->args[2]
                                                          : NULL;
    int rc = props_wanted(t, PROP_OF_CONT, names, &prop);

    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], false);
    if (rc == 0) {
        rc = daos_cont_query(c.coh, NULL, prop, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot read the properties of container %s", t->args[1]);
    }
    if (rc == 0 && t->json)
        t->response = props_json(PROP_OF_CONT, prop);
    else if (rc == 0)
        props_print(t, PROP_OF_CONT, prop);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

int cmd_cont_set_prop(struct tool *t)
{
    struct conn c = {0};
    daos_prop_t *prop = NULL;
    const char *text = opt_text(t, "properties") != NULL ? opt_text(t, "properties")
                       : t->nargs > 2                    ? t->args[2]
                                                         : NULL;
    int rc;

    if (text == NULL)
        return tool_fail(t, -DER_INVAL, "write name:value[,name:value]", "no property was named",
                         "'set-prop' needs properties");
    rc = props_parse(t, PROP_OF_CONT, text, false, &prop);
    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], true);
    if (rc == 0) {
        rc = daos_cont_set_prop(c.coh, prop, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot set properties of container %s", t->args[1]);
    }
    if (rc == 0 && !t->json)
        fprintf(t->out, "set %s\n", text);
    daos_prop_free(prop);
    conn_close(&c);
    return rc;
}

static const char *attr_names(const struct tool *t)
{
    const char *name = opt_text(t, "attr");

    return name != NULL ? name : t->nargs > 2 ? t->args[2] : NULL;
}

static int needs_attr(struct tool *t, const char *form)
{
    return tool_fail(t, -DER_INVAL, form, "no attribute was named", "'%s' needs an attribute",
                     t->cmd->name);
}

static int with_cont(struct tool *t, bool write, int (*run)(struct tool *t, struct conn *c))
{
    struct conn c = {0};
    int rc = conn_cont(t, &c, t->args[0], t->args[1], write);

    if (rc == 0)
        rc = run(t, &c);
    conn_close(&c);
    return rc;
}

static int run_list_attr(struct tool *t, struct conn *c)
{
    return user_attr_list(t, &attr_of_cont, c->coh, opt_flag(t, "verbose"));
}

static int run_get_attr(struct tool *t, struct conn *c)
{
    return user_attr_get(t, &attr_of_cont, c->coh, attr_names(t));
}

static int run_set_attr(struct tool *t, struct conn *c)
{
    return user_attr_set(t, &attr_of_cont, c->coh, attr_names(t), opt_text(t, "value"));
}

static int run_del_attr(struct tool *t, struct conn *c)
{
    return user_attr_del(t, &attr_of_cont, c->coh, attr_names(t));
}

int cmd_cont_list_attr(struct tool *t)
{
    return with_cont(t, false, run_list_attr);
}

int cmd_cont_get_attr(struct tool *t)
{
    return with_cont(t, false, run_get_attr);
}

int cmd_cont_set_attr(struct tool *t)
{
    return attr_names(t) == NULL ? needs_attr(t, "write name:value[,name:value]")
                                 : with_cont(t, true, run_set_attr);
}

int cmd_cont_del_attr(struct tool *t)
{
    return attr_names(t) == NULL ? needs_attr(t, "write name[,name]")
                                 : with_cont(t, true, run_del_attr);
}
