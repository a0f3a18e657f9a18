/* What rpc_req and rpc_rep have in common: bytes that decode as a message encode to the same bytes,
 * and decoding them takes a bounded amount of memory. */
#ifndef TESTS_FUZZ_RPC_CODEC_H
#define TESTS_FUZZ_RPC_CODEC_H

#include "fuzz.h"
#include "base/arena.h"
#include "net/msg.h"

typedef int (*rpc_decode_fn)(uint16_t opcode, const void *buf, size_t len, struct arena *mem,
                             void *msg);
typedef int (*rpc_encode_fn)(uint16_t opcode, const void *msg, void *buf, size_t len, size_t *need);

/* The first byte is the opcode, the rest the body. */
static inline int rpc_round_trip(const uint8_t *data, size_t size, rpc_decode_fn decode,
                                 rpc_encode_fn encode)
{
    uint64_t msg[128];
    size_t len = size > 0 ? size - 1 : 0, need = 0;
    uint8_t *body, *again;
    struct arena mem;

    if (size == 0 || msg_info(data[0]) == NULL)
        return 0;
    body = fuzz_tight(data + 1, len);
    again = fuzz_tight(body, len);
    arena_init(&mem, 1024);
    memset(msg, 0xee, sizeof(msg));
    if (decode(data[0], body, len, &mem, msg) == 0) {
        FUZZ_CHECK(encode(data[0], msg, again, len, &need) == 0);
        FUZZ_CHECK(need == len && memcmp(again, body, len) == 0);
    }
    FUZZ_CHECK(mem.used_bytes <= 64 * len + 1024);
    arena_fini(&mem);
    free(again);
    free(body);
    return 0;
}

#endif
