/* What ace.c, acl.c and acl_eval.c share. */
#ifndef TARN_CLIENT_ACL_IMPL_H
#define TARN_CLIENT_ACL_IMPL_H

#include <daos_security.h>

/* USER and GROUP carry a name, the other types are one principal each. */
bool ace_type_is_named(uint32_t type);

#endif
