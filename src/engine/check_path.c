/*
 * Which file is this object? The checker finds objects by their ids; a person knows paths.
 *
 * Names are learned from every directory entry that can be read (docs/formats.md, "POSIX
 * containers"), in no order and without a root to begin at, so that damage to a directory costs the
 * names in it and no others. It is done only when something is damaged, and for so many names only.
 */
#include <stdio.h>
#include "base/htable.h"
#include "engine/engine_int.h"

#define NAMES_MAX    (1u << 20)
#define DEPTH_MAX    256u
#define INODE_BYTES  88u
#define INODE_OID_AT 4u
#define INODE_KEY    "DFS_INODE"
#define ROOT         "/" /* the root's entry, in the superblock's object */

struct name {
    struct hlink link;
    uint8_t cont[16];
    daos_obj_id_t oid, parent;
    uint64_t epoch;
    char text[];
};

static uint64_t hash_of(const uint8_t cont[16], daos_obj_id_t oid)
{
    return mix128(oid.hi, oid.lo) ^ hash_bytes(cont, 16);
}

static struct name *name_of(const struct check_paths *p, const uint8_t cont[16], daos_obj_id_t oid)
{
    for (struct hlink *l = htable_first(&p->names, hash_of(cont, oid)); l != NULL;
         l = htable_next(l)) {
        struct name *n = CONTAINER_OF(l, struct name, link);

        if (n->oid.hi == oid.hi && n->oid.lo == oid.lo && memcmp(n->cont, cont, 16) == 0)
            return n;
    }
    return NULL;
}

void check_paths_init(struct check_paths *p)
{
    htable_init(&p->names);
    p->nr = 0;
}

void check_paths_fini(struct check_paths *p)
{
    struct hlink *l;

    while ((l = htable_pop(&p->names)) != NULL)
        base_free(CONTAINER_OF(l, struct name, link));
    htable_fini(&p->names);
}

int check_paths_learn(struct check_paths *p, const struct vos_found *at, uint64_t epoch,
                      const void *bytes, uint64_t len)
{
    daos_obj_id_t oid;
    struct name *n, *old;
    size_t size;

    if (len != INODE_BYTES || at->akey == NULL || strcmp(at->akey, INODE_KEY) != 0 ||
        at->dkey == NULL)
        return 0;
    memcpy(&oid.lo, (const uint8_t *)bytes + INODE_OID_AT, 8);
    memcpy(&oid.hi, (const uint8_t *)bytes + INODE_OID_AT + 8, 8);
    old = name_of(p, at->cont, oid);
    if (old != NULL && old->epoch >= epoch)
        return 0;
    if (old == NULL && p->nr == NAMES_MAX)
        return 0;
    size = strlen(at->dkey) + 1;
    n = base_alloc(sizeof(*n) + size);
    if (n == NULL)
        return -DER_NOMEM;
    if (old != NULL) { /* it was renamed */
        htable_remove(&p->names, &old->link);
        base_free(old);
        p->nr--;
    }
    memcpy(n->cont, at->cont, 16);
    n->oid = oid;
    n->parent = at->oid;
    n->epoch = epoch;
    memcpy(n->text, at->dkey, size);
    htable_insert(&p->names, &n->link, hash_of(at->cont, oid));
    p->nr++;
    return 0;
}

bool check_paths_find(const struct check_paths *p, const uint8_t cont[16], daos_obj_id_t oid,
                      char *buf, size_t len)
{
    const struct name *way[DEPTH_MAX], *n = name_of(p, cont, oid);
    uint32_t nr = 0;
    size_t at = 0;

    if (n == NULL)
        return false;
    for (; n != NULL && nr < DEPTH_MAX && strcmp(n->text, ROOT) != 0;
         n = name_of(p, cont, n->parent))
        way[nr++] = n;
    snprintf(buf, len, "%s", n != NULL || nr == 0 ? "" : "...");
    at = strlen(buf);
    if (nr == 0)
        snprintf(buf, len, "/");
    while (nr > 0 && at + 2 < len) {
        int w = snprintf(buf + at, len - at, "/%s", way[--nr]->text);

        at = MIN(at + (size_t)w, len - 1);
    }
    return true;
}

/* The entry of that name in a directory; linear, for tools. */
static const struct name *child_of(const struct check_paths *p, const uint8_t cont[16],
                                   const daos_obj_id_t *dir, const char *text, size_t len)
{
    uint64_t pos = 0;

    for (struct hlink *l = NULL; (l = htable_walk(&p->names, &pos, l)) != NULL;) {
        const struct name *n = CONTAINER_OF(l, struct name, link);

        if (memcmp(n->cont, cont, 16) == 0 && strlen(n->text) == len &&
            memcmp(n->text, text, len) == 0 &&
            (dir == NULL || (n->parent.hi == dir->hi && n->parent.lo == dir->lo)))
            return n;
    }
    return NULL;
}

bool check_paths_lookup(const struct check_paths *p, const uint8_t cont[16], const char *path,
                        daos_obj_id_t *oid)
{
    const struct name *n = child_of(p, cont, NULL, ROOT, 1);

    while (n != NULL && *path != '\0') {
        size_t len;

        path += strspn(path, "/");
        len = strcspn(path, "/");
        if (len > 0)
            n = child_of(p, cont, &n->oid, path, len);
        path += len;
    }
    if (n != NULL)
        *oid = n->oid;
    return n != NULL;
}
