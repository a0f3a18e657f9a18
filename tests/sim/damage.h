/*
 * damage: what is stored goes bad while the cluster runs or is down, and what may be said of it.
 *
 * Sectors rot (a flipped bit, zeros, noise, a sector that cannot be read), and writes land at
 * another place. The hardware keeps the scars (sim_scar.h), so that what went bad can be healed
 * again. The oracle's rules:
 *
 *   - whoever meets damage gets an error (-DER_CSUM, -DER_IO), never wrong bytes; what failed has
 *     changed nothing
 *   - whatever clients could not read, the shard checker reports
 *   - an engine that does not open because of damage says so in three parts: that is a good end of
 *     its life, and the disk is healed for the next one. If it is not the first target's, it opens
 *     and says so of that target, whose data clients cannot reach
 *   - damage to one copy of the superblock is survived without a word
 *   - once everything is healed, everything is there, to the byte
 *
 * What nobody can tell is healed before an engine is opened: damage to the last group of the log
 * looks like one that was torn (docs/durability.md).
 */
#ifndef TARN_SIM_DAMAGE_H
#define TARN_SIM_DAMAGE_H

#include "run_int.h"

/* One deed: a sector or a few rot. The engine runs or does not. */
void damage_rot(struct run *r);
/* Evicts pages of the running engine, so that the next to ask reads them again. */
void damage_evict(struct run *r);
/* One of the next writes lands somewhere else. */
void damage_misdirect(struct run *r);
/* A bit of a value that readers find flips in the running engine's memory, while nobody works.
 * False: there is no such value. */
bool damage_memory(struct run *r);
void damage_memory_heal(struct run *r);
/* Is there damage that anybody may notice? Always true between damage_misdirect() and the write. */
bool damage_there(struct run *r);
/* Before an engine is opened: heals what it could not tell. */
void damage_fair(struct run *r);
/* Heals everything, and lets no write go astray any more. */
void damage_heal(struct run *r);
/* May an engine refuse to open like this? */
bool damage_refused(struct run *r, int rc, const struct err *e);
/* The engine runs: does it without a target, for damage there? Any but the first may be so. */
bool damage_left_out(struct run *r);
/* One that the pool has. */
uint32_t damage_any_target(struct run *r);

#endif
