/* What a seed makes of a run: the knobs of everything. */
#ifndef TARN_SIM_PROFILE_H
#define TARN_SIM_PROFILE_H

#include "run.h"

struct sim_profile {
    uint32_t faults; /* enum sim_fault_flag */
    uint32_t clients;
    uint32_t devices;
    struct sim_world_conf world;
    struct sim_cluster_conf cluster;
    uint32_t deeds; /* of the director, spread over the operations */
    bool storm;     /* engines die again and again */
    uint32_t disk_fail_ppm, flush_fail_ppm;
    uint8_t large_pct;     /* of a hundred values so many are large */
    uint32_t leave_one_in; /* of so many steps of a client one is its last: it goes, and comes again
                              as another; 0: it stays */
    bool together;         /* an engine's clients die with it, as those of an embedded pool do */
};

/* allowed: kinds; devices: how many, 0: as the seed draws; targets: 0: as the seed draws; the rest
 * follows from the seed alone. */
void sim_profile_draw(uint64_t seed, uint32_t allowed, uint32_t devices, uint32_t targets,
                      struct sim_profile *p);
/* In one line. */
void sim_profile_text(const struct sim_profile *p, char *buf, size_t len);

#endif
