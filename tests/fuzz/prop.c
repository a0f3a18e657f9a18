/*
 * Properties. The first byte says from where: as the service stores them, in a reply that a client
 * reads, as text of a program ("name:value;...") or of a command line ("name:value,...").
 */
#include "fuzz.h"
#include "base/arena.h"
#include "client/prop_desc.h"
#include "svc/prop.h"
#include "tools/props.h"

/* The service reads a stored list, changes it and stores it again. */
static void stored(const uint8_t *data, size_t size)
{
    static uint8_t again[70000];
    uint8_t *buf = fuzz_tight(data, size);
    struct svc_props l;
    size_t len = 0;

    if (svc_props_decode(&l, size % 2, buf, size) == 0) {
        FUZZ_CHECK(svc_props_encode(&l, again, sizeof(again), &len) == 0);
        for (uint32_t i = 0; i < l.nr; i++)
            svc_prop_check(&l.prop[i], svc_prop_is_pool(l.prop[i].type), false);
        for (uint32_t n = 0; svc_prop_nth(size % 2, n) != NULL; n++) {
            svc_props_num(&l, svc_prop_nth(size % 2, n)->id);
            svc_props_text(&l, svc_prop_nth(size % 2, n)->id, "");
            svc_props_put_num(&l, svc_prop_nth(size % 2, n)->id, n);
        }
    }
    free(buf);
}

static void show(const daos_prop_t *prop)
{
    static char text[8192];
    struct tool t = {.program = "tarn"};

    for (uint32_t i = 0; i < prop->dpp_nr; i++) {
        const struct prop_desc *d = prop_desc_of(prop->dpp_entries[i].dpe_type);

        if (d == NULL)
            continue;
        prop_value_print(d, &prop->dpp_entries[i], text, 1 + i % sizeof(text));
        prop_value_print(d, &prop->dpp_entries[i], text, sizeof(text));
        prop_value_valid(d, &prop->dpp_entries[i]);
    }
    t.out = fopen("/dev/null", "w");
    FUZZ_CHECK(t.out != NULL);
    for (int of = PROP_OF_POOL; of <= PROP_OF_CONT; of++) {
        props_print(&t, of, prop);
        json_decref(props_json(of, prop));
    }
    fclose(t.out);
}

/* A reply: the list of properties of CONT_QUERY. */
static void replied(const uint8_t *data, size_t size)
{
    uint8_t *body = fuzz_tight(data, size);
    struct msg_cont_query_rep rep;
    struct arena mem;

    arena_init(&mem, 0);
    if (msg_decode_rep(MSG_CONT_QUERY, body, size, &mem, &rep) == 0 &&
        rep.props_nr <= DAOS_PROP_ENTRIES_MAX_NR) {
        daos_prop_t *prop = daos_prop_alloc(0);
        daos_prop_t *two = daos_prop_alloc(2), *merged = NULL;

        FUZZ_CHECK(prop != NULL && two != NULL);
        two->dpp_entries[0].dpe_type = DAOS_PROP_CO_ACL;
        two->dpp_entries[1].dpe_type = DAOS_PROP_CO_LABEL;
        if (prop_fill(prop, rep.props, rep.props_nr) == 0)
            show(prop);
        if (prop_fill(two, rep.props, rep.props_nr) == 0)
            show(two);
        if (daos_prop_merge2(prop, two, &merged) == 0)
            daos_prop_free(merged);
        daos_prop_free(two);
        daos_prop_free(prop);
    }
    arena_fini(&mem);
    free(body);
}

/* What a client would send is what the service understands. */
static void sendable(const daos_prop_t *prop, bool pool)
{
    struct msg_prop msgs[DAOS_PROP_ENTRIES_MAX_NR] = {{0}};

    FUZZ_CHECK(prop->dpp_nr <= DAOS_PROP_ENTRIES_MAX_NR);
    prop_to_msg(prop, msgs);
    for (uint32_t i = 0; i < prop->dpp_nr; i++)
        svc_prop_check(&msgs[i], pool, true);
}

static void typed(const uint8_t *data, size_t size, bool program)
{
    char *text = malloc(size + 1);
    daos_prop_t *prop = NULL;

    memcpy(text, data, size);
    text[size] = '\0';
    if (program) {
        char *tight = fuzz_tight(data, size); /* its length counts, not a NUL */

        if (daos_prop_from_str(tight, size, &prop) == 0) {
            sendable(prop, false);
            show(prop);
            daos_prop_free(prop);
        }
        free(tight);
    } else {
        for (int of = PROP_OF_POOL; of <= PROP_OF_CONT; of++) {
            struct tool t = {.program = "tarn"};

            prop = NULL;
            if (props_parse(&t, of, text, size % 2, &prop) == 0) {
                sendable(prop, of == PROP_OF_POOL);
                show(prop);
                daos_prop_free(prop);
            }
            prop = NULL;
            if (props_wanted(&t, of, text, &prop) == 0)
                daos_prop_free(prop);
        }
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
        stored(data + 1, size - 1);
        break;
    case 1:
        replied(data + 1, size - 1);
        break;
    default:
        typed(data + 1, size - 1, data[0] % 4 == 2);
    }
    return 0;
}
