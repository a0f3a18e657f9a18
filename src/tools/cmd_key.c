/* key: makes one. */
#include "embed/embed.h"
#include "tools/cmds.h"

int cmd_key(struct tool *t)
{
    char line[EMBED_KEY_LINE];
    int rc = embed_key_new(t->args[0], t->nargs > 1 ? t->args[1] : NULL, line, &t->err);

    if (rc != 0)
        return rc;
    if (t->json)
        t->response = json_pack("{s:s}", "key", line);
    else
        fprintf(t->out, "%s\n", line);
    return 0;
}
