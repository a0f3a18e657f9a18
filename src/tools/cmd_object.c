/* object dump and query: every key and value of an object, readable. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "tools/cmds.h"
#include "tools/conn.h"

#define KEYS_AT_ONCE 64
#define KEYS_BYTES   (64u << 10)
#define RECX_AT_ONCE 64
#define SHOWN_BYTES  64u /* of a value, unless --full */
#define VALUE_MAX    (64u << 20)

struct dump {
    struct tool *t;
    daos_handle_t oh, th;
    daos_obj_id_t oid;
    bool full;
    json_t *dkeys; /* with --json */
};

/* Integer keys as numbers, others as text if they are, else in hexadecimal. */
static char *key_text(bool integer, const void *key, size_t len, char *buf, size_t cap)
{
    const unsigned char *p = key;
    bool printable = len > 0;
    uint64_t v;

    if (integer && len == sizeof(v)) {
        memcpy(&v, key, sizeof(v));
        snprintf(buf, cap, "%llu", (unsigned long long)v);
        return buf;
    }
    for (size_t i = 0; i < len; i++)
        printable = printable && isprint(p[i]);
    if (printable) {
        snprintf(buf, cap, "%.*s", (int)MIN(len, cap - 1), (const char *)key);
        return buf;
    }
    size_t at = (size_t)snprintf(buf, cap, "0x");
    for (size_t i = 0; i < len && at + 3 <= cap; i++)
        at += (size_t)snprintf(buf + at, cap - at, "%02x", p[i]);
    return buf;
}

static void hex_print(FILE *out, const unsigned char *p, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i += 16) {
        fprintf(out, "        %08llx ", (unsigned long long)(at + i));
        for (size_t k = 0; k < 16; k++)
            fprintf(out, i + k < len ? " %02x" : "   ", i + k < len ? p[i + k] : 0);
        fprintf(out, "  |");
        for (size_t k = 0; k < 16 && i + k < len; k++)
            fputc(isprint(p[i + k]) ? p[i + k] : '.', out);
        fprintf(out, "|\n");
    }
}

static int fetch(struct dump *d, daos_key_t *dkey, daos_key_t *akey, daos_iod_type_t type,
                 daos_recx_t *recx, daos_size_t rec, void *buf, size_t len, daos_size_t *rec_out)
{
    daos_iod_t iod = {
        .iod_name = *akey, .iod_type = type, .iod_size = rec, .iod_nr = 1, .iod_recxs = recx};
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc;

    d_iov_set(&iov, buf, len);
    rc = daos_obj_fetch(d->oh, d->th, 0, dkey, 1, &iod, buf != NULL ? &sgl : NULL, NULL, NULL);
    *rec_out = iod.iod_size;
    return rc;
}

static int single_show(struct dump *d, daos_key_t *dkey, daos_key_t *akey, daos_size_t size,
                       json_t *json)
{
    char *buf = size <= VALUE_MAX ? base_alloc(size) : NULL;
    size_t shown = d->full ? size : MIN(size, SHOWN_BYTES);
    int rc = buf == NULL ? -DER_NOMEM
                         : fetch(d, dkey, akey, DAOS_IOD_SINGLE, NULL, size, buf, size, &size);

    if (rc == 0 && json != NULL) {
        json_object_set_new(json, "kind", json_string("single"));
        json_object_set_new(json, "size", json_integer((json_int_t)size));
        json_object_set_new(json, "value", json_base64(buf, shown));
    } else if (rc == 0) {
        fprintf(d->t->out, "single value, %llu bytes\n", (unsigned long long)size);
        hex_print(d->t->out, (unsigned char *)buf, shown, 0);
        if (shown < size)
            fprintf(d->t->out, "        ... (--full shows all)\n");
    }
    base_free(buf);
    return rc;
}

static int extent_show(struct dump *d, daos_key_t *dkey, daos_key_t *akey, daos_size_t rec,
                       daos_recx_t recx, daos_epoch_t epoch, json_t *list)
{
    uint64_t bytes = rec * recx.rx_nr;
    size_t shown = d->full ? MIN(bytes, VALUE_MAX) : MIN(bytes, SHOWN_BYTES);
    daos_recx_t part = {recx.rx_idx, DIV_UP(shown, rec)};
    char *buf = base_alloc(MAX(rec * part.rx_nr, 1u)), when[EPOCH_TEXT_MAX];
    int rc = buf == NULL
                 ? -DER_NOMEM
                 : fetch(d, dkey, akey, DAOS_IOD_ARRAY, &part, rec, buf, rec * part.rx_nr, &rec);

    if (rc == 0 && list != NULL)
        json_array_append_new(list,
                              json_pack("{s:I, s:I, s:I, s:o}", "index", (json_int_t)recx.rx_idx,
                                        "records", (json_int_t)recx.rx_nr, "epoch",
                                        (json_int_t)epoch, "value", json_base64(buf, shown)));
    else if (rc == 0) {
        fprintf(d->t->out, "      [%llu, +%llu) written %s\n", (unsigned long long)recx.rx_idx,
                (unsigned long long)recx.rx_nr, epoch_text(epoch, when));
        hex_print(d->t->out, (unsigned char *)buf, shown, recx.rx_idx * rec);
        if (shown < bytes)
            fprintf(d->t->out, "        ... (--full shows all)\n");
    }
    base_free(buf);
    return rc;
}

static int array_show(struct dump *d, daos_key_t *dkey, daos_key_t *akey, json_t *json)
{
    daos_recx_t recxs[RECX_AT_ONCE];
    daos_epoch_range_t eprs[RECX_AT_ONCE];
    daos_anchor_t anchor = {0};
    daos_size_t rec = 0;
    json_t *list = json != NULL ? json_array() : NULL;
    bool titled = false;
    int rc = 0;

    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = RECX_AT_ONCE;

        rc = daos_obj_list_recx(d->oh, d->th, dkey, akey, &rec, &nr, recxs, eprs, &anchor, true,
                                NULL);
        if (rc == 0 && !titled && json == NULL)
            fprintf(d->t->out, "array of records of %llu bytes\n", (unsigned long long)rec);
        titled = true;
        for (uint32_t i = 0; rc == 0 && i < nr && rec > 0; i++)
            rc = extent_show(d, dkey, akey, rec, recxs[i], eprs[i].epr_hi, list);
    }
    if (json != NULL) {
        json_object_set_new(json, "kind", json_string("array"));
        json_object_set_new(json, "record_size", json_integer((json_int_t)rec));
        json_object_set_new(json, "extents", list);
    }
    return rc;
}

static int akey_show(struct dump *d, daos_key_t *dkey, daos_key_t *akey, json_t *list)
{
    char text[256];
    daos_size_t size = 0;
    json_t *json = NULL;
    int rc;

    key_text(daos_is_akey_uint64(d->oid), akey->iov_buf, akey->iov_len, text, sizeof(text));
    if (list != NULL) {
        json = json_object();
        json_object_set_new(json, "akey", json_text(text, strlen(text)));
        json_array_append_new(list, json);
    } else {
        fprintf(d->t->out, "    akey %s: ", text);
    }
    /* an akey that holds an array answers a fetch of a single value with size 0 or a refusal */
    rc = fetch(d, dkey, akey, DAOS_IOD_SINGLE, NULL, DAOS_REC_ANY, NULL, 0, &size);
    return rc == 0 && size > 0 ? single_show(d, dkey, akey, size, json)
                               : array_show(d, dkey, akey, json);
}

/* Calls each() for every key below dkey (akeys) or of the object (dkey NULL). */
static int each_key(struct dump *d, daos_key_t *dkey,
                    int (*each)(struct dump *d, daos_key_t *dkey, daos_key_t *key, json_t *list),
                    json_t *list)
{
    daos_key_desc_t kds[KEYS_AT_ONCE];
    daos_anchor_t anchor = {0};
    char *buf = base_alloc(KEYS_BYTES);
    d_iov_t iov;
    d_sg_list_t sgl = {.sg_nr = 1, .sg_iovs = &iov};
    int rc = buf == NULL ? -DER_NOMEM : 0;

    while (rc == 0 && !daos_anchor_is_eof(&anchor)) {
        uint32_t nr = KEYS_AT_ONCE;
        size_t at = 0;

        d_iov_set(&iov, buf, KEYS_BYTES);
        rc = dkey == NULL ? daos_obj_list_dkey(d->oh, d->th, &nr, kds, &sgl, &anchor, NULL)
                          : daos_obj_list_akey(d->oh, d->th, dkey, &nr, kds, &sgl, &anchor, NULL);
        for (uint32_t i = 0; rc == 0 && i < nr; i++) {
            daos_key_t key;

            d_iov_set(&key, buf + at, kds[i].kd_key_len);
            at += kds[i].kd_key_len;
            rc = each(d, dkey, &key, list);
        }
    }
    base_free(buf);
    return rc;
}

static int dkey_show(struct dump *d, daos_key_t *unused, daos_key_t *dkey, json_t *list)
{
    char text[256];
    json_t *akeys = NULL;

    key_text(daos_is_dkey_uint64(d->oid), dkey->iov_buf, dkey->iov_len, text, sizeof(text));
    if (d->dkeys != NULL) {
        akeys = json_array();
        json_array_append_new(d->dkeys, json_pack("{s:o, s:o}", "dkey",
                                                  json_text(text, strlen(text)), "akeys", akeys));
    } else {
        fprintf(d->t->out, "  dkey %s\n", text);
    }
    return each_key(d, dkey, akey_show, akeys);
}

static int dump_open(struct tool *t, struct conn *c, struct dump *d)
{
    uint64_t snap = 0;
    int rc = oid_parse(t, t->args[2], &d->oid);

    if (rc == 0)
        rc = opt_number(t, "snap", &snap);
    if (rc == 0)
        rc = conn_cont(t, c, t->args[0], t->args[1], false);
    if (rc == 0 && snap != 0) {
        rc = daos_tx_open_snap(c->coh, snap, &d->th, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot read container %s as of epoch %#llx", t->args[1],
                          (unsigned long long)snap);
    }
    if (rc == 0) {
        rc = daos_obj_open(c->coh, d->oid, DAOS_OO_RO, &d->oh, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot open object %s", t->args[2]);
    }
    return rc;
}

static int object_dump(struct tool *t)
{
    struct conn c = {0};
    struct dump d = {.t = t, .full = opt_flag(t, "full"), .dkeys = t->json ? json_array() : NULL};
    int rc = dump_open(t, &c, &d);

    if (rc == 0) {
        if (!t->json)
            fprintf(t->out, "object %s\n", t->args[2]);
        rc = each_key(&d, NULL, dkey_show, NULL);
        if (rc != 0)
            tool_fail_der(t, rc, "cannot dump object %s", t->args[2]);
        daos_obj_close(d.oh, NULL);
    }
    if (daos_handle_is_valid(d.th))
        daos_tx_close(d.th, NULL);
    if (t->json)
        t->response = json_pack("{s:s, s:o}", "oid", t->args[2], "dkeys", d.dkeys);
    conn_close(&c);
    return rc;
}

static int object_query(struct tool *t)
{
    struct conn c = {0};
    struct dump d = {.t = t};
    char cls[MAX_OBJ_CLASS_NAME_LEN];
    int rc = oid_parse(t, t->args[2], &d.oid);

    if (rc == 0)
        rc = conn_cont(t, &c, t->args[0], t->args[1], false);
    if (rc == 0 && daos_oclass_id2name(daos_obj_id2class(d.oid), cls) != 0)
        rc = tool_fail(t, -DER_INVAL, "'cont list-objects POOL CONT' shows the ids there are",
                       "its id names no object class", "cannot query object %s", t->args[2]);
    if (rc == 0 && t->json)
        t->response = json_pack("{s:s, s:i, s:s, s:[{s:[{s:i, s:i}]}]}", "oid", t->args[2],
                                "version", (int)c.pool_info.pi_map_ver, "class", cls, "shards",
                                "replicas", "rank", 0, "target", 0);
    else if (rc == 0)
        fprintf(t->out, "object %s: class %s, on rank 0 target 0\n", t->args[2], cls);
    conn_close(&c);
    return rc;
}

static const struct command commands[] = {
    {"dump",
     NULL,
     "POOL CONT OID",
     3,
     3,
     object_dump,
     "show every key and value of an object",
     "OID is HIGH.LOW as 'cont list-objects' and 'fs stat' show it.",
     "object dump ./tarn-pool home 844424930131968.1",
     {{'F', "full", NULL, "values in full length"}, {0, "snap", "EPOCH", "as of a snapshot"}}},
    {"query",
     NULL,
     "POOL CONT OID",
     3,
     3,
     object_query,
     "show class and layout of an object",
     NULL,
     "object query ./tarn-pool home 844424930131968.1",
     {{0}}},
    {"list",
     "ls",
     "POOL CONT",
     2,
     2,
     cmd_list_objects,
     "list the ids of a container's objects",
     NULL,
     "object list ./tarn-pool home",
     {{'e', "epc", "EPOCH", "as of a snapshot (default: now)"}}},
};

const struct cmd_group group_object = {"object", "obj", "single objects, as they are stored",
                                       commands, ARRAY_LEN(commands)};
