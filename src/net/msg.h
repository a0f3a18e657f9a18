/*
 * The messages between clients and engines: one table, from which everything else is made.
 *
 * A message is a request struct and a reply struct. The tables below list their fields once; the
 * macros at the end make the C structs, net/codec.c the encoders, decoders and names,
 * docs/messages.md (msg_doc()) the documentation.
 *
 * Fields are of these kinds:
 *
 *   num   t     integer of C type t, little endian
 *   uuid        16 bytes
 *   oid         daos_obj_id_t
 *   str         const char *, NUL-terminated; NULL is a value of its own ("not given")
 *   buf         struct msg_buf, any bytes
 *   sub   t     struct t inside
 *   arr   t     const struct t *x; uint32_t x_nr
 *   strs, bufs, u32s, u64s, oids, recxs    pointer and x_nr likewise
 *
 * Encoded: fields in order without padding; str and buf as u32 length (UINT32_MAX: NULL str) and
 * bytes (a str with its NUL); arrays as u32 count and elements. There is no versioning inside a
 * struct: a new field is a new protocol feature bit or a new message.
 *
 * The sender fills pointers to memory of his own. What the decoder gives points into the received
 * body (str, buf) and into the memory of the request or call (arrays): valid as long as that is.
 */
#ifndef TARN_NET_MSG_H
#define TARN_NET_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <daos_types.h>
#include <daos_obj.h>

struct arena;

struct msg_buf {
    const void *buf;
    uint32_t len;
};

#define MSG_NO_BULK UINT32_MAX
/* In cond of a fetched akey: holes below `bytes` come as zeros; else the memory stays as it is
 * there. */
#define MSG_FETCH_ZEROS (UINT64_C(1) << 63)

/* Whose property, attribute or ACL: the handle's pool or container. */
enum msg_scope { MSG_SCOPE_POOL, MSG_SCOPE_CONT };
/* Levels, operations and checks have vos/vos.h's values. */
enum msg_level { MSG_OBJ, MSG_DKEY, MSG_AKEY, MSG_RECX };
enum msg_op_kind { MSG_OP_UPDATE, MSG_OP_PUNCH, MSG_OP_CHECK };
enum msg_check {
    MSG_CHECK_EXISTS,
    MSG_CHECK_ABSENT,
    MSG_CHECK_EMPTY,
    MSG_CHECK_UNCHANGED,
    MSG_CHECK_ONLY
};
/* What a participant does with what it has prepared. Withdrawn: that attempt is given up, another
 * may follow; aborted: none may. */
enum msg_tx_verdict { MSG_TX_ABORT, MSG_TX_COMMIT, MSG_TX_WITHDRAW };
#define MSG_NOTEMPTY (-2100) /* rc of a failed MSG_CHECK_EMPTY or MSG_CHECK_ONLY */

/* ---- Structs inside messages: S(name, FIELDS, doc) ---- */

#define MSG_F_PROP(F)                                                                              \
    F(num, uint32_t, type, "DAOS_PROP_PO_* or DAOS_PROP_CO_*")                                     \
    F(num, uint16_t, flags, "DAOS_PROP_ENTRY_NOT_SET in replies")                                  \
    F(num, uint64_t, val, "numeric properties")                                                    \
    F(str, , text, "string properties")                                                            \
    F(buf, , blob, "ACL (struct daos_acl), service ranks (u32 each), roots")

#define MSG_F_CSUM(F)                                                                              \
    F(num, uint16_t, type, "base/csum.h; with CSUM_FINE only to who knows NET_FEAT_FINE")          \
    F(num, uint16_t, len, "bytes each")                                                            \
    F(buf, , bytes, "one a SINGLE value, one a chunk of a recx: of 32 KiB, fine of 4 KiB")

#define MSG_F_IOD(F)                                                                               \
    F(buf, , akey, "")                                                                             \
    F(num, uint8_t, type, "daos_iod_type_t")                                                       \
    F(num, uint64_t, rec_size, "SINGLE: bytes of the value; ARRAY: bytes a record; 0: punch")      \
    F(num, uint64_t, cond, "DAOS_COND_AKEY_*")                                                     \
    F(recxs, , recxs, "ARRAY")                                                                     \
    F(arr, msg_csum, csums, "none, one (SINGLE), or one a recx")                                   \
    F(num, uint32_t, bulk, "index of the bulk vector with the bytes of all recxs, or MSG_NO_BULK") \
    F(num, uint64_t, bulk_off, "where in it they start")

#define MSG_F_OP(F)                                                                                \
    F(num, uint8_t, kind, "enum msg_op_kind")                                                      \
    F(num, uint8_t, level, "enum msg_level, of PUNCH and CHECK")                                   \
    F(num, uint8_t, check, "enum msg_check")                                                       \
    F(num, uint64_t, seen, "epoch of MSG_CHECK_UNCHANGED")                                         \
    F(num, uint64_t, cond, "DAOS_COND_DKEY_*, DAOS_COND_PUNCH")                                    \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "")                                                                             \
    F(bufs, , akeys, "punch of akeys, check of one akey")                                          \
    F(arr, msg_iod, iods, "update")

#define MSG_F_PART(F)                                                                              \
    F(num, uint32_t, target, "")                                                                   \
    F(arr, msg_op, ops, "1 to 64")

#define MSG_F_VERDICT(F)                                                                           \
    F(uuid, , cont, "container")                                                                   \
    F(num, uint64_t, session_hlc, "txid")                                                          \
    F(num, uint64_t, session_rand, "")                                                             \
    F(num, uint64_t, seq, "")                                                                      \
    F(num, uint64_t, epoch, "it was prepared at; 0: whatever it was prepared at")                  \
    F(num, uint8_t, verdict, "enum msg_tx_verdict")

#define MSG_F_FIOD(F)                                                                              \
    F(buf, , akey, "")                                                                             \
    F(num, uint8_t, type, "daos_iod_type_t")                                                       \
    F(num, uint64_t, rec_size, "expected or DAOS_REC_ANY")                                         \
    F(num, uint64_t, cond, "DAOS_COND_AKEY_FETCH, MSG_FETCH_ZEROS")                                \
    F(recxs, , recxs, "")                                                                          \
    F(num, uint32_t, map_max, "extents of the map wanted at most, 0: no map")                      \
    F(num, uint32_t, bulk,                                                                         \
      "bulk vector to fill with all recxs, or MSG_NO_BULK: sizes and map only")                    \
    F(num, uint64_t, bulk_off, "where in it they start")

#define MSG_F_FRES(F)                                                                              \
    F(num, uint64_t, rec_size, "stored record or value size, 0: nothing there")                    \
    F(num, uint64_t, bytes, "end of the last byte that exists, in the stream of the recxs asked")  \
    F(num, uint32_t, map_total, "extents that exist; more than map_max: the map is cut")           \
    F(recxs, , map, "what exists, clipped to the recxs asked, merged, ascending")

#define MSG_F_GET(F)                                                                               \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "")                                                                             \
    F(arr, msg_fiod, iods, "as of obj_fetch, without maps; holes come as zeros")

#define MSG_F_GOT(F)                                                                               \
    F(num, uint64_t, epoch, "of the newest version met, 0 none")                                   \
    F(arr, msg_fres, res, "one an iod")

#define MSG_F_SPACE(F)                                                                             \
    F(num, uint64_t, scm_total, "metadata (heap) bytes")                                           \
    F(num, uint64_t, scm_free, "")                                                                 \
    F(num, uint64_t, nvme_total, "data bytes")                                                     \
    F(num, uint64_t, nvme_free, "")

#define MSG_F_POOL_INFO(F)                                                                         \
    F(uuid, , uuid, "")                                                                            \
    F(num, uint64_t, bits, "DPI_* answered")                                                       \
    F(num, uint32_t, ntargets, "")                                                                 \
    F(num, uint32_t, nnodes, "")                                                                   \
    F(num, uint32_t, ndisabled, "")                                                                \
    F(num, uint32_t, map_version, "")                                                              \
    F(num, uint32_t, leader, "rank")                                                               \
    F(sub, msg_space, space, "sum over targets; with DPI_SPACE")                                   \
    F(sub, msg_space, space_min, "free_*: of the fullest target")                                  \
    F(sub, msg_space, space_max, "")                                                               \
    F(sub, msg_space, space_mean, "")

#define MSG_F_CONT_INFO(F)                                                                         \
    F(uuid, , uuid, "")                                                                            \
    F(num, uint64_t, latest_snapshot, "epoch, 0 none")                                             \
    F(num, uint32_t, handles, "open ones")                                                         \
    F(num, uint32_t, snapshots, "")                                                                \
    F(num, uint64_t, open_time, "HLC of the latest open")                                          \
    F(num, uint64_t, modify_time, "HLC of the latest close of a writable handle")                  \
    F(num, uint32_t, redun_fac, "")

#define MSG_F_CONT_ENTRY(F)                                                                        \
    F(uuid, , uuid, "")                                                                            \
    F(str, , label, "never NULL")                                                                  \
    F(sub, msg_cont_info, info, "when asked for")

#define MSG_F_METRIC(F)                                                                            \
    F(str, , name, "")                                                                             \
    F(num, uint64_t, value, "")

#define MSG_F_KIND(F)                                                                              \
    F(str, , name, "of the message")                                                               \
    F(num, uint64_t, requests, "that came, also those that were not begun")                        \
    F(num, uint64_t, errors, "answered with one")                                                  \
    F(num, uint64_t, refused, "not begun: beyond a limit, not decodable, no memory")               \
    F(num, uint64_t, cancelled, "not begun: given up by who asked")                                \
    F(num, uint64_t, bytes_in, "of frames and of vectors in the room")                             \
    F(num, uint64_t, bytes_out, "likewise")                                                        \
    F(num, uint64_t, time_us, "from when they came to their answers, all together")                \
    F(u64s, , took, "how many took less than 1, 2, 4, 8, .. us; the last: the rest")

#define MSG_STRUCTS(S)                                                                             \
    S(msg_prop, MSG_F_PROP, "one property")                                                        \
    S(msg_csum, MSG_F_CSUM, "checksums of a value or extent")                                      \
    S(msg_iod, MSG_F_IOD, "one akey of an update")                                                 \
    S(msg_op, MSG_F_OP, "one operation of a compound update")                                      \
    S(msg_part, MSG_F_PART, "what a transaction does in one target")                               \
    S(msg_verdict, MSG_F_VERDICT, "what became of a transaction")                                  \
    S(msg_fiod, MSG_F_FIOD, "one akey of a fetch")                                                 \
    S(msg_fres, MSG_F_FRES, "what a fetch found in one akey")                                      \
    S(msg_get, MSG_F_GET, "one dkey of a gather")                                                  \
    S(msg_got, MSG_F_GOT, "what a gather found in one dkey")                                       \
    S(msg_space, MSG_F_SPACE, "room")                                                              \
    S(msg_pool_info, MSG_F_POOL_INFO, "what daos_pool_info_t wants")                               \
    S(msg_cont_info, MSG_F_CONT_INFO, "what daos_cont_info_t wants")                               \
    S(msg_cont_entry, MSG_F_CONT_ENTRY, "one container of a list")                                 \
    S(msg_metric, MSG_F_METRIC, "one figure")                                                      \
    S(msg_kind, MSG_F_KIND, "figures of one kind of message")

/* ---- Requests and replies ---- */

#define MSG_F_NONE(F)

#define MSG_Q_POOL_CONNECT(F)                                                                      \
    F(num, uint32_t, flags, "DAOS_PC_*, exactly one")                                              \
    F(str, , user, "principal, name@")                                                             \
    F(str, , group, "primary group, name@")                                                        \
    F(strs, , groups, "all groups of the user, name@ each")
#define MSG_R_POOL_CONNECT(F)                                                                      \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(num, uint64_t, caps, "enum msg_pool_caps")                                                   \
    F(buf, , map, "pool map, place_map_decode()")                                                  \
    F(sub, msg_pool_info, info, "with space")

#define MSG_Q_POOL_HDL(F) F(uuid, , hdl, "pool handle")

#define MSG_Q_POOL_QUERY(F)                                                                        \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(num, uint64_t, bits, "DPI_*")                                                                \
    F(u32s, , props, "DAOS_PROP_PO_* wanted")                                                      \
    F(num, uint8_t, all_props, "every property instead")
#define MSG_R_POOL_QUERY(F)                                                                        \
    F(sub, msg_pool_info, info, "")                                                                \
    F(arr, msg_prop, props, "")                                                                    \
    F(buf, , map, "pool map")

#define MSG_Q_SET_PROP(F)                                                                          \
    F(uuid, , hdl, "pool or container handle, by the message")                                     \
    F(arr, msg_prop, props, "")

#define MSG_Q_POOL_LIST_CONT(F)                                                                    \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(num, uint8_t, want_info, "fill info too")
#define MSG_R_POOL_LIST_CONT(F) F(arr, msg_cont_entry, conts, "all of them, by uuid")

#define MSG_Q_TARGET_QUERY(F)                                                                      \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(num, uint32_t, target, "")
#define MSG_R_TARGET_QUERY(F)                                                                      \
    F(num, uint32_t, state, "daos_target_state_t")                                                 \
    F(sub, msg_space, space, "")

#define MSG_R_ENGINE_STAT(F) F(arr, msg_metric, metrics, "")
#define MSG_R_ENGINE_INFO(F)                                                                       \
    F(uuid, , pool, "whose engine it is")                                                          \
    F(num, uint32_t, pid, "of its process")                                                        \
    F(str, , version, "of its program")

#define MSG_R_ENGINE_METRICS(F)                                                                    \
    F(arr, msg_metric, figures, "of connections and requests; units in their names")               \
    F(arr, msg_kind, kinds, "those of which any came")

#define MSG_F_ECHO(F) F(buf, , data, "any bytes")

#define MSG_Q_CONT_CREATE(F)                                                                       \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(uuid, , uuid, "of the container, made by the client")                                        \
    F(arr, msg_prop, props, "label among them; the rest defaults")

#define MSG_Q_CONT_DESTROY(F)                                                                      \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(str, , cont, "label or uuid text")                                                           \
    F(num, uint8_t, force, "also with open handles")

#define MSG_Q_CONT_OPEN(F)                                                                         \
    F(uuid, , hdl, "pool handle")                                                                  \
    F(str, , cont, "label or uuid text")                                                           \
    F(num, uint32_t, flags, "DAOS_COO_*")
#define MSG_R_CONT_OPEN(F)                                                                         \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, caps, "DAOS_ACL_PERM_* granted")                                              \
    F(sub, msg_cont_info, info, "")                                                                \
    F(arr, msg_prop, props, "every property but ACL")

#define MSG_Q_CONT_HDL(F) F(uuid, , hdl, "container handle")

#define MSG_Q_CONT_QUERY(F)                                                                        \
    F(uuid, , hdl, "container handle")                                                             \
    F(u32s, , props, "DAOS_PROP_CO_* wanted")                                                      \
    F(num, uint8_t, all_props, "every property instead")
#define MSG_R_CONT_QUERY(F)                                                                        \
    F(sub, msg_cont_info, info, "")                                                                \
    F(arr, msg_prop, props, "")

#define MSG_Q_ACL_UPDATE(F)                                                                        \
    F(num, uint8_t, scope, "enum msg_scope")                                                       \
    F(uuid, , hdl, "")                                                                             \
    F(buf, , acl, "struct daos_acl: entries to add or replace (overwrite: all there will be)")
#define MSG_Q_ACL_DELETE(F)                                                                        \
    F(num, uint8_t, scope, "enum msg_scope")                                                       \
    F(uuid, , hdl, "")                                                                             \
    F(num, uint8_t, principal, "enum daos_acl_principal_type")                                     \
    F(str, , name, "NULL for the special principals")
#define MSG_Q_SET_OWNER(F)                                                                         \
    F(num, uint8_t, scope, "enum msg_scope")                                                       \
    F(uuid, , hdl, "")                                                                             \
    F(str, , user, "name@ or NULL: keep")                                                          \
    F(str, , group, "name@ or NULL: keep")

#define MSG_Q_ATTR_SET(F)                                                                          \
    F(num, uint8_t, scope, "enum msg_scope")                                                       \
    F(uuid, , hdl, "")                                                                             \
    F(strs, , names, "")                                                                           \
    F(bufs, , values, "as many")
#define MSG_Q_ATTR_NAMES(F)                                                                        \
    F(num, uint8_t, scope, "enum msg_scope")                                                       \
    F(uuid, , hdl, "")                                                                             \
    F(strs, , names, "")
#define MSG_R_ATTR_GET(F) F(bufs, , values, "in the order of the names; any missing: -DER_NONEXIST")
#define MSG_Q_ATTR_LIST(F)                                                                         \
    F(num, uint8_t, scope, "enum msg_scope")                                                       \
    F(uuid, , hdl, "")
#define MSG_R_ATTR_LIST(F) F(strs, , names, "in byte order")

#define MSG_Q_SNAP_CREATE(F)                                                                       \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint32_t, opts, "enum daos_snapshot_opts")                                              \
    F(str, , name, "")
#define MSG_R_SNAP_CREATE(F) F(num, uint64_t, epoch, "")
#define MSG_R_SNAP_LIST(F)   F(u64s, , epochs, "ascending")
#define MSG_Q_SNAP_DESTROY(F)                                                                      \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "")

#define MSG_Q_OID_ALLOC(F)                                                                         \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, count, "")
#define MSG_R_OID_ALLOC(F) F(num, uint64_t, first, "of count numbers nobody else gets")

#define MSG_Q_CONT_EPOCH(F)                                                                        \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "0: now")

#define MSG_Q_OBJ_UPDATE(F)                                                                        \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "0: the engine's clock")                                               \
    F(arr, msg_op, ops, "1 to 64, atomic; a plain update or punch has one")
#define MSG_R_OBJ_UPDATE(F)                                                                        \
    F(num, uint64_t, epoch, "it happened at")                                                      \
    F(num, uint8_t, replayed, "applied before by the same txid")

#define MSG_Q_OBJ_TX(F)                                                                            \
    F(uuid, , hdl, "container handle")                                                             \
    F(arr, msg_part, parts, "2 or more, of different targets; the first leads; atomic together")

#define MSG_Q_TX_PREPARE(F)                                                                        \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, session_hlc, "txid of the transaction")                                       \
    F(num, uint64_t, session_rand, "")                                                             \
    F(num, uint64_t, seq, "")                                                                      \
    F(num, uint64_t, acked, "")                                                                    \
    F(num, uint64_t, epoch, "of the transaction")                                                  \
    F(num, uint32_t, leader, "target that decides")                                                \
    F(arr, msg_op, ops, "1 to 64")

#define MSG_Q_TX_RESOLVE(F) F(arr, msg_verdict, verdicts, "at most 256")
#define MSG_R_TX_RESOLVE(F)                                                                        \
    F(u32s, , rcs, "one a verdict: 0 done, durably; else a DER code without its sign")

#define MSG_Q_TX_ASK(F)                                                                            \
    F(uuid, , cont, "container")                                                                   \
    F(num, uint64_t, session_hlc, "txid")                                                          \
    F(num, uint64_t, session_rand, "")                                                             \
    F(num, uint64_t, seq, "")
#define MSG_R_TX_ASK(F)                                                                            \
    F(num, uint64_t, epoch, "of the commit; 0: it was aborted, or never will be committed")

#define MSG_Q_OBJ_FETCH(F)                                                                         \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "DAOS_EPOCH_MAX: the latest; 0: now, which the reply names")           \
    F(num, uint64_t, cond, "DAOS_COND_DKEY_FETCH, DAOS_COND_AKEY_FETCH")                           \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "")                                                                             \
    F(arr, msg_fiod, iods, "1 to 64")
#define MSG_R_OBJ_FETCH(F)                                                                         \
    F(num, uint64_t, read_at, "the epoch it was read at")                                          \
    F(num, uint64_t, epoch, "of the newest version met, 0 none")                                   \
    F(arr, msg_fres, res, "one an iod; also with -DER_REC2BIG (rec_size is the real one)")

#define MSG_Q_OBJ_GATHER(F)                                                                        \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "as of obj_fetch; DAOS_EPOCH_MAX: each dkey when its turn comes")      \
    F(arr, msg_get, gets, "1 to 64, with 64 iods together")
#define MSG_R_OBJ_GATHER(F)                                                                        \
    F(num, uint64_t, read_at, "the epoch it was read at")                                          \
    F(arr, msg_got, gots, "one a get")

#define MSG_Q_OBJ_FOLLOW(F)                                                                        \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "as of obj_fetch")                                                     \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "")                                                                             \
    F(buf, , akey, "an array of records of one byte")                                              \
    F(num, uint64_t, idx, "the first that is read")                                                \
    F(num, uint32_t, nr, "bytes, 16 to 4096")                                                      \
    F(num, uint32_t, id_at, "where in them an object id lies: lo and hi, 8 bytes each")            \
    F(buf, , of_akey, "of that object: the array whose end is asked for")
#define MSG_R_OBJ_FOLLOW(F)                                                                        \
    F(num, uint64_t, read_at, "the epoch all was read at, at one moment")                          \
    F(num, uint64_t, epoch, "of the newest version met of the value, 0 none")                      \
    F(buf, , value, "to the last byte that exists, holes as zeros; empty: nothing there")          \
    F(num, uint8_t, followed,                                                                      \
      "1: what follows is what this target has of the object; 0: nothing is known of it")          \
    F(num, uint64_t, dkey, "the largest that has of of_akey, if the dkeys are numbers; 0: none")   \
    F(num, uint64_t, recx_idx, "its last extent")                                                  \
    F(num, uint64_t, recx_nr, "")                                                                  \
    F(num, uint64_t, max_epoch, "newest change of the object, as of obj_query_key; 0: none there")

#define MSG_Q_OBJ_LIST(F)                                                                          \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "DAOS_EPOCH_MAX: the latest; 0: now, which the reply names")           \
    F(num, uint8_t, level,                                                                         \
      "MSG_OBJ objects of the container, MSG_DKEY of oid, MSG_AKEY of dkey, MSG_RECX of akey")     \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "")                                                                             \
    F(buf, , akey, "")                                                                             \
    F(num, uint8_t, down, "extents by falling index")                                              \
    F(buf, , anchor, "empty: from the start; else the reply's of the call before")                 \
    F(num, uint32_t, max_entries, "")                                                              \
    F(num, uint32_t, max_bytes, "of all keys together")
#define MSG_R_OBJ_LIST(F)                                                                          \
    F(num, uint64_t, read_at, "the epoch it was read at")                                          \
    F(buf, , anchor, "at most 100 bytes")                                                          \
    F(num, uint8_t, eof, "no more")                                                                \
    F(num, uint32_t, need, "with -DER_KEY2BIG: bytes of the first key")                            \
    F(buf, , keys, "back to back")                                                                 \
    F(u32s, , key_lens, "")                                                                        \
    F(oids, , oids, "MSG_OBJ")                                                                     \
    F(recxs, , recxs, "MSG_RECX")                                                                  \
    F(u64s, , epochs, "one an entry: of its newest version")                                       \
    F(num, uint8_t, type, "MSG_RECX: daos_iod_type_t")                                             \
    F(num, uint64_t, rec_size,                                                                     \
      "MSG_RECX; MSG_DKEY: the newest change of the object if that is above the epoch of the "     \
      "read, prepared ones too, else 0")

#define MSG_Q_OBJ_QUERY_KEY(F)                                                                     \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "as of obj_fetch")                                                     \
    F(num, uint64_t, flags, "DAOS_GET_*; 0: only the newest epoch")                                \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "when it is not asked for")                                                     \
    F(buf, , akey, "when it is not asked for")
#define MSG_R_OBJ_QUERY_KEY(F)                                                                     \
    F(num, uint64_t, read_at, "the epoch it was read at")                                          \
    F(num, uint64_t, dkey, "")                                                                     \
    F(num, uint64_t, akey, "")                                                                     \
    F(num, uint64_t, recx_idx, "")                                                                 \
    F(num, uint64_t, recx_nr, "")                                                                  \
    F(num, uint64_t, rec_size, "")                                                                 \
    F(num, uint64_t, max_epoch,                                                                    \
      "newest change of the object; the epoch if it is newer, or in doubt")

#define MSG_Q_OBJ_PROBE(F)                                                                         \
    F(uuid, , hdl, "container handle")                                                             \
    F(num, uint64_t, epoch, "as of obj_fetch")                                                     \
    F(num, uint8_t, level, "MSG_OBJ, MSG_DKEY, MSG_AKEY")                                          \
    F(oid, , oid, "")                                                                              \
    F(buf, , dkey, "")                                                                             \
    F(buf, , akey, "")
#define MSG_R_OBJ_PROBE(F)                                                                         \
    F(num, uint64_t, read_at, "the epoch it was read at")                                          \
    F(num, uint64_t, changed, "epoch of the latest change at or below; of an object as max_epoch")

/* M(id, name, NAME, REQUEST, REPLY, flags, doc): struct msg_<name>_req, struct msg_<name>_rep,
 * opcode MSG_<NAME>. Numbers never change. */
#define MSG_TABLE(M)                                                                               \
    M(1, pool_connect, POOL_CONNECT, MSG_Q_POOL_CONNECT, MSG_R_POOL_CONNECT,                       \
      MSG_SVC | MSG_CHANGES, "opens a pool")                                                       \
    M(2, pool_disconnect, POOL_DISCONNECT, MSG_Q_POOL_HDL, MSG_F_NONE, MSG_SVC | MSG_CHANGES,      \
      "closes a pool handle; -DER_BUSY with open containers")                                      \
    M(3, pool_query, POOL_QUERY, MSG_Q_POOL_QUERY, MSG_R_POOL_QUERY, MSG_SVC,                      \
      "space, targets, properties")                                                                \
    M(4, pool_set_prop, POOL_SET_PROP, MSG_Q_SET_PROP, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")      \
    M(5, pool_list_cont, POOL_LIST_CONT, MSG_Q_POOL_LIST_CONT, MSG_R_POOL_LIST_CONT, MSG_SVC, "")  \
    M(6, target_query, TARGET_QUERY, MSG_Q_TARGET_QUERY, MSG_R_TARGET_QUERY, MSG_SVC, "")          \
    M(7, engine_stat, ENGINE_STAT, MSG_Q_POOL_HDL, MSG_R_ENGINE_STAT, MSG_CONTROL,                 \
      "figures of the engine")                                                                     \
    M(8, pool_evict, POOL_EVICT, MSG_Q_POOL_HDL, MSG_F_NONE, MSG_SVC | MSG_CHANGES,                \
      "closes every other handle of the pool")                                                     \
    M(9, echo, ECHO, MSG_F_ECHO, MSG_F_ECHO, 0, "gives back what was sent: how far is it?")        \
    M(10, engine_info, ENGINE_INFO, MSG_F_NONE, MSG_R_ENGINE_INFO, MSG_CONTROL,                    \
      "who answers here")                                                                          \
    M(11, engine_metrics, ENGINE_METRICS, MSG_F_NONE, MSG_R_ENGINE_METRICS, MSG_CONTROL,           \
      "what its clients ask of it over connections")                                               \
    M(20, cont_create, CONT_CREATE, MSG_Q_CONT_CREATE, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")      \
    M(21, cont_destroy, CONT_DESTROY, MSG_Q_CONT_DESTROY, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")   \
    M(22, cont_open, CONT_OPEN, MSG_Q_CONT_OPEN, MSG_R_CONT_OPEN, MSG_SVC | MSG_CHANGES, "")       \
    M(23, cont_close, CONT_CLOSE, MSG_Q_CONT_HDL, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")           \
    M(24, cont_query, CONT_QUERY, MSG_Q_CONT_QUERY, MSG_R_CONT_QUERY, MSG_SVC, "")                 \
    M(25, cont_set_prop, CONT_SET_PROP, MSG_Q_SET_PROP, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")     \
    M(26, cont_aggregate, CONT_AGGREGATE, MSG_Q_CONT_EPOCH, MSG_F_NONE, MSG_BACKGROUND,            \
      "merges history up to an epoch; done when answered")                                         \
    M(27, cont_rollback, CONT_ROLLBACK, MSG_Q_CONT_EPOCH, MSG_F_NONE,                              \
      MSG_CHANGES | MSG_BACKGROUND,                                                                \
      "takes everything after the newest snapshot back; done when answered")                       \
    M(30, acl_update, ACL_UPDATE, MSG_Q_ACL_UPDATE, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")         \
    M(31, acl_overwrite, ACL_OVERWRITE, MSG_Q_ACL_UPDATE, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")   \
    M(32, acl_delete, ACL_DELETE, MSG_Q_ACL_DELETE, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")         \
    M(33, set_owner, SET_OWNER, MSG_Q_SET_OWNER, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")            \
    M(40, attr_set, ATTR_SET, MSG_Q_ATTR_SET, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")               \
    M(41, attr_get, ATTR_GET, MSG_Q_ATTR_NAMES, MSG_R_ATTR_GET, MSG_SVC, "")                       \
    M(42, attr_list, ATTR_LIST, MSG_Q_ATTR_LIST, MSG_R_ATTR_LIST, MSG_SVC, "")                     \
    M(43, attr_del, ATTR_DEL, MSG_Q_ATTR_NAMES, MSG_F_NONE, MSG_SVC | MSG_CHANGES,                 \
      "missing names are no error")                                                                \
    M(50, snap_create, SNAP_CREATE, MSG_Q_SNAP_CREATE, MSG_R_SNAP_CREATE, MSG_SVC | MSG_CHANGES,   \
      "")                                                                                          \
    M(51, snap_list, SNAP_LIST, MSG_Q_CONT_HDL, MSG_R_SNAP_LIST, MSG_SVC, "")                      \
    M(52, snap_destroy, SNAP_DESTROY, MSG_Q_SNAP_DESTROY, MSG_F_NONE, MSG_SVC | MSG_CHANGES, "")   \
    M(53, oid_alloc, OID_ALLOC, MSG_Q_OID_ALLOC, MSG_R_OID_ALLOC, MSG_SVC | MSG_CHANGES, "")       \
    M(60, obj_update, OBJ_UPDATE, MSG_Q_OBJ_UPDATE, MSG_R_OBJ_UPDATE, MSG_CHANGES,                 \
      "updates, punches and checks, atomically")                                                   \
    M(61, obj_fetch, OBJ_FETCH, MSG_Q_OBJ_FETCH, MSG_R_OBJ_FETCH, 0,                               \
      "reads akeys of one dkey into bulk vectors")                                                 \
    M(62, obj_list, OBJ_LIST, MSG_Q_OBJ_LIST, MSG_R_OBJ_LIST, 0, "enumerates")                     \
    M(63, obj_query_key, OBJ_QUERY_KEY, MSG_Q_OBJ_QUERY_KEY, MSG_R_OBJ_QUERY_KEY, 0,               \
      "smallest or largest key; nothing there: -DER_NONEXIST")                                     \
    M(64, obj_probe, OBJ_PROBE, MSG_Q_OBJ_PROBE, MSG_R_OBJ_PROBE, 0,                               \
      "does it exist, when did it change")                                                         \
    M(65, obj_gather, OBJ_GATHER, MSG_Q_OBJ_GATHER, MSG_R_OBJ_GATHER, 0,                           \
      "reads many dkeys, of any objects, at once; an error of one is the error of all")            \
    M(66, obj_tx, OBJ_TX, MSG_Q_OBJ_TX, MSG_R_OBJ_UPDATE, MSG_CHANGES,                             \
      "updates, punches and checks in several targets, atomically")                                \
    M(67, tx_prepare, TX_PREPARE, MSG_Q_TX_PREPARE, MSG_F_NONE, MSG_PEERS,                         \
      "leader to participant: do your part, undecided")                                            \
    M(68, tx_resolve, TX_RESOLVE, MSG_Q_TX_RESOLVE, MSG_R_TX_RESOLVE, MSG_PEERS,                   \
      "leader to participant: what became of transactions")                                        \
    M(69, tx_ask, TX_ASK, MSG_Q_TX_ASK, MSG_R_TX_ASK, MSG_PEERS,                                   \
      "participant to leader: what became of it? Answered when it is decided")                     \
    M(70, obj_follow, OBJ_FOLLOW, MSG_Q_OBJ_FOLLOW, MSG_R_OBJ_FOLLOW, MSG_FOLLOWS,                 \
      "reads a short value, and how far the array reaches, and when it changed, whose object id "  \
      "lies in it; -DER_NOTSUPPORTED: the value is not a short one, obj_fetch reads it")

enum msg_flags {
    MSG_SVC = 1,     /* for the pool service, whatever the target */
    MSG_CHANGES = 2, /* carries a txid */
    MSG_CONTROL = 4,
    MSG_BACKGROUND = 8,
    MSG_PEERS = 16,   /* between engines: of others it is refused with -DER_NO_PERM */
    MSG_FOLLOWS = 32, /* not sent to who does not know NET_FEAT_FOLLOW: -DER_NOSYS */
};

/*
 * Who comes first. What a class is allowed is a property of the kind of message, so that nobody can
 * ask for more than is his:
 *
 *   CONTROL     short questions and changes of pools and containers. They have a few places of
 *               their own in a connection's credit and do not wait behind data.
 *   FOREGROUND  object I/O.
 *   BACKGROUND  sweeps over a container. They begin when little else is under way, or when they
 *               have waited long enough (net/accept.c).
 */
enum msg_class { MSG_CLASS_CONTROL, MSG_CLASS_FOREGROUND, MSG_CLASS_BACKGROUND, MSG_CLASS_NR };

/* What a pool handle may do. */
enum msg_pool_caps {
    MSG_POOL_READ = 1,
    MSG_POOL_CREATE_CONT = 2,
    MSG_POOL_DEL_CONT = 4,
};

/* What a container handle may do: bits of enum daos_acl_perm that the ACL grants, cut down by the
 * open flags. */

/* ---- What the tables make ---- */

#define MSG_DECL_num(t, n)  t n;
#define MSG_DECL_uuid(t, n) uint8_t n[16];
#define MSG_DECL_oid(t, n)  daos_obj_id_t n;
#define MSG_DECL_str(t, n)  const char *n;
#define MSG_DECL_buf(t, n)  struct msg_buf n;
#define MSG_DECL_sub(t, n)  struct t n;
#define MSG_DECL_arr(t, n)                                                                         \
    const struct t *n;                                                                             \
    uint32_t n##_nr;
#define MSG_DECL_strs(t, n)                                                                        \
    const char *const *n;                                                                          \
    uint32_t n##_nr;
#define MSG_DECL_bufs(t, n)                                                                        \
    const struct msg_buf *n;                                                                       \
    uint32_t n##_nr;
#define MSG_DECL_u32s(t, n)                                                                        \
    const uint32_t *n;                                                                             \
    uint32_t n##_nr;
#define MSG_DECL_u64s(t, n)                                                                        \
    const uint64_t *n;                                                                             \
    uint32_t n##_nr;
#define MSG_DECL_oids(t, n)                                                                        \
    const daos_obj_id_t *n;                                                                        \
    uint32_t n##_nr;
#define MSG_DECL_recxs(t, n)                                                                       \
    const daos_recx_t *n;                                                                          \
    uint32_t n##_nr;

#define MSG_FIELD_(kind, t, n, doc) MSG_DECL_##kind(t, n)
#define MSG_STRUCT_(s, FIELDS, doc)                                                                \
    struct s {                                                                                     \
        FIELDS(MSG_FIELD_)                                                                         \
    };
MSG_STRUCTS(MSG_STRUCT_)
#define MSG_PAIR_(id, name, NAME, Q, R, flags, doc)                                                \
    struct msg_##name##_req {                                                                      \
        Q(MSG_FIELD_)                                                                              \
    };                                                                                             \
    struct msg_##name##_rep {                                                                      \
        R(MSG_FIELD_)                                                                              \
    };
MSG_TABLE(MSG_PAIR_)

#define MSG_OP_(id, name, NAME, Q, R, flags, doc) MSG_##NAME = id,
enum msg_opcode { MSG_TABLE(MSG_OP_) MSG_OPCODE_MAX };

/* ---- Codec (codec.c) ---- */

/* What the table says about an opcode; NULL if there is none. */
struct msg_info {
    const char *name;
    const char *doc;
    uint32_t flags;
    uint32_t req_size, rep_size; /* of the structs */
};
const struct msg_info *msg_info(uint16_t opcode);

static inline enum msg_class msg_class(const struct msg_info *i)
{
    if (i->flags & MSG_BACKGROUND)
        return MSG_CLASS_BACKGROUND;
    return i->flags & (MSG_SVC | MSG_CONTROL) ? MSG_CLASS_CONTROL : MSG_CLASS_FOREGROUND;
}

/* Writes the struct's bytes into buf; *need is what it takes, also when it does not fit:
 * -DER_TRUNC. -DER_INVAL unknown opcode. */
int msg_encode_req(uint16_t opcode, const void *req, void *buf, size_t len, size_t *need);
int msg_encode_rep(uint16_t opcode, const void *rep, void *buf, size_t len, size_t *need);
/* Fills the struct (req_size or rep_size bytes) from bytes of a peer. Texts and buffers point into
 * buf, arrays into mem. -DER_PROTO whatever is wrong with the bytes, -DER_NOMEM. Never reads
 * outside buf, never takes more of mem than a fixed multiple of len. */
int msg_decode_req(uint16_t opcode, const void *buf, size_t len, struct arena *mem, void *req);
int msg_decode_rep(uint16_t opcode, const void *buf, size_t len, struct arena *mem, void *rep);

/* The table as a document, a line at a time (docs/messages.md is made of it). */
void msg_doc(void (*line)(void *arg, const char *text), void *arg);

#endif
