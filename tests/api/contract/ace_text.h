/* An entry of an access control list from its text. */
#ifndef TESTS_API_CONTRACT_ACE_TEXT_H
#define TESTS_API_CONTRACT_ACE_TEXT_H

#include "no_stage.h"

static inline struct daos_ace *entry(const char *text)
{
    struct daos_ace *ace = NULL;

    return daos_ace_from_str(text, &ace) == 0 ? ace : NULL;
}

#endif
