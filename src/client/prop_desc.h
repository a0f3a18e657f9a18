/*
 * The table of properties: number, name, kind, limits and texts of values, once for the library,
 * libdfs and the tools.
 *
 * What an engine accepts is decided by svc/; this table lets a client say early and in words what
 * is wrong.
 */
#ifndef TARN_CLIENT_PROP_DESC_H
#define TARN_CLIENT_PROP_DESC_H

#include <daos_prop.h>
#include "net/msg.h"

enum prop_kind {
    PROP_NUM,
    PROP_STR,
    PROP_LABEL,
    PROP_PRINCIPAL,
    PROP_ACL,
    PROP_ROOTS,  /* struct daos_prop_co_roots */
    PROP_RANKS,  /* d_rank_list_t */
    PROP_STATUS, /* packed struct daos_co_status */
};

enum prop_access {
    PROP_RO,     /* reported only */
    PROP_CREATE, /* given when the pool or container is made */
    PROP_RW,     /* may be changed later */
};

/* Text of a numeric value; the table ends with NULL. */
struct prop_word {
    const char *word;
    uint64_t value;
};

struct prop_desc {
    uint32_t type;     /* DAOS_PROP_PO_* or DAOS_PROP_CO_* */
    const char *name;  /* as users write it; NULL: not by name */
    const char *alias; /* NULL: none */
    const char *about; /* a few words for tables */
    enum prop_kind kind;
    enum prop_access access;
    uint64_t min, max; /* PROP_NUM */
    uint64_t multiple; /* of which a value must be; 0 any */
    const struct prop_word *words;
};

/* All properties, pool's first; *nr entries. */
const struct prop_desc *prop_desc_all(uint32_t *nr);
const struct prop_desc *prop_desc_of(uint32_t type);
/* By name or alias, of pools or of containers; NULL. */
const struct prop_desc *prop_desc_by_name(const char *name, size_t len, bool pool);
/* The value of a text, into a zeroed entry (dpe_type is set too). Numbers may carry size units.
 * -DER_INVAL, -DER_NOMEM. */
int prop_value_parse(const struct prop_desc *d, const char *text, size_t len,
                     struct daos_prop_entry *e);
/* The text of a value, e.g. "crc32", "32768", "healthy"; "not set". ACL and roots give a short
 * form. Returns buf. */
char *prop_value_print(const struct prop_desc *d, const struct daos_prop_entry *e, char *buf,
                       size_t len);
/* Is the entry's value acceptable on input? NULL payloads are not. */
bool prop_value_valid(const struct prop_desc *d, const struct daos_prop_entry *e);

/* ---- On the wire ---- */

/* msgs[i] describes prop's entry i and points into it (service ranks excepted, which are only ever
 * reported). */
void prop_to_msg(const daos_prop_t *prop, struct msg_prop *msgs);
/* Copies the value of m into e (payload allocated). -DER_NOMEM, -DER_PROTO. */
int prop_from_msg(const struct msg_prop *m, struct daos_prop_entry *e);
/* Fills a program's query list from a reply: an empty list (no entries) gets all, a list with types
 * gets those; entries of type 0 in a list with entries get the reply's in order. */
int prop_fill(daos_prop_t *prop, const struct msg_prop *msgs, uint32_t nr);
/* Types a query list asks for: *all when it has no entries or only entries of type 0. types has
 * room for prop->dpp_nr. */
uint32_t prop_wanted(const daos_prop_t *prop, uint32_t *types, bool *all);

#endif
