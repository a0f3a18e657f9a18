/* kv put, get, list, del: key-value objects. */
#include <string.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/conn.h"

#define KEYS_AT_ONCE 128
#define KEYS_BYTES   (64u << 10)
#define VALUE_MAX    (16u << 20)

struct kv {
    struct conn c;
    daos_obj_id_t oid;
    daos_handle_t oh;
};

/* An id HIGH.LOW, or a plain number, which is completed to the id of a key-value object. */
static int kv_open(struct tool *t, struct kv *kv, bool write)
{
    uint64_t plain;
    bool is_plain = number_parse(t->args[2], &plain);
    int rc = is_plain ? 0 : oid_parse(t, t->args[2], &kv->oid);

    if (rc == 0)
        rc = conn_cont(t, &kv->c, t->args[0], t->args[1], write);
    if (rc == 0 && is_plain) {
        kv->oid = (daos_obj_id_t){.lo = plain, .hi = 0};
        rc = daos_obj_generate_oid(kv->c.coh, &kv->oid, DAOS_OT_KV_HASHED, OC_UNKNOWN, 0, 0);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot use object %s", t->args[2]);
    }
    if (rc == 0 && !daos_is_kv(kv->oid))
        rc = tool_fail(t, -DER_INVAL, "use 'object dump' to see what it holds",
                       "its id is not that of a key-value object", "cannot use object %s",
                       t->args[2]);
    if (rc == 0) {
        rc = daos_kv_open(kv->c.coh, kv->oid, write ? DAOS_OO_RW : DAOS_OO_RO, &kv->oh, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot open object %s", t->args[2]);
    }
    return rc;
}

static void kv_close(struct kv *kv)
{
    if (daos_handle_is_valid(kv->oh))
        daos_kv_close(kv->oh, NULL);
    conn_close(&kv->c);
}

static int value_from_stdin(struct tool *t, char **value, size_t *len)
{
    char *buf = base_alloc(VALUE_MAX);

    *value = buf;
    if (buf == NULL)
        return tool_fail_der(t, -DER_NOMEM, "cannot read the value");
    *len = fread(buf, 1, VALUE_MAX, stdin);
    if (*len == VALUE_MAX)
        return tool_fail(t, -DER_OVERFLOW, "store it as a file or an array",
                         "it is larger than 16 MiB", "cannot use the value on standard input");
    return 0;
}

static int kv_put(struct tool *t)
{
    struct kv kv = {0};
    char *from_stdin = NULL;
    const char *value = t->nargs > 4 ? t->args[4] : "-";
    size_t len = strlen(value);
    uint64_t flags = opt_flag(t, "insert") ? DAOS_COND_KEY_INSERT : 0;
    int rc = 0;

    if (strcmp(value, "-") == 0) {
        rc = value_from_stdin(t, &from_stdin, &len);
        value = from_stdin;
    }
    if (rc == 0 && len == 0)
        rc = tool_fail(t, -DER_INVAL, "give a value of at least one byte, or use 'kv del'",
                       "an empty value would remove the key", "cannot put key %.100s", t->args[3]);
    if (rc == 0)
        rc = kv_open(t, &kv, true);
    if (rc == 0) {
        rc = daos_kv_put(kv.oh, DAOS_TX_NONE, flags, t->args[3], len, value, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot put key %.100s", t->args[3]);
    }
    base_free(from_stdin);
    kv_close(&kv);
    return rc;
}

static int value_read(struct tool *t, struct kv *kv, const char *key, char **value,
                      daos_size_t *len)
{
    int rc = daos_kv_get(kv->oh, DAOS_TX_NONE, DAOS_COND_KEY_GET, key, len, NULL, NULL);

    *value = NULL;
    if (rc == 0) {
        *value = base_alloc(*len + 1);
        rc = *value == NULL
                 ? -DER_NOMEM
                 : daos_kv_get(kv->oh, DAOS_TX_NONE, DAOS_COND_KEY_GET, key, len, *value, NULL);
    }
    if (rc != 0)
        tool_fail_der(t, rc, "cannot get key %.100s", key);
    if (rc == -DER_NONEXIST)
        err_next(&t->err, "'%s kv list %s %s %s' shows the keys there are", t->program, t->args[0],
                 t->args[1], t->args[2]);
    return rc;
}

static int kv_get(struct tool *t)
{
    struct kv kv = {0};
    char *value = NULL;
    daos_size_t len = 0;
    int rc = kv_open(t, &kv, false);

    if (rc == 0)
        rc = value_read(t, &kv, t->args[3], &value, &len);
    if (rc == 0 && t->json) {
        t->response = json_pack("{s:o, s:o}", "key", json_text(t->args[3], strlen(t->args[3])),
                                "value", json_base64(value, len));
    } else if (rc == 0) {
        fwrite(value, 1, len, t->out);
        if (!opt_flag(t, "raw") && (len == 0 || value[len - 1] != '\n'))
            fputc('\n', t->out);
    }
    base_free(value);
    kv_close(&kv);
    return rc;
}

static int kv_list(struct tool *t)
{
    struct kv kv = {0};
    daos_key_desc_t kds[KEYS_AT_ONCE];
    daos_anchor_t anchor = {0};
    char *buf = base_alloc(KEYS_BYTES), text[1024];
    json_t *json = t->json ? json_array() : NULL;
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc =
        buf == NULL ? tool_fail_der(t, -DER_NOMEM, "cannot list keys") : kv_open(t, &kv, false);

    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = KEYS_AT_ONCE;
        size_t at = 0;

        d_iov_set(&iov, buf, KEYS_BYTES);
        rc = daos_kv_list(kv.oh, DAOS_TX_NONE, &nr, kds, &sgl, &anchor, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot list the keys of object %s", t->args[2]);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            if (json != NULL)
                json_array_append_new(json, json_text(buf + at, kds[i].kd_key_len));
            else
                fprintf(t->out, "%s\n", name_text(buf + at, kds[i].kd_key_len, text, sizeof(text)));
            at += kds[i].kd_key_len;
        }
    }
    t->response = json;
    base_free(buf);
    kv_close(&kv);
    return rc;
}

static int kv_del(struct tool *t)
{
    struct kv kv = {0};
    int rc = kv_open(t, &kv, true);

    if (rc == 0) {
        rc = daos_kv_remove(kv.oh, DAOS_TX_NONE, DAOS_COND_KEY_REMOVE, t->args[3], NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot remove key %.100s", t->args[3]);
    }
    kv_close(&kv);
    return rc;
}

#define OID_DETAIL                                                                                 \
    "OID is a number of your choice (1, 2, ...), or HIGH.LOW of an existing key-value object."

static const struct command commands[] = {
    {"put",
     "set",
     "POOL CONT OID KEY [VALUE]",
     4,
     5,
     kv_put,
     "store a value under a key",
     OID_DETAIL "\nWithout VALUE, or with '-', it is read from standard input.",
     "kv put ./tarn-pool results 1 colour blue\nkv put ./tarn-pool results 1 photo - --insert < "
     "photo.jpg",
     {{'I', "insert", NULL, "only if there is no such key"}}},
    {"get",
     NULL,
     "POOL CONT OID KEY",
     4,
     4,
     kv_get,
     "write a key's value to standard output",
     OID_DETAIL,
     "kv get ./tarn-pool results 1 colour",
     {{'r', "raw", NULL, "exactly the value, without a new line"}}},
    {"list",
     "ls",
     "POOL CONT OID",
     3,
     3,
     kv_list,
     "list the keys",
     OID_DETAIL,
     "kv list ./tarn-pool results 1",
     {{0}}},
    {"del",
     "rm remove delete",
     "POOL CONT OID KEY",
     4,
     4,
     kv_del,
     "remove a key",
     OID_DETAIL,
     "kv del ./tarn-pool results 1 colour",
     {{0}}},
};

const struct cmd_group group_kv = {"kv", NULL, "key-value objects", commands, ARRAY_LEN(commands)};
