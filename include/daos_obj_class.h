/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Object classes: how an object is spread (number of groups) and protected (replicas or erasure
 * code) over targets. A class is a redundancy code and a group count in one number; it travels in
 * the upper half of the object's id, so no table of objects is needed to find its shards.
 *
 * Names: S2 = one replica in two groups, RP_3G1 = three replicas in one group, EC_4P2G8 = four data
 * and two parity cells in each of eight groups; X in place of the count = as many groups as fit.
 */
#ifndef TARN_DAOS_OBJ_CLASS_H
#define TARN_DAOS_OBJ_CLASS_H

#include <sys/types.h>
#include <daos_types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest class name with its NUL: the size of the buffer for daos_oclass_id2name(). */
#define MAX_OBJ_CLASS_NAME_LEN 24
/** Group count that means "as many as fit". */
#define MAX_NUM_GROUPS 0xffff
/** Place of the redundancy code in a class id. */
#define OC_REDUN_SHIFT 24
/** Class id of a redundancy code and a group count. */
#define OBJ_CLASS_DEF(redun, grp_nr) (((redun) << OC_REDUN_SHIFT) | (grp_nr))

/** Redundancy codes. */
enum daos_obj_redun {
    OR_RP_1 = 1,       /**< 1 replica (S classes) */
    OR_RP_2 = 8,       /**< 2 replicas */
    OR_RP_3 = 9,       /**< 3 */
    OR_RP_4 = 10,      /**< 4 */
    OR_RP_5 = 11,      /**< 5 */
    OR_RP_6 = 12,      /**< 6 */
    OR_RP_8 = 13,      /**< 8 */
    OR_RP_12 = 14,     /**< 12 */
    OR_RP_16 = 15,     /**< 16 */
    OR_RP_24 = 0x10,   /**< 24 */
    OR_RP_32 = 0x11,   /**< 32 */
    OR_RP_48 = 0x12,   /**< 48 */
    OR_RP_64 = 0x13,   /**< 64 */
    OR_RP_128 = 0x14,  /**< 128 */
    OR_RS_2P1 = 0x20,  /**< Reed-Solomon 2 data + 1 parity */
    OR_RS_2P2 = 0x21,  /**< Reed-Solomon 2 data + 2 parity */
    OR_RS_4P1 = 0x22,  /**< Reed-Solomon 4 data + 1 parity */
    OR_RS_4P2 = 0x23,  /**< Reed-Solomon 4 data + 2 parity */
    OR_RS_8P1 = 0x24,  /**< Reed-Solomon 8 data + 1 parity */
    OR_RS_8P2 = 0x25,  /**< Reed-Solomon 8 data + 2 parity */
    OR_RS_16P1 = 0x26, /**< Reed-Solomon 16 data + 1 parity */
    OR_RS_16P2 = 0x27, /**< Reed-Solomon 16 data + 2 parity */
    OR_RS_4P3 = 0x28,  /**< Reed-Solomon 4 data + 3 parity */
    OR_RS_8P3 = 0x29,  /**< Reed-Solomon 8 data + 3 parity */
    OR_RS_16P3 = 0x2a, /**< Reed-Solomon 16 data + 3 parity */
};

/** Class ids. Those below 0x01000000 are names of old releases; only OC_RP_XSF is usable. */
enum daos_obj_class_id {
    OC_UNKNOWN = 0,
    OC_BACK_COMPAT = 50,
    OC_TINY = 51,
    OC_SMALL = 52,
    OC_LARGE = 53,
    OC_MAX = 54,
    OC_RP_TINY = 60,
    OC_RP_SMALL = 61,
    OC_RP_LARGE = 62,
    OC_RP_MAX = 63,
    OC_RP_SF_TINY = 70,
    OC_RP_SF_SMALL = 71,
    OC_RP_SF_LARGE = 72,
    OC_RP_SF_MAX = 73,
    OC_RP_XSF = 80,
    OC_EC_TINY = 100,
    OC_EC_SMALL = 101,
    OC_EC_LARGE = 102,
    OC_EC_MAX = 103,
    OC_S1 = OBJ_CLASS_DEF(OR_RP_1, 1u),
    OC_S2 = OBJ_CLASS_DEF(OR_RP_1, 2u),
    OC_S4 = OBJ_CLASS_DEF(OR_RP_1, 4u),
    OC_S6 = OBJ_CLASS_DEF(OR_RP_1, 6u),
    OC_S8 = OBJ_CLASS_DEF(OR_RP_1, 8u),
    OC_S12 = OBJ_CLASS_DEF(OR_RP_1, 12u),
    OC_S16 = OBJ_CLASS_DEF(OR_RP_1, 16u),
    OC_S32 = OBJ_CLASS_DEF(OR_RP_1, 32u),
    OC_SX = OBJ_CLASS_DEF(OR_RP_1, MAX_NUM_GROUPS),
    OC_RP_2G1 = OBJ_CLASS_DEF(OR_RP_2, 1u),
    OC_RP_2G2 = OBJ_CLASS_DEF(OR_RP_2, 2u),
    OC_RP_2G4 = OBJ_CLASS_DEF(OR_RP_2, 4u),
    OC_RP_2G6 = OBJ_CLASS_DEF(OR_RP_2, 6u),
    OC_RP_2G8 = OBJ_CLASS_DEF(OR_RP_2, 8u),
    OC_RP_2G12 = OBJ_CLASS_DEF(OR_RP_2, 12u),
    OC_RP_2G16 = OBJ_CLASS_DEF(OR_RP_2, 16u),
    OC_RP_2G32 = OBJ_CLASS_DEF(OR_RP_2, 32u),
    OC_RP_2GX = OBJ_CLASS_DEF(OR_RP_2, MAX_NUM_GROUPS),
    OC_RP_3G1 = OBJ_CLASS_DEF(OR_RP_3, 1u),
    OC_RP_3G2 = OBJ_CLASS_DEF(OR_RP_3, 2u),
    OC_RP_3G4 = OBJ_CLASS_DEF(OR_RP_3, 4u),
    OC_RP_3G6 = OBJ_CLASS_DEF(OR_RP_3, 6u),
    OC_RP_3G8 = OBJ_CLASS_DEF(OR_RP_3, 8u),
    OC_RP_3G12 = OBJ_CLASS_DEF(OR_RP_3, 12u),
    OC_RP_3G16 = OBJ_CLASS_DEF(OR_RP_3, 16u),
    OC_RP_3G32 = OBJ_CLASS_DEF(OR_RP_3, 32u),
    OC_RP_3GX = OBJ_CLASS_DEF(OR_RP_3, MAX_NUM_GROUPS),
    OC_RP_4G1 = OBJ_CLASS_DEF(OR_RP_4, 1u),
    OC_RP_4G2 = OBJ_CLASS_DEF(OR_RP_4, 2u),
    OC_RP_4G4 = OBJ_CLASS_DEF(OR_RP_4, 4u),
    OC_RP_4G6 = OBJ_CLASS_DEF(OR_RP_4, 6u),
    OC_RP_4G8 = OBJ_CLASS_DEF(OR_RP_4, 8u),
    OC_RP_4G12 = OBJ_CLASS_DEF(OR_RP_4, 12u),
    OC_RP_4G16 = OBJ_CLASS_DEF(OR_RP_4, 16u),
    OC_RP_4G32 = OBJ_CLASS_DEF(OR_RP_4, 32u),
    OC_RP_4GX = OBJ_CLASS_DEF(OR_RP_4, MAX_NUM_GROUPS),
    OC_RP_5G1 = OBJ_CLASS_DEF(OR_RP_5, 1u),
    OC_RP_5G2 = OBJ_CLASS_DEF(OR_RP_5, 2u),
    OC_RP_5G4 = OBJ_CLASS_DEF(OR_RP_5, 4u),
    OC_RP_5G6 = OBJ_CLASS_DEF(OR_RP_5, 6u),
    OC_RP_5G8 = OBJ_CLASS_DEF(OR_RP_5, 8u),
    OC_RP_5G12 = OBJ_CLASS_DEF(OR_RP_5, 12u),
    OC_RP_5G16 = OBJ_CLASS_DEF(OR_RP_5, 16u),
    OC_RP_5G32 = OBJ_CLASS_DEF(OR_RP_5, 32u),
    OC_RP_5GX = OBJ_CLASS_DEF(OR_RP_5, MAX_NUM_GROUPS),
    OC_RP_6G1 = OBJ_CLASS_DEF(OR_RP_6, 1u),
    OC_RP_6G2 = OBJ_CLASS_DEF(OR_RP_6, 2u),
    OC_RP_6G4 = OBJ_CLASS_DEF(OR_RP_6, 4u),
    OC_RP_6G6 = OBJ_CLASS_DEF(OR_RP_6, 6u),
    OC_RP_6G8 = OBJ_CLASS_DEF(OR_RP_6, 8u),
    OC_RP_6G12 = OBJ_CLASS_DEF(OR_RP_6, 12u),
    OC_RP_6G16 = OBJ_CLASS_DEF(OR_RP_6, 16u),
    OC_RP_6G32 = OBJ_CLASS_DEF(OR_RP_6, 32u),
    OC_RP_6GX = OBJ_CLASS_DEF(OR_RP_6, MAX_NUM_GROUPS),
    OC_EC_2P1G1 = OBJ_CLASS_DEF(OR_RS_2P1, 1u),
    OC_EC_2P1G2 = OBJ_CLASS_DEF(OR_RS_2P1, 2u),
    OC_EC_2P1G4 = OBJ_CLASS_DEF(OR_RS_2P1, 4u),
    OC_EC_2P1G6 = OBJ_CLASS_DEF(OR_RS_2P1, 6u),
    OC_EC_2P1G8 = OBJ_CLASS_DEF(OR_RS_2P1, 8u),
    OC_EC_2P1G12 = OBJ_CLASS_DEF(OR_RS_2P1, 12u),
    OC_EC_2P1G16 = OBJ_CLASS_DEF(OR_RS_2P1, 16u),
    OC_EC_2P1G32 = OBJ_CLASS_DEF(OR_RS_2P1, 32u),
    OC_EC_2P1GX = OBJ_CLASS_DEF(OR_RS_2P1, MAX_NUM_GROUPS),
    OC_EC_2P2G1 = OBJ_CLASS_DEF(OR_RS_2P2, 1u),
    OC_EC_2P2G2 = OBJ_CLASS_DEF(OR_RS_2P2, 2u),
    OC_EC_2P2G4 = OBJ_CLASS_DEF(OR_RS_2P2, 4u),
    OC_EC_2P2G6 = OBJ_CLASS_DEF(OR_RS_2P2, 6u),
    OC_EC_2P2G8 = OBJ_CLASS_DEF(OR_RS_2P2, 8u),
    OC_EC_2P2G12 = OBJ_CLASS_DEF(OR_RS_2P2, 12u),
    OC_EC_2P2G16 = OBJ_CLASS_DEF(OR_RS_2P2, 16u),
    OC_EC_2P2G32 = OBJ_CLASS_DEF(OR_RS_2P2, 32u),
    OC_EC_2P2GX = OBJ_CLASS_DEF(OR_RS_2P2, MAX_NUM_GROUPS),
    OC_EC_4P1G1 = OBJ_CLASS_DEF(OR_RS_4P1, 1u),
    OC_EC_4P1G2 = OBJ_CLASS_DEF(OR_RS_4P1, 2u),
    OC_EC_4P1G4 = OBJ_CLASS_DEF(OR_RS_4P1, 4u),
    OC_EC_4P1G6 = OBJ_CLASS_DEF(OR_RS_4P1, 6u),
    OC_EC_4P1G8 = OBJ_CLASS_DEF(OR_RS_4P1, 8u),
    OC_EC_4P1G12 = OBJ_CLASS_DEF(OR_RS_4P1, 12u),
    OC_EC_4P1G16 = OBJ_CLASS_DEF(OR_RS_4P1, 16u),
    OC_EC_4P1G32 = OBJ_CLASS_DEF(OR_RS_4P1, 32u),
    OC_EC_4P1GX = OBJ_CLASS_DEF(OR_RS_4P1, MAX_NUM_GROUPS),
    OC_EC_4P2G1 = OBJ_CLASS_DEF(OR_RS_4P2, 1u),
    OC_EC_4P2G2 = OBJ_CLASS_DEF(OR_RS_4P2, 2u),
    OC_EC_4P2G4 = OBJ_CLASS_DEF(OR_RS_4P2, 4u),
    OC_EC_4P2G6 = OBJ_CLASS_DEF(OR_RS_4P2, 6u),
    OC_EC_4P2G8 = OBJ_CLASS_DEF(OR_RS_4P2, 8u),
    OC_EC_4P2G12 = OBJ_CLASS_DEF(OR_RS_4P2, 12u),
    OC_EC_4P2G16 = OBJ_CLASS_DEF(OR_RS_4P2, 16u),
    OC_EC_4P2G32 = OBJ_CLASS_DEF(OR_RS_4P2, 32u),
    OC_EC_4P2GX = OBJ_CLASS_DEF(OR_RS_4P2, MAX_NUM_GROUPS),
    OC_EC_4P3G1 = OBJ_CLASS_DEF(OR_RS_4P3, 1u),
    OC_EC_4P3G2 = OBJ_CLASS_DEF(OR_RS_4P3, 2u),
    OC_EC_4P3G4 = OBJ_CLASS_DEF(OR_RS_4P3, 4u),
    OC_EC_4P3G6 = OBJ_CLASS_DEF(OR_RS_4P3, 6u),
    OC_EC_4P3G8 = OBJ_CLASS_DEF(OR_RS_4P3, 8u),
    OC_EC_4P3G12 = OBJ_CLASS_DEF(OR_RS_4P3, 12u),
    OC_EC_4P3G16 = OBJ_CLASS_DEF(OR_RS_4P3, 16u),
    OC_EC_4P3G32 = OBJ_CLASS_DEF(OR_RS_4P3, 32u),
    OC_EC_4P3GX = OBJ_CLASS_DEF(OR_RS_4P3, MAX_NUM_GROUPS),
    OC_EC_8P1G1 = OBJ_CLASS_DEF(OR_RS_8P1, 1u),
    OC_EC_8P1G2 = OBJ_CLASS_DEF(OR_RS_8P1, 2u),
    OC_EC_8P1G4 = OBJ_CLASS_DEF(OR_RS_8P1, 4u),
    OC_EC_8P1G6 = OBJ_CLASS_DEF(OR_RS_8P1, 6u),
    OC_EC_8P1G8 = OBJ_CLASS_DEF(OR_RS_8P1, 8u),
    OC_EC_8P1G12 = OBJ_CLASS_DEF(OR_RS_8P1, 12u),
    OC_EC_8P1G16 = OBJ_CLASS_DEF(OR_RS_8P1, 16u),
    OC_EC_8P1G32 = OBJ_CLASS_DEF(OR_RS_8P1, 32u),
    OC_EC_8P1GX = OBJ_CLASS_DEF(OR_RS_8P1, MAX_NUM_GROUPS),
    OC_EC_8P2G1 = OBJ_CLASS_DEF(OR_RS_8P2, 1u),
    OC_EC_8P2G2 = OBJ_CLASS_DEF(OR_RS_8P2, 2u),
    OC_EC_8P2G4 = OBJ_CLASS_DEF(OR_RS_8P2, 4u),
    OC_EC_8P2G6 = OBJ_CLASS_DEF(OR_RS_8P2, 6u),
    OC_EC_8P2G8 = OBJ_CLASS_DEF(OR_RS_8P2, 8u),
    OC_EC_8P2G12 = OBJ_CLASS_DEF(OR_RS_8P2, 12u),
    OC_EC_8P2G16 = OBJ_CLASS_DEF(OR_RS_8P2, 16u),
    OC_EC_8P2G32 = OBJ_CLASS_DEF(OR_RS_8P2, 32u),
    OC_EC_8P2GX = OBJ_CLASS_DEF(OR_RS_8P2, MAX_NUM_GROUPS),
    OC_EC_8P3G1 = OBJ_CLASS_DEF(OR_RS_8P3, 1u),
    OC_EC_8P3G2 = OBJ_CLASS_DEF(OR_RS_8P3, 2u),
    OC_EC_8P3G4 = OBJ_CLASS_DEF(OR_RS_8P3, 4u),
    OC_EC_8P3G6 = OBJ_CLASS_DEF(OR_RS_8P3, 6u),
    OC_EC_8P3G8 = OBJ_CLASS_DEF(OR_RS_8P3, 8u),
    OC_EC_8P3G12 = OBJ_CLASS_DEF(OR_RS_8P3, 12u),
    OC_EC_8P3G16 = OBJ_CLASS_DEF(OR_RS_8P3, 16u),
    OC_EC_8P3G32 = OBJ_CLASS_DEF(OR_RS_8P3, 32u),
    OC_EC_8P3GX = OBJ_CLASS_DEF(OR_RS_8P3, MAX_NUM_GROUPS),
    OC_EC_16P1G1 = OBJ_CLASS_DEF(OR_RS_16P1, 1u),
    OC_EC_16P1G2 = OBJ_CLASS_DEF(OR_RS_16P1, 2u),
    OC_EC_16P1G4 = OBJ_CLASS_DEF(OR_RS_16P1, 4u),
    OC_EC_16P1G6 = OBJ_CLASS_DEF(OR_RS_16P1, 6u),
    OC_EC_16P1G8 = OBJ_CLASS_DEF(OR_RS_16P1, 8u),
    OC_EC_16P1G12 = OBJ_CLASS_DEF(OR_RS_16P1, 12u),
    OC_EC_16P1G16 = OBJ_CLASS_DEF(OR_RS_16P1, 16u),
    OC_EC_16P1G32 = OBJ_CLASS_DEF(OR_RS_16P1, 32u),
    OC_EC_16P1GX = OBJ_CLASS_DEF(OR_RS_16P1, MAX_NUM_GROUPS),
    OC_EC_16P2G1 = OBJ_CLASS_DEF(OR_RS_16P2, 1u),
    OC_EC_16P2G2 = OBJ_CLASS_DEF(OR_RS_16P2, 2u),
    OC_EC_16P2G4 = OBJ_CLASS_DEF(OR_RS_16P2, 4u),
    OC_EC_16P2G6 = OBJ_CLASS_DEF(OR_RS_16P2, 6u),
    OC_EC_16P2G8 = OBJ_CLASS_DEF(OR_RS_16P2, 8u),
    OC_EC_16P2G12 = OBJ_CLASS_DEF(OR_RS_16P2, 12u),
    OC_EC_16P2G16 = OBJ_CLASS_DEF(OR_RS_16P2, 16u),
    OC_EC_16P2G32 = OBJ_CLASS_DEF(OR_RS_16P2, 32u),
    OC_EC_16P2GX = OBJ_CLASS_DEF(OR_RS_16P2, MAX_NUM_GROUPS),
    OC_EC_16P3G1 = OBJ_CLASS_DEF(OR_RS_16P3, 1u),
    OC_EC_16P3G2 = OBJ_CLASS_DEF(OR_RS_16P3, 2u),
    OC_EC_16P3G4 = OBJ_CLASS_DEF(OR_RS_16P3, 4u),
    OC_EC_16P3G6 = OBJ_CLASS_DEF(OR_RS_16P3, 6u),
    OC_EC_16P3G8 = OBJ_CLASS_DEF(OR_RS_16P3, 8u),
    OC_EC_16P3G12 = OBJ_CLASS_DEF(OR_RS_16P3, 12u),
    OC_EC_16P3G16 = OBJ_CLASS_DEF(OR_RS_16P3, 16u),
    OC_EC_16P3G32 = OBJ_CLASS_DEF(OR_RS_16P3, 32u),
    OC_EC_16P3GX = OBJ_CLASS_DEF(OR_RS_16P3, MAX_NUM_GROUPS),
    OC_RP_12G1 = OBJ_CLASS_DEF(OR_RP_12, 1u),
    OC_RP_16G1 = OBJ_CLASS_DEF(OR_RP_16, 1u),
    OC_RP_24G1 = OBJ_CLASS_DEF(OR_RP_24, 1u),
    OC_RP_32G1 = OBJ_CLASS_DEF(OR_RP_32, 1u),
    OC_RP_48G1 = OBJ_CLASS_DEF(OR_RP_48, 1u),
    OC_RP_64G1 = OBJ_CLASS_DEF(OR_RP_64, 1u),
    OC_RP_128G1 = OBJ_CLASS_DEF(OR_RP_128, 1u),
    OC_RESERVED = 0x40000000,
};

/** Bits 0-3 of a hint: redundancy. Bits 4-9: sharding. */
#define DAOS_OCH_RDD_BITS    4
#define DAOS_OCH_RDD_SHIFT   0
#define DAOS_OCH_RDD_MAX_VAL ((1 << DAOS_OCH_RDD_BITS) - 1)
#define DAOS_OCH_RDD_MASK    (DAOS_OCH_RDD_MAX_VAL << DAOS_OCH_RDD_SHIFT)
#define DAOS_OCH_SHD_BITS    6
#define DAOS_OCH_SHD_SHIFT   4
#define DAOS_OCH_SHD_MAX_VAL ((1 << DAOS_OCH_SHD_BITS) - 1)
#define DAOS_OCH_SHD_MASK    (DAOS_OCH_SHD_MAX_VAL << DAOS_OCH_SHD_SHIFT)

/** What a caller wishes of a class that the library chooses: one RDD and one SHD bit. */
enum {
    DAOS_OCH_RDD_DEF = 1, /**< redundancy: follow container */
    DAOS_OCH_RDD_NO = 2,  /**< none */
    DAOS_OCH_RDD_RP = 4,  /**< replication */
    DAOS_OCH_RDD_EC = 8,  /**< erasure code */
    /** sharding default: MAX for arrays and flat KV, 1 group otherwise */
    DAOS_OCH_SHD_DEF = 0x10,
    DAOS_OCH_SHD_TINY = 0x20, /**< 1 group */
    DAOS_OCH_SHD_REG = 0x40,  /**< max(128, 25 % of targets) */
    DAOS_OCH_SHD_HI = 0x80,   /**< max(256, 50 %) */
    DAOS_OCH_SHD_EXT = 0x100, /**< max(1024, 70 % in code; documented as 80 %) */
    DAOS_OCH_SHD_MAX = 0x200, /**< all */
};

/** How an object is spread, and how it is protected. */
enum daos_obj_schema {
    DAOS_OS_SINGLE = 0,
    DAOS_OS_STRIPED = 1,
    DAOS_OS_DYN_STRIPED = 2,
    DAOS_OS_DYN_CHUNKED = 3,
};
enum daos_obj_resil {
    DAOS_RES_EC = 0,
    DAOS_RES_REPL = 1,
};

/** Replication: r_num copies. */
struct daos_rp_attr {
    unsigned int r_proto; /**< reserved */
    unsigned int r_num;
};

/** Erasure code: e_k data and e_p parity cells of e_len bytes. */
struct daos_ec_attr {
    unsigned short e_k;
    unsigned short e_p;
    unsigned int e_len;
};

/** A class in words: schema, protection, number of groups. */
struct daos_oclass_attr {
    enum daos_obj_schema ca_schema;
    enum daos_obj_resil ca_resil;
    unsigned int ca_resil_degree; /**< reserved */
    unsigned int ca_grp_nr;
    union {
        struct daos_rp_attr rp;
        struct daos_ec_attr ec;
    } u;
};

/** Classes found by daos_obj_list_class(): cl_nr slots, cl_nr_out filled. */
struct daos_oclass_list {
    uint32_t cl_nr;
    uint32_t cl_nr_out;
    daos_oclass_id_t *cl_cids;
    struct daos_oclass_attr *cl_cattrs;
};

/** Id of a class by its exact, case-sensitive name; OC_UNKNOWN (0) when there is none. */
int daos_oclass_name2id(const char *name);

/**
 * Write every class name, each followed by ", ", into @a str of @a size bytes; returns the length.
 * Errors: -DER_INVAL, -DER_OVERFLOW (buffer short).
 */
ssize_t daos_oclass_names_list(size_t size, char *str);

/** How many classes there are. @a opts must be 0. */
int daos_oclass_nr(int opts);

/**
 * Name of a class into a buffer of MAX_OBJ_CLASS_NAME_LEN bytes; -1 and the text "UNKNOWN" for an
 * id that is none.
 */
int daos_oclass_id2name(daos_oclass_id_t oc_id, char *name);

/**
 * Define a class of one's own. Classes are fixed: always refused.
 * Errors: -DER_NOSYS.
 */
int daos_obj_register_class(daos_handle_t coh, daos_oclass_id_t cid, struct daos_oclass_attr *attr,
                            daos_event_t *ev);

/**
 * Describe a class. Refused as daos_obj_register_class() is.
 * Errors: -DER_NOSYS.
 */
int daos_obj_query_class(daos_handle_t coh, daos_oclass_id_t cid, struct daos_oclass_attr *attr,
                         daos_event_t *ev);

/**
 * List classes. Refused as daos_obj_register_class() is.
 * Errors: -DER_NOSYS.
 */
int daos_obj_list_class(daos_handle_t coh, struct daos_oclass_list *list, daos_anchor_t *anchor,
                        daos_event_t *ev);

#ifdef __cplusplus
}
#endif

#endif /* TARN_DAOS_OBJ_CLASS_H */
