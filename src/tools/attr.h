/* User attributes: pools and containers have the same calls for them. */
#ifndef TARN_TOOLS_ATTR_H
#define TARN_TOOLS_ATTR_H

#include "tools/tool.h"

struct attr_calls {
    const char *what; /* "pool" or "container" */
    int (*list)(daos_handle_t h, char *buffer, size_t *size, daos_event_t *ev);
    int (*get)(daos_handle_t h, int n, const char *const *names, void *const *buffers,
               size_t *sizes, daos_event_t *ev);
    int (*set)(daos_handle_t h, int n, const char *const *names, const void *const *values,
               const size_t *sizes, daos_event_t *ev);
    int (*del)(daos_handle_t h, int n, const char *const *names, daos_event_t *ev);
};

extern const struct attr_calls attr_of_pool, attr_of_cont;

/* The four commands, on an open handle. names: "a,b" (options --attr or the argument after the
 * object); NULL: as each says. */
int user_attr_list(struct tool *t, const struct attr_calls *c, daos_handle_t h, bool values);
int user_attr_get(struct tool *t, const struct attr_calls *c, daos_handle_t h,
                  const char *names); /* NULL: all */
/* "name:value,name:value" or, with value not NULL, one name. */
int user_attr_set(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *names,
                  const char *value);
int user_attr_del(struct tool *t, const struct attr_calls *c, daos_handle_t h, const char *names);

#endif
