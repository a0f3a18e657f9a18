/* Help, made from the command tables. */
#include <string.h>

#include "tools/tool.h"

static const char *lead(const struct tool *t)
{
    if (strcmp(t->program, "dmg") == 0)
        return "administer pools";
    if (strcmp(t->program, "daos") == 0)
        return "use pools and containers";
    return "pools, containers and versioned objects, in a directory of this machine";
}

static void show_program(const struct tool *t, FILE *out)
{
    fprintf(out, "%s: %s\n\nusage: %s GROUP COMMAND [options] [arguments]\n\n", t->program, lead(t),
            t->program);
    for (size_t i = 0; i < tool_groups_nr; i++) {
        const struct cmd_group *g = tool_groups[i];

        if (g->name == NULL)
            continue;
        fprintf(out, "  %-18s %s\n  %-18s  ", g->name, g->summary, "");
        for (size_t k = 0; k < g->nr; k++)
            fprintf(out, "%s%s",
                    k == 0       ? ""
                    : k % 8 == 0 ? ",\n                      "
                                 : ", ",
                    g->commands[k].name);
        fprintf(out, "\n");
    }
    for (size_t i = 0; i < tool_groups_nr; i++)
        for (size_t k = 0; tool_groups[i]->name == NULL && k < tool_groups[i]->nr; k++)
            fprintf(out, "  %-18s %s\n", tool_groups[i]->commands[k].name,
                    tool_groups[i]->commands[k].summary);
    fprintf(out,
            "\nEvery command: --json (an answer for programs), --help (details and examples).\n"
            "A pool is named by the path of its directory (with a '/'), its label or its UUID; a "
            "place in a container by\n"
            "daos://POOL/CONTAINER/path, where POOL may be a path too: "
            "daos://./tarn-pool/home/notes.txt\n"
            "\nFirst steps:\n"
            "  %s pool create ./tarn-pool\n"
            "  %s fs copy --src /usr/include --dst daos://./tarn-pool/include\n"
            "  %s fs ls -l daos://./tarn-pool/include\n",
            t->program, t->program, t->program);
}

static void show_group(const struct tool *t, FILE *out)
{
    const struct cmd_group *g = t->group;

    fprintf(out, "%s %s: %s\n\nusage: %s %s COMMAND [options] [arguments]\n\n", t->program, g->name,
            g->summary, t->program, g->name);
    for (size_t i = 0; i < g->nr; i++)
        fprintf(out, "  %-18s %s\n", g->commands[i].name, g->commands[i].summary);
    if (g->aliases != NULL)
        fprintf(out, "\nShorter: %s\n", g->aliases);
    fprintf(out, "\nDetails and examples of one: %s %s COMMAND --help\n", t->program, g->name);
}

static void show_option(const struct option_def *o, FILE *out)
{
    char left[64];

    snprintf(left, sizeof(left), "%c%c%s --%s%s%s", o->letter != 0 ? '-' : ' ',
             o->letter != 0 ? o->letter : ' ', o->letter != 0 ? "," : " ", o->name,
             o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
    fprintf(out, "  %-28s %s\n", left, o->help);
}

static void show_examples(const struct tool *t, FILE *out)
{
    const char *at = t->cmd->examples;

    fprintf(out, "\nexamples:\n");
    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        /* a line that begins with '#' is a remark */
        if (at[0] == '#')
            fprintf(out, "  %.*s\n", (int)len, at);
        else
            fprintf(out, "  %s %.*s\n", t->program, (int)len, at);
        at += len + (at[len] == '\n');
    }
}

static void show_command(const struct tool *t, FILE *out)
{
    const struct command *c = t->cmd;
    bool group = t->group != NULL && t->group->name != NULL;

    fprintf(out, "%s%s%s %s: %s\n\nusage: %s%s%s %s%s%s%s\n", t->program, group ? " " : "",
            group ? t->group->name : "", c->name, c->summary, t->program, group ? " " : "",
            group ? t->group->name : "", c->name, c->options[0].name != NULL ? " [options]" : "",
            c->args[0] != '\0' ? " " : "", c->args);
    if (c->aliases != NULL)
        fprintf(out, "also called: %s\n", c->aliases);
    if (c->detail != NULL)
        fprintf(out, "\n%s\n", c->detail);
    fprintf(out, "\noptions:\n");
    for (size_t i = 0; c->options[i].name != NULL; i++)
        show_option(&c->options[i], out);
    fprintf(out, "  %-28s %s\n  %-28s %s\n", "-j, --json", "answer as JSON", "-h, --help",
            "this text");
    show_examples(t, out);
}

void help_show(const struct tool *t, FILE *out)
{
    if (t->cmd != NULL)
        show_command(t, out);
    else if (t->group != NULL)
        show_group(t, out);
    else
        show_program(t, out);
}
