/* Built with -Dmutants=true only. */
#include "base/mutant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

int mutant_active;

static const struct {
    const char *name, *room, *by, *text;
} table[] = {
    {NULL, NULL, NULL, NULL},
#define M(name, room, by, text) {#name, #room, by, text},
#include "base/mutants.def"
#undef M
};
_Static_assert(ARRAY_LEN(table) == MUTANT_NR, "one row each");

int mutant_find(const char *name)
{
    for (int i = 1; i < MUTANT_NR; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return 0;
}

bool mutant_set(const char *name)
{
    int i = name != NULL ? mutant_find(name) : MUTANT_NONE;

    if (name != NULL && i == 0)
        return false;
    mutant_active = i;
    return true;
}

static bool in_table(int i)
{
    return i > 0 && i < MUTANT_NR;
}

const char *mutant_name(int i)
{
    return in_table(i) ? table[i].name : NULL;
}

const char *mutant_room(int i)
{
    return in_table(i) ? table[i].room : NULL;
}

const char *mutant_by(int i)
{
    return in_table(i) ? table[i].by : NULL;
}

const char *mutant_text(int i)
{
    return in_table(i) ? table[i].text : NULL;
}

/* Before main(), so that any test program can be asked whether it finds a mutant. A name that is
 * misspelt must not look like one that nothing finds. */
__attribute__((constructor)) static void mutant_init(void)
{
    const char *name = getenv("TARN_MUTANT");

    if (name == NULL || name[0] == '\0' || mutant_set(name))
        return;
    fprintf(stderr, "TARN_MUTANT=%s: there is no such mutant; src/base/mutants.def has them all\n",
            name);
    exit(2);
}
