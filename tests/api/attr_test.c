/* User attributes, of pools and of containers alike, and object id tables: normal, boundary, with
 * an event. */
#include "api.h"

/* Both have the same four calls. */
struct scope {
    daos_handle_t h;
    int (*list)(daos_handle_t h, char *buffer, size_t *size, daos_event_t *ev);
    int (*get)(daos_handle_t h, int n, const char *const *names, void *const *buffers,
               size_t *sizes, daos_event_t *ev);
    int (*set)(daos_handle_t h, int n, const char *const *names, const void *const *values,
               const size_t *sizes, daos_event_t *ev);
    int (*del)(daos_handle_t h, int n, const char *const *names, daos_event_t *ev);
};

static struct scope of_pool(struct api *a)
{
    return (struct scope){a->poh, daos_pool_list_attr, daos_pool_get_attr, daos_pool_set_attr,
                          daos_pool_del_attr};
}

static struct scope of_cont(struct api *a)
{
    return (struct scope){a->coh, daos_cont_list_attr, daos_cont_get_attr, daos_cont_set_attr,
                          daos_cont_del_attr};
}

static int set_one(struct scope *s, const char *name, const void *value, size_t size)
{
    return s->set(s->h, 1, &name, &value, &size, NULL);
}

/* The value's size is what comes back, whatever fits into the buffer. */
static int get_one(struct scope *s, const char *name, void *buf, size_t *size)
{
    return s->get(s->h, 1, &name, &buf, size, NULL);
}

static void values(struct scope s)
{
    char longest[DAOS_ATTR_NAME_MAX + 2], buf[16] = "", big[5000], back[5000];
    size_t size = sizeof(buf);

    memset(longest, 'n', sizeof(longest));
    longest[DAOS_ATTR_NAME_MAX + 1] = '\0';
    OK(set_one(&s, "one", "first", 5));
    OK(get_one(&s, "one", buf, &size));
    assert_int_equal(size, 5);
    assert_memory_equal(buf, "first", 5);
    OK(set_one(&s, "one", "2", 1)); /* the last one counts */
    size = sizeof(buf);
    OK(get_one(&s, "one", buf, &size));
    assert_int_equal(size, 1);
    assert_int_equal(buf[0], '2');

    OK(set_one(&s, "bytes", "a\0b", 3));
    memset(buf, '?', sizeof(buf));
    size = 2; /* too small: in part, and how much there is */
    OK(get_one(&s, "bytes", buf, &size));
    assert_int_equal(size, 3);
    assert_memory_equal(buf, "a\0?", 3);
    size = 0;
    OK(get_one(&s, "bytes", NULL, &size));
    assert_int_equal(size, 3);

    memset(big, 7, sizeof(big));
    OK(set_one(&s, "big", big, sizeof(big)));
    size = sizeof(back);
    OK(get_one(&s, "big", back, &size));
    assert_int_equal(size, sizeof(big));
    assert_memory_equal(big, back, sizeof(big));

    FAILS(DER_INVAL, set_one(&s, longest, "v", 1));
    FAILS(DER_INVAL, set_one(&s, "", "v", 1));
    FAILS(DER_INVAL, set_one(&s, NULL, "v", 1));
    FAILS(DER_INVAL, set_one(&s, "none", NULL, 1));
    FAILS(DER_INVAL, set_one(&s, "none", "v", 0));
    longest[DAOS_ATTR_NAME_MAX] = '\0';
    OK(set_one(&s, longest, "v", 1));
    FAILS(DER_NONEXIST, get_one(&s, "none", buf, &size));
    OK(s.del(s.h, 1, (const char *[]){longest}, NULL));
    FAILS(DER_NONEXIST, get_one(&s, longest, buf, &size));
    OK(s.del(s.h, 3, (const char *[]){"one", "bytes", "big"}, NULL));
}

static void several(struct scope s)
{
    const char *names[] = {"a", "bb", "ccc"}, *mixed[] = {"a", "none", "ccc"};
    const void *in[] = {"1", "22", "333"};
    size_t sizes[] = {1, 2, 3}, got[] = {8, 8, 8}, need = 0, len;
    char out[3][8] = {{0}}, list[64], *p;
    void *bufs[] = {out[0], out[1], out[2]};
    int seen = 0;

    OK(s.set(s.h, 3, names, in, sizes, NULL));
    OK(s.get(s.h, 3, names, bufs, got, NULL));
    assert_int_equal(got[2], 3);
    assert_memory_equal(out[2], "333", 3);
    FAILS(DER_NONEXIST, s.get(s.h, 3, mixed, bufs, got, NULL)); /* any that is missing */

    OK(s.list(s.h, NULL, &need, NULL));
    assert_int_equal(need, 2 + 3 + 4);
    len = sizeof(list);
    OK(s.list(s.h, list, &len, NULL));
    assert_int_equal(len, need);
    for (p = list; p < list + need; p += strlen(p) + 1) {
        assert_true(strcmp(p, "a") == 0 || strcmp(p, "bb") == 0 || strcmp(p, "ccc") == 0);
        seen++;
    }
    assert_int_equal(seen, 3);
    memset(list, '?', sizeof(list));
    len = 4; /* nothing beyond the buffer, and how much there is */
    OK(s.list(s.h, list, &len, NULL));
    assert_int_equal(len, need);
    assert_int_equal(list[4], '?');

    OK(s.del(s.h, 3, mixed, NULL)); /* what is missing is no error */
    need = 0;
    OK(s.list(s.h, NULL, &need, NULL));
    assert_int_equal(need, 3);
    OK(s.del(s.h, 3, names, NULL));
    FAILS(DER_INVAL, s.list(s.h, NULL, &need, NULL)); /* three bytes at nowhere */
    need = 0;
    OK(s.list(s.h, NULL, &need, NULL));
    assert_int_equal(need, 0);
}

/* Waits for ev; what it ended with. */
static int ended(daos_event_t *ev)
{
    bool done = false;

    while (!done)
        OK(daos_event_test(ev, DAOS_EQ_WAIT, &done));
    return ev->ev_error;
}

static void with_an_event(struct scope s)
{
    const char *name = "later";
    const void *value = "value";
    char buf[8] = "", list[16] = "";
    void *bufs[] = {buf};
    size_t size = 5, len = sizeof(list);
    daos_event_t ev;

    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    OK(s.set(s.h, 1, &name, &value, &size, &ev));
    OK(ended(&ev));
    size = sizeof(buf);
    OK(s.get(s.h, 1, &name, bufs, &size, &ev));
    OK(ended(&ev));
    assert_string_equal(buf, "value");
    OK(s.list(s.h, list, &len, &ev));
    OK(ended(&ev));
    assert_string_equal(list, "later");
    OK(s.del(s.h, 1, &name, &ev));
    OK(ended(&ev));
    size = sizeof(buf);
    OK(s.get(s.h, 1, &name, bufs, &size, &ev));
    FAILS(DER_NONEXIST, ended(&ev));
    OK(daos_event_fini(&ev));
}

static void attributes_of_a_pool(void **state)
{
    values(of_pool(*state));
    several(of_pool(*state));
    with_an_event(of_pool(*state));
}

static void attributes_of_a_container(void **state)
{
    values(of_cont(*state));
    several(of_cont(*state));
    with_an_event(of_cont(*state));
}

static void who_may_only_read_sets_none(void **state)
{
    struct api *a = *state;
    struct scope p = of_pool(a), c = of_cont(a);
    const char *name = "n";

    OK(set_one(&c, "n", "v", 1));
    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RO, &p.h, NULL, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &c.h, NULL, NULL));
    FAILS(DER_NO_PERM, set_one(&p, "n", "v", 1));
    FAILS(DER_NO_PERM, p.del(p.h, 1, &name, NULL));
    FAILS(DER_NO_PERM, set_one(&c, "n", "w", 1));
    FAILS(DER_NO_PERM, c.del(c.h, 1, &name, NULL));
    OK(get_one(&c, "n", NULL, &(size_t){0}));
    OK(daos_cont_close(c.h, NULL));
    OK(daos_pool_disconnect(p.h, NULL));
}

/* ---- Object id tables ---- */

static int only_even(daos_obj_id_t oid, d_iov_t *marker)
{
    assert_null(marker);
    return oid.lo % 2 == 0;
}

static int refuse(daos_obj_id_t oid, d_iov_t *marker)
{
    return -DER_BUSY;
}

static void ids_by_a_filter(void **state)
{
    struct api *a = *state;
    daos_handle_t oh, oit;
    daos_epoch_t epoch;
    daos_anchor_t anchor = {0};
    daos_obj_id_t oids[3];
    daos_event_t ev;
    uint32_t nr, seen = 0, i;

    for (i = 1; i <= 8; i++) {
        oh = api_obj(a, DAOS_OT_MULTI_HASHED, i);
        OK(put(oh, 0, "d", "a", "v"));
        OK(daos_obj_close(oh, NULL));
    }
    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    FAILS(DER_NONEXIST, daos_cont_snap_oit_create(a->coh, epoch + 1, NULL, NULL));
    FAILS(DER_INVAL, daos_cont_snap_oit_create(a->coh, 0, NULL, NULL));
    FAILS(DER_INVAL, daos_cont_snap_oit_create(a->coh, DAOS_EPOCH_MAX, NULL, NULL));
    OK(daos_event_init(&ev, DAOS_HDL_INVAL, NULL));
    OK(daos_cont_snap_oit_create(a->coh, epoch, NULL, &ev));
    OK(ended(&ev));
    OK(daos_oit_open(a->coh, epoch, &oit, NULL));
    while (!daos_anchor_is_eof(&anchor)) {
        nr = 3;
        OK(daos_oit_list_filter(oit, oids, &nr, &anchor, only_even, NULL));
        for (i = 0; i < nr; i++)
            assert_int_equal(oids[i].lo % 2, 0);
        seen += nr;
    }
    assert_int_equal(seen, 4);
    memset(&anchor, 0, sizeof(anchor));
    nr = 3;
    FAILS(DER_BUSY, daos_oit_list_filter(oit, oids, &nr, &anchor, refuse, NULL));
    FAILS(DER_INVAL, daos_oit_list_filter(oit, oids, &nr, &anchor, NULL, NULL));
    nr = 0;
    FAILS(DER_INVAL, daos_oit_list_filter(oit, oids, &nr, &anchor, only_even, NULL));
    memset(&anchor, 0, sizeof(anchor));
    nr = 3;
    OK(daos_oit_list_filter(oit, oids, &nr, &anchor, only_even, &ev));
    OK(ended(&ev));
    OK(daos_cont_snap_oit_destroy(a->coh, oit, &ev));
    OK(ended(&ev));
    OK(daos_oit_close(oit, &ev));
    OK(ended(&ev));
    OK(daos_event_fini(&ev));
}

/* How many entries have no marker. */
static uint32_t unmarked(daos_handle_t oit, uint32_t at_once)
{
    daos_obj_id_t oids[8];
    daos_anchor_t anchor = {0};
    uint32_t nr, seen = 0;

    while (!daos_anchor_is_eof(&anchor)) {
        nr = at_once;
        OK(daos_oit_list_unmarked(oit, oids, &nr, &anchor, NULL));
        assert_true(nr > 0 || daos_anchor_is_eof(&anchor));
        seen += nr;
    }
    return seen;
}

static char marker_seen[DAOS_OIT_MARKER_MAX_LEN + 1];

static int with_marker(daos_obj_id_t oid, d_iov_t *marker)
{
    if (marker == NULL)
        return 0;
    assert_true(marker->iov_len <= DAOS_OIT_MARKER_MAX_LEN);
    memcpy(marker_seen, marker->iov_buf, marker->iov_len);
    marker_seen[marker->iov_len] = '\0';
    return 1;
}

static void entries_are_marked(void **state)
{
    struct api *a = *state;
    char text[DAOS_OIT_MARKER_MAX_LEN + 1] = "0123456789abcdef0123456789abcdef";
    daos_obj_id_t oids[100], none = {.lo = 4711};
    daos_anchor_t anchor = {0};
    daos_handle_t oh, oit, ro;
    daos_epoch_range_t epr;
    daos_epoch_t epoch, later;
    uint32_t nr = 100, i;
    d_iov_t marker;

    for (i = 1; i <= 70; i++) {
        oh = api_obj(a, DAOS_OT_MULTI_HASHED, i);
        OK(put(oh, 0, "d", "a", "v"));
        OK(daos_obj_close(oh, NULL));
    }
    OK(daos_cont_create_snap(a->coh, &epoch, NULL, NULL));
    OK(daos_oit_open(a->coh, epoch, &oit, NULL));
    assert_int_equal(unmarked(oit, 8), 70);
    while (!daos_anchor_is_eof(&anchor))
        OK(daos_oit_list(oit, oids, &nr, &anchor, NULL));
    d_iov_set(&marker, text, 5);
    FAILS(DER_NONEXIST, daos_oit_mark(oit, none, &marker, NULL));
    FAILS(DER_INVAL, daos_oit_mark(oit, oids[0], NULL, NULL));
    d_iov_set(&marker, text, 0);
    FAILS(DER_INVAL, daos_oit_mark(oit, oids[0], &marker, NULL));
    d_iov_set(&marker, text, sizeof(text));
    FAILS(DER_INVAL, daos_oit_mark(oit, oids[0], &marker, NULL));
    assert_int_equal(unmarked(oit, 8), 70);
    d_iov_set(&marker, text, DAOS_OIT_MARKER_MAX_LEN);
    FAILS(DER_NO_HDL, daos_oit_mark(a->coh, oids[0], &marker, NULL));
    OK(daos_oit_mark(oit, oids[0], &marker, NULL));
    d_iov_set(&marker, text, 3);
    OK(daos_oit_mark(oit, oids[0], &marker, NULL)); /* in its place */
    assert_int_equal(unmarked(oit, 8), 69);
    nr = 50;
    memset(&anchor, 0, sizeof(anchor));
    OK(daos_oit_list_filter(oit, oids + 50, &nr, &anchor, with_marker, NULL));
    assert_int_equal(nr, 1);
    assert_memory_equal(&oids[50], &oids[0], sizeof(oids[0]));
    assert_string_equal(marker_seen, "012");
    OK(daos_oit_close(oit, NULL));

    /* they are there for others, and not objects; another table has its own */
    OK(daos_cont_create_snap(a->coh, &later, NULL, NULL));
    OK(daos_oit_open(a->coh, later, &oit, NULL));
    assert_int_equal(unmarked(oit, 8), 70);
    OK(daos_oit_close(oit, NULL));
    OK(daos_cont_open(a->poh, a->label, DAOS_COO_RO, &ro, NULL, NULL));
    OK(daos_oit_open(ro, epoch, &oit, NULL));
    assert_int_equal(unmarked(oit, 8), 69);
    FAILS(DER_NO_PERM, daos_oit_mark(oit, oids[0], &marker, NULL));
    OK(daos_oit_close(oit, NULL));
    OK(daos_cont_close(ro, NULL));

    /* they go with the table, or with its snapshot */
    OK(daos_oit_open(a->coh, epoch, &oit, NULL));
    OK(daos_cont_snap_oit_destroy(a->coh, oit, NULL));
    assert_int_equal(unmarked(oit, 8), 70);
    OK(daos_oit_mark(oit, oids[0], &marker, NULL));
    OK(daos_oit_close(oit, NULL));
    epr = (daos_epoch_range_t){epoch, epoch};
    OK(daos_cont_destroy_snap(a->coh, epr, NULL));
}

/* ---- By either name ---- */

static void renamed_functions_have_both_names(void **state)
{
    struct api *a = *state;
    daos_handle_t h;

#undef daos_pool_connect
#undef daos_cont_create
#undef daos_cont_open
#undef daos_cont_destroy
#undef daos_obj_generate_oid
    __typeof__(daos_pool_connect2) daos_pool_connect;
    __typeof__(daos_cont_create2) daos_cont_create;
    __typeof__(daos_cont_open2) daos_cont_open;
    __typeof__(daos_cont_destroy2) daos_cont_destroy;
    __typeof__(daos_obj_generate_oid2) daos_obj_generate_oid;
    daos_obj_id_t oid = {.lo = 1}, same = {.lo = 1};
    char text[DAOS_UUID_STR_SIZE];
    uuid_t uuid;

    OK(daos_pool_connect(a->path, NULL, DAOS_PC_RO, &h, NULL, NULL));
    OK(daos_pool_disconnect(h, NULL));
    OK(daos_cont_create(a->poh, &uuid, NULL, NULL));
    uuid_unparse(uuid, text);
    OK(daos_cont_open(a->poh, text, DAOS_COO_RO, &h, NULL, NULL));
    OK(daos_obj_generate_oid(h, &oid, DAOS_OT_MULTI_HASHED, OC_S1, 0, 0));
    OK(daos_obj_generate_oid2(h, &same, DAOS_OT_MULTI_HASHED, OC_S1, 0, 0));
    assert_memory_equal(&oid, &same, sizeof(oid));
    OK(daos_cont_close(h, NULL));
    OK(daos_cont_destroy(a->poh, text, 0, NULL));
}

/* ---- What tools ask ---- */

static void the_system(void **state)
{
    uint32_t major, minor, patch;
    char *tag;

    (void)state;
    OK(dc_mgmt_srv_version(&major, &minor, &patch, &tag));
    assert_int_equal(major, DAOS_VERSION_MAJOR);
    assert_int_equal(minor, DAOS_VERSION_MINOR);
    assert_string_equal(tag, "tarn");
    OK(daos_debug_add_mark("here"));
}

API_MAIN(API_TEST(attributes_of_a_pool), API_TEST(attributes_of_a_container),
         API_TEST(who_may_only_read_sets_none), API_TEST(ids_by_a_filter),
         API_TEST(entries_are_marked), API_TEST(renamed_functions_have_both_names),
         API_TEST(the_system))
