/*
 * The file of settings, YAML read by libyaml. At most two levels: keys, and sections with keys. An
 * alias stands for what its anchor names, as anywhere in YAML.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#include <daos_errno.h>

#include "base/assert.h"
#include "base/fail.h"
#include "tools/settings.h"
#include "tools/tool.h"

#define FILE_MAX  (64u << 10)
#define WORDS_MAX 256u

struct reader {
    struct settings *s;
    struct err *e;
    yaml_document_t doc;
};

/* ---- Errors: where, why, what next ---- */

static int refuse(const struct reader *r, const yaml_node_t *at, const char *what, const char *why,
                  const char *next)
{
    return err_setf(r->e, -DER_INVAL, next, why, "cannot use %.120s, line %u: %s", r->s->file,
                    (unsigned)at->start_mark.line + 1, what);
}

static int refuse_file(struct err *e, const char *file, int err)
{
    int rc = err == ENOENT                   ? -DER_NONEXIST
             : err == EACCES || err == EPERM ? -DER_NO_PERM
             : err == EISDIR || err == EFBIG ? -DER_INVAL
             : err == ENOTDIR                ? -DER_NOTDIR
                                             : -DER_IO;

    return err_setf(e, rc,
                    "name a file that can be read; `tarn engine --example-config` shows what may "
                    "be in it",
                    err == EFBIG ? "it is larger than any configuration" : strerror(err),
                    "cannot read the configuration %.200s", file);
}

/* ---- Values ---- */

/* NULL: it is not a scalar. */
static const char *scalar(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

/* Nothing stands there, or YAML's word for it. */
static bool is_nothing(const yaml_node_t *n)
{
    const char *text = scalar(n);

    return text != NULL && n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (*text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

static int take_list(struct reader *r, enum setting_id id, yaml_node_t *value, const char *what,
                     const char *where)
{
    const char *words[WORDS_MAX];
    uint32_t nr = 0;

    if (value->type != YAML_SEQUENCE_NODE)
        return refuse(r, value, what, "it has to be a list", "write it in brackets: [a, b]");
    for (yaml_node_item_t *i = value->data.sequence.items.start; i < value->data.sequence.items.top;
         i++) {
        yaml_node_t *item = yaml_document_get_node(&r->doc, *i);

        if (nr == WORDS_MAX)
            return refuse(r, item, what, "the list is too long", "name fewer");
        words[nr] = scalar(item);
        if (words[nr] == NULL || is_nothing(item))
            return refuse(r, item, what, "something in the list is not a single value",
                          "write a list of values: [a, b]");
        nr++;
    }
    return setting_take(r->s, id, (uint32_t)value->start_mark.line + 1, words, nr, where, r->e);
}

static int take_value(struct reader *r, enum setting_id id, yaml_node_t *key, yaml_node_t *value)
{
    char what[64], where[ERR_PART_MAX];
    const char *text = scalar(value);
    uint32_t line = (uint32_t)key->start_mark.line + 1;

    snprintf(what, sizeof(what), "key '%s'", setting_key(id));
    snprintf(where, sizeof(where), "%.100s, line %u: %s", r->s->file, line, what);
    if (is_nothing(value))
        return refuse(r, key, what, "it has no value", "give it one, or leave the line out");
    if (setting_is_list(id))
        return take_list(r, id, value, what, where);
    if (text == NULL)
        return refuse(r, value, what, "it has to be a single value",
                      "write it behind the key, without brackets and further keys");
    if (strlen(text) != value->data.scalar.length)
        return refuse(r, value, what, "there is a zero byte in it", "leave it out");
    return setting_take(r->s, id, line, &text, 1, where, r->e);
}

/* ---- Keys ---- */

static bool in_section(enum setting_id id, const char *section)
{
    size_t len = strlen(section);

    return strncmp(setting_key(id), section, len) == 0 && setting_key(id)[len] == '.';
}

static bool is_section(const char *name)
{
    for (int i = 0; i < SETTING_NR; i++)
        if (in_section((enum setting_id)i, name))
            return true;
    return false;
}

static bool find_key(const char *section, const char *name, enum setting_id *id)
{
    for (int i = 0; i < SETTING_NR; i++) {
        const char *key = setting_key((enum setting_id)i);
        bool here =
            section == NULL ? strchr(key, '.') == NULL : in_section((enum setting_id)i, section);

        if (here && strcmp(section != NULL ? key + strlen(section) + 1 : key, name) == 0) {
            *id = (enum setting_id)i;
            return true;
        }
    }
    return false;
}

/* The key that was meant, perhaps: one spelt nearly so, else one that slipped out of its section.
 */
static const char *nearest(const char *full)
{
    const char *best = NULL, *inner = NULL, *whole = NULL;

    for (int i = 0; i < SETTING_NR; i++)
        suggest_offer(full, setting_key((enum setting_id)i), &best);
    for (int i = 0; best == NULL && i < SETTING_NR; i++) {
        const char *key = setting_key((enum setting_id)i), *dot = strchr(key, '.');
        const char *before = inner;

        if (dot != NULL)
            suggest_offer(full, dot + 1, &inner);
        if (inner != before)
            whole = key;
    }
    return best != NULL ? best : whole;
}

static int unknown(struct reader *r, const char *section, yaml_node_t *key)
{
    char what[ERR_PART_MAX], next[ERR_PART_MAX], full[128];
    const char *best;

    snprintf(full, sizeof(full), "%.40s%s%.60s", section != NULL ? section : "",
             section != NULL ? "." : "", scalar(key));
    best = nearest(full);
    snprintf(what, sizeof(what), "key '%s'", full);
    if (best != NULL && section == NULL && strcmp(best, full) == 0)
        snprintf(next, sizeof(next), "write %.*s: and in the line below, indented, %s: ...",
                 (int)strcspn(full, "."), full, strchr(full, '.') + 1);
    else
        snprintf(next, sizeof(next), "%s%s%s`tarn engine --example-config` shows every key",
                 best != NULL ? "did you mean '" : "", best != NULL ? best : "",
                 best != NULL ? "'? " : "");
    return refuse(r, key, what, "there is no such key", next);
}

/* The same key before it in the mapping: YAML does not allow it, libyaml does not mind. */
static int refuse_twice(struct reader *r, const yaml_node_t *map, const yaml_node_pair_t *pair)
{
    yaml_node_t *key = yaml_document_get_node(&r->doc, pair->key);

    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        yaml_node_t *other = yaml_document_get_node(&r->doc, p->key);
        char what[ERR_PART_MAX], why[ERR_PART_MAX];

        if (scalar(other) == NULL || strcmp(scalar(other), scalar(key)) != 0)
            continue;
        snprintf(what, sizeof(what), "key '%.100s'", scalar(key));
        snprintf(why, sizeof(why), "it stands in line %u already",
                 (unsigned)other->start_mark.line + 1);
        return refuse(r, key, what, why, "keep one of the two");
    }
    return 0;
}

static int take_map(struct reader *r, const char *section, const yaml_node_t *map);

static int take_section(struct reader *r, yaml_node_t *key, yaml_node_t *value)
{
    const char *name = scalar(key);
    char what[64];

    if (is_nothing(value)) /* every key in it is left out */
        return 0;
    snprintf(what, sizeof(what), "key '%.40s'", name);
    if (value->type != YAML_MAPPING_NODE)
        return refuse(r, value, what, "it has no value of its own, but keys in it",
                      "put them in the lines below, indented: `tarn engine --example-config` "
                      "shows how");
    return take_map(r, name, value);
}

static int take_map(struct reader *r, const char *section, const yaml_node_t *map)
{
    int rc = 0;

    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         p < map->data.mapping.pairs.top && rc == 0; p++) {
        yaml_node_t *key = yaml_document_get_node(&r->doc, p->key);
        yaml_node_t *value = yaml_document_get_node(&r->doc, p->value);
        const char *name = scalar(key);
        enum setting_id id;

        if (name == NULL)
            return refuse(r, key, "a key", "it is not a word", "write 'key: value' lines");
        rc = refuse_twice(r, map, p);
        if (rc != 0)
            return rc;
        if (section == NULL && is_section(name))
            rc = take_section(r, key, value);
        else if (find_key(section, name, &id))
            rc = take_value(r, id, key, value);
        else
            rc = unknown(r, section, key);
    }
    return rc;
}

/* ---- The file ---- */

static int bad_yaml(struct settings *s, const yaml_parser_t *p, struct err *e)
{
    char why[ERR_PART_MAX];

    if (p->error == YAML_MEMORY_ERROR)
        return err_setf(e, -DER_NOMEM, "free some memory and try again", "out of memory",
                        "cannot read the configuration %.200s", s->file);
    snprintf(why, sizeof(why), "it is not YAML: %.100s%s%.100s",
             p->problem != NULL ? p->problem : "it makes no sense", p->context != NULL ? " " : "",
             p->context != NULL ? p->context : "");
    if (p->error == YAML_READER_ERROR)
        return err_setf(e, -DER_INVAL, "write it as plain text in UTF-8", why,
                        "cannot use %.150s, byte %zu", s->file, p->problem_offset);
    return err_setf(e, -DER_INVAL,
                    "write 'key: value' lines; `tarn engine --example-config` shows how", why,
                    "cannot use %.150s, line %u", s->file, (unsigned)p->problem_mark.line + 1);
}

static int take_document(struct settings *s, yaml_parser_t *p, bool *end, struct err *e)
{
    struct reader r = {.s = s, .e = e};
    yaml_node_t *root;
    int rc = 0;

    if (!yaml_parser_load(p, &r.doc))
        return bad_yaml(s, p, e);
    root = yaml_document_get_root_node(&r.doc);
    if (root == NULL)
        *end = true;
    else if (root->type == YAML_MAPPING_NODE)
        rc = take_map(&r, NULL, root);
    else if (!is_nothing(root))
        rc = refuse(&r, root, "what stands there", "it is not a list of keys with values",
                    "write 'key: value' lines; `tarn engine --example-config` shows how");
    yaml_document_delete(&r.doc);
    return rc;
}

/* A second document is looked at only to say that it is one too many. */
static int take_yaml(struct settings *s, const char *text, size_t len, struct err *e)
{
    yaml_parser_t p;
    yaml_document_t more;
    bool end = false;
    int rc;

    if (!yaml_parser_initialize(&p))
        return -DER_NOMEM;
    yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
    rc = take_document(s, &p, &end, e);
    if (rc == 0 && !end) {
        if (!yaml_parser_load(&p, &more)) {
            rc = bad_yaml(s, &p, e);
        } else {
            if (yaml_document_get_root_node(&more) != NULL)
                rc = err_setf(e, -DER_INVAL, "put everything into one, without lines of '---'",
                              "there is a second document in it", "cannot use %.150s, line %u",
                              s->file, (unsigned)more.start_mark.line + 1);
            yaml_document_delete(&more);
        }
    }
    yaml_parser_delete(&p);
    return rc;
}

int settings_read(struct settings *s, const char *file, struct err *e)
{
    char *text = base_alloc(FILE_MAX + 1);
    int fd = open(file, O_RDONLY | O_CLOEXEC), rc;
    size_t len = 0;
    ssize_t n = 0;

    s->file = arena_strdup(&s->mem, file);
    if (fd < 0 || text == NULL || s->file == NULL) {
        rc = fd < 0 ? refuse_file(e, file, errno) : -DER_NOMEM;
        goto out;
    }
    while (len <= FILE_MAX && (n = read(fd, text + len, FILE_MAX + 1 - len)) > 0)
        len += (size_t)n;
    if (n < 0)
        rc = refuse_file(e, file, errno);
    else if (len > FILE_MAX)
        rc = refuse_file(e, file, EFBIG);
    else
        rc = take_yaml(s, text, len, e);
out:
    if (fd >= 0)
        close(fd);
    base_free(text);
    return rc;
}
