/* Inside a copy: what copy.c (directories, large files, the whole) and copy_small.c share. */
#ifndef TARN_TOOLS_COPY_INT_H
#define TARN_TOOLS_COPY_INT_H

#include "tools/copy.h"
#include "tools/walk.h"

struct copy {
    const struct copy_conf *conf;
};

static inline const struct copy_conf *conf_of(const struct slot *s)
{
    return ((struct copy *)s->w->walk->arg)->conf;
}

static inline const char *target_name(const struct copy_conf *conf, const char *name)
{
    return conf->only_as != NULL ? conf->only_as : name;
}

/* Copies the extended attributes of a file that has been copied. errno. */
int copy_file_xattrs(struct walk *k, struct job *job, const struct entry *e);
/* Copies the slot's file; the slot is done at the end. */
void copy_small_start(struct slot *s);
/* Starts what waits for company. */
void copy_small_flush(struct worker *w);

#endif
