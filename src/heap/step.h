/* Steps of the durability protocol, in the order a power cut may separate them. X(NAME, text). */
#ifndef TARN_HEAP_STEP_H
#define TARN_HEAP_STEP_H

#define HEAP_STEPS(X)                                                                              \
    X(WAL_SEALED, "log group sealed, not submitted")                                               \
    X(WAL_WRITTEN, "log group durable, nobody told")                                               \
    X(WAL_TOLD, "waiters of the log group told")                                                   \
    X(CKPT_BEGIN, "checkpoint begins")                                                             \
    X(CKPT_COPIED, "pages copied, sums logged, not durable")                                       \
    X(CKPT_SUMMED, "page sums durable, pages not submitted")                                       \
    X(CKPT_PAGES, "pages written, not flushed")                                                    \
    X(CKPT_FLUSHED, "pages flushed, no checkpoint record")                                         \
    X(CKPT_RECORDED, "checkpoint record durable, log not reused")                                  \
    X(CKPT_DONE, "log behind the checkpoint is free")                                              \
    X(GROW_DEVICE, "role grown, heap does not know")                                               \
    X(GROW_LOGGED, "growth logged")                                                                \
    X(RECOVER_SCANNED, "log scanned")                                                              \
    X(RECOVER_LOADED, "pages of the log loaded")                                                   \
    X(RECOVER_APPLIED, "log replayed in memory")                                                   \
    X(RECOVER_FLUSHED, "devices flushed after recovery")                                           \
    X(CLOSE_DURABLE, "close: everything durable")                                                  \
    X(CLOSE_MARKED, "close: log marked clean")

enum heap_step {
#define STEP_ENUM(name, text) HEAP_STEP_##name,
    HEAP_STEPS(STEP_ENUM)
#undef STEP_ENUM
        HEAP_STEP_NR
};

#endif
