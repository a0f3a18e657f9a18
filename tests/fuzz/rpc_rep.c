/* Replies: opcode, body. */
#include "rpc_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return rpc_round_trip(data, size, msg_decode_rep, msg_encode_rep);
}
