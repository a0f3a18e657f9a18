/* What a client of the shared name space does next. */
#include "work_share.h"
#include "base/assert.h"

#define NODES_SOME 12u /* from so many on nothing more is made */

static uint64_t draw(struct work_client *c, uint64_t n)
{
    return sim_rng_below(&c->rng, n);
}

/* How often each kind is drawn. */
static const uint8_t usual[SHARE_KIND_NR] = {
    [SHARE_CREATE] = 10,  [SHARE_MKDIR] = 8,    [SHARE_SYMLINK] = 8,  [SHARE_PUT] = 8,
    [SHARE_REMOVE] = 14,  [SHARE_MOVE] = 14,    [SHARE_EXCHANGE] = 8, [SHARE_CHMOD] = 5,
    [SHARE_SETATTR] = 4,  [SHARE_SETXATTR] = 6, [SHARE_RMXATTR] = 3,  [SHARE_WRITE] = 7,
    [SHARE_PUNCH] = 2,    [SHARE_LOOKUP] = 16,  [SHARE_STAT] = 7,     [SHARE_LISTED] = 4,
    [SHARE_GETXATTR] = 4, [SHARE_READ] = 6,     [SHARE_SIZE] = 3,
};

/* Swarm testing: some runs do a little of everything, most others much of some things and none of
 * others. Two themes are drawn on purpose, because chance meets them too rarely: directories that
 * move into each other, and links that take each other's place. */
void share_draw_run(struct work_client *c)
{
    static const uint8_t factors[] = {0, 1, 1, 1, 5}, deep[] = {25, 50, 50, 90};
    static const uint8_t moving[SHARE_KIND_NR] = {[SHARE_MKDIR] = 3,
                                                  [SHARE_LOOKUP] = 3,
                                                  [SHARE_MOVE] = 8,
                                                  [SHARE_EXCHANGE] = 1,
                                                  [SHARE_REMOVE] = 1};
    static const uint8_t linking[SHARE_KIND_NR] = {
        [SHARE_SYMLINK] = 4, [SHARE_LOOKUP] = 8, [SHARE_MOVE] = 3, [SHARE_EXCHANGE] = 4};
    struct share_work *w = share_work_of(c);
    uint64_t about = draw(c, 8);

    w->deep = about == 0 ? 100 : about == 1 ? 0 : deep[draw(c, ARRAY_LEN(deep))];
    for (uint32_t i = 0; i < SHARE_KIND_NR; i++)
        w->weight[i] = about == 0   ? moving[i]
                       : about == 1 ? linking[i]
                       : about <= 3 ? usual[i]
                                    : usual[i] * factors[draw(c, ARRAY_LEN(factors))];
    if (about <= 3)
        return;
    /* nothing goes on without something to work with, and a look at it */
    w->weight[SHARE_CREATE] += usual[SHARE_CREATE];
    w->weight[SHARE_MKDIR] += usual[SHARE_MKDIR];
    w->weight[SHARE_LOOKUP] += usual[SHARE_LOOKUP];
}

static uint8_t draw_kind(struct work_client *c)
{
    const struct share_work *w = share_work_of(c);
    uint64_t sum = 0, at;

    for (uint32_t i = 0; i < SHARE_KIND_NR; i++)
        sum += w->weight[i];
    at = draw(c, sum);
    for (uint8_t i = 0; i < SHARE_KIND_NR; i++) {
        if (at < w->weight[i])
            return i;
        at -= w->weight[i];
    }
    ASSERT(false);
    return SHARE_LOOKUP;
}

static uint8_t draw_name(struct work_client *c)
{
    return draw(c, 100) < share_work_of(c)->deep
               ? (uint8_t)draw(c, SHARE_DIR_NAMES)
               : (uint8_t)(SHARE_DIR_NAMES + draw(c, SHARE_NAMES - SHARE_DIR_NAMES));
}

static dfs_obj_t *draw_dir(struct work_client *c, uint16_t *ino)
{
    struct share_client *me = c->priv;
    const struct share_obj *o = &me->dir[draw(c, SHARE_DIRS)];

    *ino = SHARE_ROOT;
    if (o->obj == NULL || draw(c, 5) < 2)
        return NULL;
    *ino = o->ino;
    return o->obj;
}

/* An open node, a file if the operation is about contents. */
static bool draw_obj(struct work_client *c, struct share_call *call)
{
    struct share_client *me = c->priv;
    struct share_op *op = &call->op;
    struct share_obj *o =
        draw(c, 6) == 0 ? &me->dir[draw(c, SHARE_DIRS)] : &me->obj[draw(c, SHARE_OBJS)];
    bool contents = op->kind == SHARE_WRITE || op->kind == SHARE_PUNCH || op->kind == SHARE_READ ||
                    op->kind == SHARE_SIZE;

    if (o->obj == NULL || (contents && o->type != SHARE_FILE) ||
        (op->kind == SHARE_SETATTR && o->type == SHARE_LINK))
        return false;
    call->obj = o;
    op->ino = op->kind == SHARE_GETXATTR ? 0 : o->ino;
    op->cell = contents ? (uint8_t)draw(c, SHARE_CELLS) : 0;
    if (op->kind == SHARE_SIZE)
        op->cell = 0;
    if (!contents) {
        op->dir = o->dir;
        op->name = o->name;
    }
    return true;
}

static bool makes(uint8_t kind)
{
    return kind == SHARE_CREATE || kind == SHARE_MKDIR || kind == SHARE_SYMLINK ||
           kind == SHARE_PUT;
}

/* One that may be a directory moves to where one may be. */
static void draw_second(struct work_client *c, struct share_call *call)
{
    struct share_op *op = &call->op;

    call->dir2 = draw_dir(c, &op->dir2);
    if (draw(c, 3) == 0) { /* within a directory */
        call->dir2 = call->dir;
        op->dir2 = op->dir;
    }
    if (op->name < SHARE_DIR_NAMES)
        op->name2 = (uint8_t)draw(c, SHARE_DIR_NAMES);
    else if (op->kind == SHARE_EXCHANGE)
        op->name2 = (uint8_t)(SHARE_DIR_NAMES + draw(c, SHARE_NAMES - SHARE_DIR_NAMES));
    else
        op->name2 = draw_name(c);
    if (op->kind == SHARE_MOVE && draw(c, 6) == 0)
        op->flags = SHARE_NOREPLACE;
}

bool share_draw(struct work_client *c, struct share_call *call)
{
    struct share_work *w = share_work_of(c);
    struct share_op *op = &call->op;

    *call = (struct share_call){.op.kind = draw_kind(c)};
    op->val = w->next_val;
    op->mode = (uint16_t)(0400 | draw(c, 0400));
    switch (op->kind) {
    case SHARE_SETATTR:
    case SHARE_SETXATTR:
    case SHARE_RMXATTR:
    case SHARE_GETXATTR:
    case SHARE_WRITE:
    case SHARE_PUNCH:
    case SHARE_READ:
    case SHARE_SIZE:
        if (op->kind != SHARE_SETATTR)
            op->mode = 0;
        if (op->kind != SHARE_SETATTR && op->kind != SHARE_SETXATTR && op->kind != SHARE_WRITE)
            op->val = 0;
        if (op->kind == SHARE_SETXATTR && draw(c, 3) == 0)
            op->flags = draw(c, 2) ? SHARE_EXCL : SHARE_REPLACE;
        return draw_obj(c, call);
    default:
        break;
    }
    if (!makes(op->kind) && op->kind != SHARE_CHMOD)
        op->mode = 0;
    if (op->kind != SHARE_PUT)
        op->val = 0;
    call->dir = draw_dir(c, &op->dir);
    op->name = op->kind == SHARE_MKDIR ? (uint8_t)draw(c, SHARE_DIR_NAMES) : draw_name(c);
    if (op->kind == SHARE_REMOVE && op->name >= SHARE_DIR_NAMES)
        op->val = (uint16_t)draw(c, 2); /* by force, which is no other thing for these */
    if (op->kind == SHARE_MOVE || op->kind == SHARE_EXCHANGE)
        draw_second(c, call);
    if (!makes(op->kind))
        return true;
    if (w->next_ino == SHARE_INO_MAX || share_nodes(hist_state(w->h)) >= NODES_SOME)
        return false;
    op->ino = (uint16_t)w->next_ino++;
    if (op->kind == SHARE_SYMLINK)
        op->mode = 0;
    if (op->kind == SHARE_CREATE && draw(c, 2))
        op->flags = SHARE_EXCL;
    if (op->kind == SHARE_PUT && draw(c, 3))
        op->flags = SHARE_REPLACE;
    return true;
}
