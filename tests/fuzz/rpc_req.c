/* Requests: opcode, body. */
#include "rpc_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return rpc_round_trip(data, size, msg_decode_req, msg_encode_req);
}
