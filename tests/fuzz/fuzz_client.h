/* A program with a pool: connected when the first input asks for it, gone when the fuzzer ends. */
#ifndef TESTS_FUZZ_FUZZ_CLIENT_H
#define TESTS_FUZZ_FUZZ_CLIENT_H

#include <daos.h>
#include <daos_fs.h>
#include "fuzz.h"

daos_handle_t fuzz_client_pool(void);
/* An object id of hashed keys, as programs make them. */
daos_obj_id_t fuzz_client_oid(uint64_t n);
/* Sets a value: type DAOS_IOD_SINGLE, or DAOS_IOD_ARRAY of bytes from index 0. */
void fuzz_client_put(daos_handle_t coh, daos_obj_id_t oid, const char *dkey, const char *akey,
                     daos_iod_type_t type, const void *val, size_t len);

#endif
