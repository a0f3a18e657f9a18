/*
 * world: time, chance and the order of everything, simulated.
 *
 *     sim_world_create(&(struct sim_world_conf){.seed = 7}, &w);
 *     node = sim_world_node(w, "engine0");
 *     rt_xs_create(&(struct rt_xs_conf){.world = sim_world_rt(w), .node = node}, &xs);
 *     rt_spawn_on(xs, fn, arg);
 *     sim_world_run(w, done, arg);
 *
 * Every xstream of every node runs on the calling thread, one turn at a time, in an order drawn
 * from the seed; ready fibers of a turn too. A turn is charged drawn virtual time; an xstream is
 * now and then stalled, as one whose core was taken away. When nobody is ready, time jumps to the
 * next timer or event. So hours pass in a moment, and the same seed gives the same run, byte for
 * byte.
 *
 * Each node has clocks of its own: skew and drift against the world's time, and its wall clock may
 * jump. Monotonic clocks never go back.
 *
 * Two records are kept: the trace, a hash of what matters (turns, messages, bytes on disks), which
 * two runs of one seed are compared by; and, on demand, the story, a line for people.
 */
#ifndef TARN_SIM_WORLD_H
#define TARN_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include "rt/rt.h"
#include "sim_media.h"

#define SIM_NODES_MAX 16u
#define SIM_XS_MAX    32u

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S  UINT64_C(1000000000)

struct sim_world;

struct sim_world_conf {
    uint64_t seed;
    uint64_t turn_max_ns;  /* a turn takes 0 to this; 0: 2,000 */
    uint32_t stall_ppm;    /* chance of a turn to be followed by a stall of its xstream */
    uint64_t stall_max_ns; /* its length at most, drawn so that short ones are common */
    struct rt_keep *keep;  /* memory of earlier worlds; NULL: this one's own */
    /* Lines of the story. NULL: none. */
    void (*story)(void *arg, const char *line);
    void *arg;
};

int sim_world_create(const struct sim_world_conf *conf, struct sim_world **w);
/* Its xstreams are gone. */
void sim_world_destroy(struct sim_world *w);
struct rt_world *sim_world_rt(struct sim_world *w);
/* What else belongs to the run, for code that knows only the world it is in. */
void sim_world_set_user(struct sim_world *w, void *user);
void *sim_world_user(const struct sim_world *w);
struct sim_world *sim_world_of(struct rt_world *rw);
/* The knobs, which may be turned while it runs. */
struct sim_world_conf *sim_world_conf(struct sim_world *w);

/* A node, with clocks that show the world's time. The name stays the caller's. */
uint32_t sim_world_node(struct sim_world *w, const char *name);
/* From now on its clocks run drift_ppm faster than the world's. */
void sim_world_drift(struct sim_world *w, uint32_t node, int32_t drift_ppm);
/* Its wall clock jumps, forwards or backwards. */
void sim_world_jump(struct sim_world *w, uint32_t node, int64_t by_ns);

/* Steps until done(arg). False: nothing is ready and nothing is left to wait for (a hang), or
 * limit_ns of virtual time or turns_max turns have passed. */
bool sim_world_run(struct sim_world *w, bool (*done)(void *arg), void *arg, uint64_t limit_ns,
                   uint64_t turns_max);

uint64_t sim_world_now(const struct sim_world *w); /* of the world, nanoseconds since its start */
/* The world's generator. Whatever is drawn from it is part of the run. */
struct sim_rng *sim_world_rng(struct sim_world *w);
/* A length between min and max, small ones far more often: 0 and then exponentially spread. */
uint64_t sim_draw_span(struct sim_rng *r, uint64_t min, uint64_t max);
bool sim_chance(struct sim_rng *r, uint32_t ppm);

/* Something that happens at a moment of the world's time, between turns: fn must not wait. Events
 * of one moment happen in the order they were made. */
struct sim_event {
    void (*fn)(struct sim_event *e);
    uint64_t at_ns, seq; /* the world's */
};
void sim_world_at(struct sim_world *w, struct sim_event *e, uint64_t at_ns);
void sim_world_cancel(struct sim_world *w, struct sim_event *e); /* one that is not due: nothing */

/* ---- Records ---- */

/* Makes what matters part of the trace. */
void sim_trace_add(struct sim_world *w, const void *bytes, size_t len);
void sim_trace_u64(struct sim_world *w, uint64_t v);
uint64_t sim_world_trace(const struct sim_world *w);
bool sim_telling(const struct sim_world *w);
/* One line: time, who, what. who: a node's name or any word. */
void sim_tell(struct sim_world *w, const char *who, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
const char *sim_world_name(const struct sim_world *w, uint32_t node);

struct sim_world_stat {
    uint64_t turns, stalls, events, jumps;
};
struct sim_world_stat sim_world_stat(const struct sim_world *w);

#endif
