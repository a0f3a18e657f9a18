/* "Did you mean ...?": the known word nearest to what was typed. */
#include <string.h>

#include "tools/tool.h"

#define WORD_MAX 24

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    return MIN(MIN(a, b), c);
}

/* Optimal string alignment: a swap of neighbours, the commonest slip, counts one. */
unsigned suggest_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];

    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    for (size_t i = 0; i <= la; i++)
        for (size_t k = 0; k <= lb; k++) {
            if (i == 0 || k == 0) {
                d[i][k] = (unsigned)(i + k);
                continue;
            }
            d[i][k] =
                min3(d[i - 1][k] + 1, d[i][k - 1] + 1, d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                d[i][k] = MIN(d[i][k], d[i - 2][k - 2] + 1);
        }
    return d[la][lb];
}

void suggest_offer(const char *typed, const char *word, const char **best)
{
    size_t len = strlen(typed);
    unsigned far = suggest_distance(typed, word);
    bool begins = len >= 2 && strncmp(typed, word, len) == 0;

    if (!begins && (far > 2 || far >= len))
        return;
    if (*best == NULL || (begins ? 0 : far) < suggest_distance(typed, *best))
        *best = word;
}
