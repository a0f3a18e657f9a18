/*
 * Persistent records of the object store: every byte. docs/formats.md, section "Versioned object
 * store", says the same in tables.
 *
 *   HEAP_ROOT_VOS -> super --tree--> container --tree--> object --tree--> dkey --tree--> akey
 *                      \--tree--> session                               akey --> versions
 *
 * A record is one heap allocation that never moves, but for packed ones, which are replaced by
 * others that say the same; byte order is little endian; all offsets are heap offsets, 0 = none. A
 * record begins with its kind, so that a stray offset is noticed. A tree of one child has no node
 * (heap/tree.h), so the common small shapes (one dkey, one akey, one extent) cost their records and
 * nothing else. The order keys of the trees:
 *
 *   containers  hash of the uuid
 *   objects     mix128(hi, lo) of the id
 *   dkeys       hash_bytes() of the key; tree_prefix() for lexical; the value for integer types
 *               (type byte of the object id); ties by bytes
 *   akeys       the same, ties by bytes, then by value type: an akey that was punched and written
 *               again with another type is a second record
 *   extents     first record index; ties by (epoch, minor). The tree's value is offset / 8 in 40
 *               bits and above it a bound of the extent's length in 14 (ext_value())
 *   sessions    mix128(hlc, rand)
 *
 * EXISTENCE LOG. `life` of an object, dkey or akey is a list of small records (struct ver): at most
 * one MARK first, then PUNCHes (and, below an akey, WIDE holes), newest first. A punch at (epoch,
 * minor) hides everything older at or below its key. (epoch, minor): all changes of one compound
 * have one epoch; minor is the number of the operation in it, so that later operations of a
 * compound hide or follow earlier ones.
 *
 * VERSIONS. A single value is a list of struct ver, newest first, payload behind. An array is a
 * tree of struct ext. A punch of an akey, dkey or object is in its life; a punch of extents is an
 * ext with VER_TOMBSTONE, or a WIDE record in the life of the akey if it is longer than EXT_NR_MAX
 * records.
 *
 * CUTS. Dropping history that a read at an older epoch might ask for leaves VER_CUT on the version
 * or punch that superseded it; if the whole key went, the epoch goes into the MARK of its parent,
 * or, for objects, into cut_epoch of the container. A read at an epoch below one of these that
 * depends on it is -DER_TX_RESTART.
 *
 * INTENTS. A prepared transaction is no version of anything yet: one record I of the container,
 * with pieces J behind it if it is long, says everything that its commit will apply. It owns the
 * heap slots and data extents of its values. See below.
 *
 * LOSSES. What a repair could not save and must not pass for absent leaves a record in the
 * existence log of the key it was at or below. LOST at (epoch, minor): whatever is older, here or
 * below, may be wrong (VER_TOMBSTONE), or what is not found here or below may have been there
 * (without). GAP: these records of an array may be others than the older extents say. Both count
 * for readers at every epoch, older ones too, and are over for what is newer: a later write, or a
 * later punch here or above. Reading what is in doubt is -DER_CSUM.
 *
 * FLAGS. Every record has 16 flag bits. A bit announces a trailer of fixed size behind the payload
 * (sizes below; csum is variable and first), in order of the bits, so that later features need no
 * new format. A reader that meets a bit it does not know refuses the record (-DER_DF_INCOMPT).
 */
#ifndef TARN_VOS_FORMAT_H
#define TARN_VOS_FORMAT_H

#include <stdint.h>
#include "heap/tree.h"

#define VOS_MAGIC          UINT64_C(0x31736f766e726174) /* "tarnvos1" */
#define VOS_FORMAT_VERSION 5u                           /* newest that this program reads */
#define VOS_FORMAT_PACKED  2u /* from here on: REC_PACK, cont_rec.rollback */
#define VOS_FORMAT_INTENTS 3u /* from here on: cont_rec.intents, OUTCOME_* */
#define VOS_FORMAT_DECIDED 4u /* from here on: INTENT_DECIDED */
#define VOS_FORMAT_FINE    5u /* from here on: CSUM_FINE */

enum rec_kind {
    REC_SUPER = 'V',
    REC_CONT = 'C',
    REC_SESSION = 'T',
    REC_OBJ = 'O',
    REC_DKEY = 'D',
    REC_AKEY = 'A',
    REC_PACK = 'K',   /* a dkey, its only akey and that one's only version */
    REC_SINGLE = 'S', /* struct ver */
    REC_EXT = 'E',
    REC_PUNCH = 'P', /* struct ver */
    REC_MARK = 'M',  /* struct ver */
    REC_WIDE = 'W',  /* struct wide */
    REC_INTENT = 'I',
    REC_MORE = 'J', /* struct intent_more */
    REC_LOST = 'L', /* struct ver, in an existence log */
    REC_GAP = 'X',  /* struct wide, in an akey's */
};

/* Flags of struct ver and struct ext. */
#define VER_TOMBSTONE 0x0001u /* nothing from here on: a punched value, a hole */
#define VER_CUT       0x0002u /* what this one superseded is gone */
#define VER_SLOT      0x0004u /* the bytes are in a heap allocation of their own */
#define VER_DATA      0x0008u /* the bytes are in data extents */
#define VER_CSUM      0x0010u /* checksum trailer */
#define VER_CORRUPT   0x0020u /* the bytes are lost: no SLOT, DATA, CSUM, no bytes behind it */
#define VER_INDOUBT   0x0040u /* not used: what is in doubt is an intent */
#define VER_MAP       0x0080u /* trailer, 4 bytes: pool map version */
#define VER_EC        0x0100u /* trailer, 16 bytes: stripe */
#define VER_PARTIAL   0x0200u /* replica of a partial stripe */
#define VER_TIER      0x0400u /* trailer, 4 bytes: device or tier id */
#define VER_CODEC     0x0800u /* trailer, 8 bytes: compression, encryption, stored length */
#define VER_MORE      0x8000u /* trailer: u16 length, then bytes of later versions */
#define VER_KNOWN     0x003fu /* what this program reads */

/* Flags of objects, dkeys and akeys. */
#define KEY_DEAD                                                                                   \
    0x0001u /* the newest change was a punch of this very record: nothing below is visible now */
#define KEY_HOLES 0x0002u /* akey: some extent is, or was, a hole */
#define KEY_TRASH 0x0004u /* object: in the container's trash */
#define KEY_LOST                                                                                   \
    0x0008u /* object: its record was lost, and its id with it; the id here has the same hash */
#define KEY_KNOWN 0x000fu

/* ---- Shard ---- */

struct super_rec { /* 128 bytes */
    uint8_t kind, pad;
    uint16_t flags;
    uint32_t version;
    uint64_t magic;
    uint64_t ceiling; /* every epoch ever given out is below */
    uint64_t
        forgotten_start; /* sessions that began at or before this hlc may have been forgotten */
    struct tree_root conts;
    struct tree_root sessions;
    uint64_t spare[8];
};

#define CONT_DESTROYED 0x0001u
#define CONT_LOST                                                                                  \
    0x0002u /* objects were lost, nobody knows which: one that is not found is -DER_CSUM */

struct epochs {
    uint64_t first, last;
};
#define DISCARDS 3u

struct cont_rec { /* 256 bytes */
    uint8_t kind, pad;
    uint16_t flags;
    uint32_t pad2;
    uint8_t uuid[16];
    struct tree_root objects;
    struct tree_root trash; /* objects with garbage below: same order, same records */
    struct tree_root snaps; /* order = epoch, value 1 */
    uint64_t cut_epoch;
    uint64_t agg_epoch; /* aggregated up to here */
    uint64_t stat[8]; /* conts (unused), objects, dkeys, akeys, singles, extents, value bytes in the
                         heap, in data extents */
    uint64_t rollback; /* everything after this epoch is being discarded; 0: nothing is */
    struct epochs discarded[DISCARDS]; /* what was discarded last, newest first */
    struct tree_root intents;          /* order = mix128(mix128(hlc, rand), seq) */
    uint64_t spare[4];                 /* EC boundary, stable epoch: zero until they exist */
};

/* ---- Keys ---- */

struct obj_rec { /* 56 bytes */
    uint8_t kind, pad;
    uint16_t flags;
    uint32_t born; /* epoch >> 32 when the record was made: an older incarnation may be gone */
    uint64_t life;
    uint64_t changed; /* epoch of the newest change here or below */
    struct tree_root dkeys;
    uint64_t oid_hi, oid_lo;
};

struct dkey_rec { /* 40 bytes, then the key */
    uint8_t kind, pad;
    uint16_t flags;
    uint16_t key_len;
    uint16_t pad2;
    uint64_t life;
    uint64_t changed;
    struct tree_root akeys;
    /* key */
};

struct akey_rec {       /* 32 bytes, then rec_size (4, arrays only), then the key */
    uint8_t kind, type; /* daos_iod_type_t */
    uint16_t flags;
    uint16_t key_len;
    uint16_t max_log; /* array: no extent is longer than 1 << max_log records */
    uint64_t life;
    struct tree_root values; /* array: extents; single: word0 = newest version, word1 = 0 */
    /* uint32_t rec_size (arrays): of what was written since the last punch; key */
};

/*
 * Packed: what a D with an empty life, its only A, alive and with an empty life, and the only
 * version of that (no hole) would say; `changed` is the version's epoch. Instead of the D in the
 * tree of dkeys; at most PACK_MAX bytes, keys of at most 255.
 */
struct pack_rec {       /* 8 bytes, arrays: u64 first record of the extent, then: */
    uint8_t kind, type; /* daos_iod_type_t */
    uint16_t flags;
    uint8_t dkey_len, akey_len;
    uint16_t keys_at; /* from the record's beginning; the version's layout ends there */
    /* struct ver or ext with its layout; dkey; akey */
};
#define PACK_MAX 2048u

/* ---- Versions ---- */

struct ver { /* 24 bytes; REC_SINGLE: then layout below, REC_PUNCH, REC_MARK: nothing more */
    uint8_t kind, minor;
    uint16_t flags;
    uint32_t size; /* REC_SINGLE: bytes of the value */
    uint64_t epoch;
    uint64_t older; /* next of the list */
};

struct wide { /* 40 bytes */
    struct ver v;
    uint64_t start, nr;
};

struct ext { /* 24 bytes, then layout below; its first record is the order key of its tree entry */
    uint8_t kind, minor;
    uint16_t flags;
    uint32_t rec_size; /* 0: hole */
    uint64_t epoch;
    uint32_t nr;      /* records */
    uint32_t map_ver; /* pool map version that placed it; 0 */
};

/*
 * Layout behind struct ver (REC_SINGLE) and struct ext, `bytes` = size or nr * rec_size:
 *   VER_SLOT   u64 offset of the bytes
 *   VER_DATA   u64 each piece: block << 12 | (blocks - 1); all pieces but the last are full (ext:
 *              exactly one piece)
 *   VER_CSUM   u8 type, then the checksums: ext: one for each VOS_CSUM_CHUNK of the bytes, with
 *              CSUM_FINE in the type for each VOS_CSUM_FINE; single: one, or one each piece if
 * there are several otherwise  (neither SLOT nor DATA nor TOMBSTONE) the bytes themselves
 */
#define DATA_LOC(block, nr) ((uint64_t)(block) << 12 | ((uint64_t)(nr)-1))
#define DATA_LOC_BLOCK(loc) ((loc) >> 12)
#define DATA_LOC_NR(loc)    ((uint32_t)((loc)&0xfff) + 1)
#define INLINE_MAX          1984u      /* larger records put their bytes into a slot of their own */
#define EXT_NR_MAX          (1u << 20) /* records one ext covers; longer holes are WIDE */
#define SINGLE_PIECES_MAX   64u

/* ---- Sessions ---- */

struct outcome {  /* 16 bytes */
    uint64_t seq; /* 0: free; OUTCOME_* or-ed */
    uint64_t epoch;
};
/* Of a prepared transaction; no acknowledgement sets it free. */
#define OUTCOME_PREPARED (UINT64_C(1) << 63)
#define OUTCOME_ABORTED  (UINT64_C(1) << 62) /* a late prepare is refused; epoch: of the abort */
#define OUTCOME_SEQ(seq) ((seq) & ~(OUTCOME_PREPARED | OUTCOME_ABORTED))

/* ---- Intents ---- */

/*
 * A prepared transaction: head, info, table of operations, and the beginning of the stream; the
 * rest of the stream in a chain of J. The table is what must be known to tell who meets the intent,
 * so opening reads heads only.
 *
 * The stream, nothing in it aligned, has for each operation of the table, in its order:
 *     u16 length of the dkey, dkey                       (not of VOS_OBJ)
 *     PUNCH of akeys: for each  u16 length, akey
 *     UPDATE: for each akey     struct intent_iod, akey,
 *                               rec_size 0: for each extent  u64 first record, u64 records
 *                               for each part   struct intent_part, u64 each place (layout below),
 *                                               checksums, the bytes themselves unless placed
 */
#define INTENT_DECIDED                                                                             \
    1u /* it was committed at its epoch, and somebody who prepared with it may not know yet: only  \
          id, epoch and info are left */
struct intent_rec { /* 88 bytes */
    uint8_t kind, pad;
    uint16_t flags;
    uint16_t info_len; /* bytes that the engine gave */
    uint16_t op_nr;
    uint64_t epoch;
    uint64_t hlc, rand, seq; /* transaction id */
    uint64_t more;           /* J; 0: none */
    uint32_t bytes;          /* of the stream */
    uint32_t here;           /* of them in this record */
    uint32_t head_csum;      /* CRC-32C of this struct with 0 here, and all up to the stream */
    uint32_t csum;           /* CRC-32C of the stream */
    uint32_t pages;          /* heap pages that the commit may need */
    uint32_t pad2;
    uint64_t heap_bytes, data_bytes; /* of its values */
    /* info, struct intent_op[op_nr], stream */
};

struct intent_op { /* 32 bytes */
    uint8_t kind, level, minor, pad;
    uint32_t akey_nr;
    uint64_t oid_hi, oid_lo;
    uint64_t dkey_hash; /* hash_bytes() */
};

struct intent_more { /* 16 bytes, then bytes of the stream */
    uint8_t kind, pad;
    uint16_t flags;
    uint32_t here;
    uint64_t more;
};

struct intent_iod { /* 24 bytes */
    uint8_t type, pad;
    uint16_t akey_len;
    uint32_t recx_nr; /* of a hole; else 0 */
    uint32_t part_nr;
    uint32_t pad2;
    uint64_t rec_size;
};

struct intent_part { /* 40 bytes; a version to be, with the layout of S or E */
    uint16_t flags;  /* VER_SLOT, VER_DATA, VER_CSUM */
    uint8_t csum_type, pad;
    uint32_t csum_nr, loc_nr, pad2;
    uint64_t start, nr; /* array: records */
    uint64_t bytes;
};
#define INTENT_HEAD_MAX                                                                            \
    2040u /* of a record with as much of its stream as fits; more if the table                     \
             needs it */

struct session_rec { /* 40 bytes, then cap outcomes, slot = seq % cap */
    uint8_t kind, pad;
    uint16_t flags;
    uint32_t cap; /* 8, 32, 128, 256 */
    uint64_t hlc, rand;
    uint64_t acked;      /* seqs up to here are forgotten */
    uint64_t last_epoch; /* of the newest outcome when the record was made or grew */
    /* struct outcome[cap] */
};

_Static_assert(sizeof(struct super_rec) == 128 && sizeof(struct cont_rec) == 256 &&
                   sizeof(struct obj_rec) == 56,
               "format");
_Static_assert(sizeof(struct pack_rec) == 8, "format");
_Static_assert(sizeof(struct dkey_rec) == 40 && sizeof(struct akey_rec) == 32, "format");
_Static_assert(sizeof(struct ver) == 24 && sizeof(struct wide) == 40 && sizeof(struct ext) == 24,
               "format");
_Static_assert(sizeof(struct intent_rec) == 88 && sizeof(struct intent_op) == 32 &&
                   sizeof(struct intent_more) == 16 && sizeof(struct intent_iod) == 24 &&
                   sizeof(struct intent_part) == 40,
               "format");
_Static_assert(sizeof(struct session_rec) == 40 && sizeof(struct outcome) == 16, "format");

#endif
