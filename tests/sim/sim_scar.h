/*
 * sim_scar: damage of the simulated medium that is remembered, so that it can be healed.
 *
 *     sim_dev_rot(sd, "target0", off, SIM_ROT_BIT, 77)     what is durable there is damaged
 *     sim_dir_fault_at(... SIM_FAULT_MISDIRECT ...)        leaves scars where the write belonged
 * and where it landed n = sim_dev_scars(sd, "target0", place, ARRAY_LEN(place)); sim_dev_heal(sd,
 * "target0", 0, UINT64_MAX);
 *
 * A scar is a sector that does not hold what was written there last. It is gone once the sector is
 * durably written again. Healing puts the right bytes there, durably: after it the device is as if
 * nothing had ever gone wrong, so whatever was not served meanwhile must be served again, to the
 * byte.
 *
 * A write that came later and is still in the volatile cache hides a scar; should a power cut take
 * that write, the scar is there again.
 */
#ifndef TARN_SIM_SCAR_H
#define TARN_SIM_SCAR_H

#include "sim_dev.h"

enum sim_rot {
    SIM_ROT_BIT,   /* bit arg (modulo its bits) of the sector is flipped */
    SIM_ROT_ZERO,  /* it reads as zeros */
    SIM_ROT_NOISE, /* it reads as bytes that follow from arg */
    SIM_ROT_DEAD,  /* it cannot be read */
    SIM_ROT_NR
};

/* Damages the sector that holds byte off. -DER_BUSY: what it holds is not durable, or is damaged
 * already, or would be the same afterwards: nothing was done. */
int sim_dev_rot(struct sim_dir *sd, const char *name, uint64_t off, enum sim_rot how, uint64_t arg);
/* How many scars show now within [off, off + len). */
uint32_t sim_dev_scars(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len);
/* Heals the scars that show within [off, off + len); how many. */
uint32_t sim_dev_heal(struct sim_dir *sd, const char *name, uint64_t off, uint64_t len);

#endif
