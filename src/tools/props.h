/* Properties of pools and containers as text: one table of names, kinds and choices for get-prop,
 * set-prop and create. */
#ifndef TARN_TOOLS_PROPS_H
#define TARN_TOOLS_PROPS_H

#include "tools/tool.h"

enum prop_of { PROP_OF_POOL, PROP_OF_CONT };

/* "name:value,name:value" as a new list (free with daos_prop_free). create: also those that can
 * only be given at creation. -DER_INVAL with t->err naming the property. */
int props_parse(struct tool *t, enum prop_of of, const char *text, bool create, daos_prop_t **prop);
/* An empty list of the named properties ("a,b"; NULL or "all": all that are shown) to be filled in
 * by a query. */
int props_wanted(struct tool *t, enum prop_of of, const char *names, daos_prop_t **prop);
/* Shows a filled list: a table on t->out, or an array of {name, description, value} for JSON. */
void props_print(struct tool *t, enum prop_of of, const daos_prop_t *prop);
json_t *props_json(enum prop_of of, const daos_prop_t *prop);
/* The same of one entry. */
char *prop_text(enum prop_of of, const struct daos_prop_entry *e, char *buf, size_t len);

#endif
