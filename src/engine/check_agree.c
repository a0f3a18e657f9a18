/*
 * The stores of the targets against the pool service. What it means if one knows more:
 *
 *   container, store    a problem: nobody can open it or give its room back. One that the service
 *                       has destroyed is not: the store follows, at the next opening at the latest
 *   container, service  none: a store has those that were ever used in it
 *   snapshot, store     none after a crash: it was being made, and the next opening removes it. A
 *                       problem after a clean closing: the service has lost it
 *   snapshot, service   a problem, if the store has the container: the store comes first when one
 *                       is made and last when it is removed. What it would show there may have been
 *                       given up
 *
 * What cannot be read cannot disagree; the walks have told of it.
 */
#include <stdio.h>
#include "base/label.h"
#include "engine/engine_int.h"

struct agree {
    struct engine *eng;
    void (*say)(void *arg, const char *text);
    void *arg;
    struct cont_list conts;
    struct snap_list snaps;
    uint8_t cont[16];
    uint64_t epoch;
    bool alive, gone, yes, started;
    char label[DAOS_PROP_MAX_LABEL_BUF_LEN];
};

/* ---- Questions to the service, on the first shard ---- */

static int known(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_has_cont(s->svc, a->cont, &a->alive, &a->gone);
}

static int snap_known(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_has_snap(s->svc, a->cont, a->epoch, &a->yes);
}

static int snap_next(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_next_snap(s->svc, a->cont, &a->epoch, &a->started);
}

static int label(struct shard *s, void *arg)
{
    struct agree *a = arg;

    return svc_cont_label(s->svc, a->cont, a->label, sizeof(a->label));
}

static int ask(struct agree *a, int (*op)(struct shard *s, void *arg))
{
    return shard_run(a->eng->shard, op, a);
}

/* ---- Answers ---- */

static bool closed_cleanly(const struct shard *s)
{
    for (int r = 0; r < SUPER_ROLE_NR; r++)
        if (!super_is_clean(s->devs.role[r]))
            return false;
    return true;
}

static void say(struct agree *a, const struct shard *of, const char *what)
{
    char text[640], target[CHECK_TARGET_MAX];

    a->label[0] = '\0';
    if (ask(a, label) != 0 || a->label[0] == '\0')
        uuid_text_print(a->cont, a->label);
    check_target_text(a->eng, of->target, target);
    snprintf(text, sizeof(text), "%scontainer %s: %s", target, a->label, what);
    a->say(a->arg, text);
}

static void say_snap(struct agree *a, const struct shard *of, const char *what)
{
    char text[320];

    snprintf(text, sizeof(text), "%s (snapshot %llu)", what, (unsigned long long)a->epoch);
    say(a, of, text);
}

static int agree_snaps(struct agree *a, struct shard *of)
{
    int rc = store_snaps(of, a->cont, &a->snaps);

    for (uint32_t i = 0; rc == 0 && closed_cleanly(of) && i < a->snaps.nr; i++) {
        a->epoch = a->snaps.epoch[i];
        rc = ask(a, snap_known);
        if (rc == 0 && !a->yes)
            say_snap(a, of, "the store keeps a snapshot that the pool service does not know");
    }
    a->started = false;
    while (rc == 0 && (rc = ask(a, snap_next)) == 0)
        if (!store_snaps_has(&a->snaps, a->epoch))
            say_snap(a, of,
                     "the store does not keep a snapshot that the pool service knows: what it "
                     "shows there may be gone");
    return rc;
}

static int agree_cont(struct agree *a, struct shard *of)
{
    int rc = ask(a, known);

    if (rc != 0 || a->gone)
        return rc;
    if (a->alive) {
        if (of->target == 0 && ask(a, label) == -DER_NONEXIST)
            say(a, of, "its properties are lost: it cannot be opened");
        return agree_snaps(a, of);
    }
    say(a, of, "it is in the store, but the pool service does not know it");
    return 0;
}

static bool is_harmless(const struct engine *eng, const struct shard *of, int rc)
{
    return rc == -DER_NONEXIST || heap_goes_on(eng->shard->heap, rc) || heap_goes_on(of->heap, rc);
}

int check_agree(struct engine *eng, void (*report)(void *arg, const char *text), void *arg)
{
    struct agree *a = base_calloc(1, sizeof(*a));
    int rc = 0;

    if (a == NULL)
        return -DER_NOMEM;
    a->eng = eng;
    a->say = report;
    a->arg = arg;
    for (uint32_t t = 0; t < eng->shard_nr && rc == 0; t++) {
        struct shard *of = &eng->shard[t];

        if (!shard_serves(of))
            continue;
        rc = store_conts(of, &a->conts);
        for (uint32_t i = 0; i < a->conts.nr && rc == 0; i++) {
            memcpy(a->cont, a->conts.uuid[i], 16);
            rc = agree_cont(a, of);
            rc = is_harmless(eng, of, rc) ? 0 : rc;
        }
    }
    base_free(a->conts.uuid);
    base_free(a->snaps.epoch);
    base_free(a);
    return rc;
}
