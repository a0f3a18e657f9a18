#include "tools/attr.h"

#include <string.h>

#include "base/fail.h"

const struct attr_calls attr_of_pool = {"pool", daos_pool_list_attr, daos_pool_get_attr,
                                        daos_pool_set_attr, daos_pool_del_attr};
const struct attr_calls attr_of_cont = {"container", daos_cont_list_attr, daos_cont_get_attr,
                                        daos_cont_set_attr, daos_cont_del_attr};

/* All names back to back; *buf is the caller's to free. */
static int names_read(struct tool *t, const struct attr_calls *c, daos_handle_t h, char **buf,
                      size_t *len)
{
    size_t size = 0;
    int rc = c->list(h, NULL, &size, NULL);

    *buf = NULL;
    *len = 0;
    while (rc == 0 && size > *len) {
        base_free(*buf);
        *len = size;
        *buf = base_alloc(size);
        rc = *buf == NULL ? -DER_NOMEM : c->list(h, *buf, &size, NULL);
    }
    if (rc != 0)
        return tool_fail_der(t, rc, "cannot list the attributes of the %s", c->what);
    *len = size;
    return 0;
}

static int value_read(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *name,
                      char **value, size_t *len)
{
    void *none = NULL;
    size_t size = 0;
    int rc = c->get(h, 1, &name, &none, &size, NULL);

    *value = NULL;
    *len = 0;
    while (rc == 0 && size > *len) {
        base_free(*value);
        *len = size;
        *value = base_alloc(size + 1);
        rc = *value == NULL ? -DER_NOMEM : c->get(h, 1, &name, (void *const *)value, &size, NULL);
    }
    if (rc != 0) {
        base_free(*value);
        *value = NULL;
        return tool_fail_der(t, rc, "cannot read attribute %s of the %s", name, c->what);
    }
    *len = size;
    (*value)[size] = '\0';
    return 0;
}

static int show_one(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *name,
                    bool with_value, json_t *list)
{
    char *value = NULL;
    size_t len = 0;
    int rc = with_value ? value_read(t, c, h, name, &value, &len) : 0;

    if (rc != 0)
        return rc;
    if (t->json) {
        json_t *one = json_object();

        json_object_set_new(one, "name", json_text(name, strlen(name)));
        if (with_value)
            json_object_set_new(one, "value", json_base64(value, len));
        json_array_append_new(list, one);
    } else if (with_value) {
        char text[1024];

        fprintf(t->out, "%-24s %s\n", name, name_text(value, len, text, sizeof(text)));
    } else {
        fprintf(t->out, "%s\n", name);
    }
    base_free(value);
    return 0;
}

static int show_all(struct tool *t, const struct attr_calls *c, daos_handle_t h, bool values)
{
    json_t *list = t->json ? json_array() : NULL;
    char *names;
    size_t len;
    int rc = names_read(t, c, h, &names, &len);

    for (size_t at = 0; rc == 0 && at < len; at += strlen(names + at) + 1)
        rc = show_one(t, c, h, names + at, values, list);
    base_free(names);
    t->response = list;
    return rc;
}

int user_attr_list(struct tool *t, const struct attr_calls *c, daos_handle_t h, bool values)
{
    return show_all(t, c, h, values);
}

int user_attr_get(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *names)
{
    char *copy, *save = NULL;
    json_t *list;
    int rc = 0, n = 0;

    if (names == NULL)
        return show_all(t, c, h, true);
    copy = base_strdup(names);
    if (copy == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot read attributes");
    list = t->json ? json_array() : NULL;
    for (char *name = strtok_r(copy, ",", &save); rc == 0 && name != NULL;
         name = strtok_r(NULL, ",", &save), n++)
        rc = show_one(t, c, h, name, true, list);
    base_free(copy);
    /* one attribute asked for: one object, as daos answers */
    if (rc == 0 && n == 1 && list != NULL) {
        t->response = json_incref(json_array_get(list, 0));
        json_decref(list);
    } else {
        t->response = list;
    }
    return rc;
}

static int set_one(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *name,
                   const char *value)
{
    size_t len = strlen(value);
    const void *v = value;

    if (name[0] == '\0' || strlen(name) > DAOS_ATTR_NAME_MAX)
        return tool_fail(
            t, name[0] == '\0' ? -DER_INVAL : -DER_OVERFLOW, "give it a name of 1 to 511 bytes",
            "the name is empty or longer than 511 bytes", "cannot set attribute '%.60s'", name);
    if (len == 0)
        return tool_fail(t, -DER_INVAL, "write name:value, or use del-attr to remove it",
                         "an attribute's value cannot be empty", "cannot set attribute %.100s",
                         name);
    int rc = c->set(h, 1, &name, &v, &len, NULL);
    return rc != 0 ? tool_fail_der(t, rc, "cannot set attribute %.100s of the %s", name, c->what)
                   : 0;
}

int user_attr_set(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *names,
                  const char *value)
{
    char *copy, *save = NULL;
    int rc = 0;

    if (value != NULL)
        return set_one(t, c, h, names, value);
    copy = base_strdup(names);
    if (copy == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot set attributes");
    for (char *item = strtok_r(copy, ",", &save); rc == 0 && item != NULL;
         item = strtok_r(NULL, ",", &save)) {
        size_t len = strcspn(item, ":=");
        bool has = item[len] != '\0';

        item[len] = '\0';
        rc = set_one(t, c, h, item, has ? item + len + 1 : "");
    }
    base_free(copy);
    return rc;
}

int user_attr_del(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *names)
{
    char *copy = base_strdup(names), *save = NULL;
    int rc = copy == NULL ? tool_fail_der(t, -DER_NOMEM, "cannot remove attributes") : 0;

    for (char *name = rc == 0 ? strtok_r(copy, ",", &save) : NULL; rc == 0 && name != NULL;
         name = strtok_r(NULL, ",", &save)) {
        const char *one = name;

        rc = c->del(h, 1, &one, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot remove attribute %s of the %s", name, c->what);
    }
    base_free(copy);
    return rc;
}
