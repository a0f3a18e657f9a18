/* The pool service, a command at a time. */
#include "svc_rig.h"
#include "svc/state.h"

static void test_a_new_pool(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep c;
    struct msg_pool_query_req q = {.all_props = 1};
    struct msg_pool_query_rep a = {0};

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &c), 0);
    assert_int_equal(c.info.ntargets, 1);
    assert_int_equal(c.info.nnodes, 1);
    assert_int_equal(c.info.map_version, 1);
    assert_int_equal(c.info.uuid[1], 2);
    assert_true(c.map.len > 0);
    memcpy(q.hdl, c.hdl, 16);
    assert_int_equal(rig_read(r, MSG_POOL_QUERY, &q, &a), 0);
    assert_int_equal(a.props_nr, DAOS_PROP_PO_NUM);
    assert_int_equal(rig_prop(a.props, a.props_nr, DAOS_PROP_PO_REDUN_FAC)->val, 0);
    assert_int_equal(rig_prop(a.props, a.props_nr, DAOS_PROP_PO_SPACE_RB)->val, 5);
    assert_int_equal(rig_prop(a.props, a.props_nr, DAOS_PROP_PO_EC_CELL_SZ)->val, 131072);
    assert_string_equal(rig_prop(a.props, a.props_nr, DAOS_PROP_PO_OWNER)->text, "ann@");
    assert_string_equal(rig_prop(a.props, a.props_nr, DAOS_PROP_PO_LABEL)->text,
                        "pool_label_not_set");
    assert_true(rig_prop(a.props, a.props_nr, DAOS_PROP_PO_ACL)->blob.len > 0);
    assert_int_equal(rig_disconnect(r, c.hdl), 0);
    assert_int_equal(rig_disconnect(r, c.hdl), -DER_NO_HDL);
    assert_int_equal(rig_read(r, MSG_POOL_QUERY, &q, &a), -DER_NO_HDL);
}

static void test_who_may_connect(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep c;

    assert_int_equal(rig_connect(r, "bob@", "lab@", DAOS_PC_RW, &c), 0);
    assert_int_equal(c.caps, MSG_POOL_READ | MSG_POOL_CREATE_CONT | MSG_POOL_DEL_CONT);
    assert_int_equal(rig_connect(r, "bob@", "lab@", DAOS_PC_RO, &c), 0);
    assert_int_equal(c.caps, MSG_POOL_READ);
    assert_int_equal(rig_connect(r, "eve@", "evil@", DAOS_PC_RO, &c), -DER_NO_PERM);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RO | DAOS_PC_RW, &c), -DER_INVAL);
    assert_int_equal(rig_connect(r, "ann@", "lab@", 0, &c), -DER_INVAL);
    assert_int_equal(rig_connect(r, NULL, "lab@", DAOS_PC_RO, &c), -DER_INVAL);
}

static void test_exclusive_pool_handles(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep a, b;

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &a), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_EX, &b), -DER_BUSY);
    assert_int_equal(rig_disconnect(r, a.hdl), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_EX, &b), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RO, &a), -DER_BUSY);
}

static void test_life_of_a_container(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    struct msg_pool_list_cont_req lq = {.want_info = 1};
    struct msg_pool_list_cont_rep list = {0};
    struct msg_cont_destroy_req dq = {.cont = "data"};
    struct msg_cont_destroy_rep dr;
    uint8_t uuid[16];

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 0x11, "data", NULL, 0), 0);
    assert_int_equal(rig_create(r, p.hdl, 0x22, "data", NULL, 0), -DER_EXIST);
    assert_int_equal(rig_create(r, p.hdl, 0x11, "other", NULL, 0), -DER_EXIST);
    assert_int_equal(rig_create(r, p.hdl, 0x22, "bad label!", NULL, 0), -DER_INVAL);
    assert_int_equal(rig_create(r, p.hdl, 0x22, "container_label_not_set", NULL, 0), -DER_INVAL);
    assert_int_equal(rig_create(r, p.hdl, 0x33, NULL, NULL, 0), 0);

    assert_int_equal(rig_cont_open(r, p.hdl, "nobody", DAOS_COO_RW, &c), -DER_NONEXIST);
    assert_int_equal(rig_cont_open(r, p.hdl, "data", DAOS_COO_RW, &c), 0);
    assert_int_equal(c.info.uuid[0], 0x11);
    assert_int_equal(c.info.handles, 1);
    assert_int_equal(c.caps, DAOS_ACL_PERM_CONT_ALL);
    assert_int_equal(rig_prop(c.props, c.props_nr, DAOS_PROP_CO_REDUN_FAC)->val, 0);
    assert_int_equal(rig_prop(c.props, c.props_nr, DAOS_PROP_CO_CSUM)->val, 0);
    assert_string_equal(rig_prop(c.props, c.props_nr, DAOS_PROP_CO_LABEL)->text, "data");
    assert_non_null(svc_cont_handle(r->svc, c.hdl));
    assert_int_equal(rig_disconnect(r, p.hdl), -DER_BUSY);

    memcpy(lq.hdl, p.hdl, 16);
    assert_int_equal(rig_read(r, MSG_POOL_LIST_CONT, &lq, &list), 0);
    assert_int_equal(list.conts_nr, 2);
    assert_string_equal(list.conts[0].label, "data");
    assert_int_equal(list.conts[0].info.handles, 1);
    assert_string_equal(list.conts[1].label, "container_label_not_set");

    memcpy(dq.hdl, p.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_DESTROY, &dq, &dr, 0), -DER_BUSY);
    dq.force = 1;
    assert_int_equal(rig_apply(r, MSG_CONT_DESTROY, &dq, &dr, 0), 0);
    assert_null(svc_cont_handle(r->svc, c.hdl));
    assert_int_equal(rig_cont_close(r, c.hdl), -DER_NO_HDL);
    assert_int_equal(svc_cont_lookup(r->svc, "data", uuid), -DER_NONEXIST);
    /* Its uuid is not free before its data is. */
    assert_int_equal(rig_create(r, p.hdl, 0x11, "again", NULL, 0), -DER_EXIST);
    assert_int_equal(rig_create(r, p.hdl, 0x44, "data", NULL, 0), 0);
    assert_int_equal(rig_disconnect(r, p.hdl), 0);
}

static void test_times_of_a_container(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    uint64_t opened, modified;

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    opened = c.info.open_time;
    modified = c.info.modify_time;
    assert_int_equal(opened, r->now);
    assert_int_equal(rig_cont_close(r, c.hdl), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RO | DAOS_COO_RO_MDSTATS, &c), 0);
    assert_int_equal(c.info.open_time, opened);
    assert_true(c.info.modify_time > modified);
    modified = c.info.modify_time;
    assert_int_equal(rig_cont_close(r, c.hdl), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RO, &c), 0);
    assert_true(c.info.open_time > opened);
    assert_int_equal(c.info.modify_time, modified);
}

static void test_open_flags_and_conflicts(void **state)
{
    static const uint32_t bad[] = {0,
                                   DAOS_COO_RO | DAOS_COO_RW,
                                   DAOS_COO_RW | DAOS_COO_RO_MDSTATS,
                                   DAOS_COO_EX | DAOS_COO_EVICT,
                                   DAOS_COO_RW | DAOS_COO_EVICT_ALL,
                                   DAOS_COO_RW | 1u << 20};
    struct rig *r = *state;
    struct msg_pool_connect_rep ann, bob, ro;
    struct msg_cont_open_rep a, b, c;

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &ann), 0);
    assert_int_equal(rig_connect(r, "bob@", "lab@", DAOS_PC_RW, &bob), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RO, &ro), 0);
    assert_int_equal(rig_create(r, ann.hdl, 1, "c", NULL, 0), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rig_cont_open(r, ann.hdl, "c", bad[i], &a), -DER_INVAL);
    assert_int_equal(rig_cont_open(r, ro.hdl, "c", DAOS_COO_RW, &a),
                     0); /* the container's ACL says */
    assert_int_equal(rig_cont_close(r, a.hdl), 0);
    assert_int_equal(rig_create(r, ro.hdl, 2, "d", NULL, 0), -DER_NO_PERM);
    assert_int_equal(rig_cont_open(r, ann.hdl, "c", DAOS_COO_RW, &a), 0);
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_RW, &b), 0);
    assert_int_equal(b.caps, DAOS_ACL_PERM_READ | DAOS_ACL_PERM_WRITE | DAOS_ACL_PERM_GET_PROP |
                                 DAOS_ACL_PERM_SET_PROP);
    assert_int_equal(b.info.handles, 2);
    assert_int_equal(rig_cont_open(r, ann.hdl, "c", DAOS_COO_EX, &c), -DER_BUSY);
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_EX, &c), -DER_NO_PERM);
    /* bob evicts his own handles only */
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_RO | DAOS_COO_EVICT, &c), 0);
    assert_int_equal(c.info.handles, 2);
    assert_null(svc_cont_handle(r->svc, b.hdl));
    assert_non_null(svc_cont_handle(r->svc, a.hdl));
    /* the owner evicts everybody */
    assert_int_equal(rig_cont_open(r, ann.hdl, "c", DAOS_COO_EX | DAOS_COO_EVICT_ALL, &b), 0);
    assert_int_equal(b.info.handles, 1);
    assert_null(svc_cont_handle(r->svc, a.hdl));
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_RO, &c), -DER_BUSY);
}

static void test_properties_of_a_container(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    struct msg_prop csum = {.type = DAOS_PROP_CO_CSUM, .val = DAOS_PROP_CO_CSUM_CRC32};
    struct msg_prop wrong = {.type = DAOS_PROP_CO_CSUM, .val = 99};
    struct msg_prop domain = {.type = DAOS_PROP_CO_PERF_DOMAIN, .val = 7};
    struct msg_prop alien = {.type = DAOS_PROP_PO_SPACE_RB, .val = 1};
    struct msg_prop fixed = {.type = DAOS_PROP_CO_GLOBAL_VERSION, .val = 1};
    struct msg_prop set[2] = {{.type = DAOS_PROP_CO_LABEL, .text = "renamed"},
                              {.type = DAOS_PROP_CO_SNAPSHOT_MAX, .val = 1}};
    struct msg_cont_set_prop_req sq = {.props = set, .props_nr = 2};
    struct msg_cont_set_prop_rep sr;
    uint32_t types[] = {DAOS_PROP_CO_CSUM, DAOS_PROP_CO_LABEL, DAOS_PROP_CO_ROOTS,
                        DAOS_PROP_CO_ACL};
    struct msg_cont_query_req q = {.props = types, .props_nr = 4};
    struct msg_cont_query_rep a = {0};
    uint8_t uuid[16];

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", &wrong, 1), -DER_INVAL);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", &alien, 1), -DER_INVAL);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", &fixed, 1), -DER_INVAL);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", &domain, 1), -DER_INVAL);
    domain.val = DAOS_PROP_PERF_DOMAIN_GROUP;
    assert_int_equal(rig_create(r, p.hdl, 3, "near", &domain, 1), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", &csum, 1), 0);
    assert_int_equal(rig_create(r, p.hdl, 2, "taken", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    memcpy(sq.hdl, c.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, &sr, 0), 0);
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, &sr, 0), 0); /* the label it has */
    set[0].text = "taken";
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, &sr, 0), -DER_EXIST);
    set[0].text = "lost";
    set[1].val = UINT64_MAX;
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, &sr, 0),
                     -DER_INVAL); /* and nothing of it */
    assert_int_equal(svc_cont_lookup(r->svc, "lost", uuid), -DER_NONEXIST);
    assert_int_equal(svc_cont_lookup(r->svc, "c", uuid), -DER_NONEXIST);
    memcpy(q.hdl, c.hdl, 16);
    assert_int_equal(rig_read(r, MSG_CONT_QUERY, &q, &a), 0);
    assert_int_equal(a.props_nr, 4);
    assert_int_equal(a.props[0].val, DAOS_PROP_CO_CSUM_CRC32);
    assert_string_equal(a.props[1].text, "renamed");
    assert_int_equal(a.props[2].flags, DAOS_PROP_ENTRY_NOT_SET);
    assert_true(a.props[3].blob.len > 0);
    types[0] = 17;
    assert_int_equal(rig_read(r, MSG_CONT_QUERY, &q, &a), -DER_INVAL);
}

static void test_rights_on_a_container(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep ann, bob;
    struct msg_cont_open_rep a, b;
    struct msg_prop label = {.type = DAOS_PROP_CO_LABEL, .text = "bobs"};
    struct msg_cont_set_prop_req sq = {.props = &label, .props_nr = 1};
    struct msg_set_owner_req oq = {.scope = MSG_SCOPE_CONT, .user = "bob@"};
    struct msg_acl_delete_req dq = {.scope = MSG_SCOPE_CONT, .principal = DAOS_ACL_OWNER_GROUP};
    uint32_t acl = DAOS_PROP_CO_ACL;
    struct msg_cont_query_req q = {.props = &acl, .props_nr = 1};
    struct msg_cont_query_rep ans = {0};
    uint64_t none[8];

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &ann), 0);
    assert_int_equal(rig_connect(r, "bob@", "lab@", DAOS_PC_RW, &bob), 0);
    assert_int_equal(rig_create(r, ann.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, ann.hdl, "c", DAOS_COO_RW, &a), 0);
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_RW, &b), 0);
    /* the group may set properties, but neither see the ACL nor give the container away */
    memcpy(sq.hdl, b.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, none, 0), 0);
    memcpy(q.hdl, b.hdl, 16);
    assert_int_equal(rig_read(r, MSG_CONT_QUERY, &q, &ans), -DER_NO_PERM);
    memcpy(oq.hdl, b.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_SET_OWNER, &oq, none, 0), -DER_NO_PERM);
    /* the owner shuts the group out; open handles stay what they are */
    memcpy(dq.hdl, a.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_ACL_DELETE, &dq, none, 0), 0);
    assert_int_equal(rig_apply(r, MSG_ACL_DELETE, &dq, none, 0), -DER_NONEXIST);
    assert_int_equal(rig_cont_close(r, b.hdl), 0);
    assert_int_equal(rig_cont_open(r, bob.hdl, "bobs", DAOS_COO_RO, &b), -DER_NO_PERM);
    /* and gives it to bob, who is let in by OWNER@ */
    memcpy(oq.hdl, a.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_SET_OWNER, &oq, none, 0), 0);
    assert_int_equal(rig_cont_open(r, bob.hdl, "bobs", DAOS_COO_RW, &b), 0);
    assert_int_equal(rig_cont_close(r, a.hdl), 0);
    assert_int_equal(rig_cont_open(r, ann.hdl, "bobs", DAOS_COO_RO, &a), -DER_NO_PERM);
}

/* What a creator gives is merged over the list that every container gets. */
static void test_a_list_given_at_creation(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep ann, bob, eve;
    struct msg_cont_open_rep a;
    uint8_t acl[256];
    struct daos_acl *head = (struct daos_acl *)acl;
    struct daos_ace *ace = (struct daos_ace *)(acl + sizeof(*head));
    struct msg_prop given = {.type = DAOS_PROP_CO_ACL};

    memset(acl, 0, sizeof(acl));
    head->dal_ver = DAOS_ACL_VERSION;
    head->dal_len = sizeof(*ace) + 8;
    ace->dae_access_types = DAOS_ACL_ACCESS_ALLOW;
    ace->dae_principal_type = DAOS_ACL_USER;
    ace->dae_principal_len = 8;
    ace->dae_allow_perms = DAOS_ACL_PERM_READ | DAOS_ACL_PERM_GET_PROP;
    strcpy(ace->dae_principal, "eve@");
    given.blob = (struct msg_buf){acl, (uint32_t)sizeof(*head) + head->dal_len};

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &ann), 0);
    assert_int_equal(rig_connect(r, "bob@", "lab@", DAOS_PC_RW, &bob), 0);
    assert_int_equal(rig_connect(r, "eve@", "lab@", DAOS_PC_RW, &eve), 0);
    assert_int_equal(rig_create(r, ann.hdl, 1, "c", &given, 1), 0);
    assert_int_equal(rig_cont_open(r, ann.hdl, "c", DAOS_COO_RW, &a), 0);
    assert_int_equal(a.caps, DAOS_ACL_PERM_CONT_ALL);
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_RW, &a), 0); /* by the group */
    assert_int_equal(rig_cont_open(r, eve.hdl, "c", DAOS_COO_RW, &a), -DER_NO_PERM);
    assert_int_equal(rig_cont_open(r, eve.hdl, "c", DAOS_COO_RO, &a), 0);
    assert_int_equal(a.caps, DAOS_ACL_PERM_READ | DAOS_ACL_PERM_GET_PROP);
    given.blob.len -= 8; /* cut */
    assert_int_equal(rig_create(r, ann.hdl, 2, "d", &given, 1), -DER_INVAL);
}

/* Owners are set by who may set owners; a pool that is open for reading loses no container. */
static void test_who_may_take_a_container_away(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep ann, bob, ro;
    struct msg_cont_open_rep b;
    struct msg_prop owner = {.type = DAOS_PROP_CO_OWNER, .text = "bob@"};
    struct msg_cont_set_prop_req sq = {.props = &owner, .props_nr = 1};
    struct msg_cont_destroy_req dq = {.cont = "c"};
    uint64_t none[8];

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &ann), 0);
    assert_int_equal(rig_connect(r, "bob@", "lab@", DAOS_PC_RW, &bob), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RO, &ro), 0);
    assert_int_equal(rig_create(r, ann.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, bob.hdl, "c", DAOS_COO_RW, &b), 0);
    memcpy(sq.hdl, b.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, none, 0), -DER_NO_PERM);
    owner.type = DAOS_PROP_CO_ACL;
    assert_int_equal(rig_apply(r, MSG_CONT_SET_PROP, &sq, none, 0), -DER_NO_PERM);
    assert_int_equal(rig_cont_close(r, b.hdl), 0);
    memcpy(dq.hdl, ro.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_DESTROY, &dq, none, 0), -DER_NO_PERM);
    assert_int_equal(rig_cont_open(r, ann.hdl, "c", DAOS_COO_RO, &b), 0); /* it is there */
    assert_int_equal(rig_cont_close(r, b.hdl), 0);
    memcpy(dq.hdl, ann.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_DESTROY, &dq, none, 0), 0);
}

static void test_attributes(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    static char long_name[600], big[100000];
    const char *names[] = {"one", "two", long_name};
    struct msg_buf values[] = {{"1", 1}, {big, sizeof(big)}, {"\0x", 2}};
    struct msg_attr_set_req set = {
        .scope = MSG_SCOPE_CONT, .names = names, .names_nr = 3, .values = values, .values_nr = 3};
    struct msg_attr_get_req get = {.scope = MSG_SCOPE_CONT, .names = names, .names_nr = 3};
    struct msg_attr_get_rep got = {0};
    struct msg_attr_list_req lq = {.scope = MSG_SCOPE_CONT};
    struct msg_attr_list_rep list = {0};
    uint64_t none[8];

    memset(long_name, 'n', 511);
    memset(big, 'b', sizeof(big));
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    memcpy(set.hdl, c.hdl, 16);
    memcpy(get.hdl, c.hdl, 16);
    memcpy(lq.hdl, c.hdl, 16);
    assert_int_equal(rig_read(r, MSG_ATTR_GET, &get, &got), -DER_NONEXIST);
    assert_int_equal(rig_apply(r, MSG_ATTR_SET, &set, none, 0), 0);
    assert_int_equal(rig_read(r, MSG_ATTR_GET, &get, &got), 0);
    assert_int_equal(got.values_nr, 3);
    assert_int_equal(got.values[1].len, sizeof(big));
    assert_memory_equal(got.values[1].buf, big, sizeof(big));
    assert_memory_equal(got.values[2].buf, "\0x", 2);
    assert_int_equal(rig_read(r, MSG_ATTR_LIST, &lq, &list), 0);
    assert_int_equal(list.names_nr, 3);
    assert_string_equal(list.names[1], "one");
    /* the pool's are others */
    lq.scope = MSG_SCOPE_POOL;
    memcpy(lq.hdl, p.hdl, 16);
    assert_int_equal(rig_read(r, MSG_ATTR_LIST, &lq, &list), 0);
    assert_int_equal(list.names_nr, 0);
    /* all or nothing */
    names[0] = "new";
    values[1].len = 0;
    assert_int_equal(rig_apply(r, MSG_ATTR_SET, &set, none, 0), -DER_INVAL);
    get.names_nr = 1;
    assert_int_equal(rig_read(r, MSG_ATTR_GET, &get, &got), -DER_NONEXIST);
    names[0] = "one";
    assert_int_equal(rig_apply(r, MSG_ATTR_DEL, &get, none, 0), 0);
    assert_int_equal(rig_apply(r, MSG_ATTR_DEL, &get, none, 0), 0);
    assert_int_equal(rig_read(r, MSG_ATTR_GET, &get, &got), -DER_NONEXIST);
    memset(long_name, 'n', 512);
    names[0] = long_name;
    assert_int_equal(rig_apply(r, MSG_ATTR_DEL, &get, none, 0), -DER_INVAL);
}

static void test_snapshots(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    struct msg_snap_create_req q = {.opts = DAOS_SNAP_OPT_CR};
    struct msg_snap_create_rep a;
    struct msg_snap_list_req lq = {{0}};
    struct msg_snap_list_rep list = {0};
    struct msg_snap_destroy_req dq = {.epoch = 500};
    uint64_t none[8];
    uint8_t uuid[16];
    bool yes;
    int rc;

    memset(uuid, 1, 16);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    memcpy(q.hdl, c.hdl, 16);
    memcpy(lq.hdl, c.hdl, 16);
    memcpy(dq.hdl, c.hdl, 16);
    q.name = "named";
    assert_int_equal(rig_apply(r, MSG_SNAP_CREATE, &q, &a, 100), -DER_NOSYS);
    q.name = NULL;
    q.opts = 0;
    assert_int_equal(rig_apply(r, MSG_SNAP_CREATE, &q, &a, 100), -DER_INVAL);
    q.opts = DAOS_SNAP_OPT_CR;
    assert_int_equal(rig_apply(r, MSG_SNAP_CREATE, &q, &a, 1000), 0);
    assert_int_equal(a.epoch, 1000);
    assert_int_equal(rig_apply(r, MSG_SNAP_CREATE, &q, &a, 500), 0);
    assert_int_equal(rig_read(r, MSG_SNAP_LIST, &lq, &list), 0);
    assert_int_equal(list.epochs_nr, 2);
    assert_int_equal(list.epochs[0], 500);
    assert_int_equal(list.epochs[1], 1000);
    RIG_RUN(r, rc, svc_has_snap(r->svc, uuid, 500, &yes));
    assert_int_equal(rc, 0);
    assert_true(yes);
    assert_int_equal(rig_apply(r, MSG_SNAP_DESTROY, &dq, none, 0), 0);
    assert_int_equal(rig_apply(r, MSG_SNAP_DESTROY, &dq, none, 0), -DER_NONEXIST);
    assert_int_equal(rig_cont_close(r, c.hdl), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RO, &c), 0);
    assert_int_equal(c.info.snapshots, 1);
    assert_int_equal(c.info.latest_snapshot, 1000);
    memcpy(q.hdl, c.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_SNAP_CREATE, &q, &a, 2000), -DER_NO_PERM);
}

static void test_object_numbers(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    struct msg_oid_alloc_req q = {.count = 10};
    struct msg_oid_alloc_rep a = {0}, b = {0};

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    memcpy(q.hdl, c.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &a, 0), 0);
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &b, 0), 0);
    assert_int_equal(b.first, a.first + 10);
    q.count = UINT64_MAX;
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &b, 0), -DER_NOSPACE);
    q.count = 0;
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &b, 0), -DER_INVAL);
}

static void test_a_command_sent_twice_is_applied_once(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p, again;
    struct msg_cont_open_rep c, c2;
    struct msg_oid_alloc_req q = {.count = 5};
    struct msg_oid_alloc_rep a = {0}, b = {0};

    r->seq = 1;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &again), 0);
    assert_true(r->replayed);
    assert_memory_equal(p.hdl, again.hdl, 16);
    assert_int_equal(again.map.len, p.map.len);
    r->seq = 2;
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    r->seq = 3;
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c2), 0);
    assert_int_equal(c2.info.handles, 1);
    assert_int_equal(c2.props_nr, c.props_nr);
    assert_string_equal(rig_prop(c2.props, c2.props_nr, DAOS_PROP_CO_LABEL)->text, "c");
    r->seq = 4;
    memcpy(q.hdl, c.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &a, 0), 0);
    rig_reopen(r); /* remembered across a restart */
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &b, 0), 0);
    assert_true(r->replayed);
    assert_int_equal(a.first, b.first);
    r->seq = 5;
    r->acked = 4;
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &b, 0), 0);
    assert_false(r->replayed);
    r->seq = 3;
    assert_int_equal(rig_apply(r, MSG_OID_ALLOC, &q, &b, 0), -DER_TX_ID_REUSED);
}

static uint32_t entries(struct rig *r, enum svc_table t)
{
    struct scan sc;
    uint32_t n = 0;
    int rc = 0;

    st_scan(&sc, t, NULL, 0);
    while (rc == 0) {
        RIG_RUN(r, rc, st_scan_next(r->svc, &sc));
        n += rc == 0;
    }
    assert_int_equal(rc, -DER_NONEXIST);
    return n;
}

/* Clients that come, give three commands and are never heard of again: an hour later nothing of
 * them is left, and what is sent again by one of them is not taken for new. */
static void test_sessions_that_are_gone_are_forgotten(void **state)
{
    const uint64_t minute = UINT64_C(60) * 16 * 1000000000;
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    uint32_t most = 0;

    r->now = UINT64_C(1) << 60;
    for (uint32_t i = 0; i < 2000; i++) {
        r->now += minute;
        r->session = r->now;
        for (r->seq = 1; r->seq <= 3; r->seq++)
            assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
        most = MAX(most, entries(r, T_SESSION));
    }
    assert_true(most >= 60 && most < 150);
    assert_true(entries(r, T_OPS) < 4 * 150);
    /* of one that is known the outcome is given again, of one that is not nobody knows */
    r->seq = 3;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_true(r->replayed);
    r->session = (UINT64_C(1) << 60) + 2 * minute;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), -DER_STALE);
    /* nor does something new make it known: a copy of number 3 would pass for new then */
    r->seq = 4;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), -DER_STALE);
    r->seq = 3;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), -DER_STALE);
    r->session = r->now + 1;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
}

/* As the engine does it in the background. */
static void forget_idle_sessions(struct rig *r)
{
    struct svc_session_gone gone = {{0}};
    uint8_t at[16] = {0};
    bool started = false, idle, begun;
    uint64_t none[4];
    int rc;

    for (;;) {
        memcpy(gone.session, at, 16);
        begun = started;
        RIG_RUN(r, rc, svc_next_session(r->svc, r->now, gone.session, &begun, &idle));
        if (rc == -DER_NONEXIST)
            break;
        assert_int_equal(rc, 0);
        if (idle) {
            r->seq = 0;
            assert_int_equal(rig_apply(r, SVC_SESSION_GONE, &gone, none, 0), 0);
        } else {
            memcpy(at, gone.session, 16);
            started = true;
        }
    }
}

static void test_sessions_go_though_nobody_comes(void **state)
{
    const uint64_t hour = UINT64_C(3600) * 16 * 1000000000;
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    uint64_t first;

    r->now = UINT64_C(1) << 60;
    first = r->session = r->now;
    for (r->seq = 1; r->seq <= 60; r->seq++)
        assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    r->now += hour;
    r->session = r->now;
    r->seq = 1;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    r->now += hour / 2;
    forget_idle_sessions(r);
    assert_int_equal(entries(r, T_SESSION), 1);
    assert_true(entries(r, T_OPS) <= 2);
    r->session = first;
    r->seq = 60;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), -DER_STALE);
}

/* A client whose clock was ahead, and who is gone: that it is forgotten shuts out nobody whose
 * clock is right. */
static void test_a_session_of_the_future_waits(void **state)
{
    const uint64_t hour = UINT64_C(3600) * 16 * 1000000000;
    struct rig *r = *state;
    struct msg_pool_connect_rep p;

    r->now = UINT64_C(1) << 60;
    r->session = r->now + 2 * hour;
    r->seq = 1;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    r->now += 3 * hour / 2;
    forget_idle_sessions(r);
    for (uint32_t i = 0; i < 10; i++) {
        r->session = r->now;
        r->seq = 1;
        assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    }
    r->now += 2 * hour;
    forget_idle_sessions(r);
    assert_int_equal(entries(r, T_SESSION), 0);
    r->session = r->now;
    r->seq = 1;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
}

static void test_restart_keeps_state_and_evicts_when_told(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    uint64_t index, none[4];
    uint8_t uuid[16], want[16];
    bool yes, started = false;
    int rc;

    r->seq = 9;
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    r->seq = 0;
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    index = svc_applied(r->svc);
    assert_int_equal(index, 3);
    rig_reopen(r);
    assert_int_equal(svc_applied(r->svc), index);
    assert_non_null(svc_cont_handle(r->svc, c.hdl));
    RIG_RUN(r, rc, svc_has_handles(r->svc, &yes));
    assert_true(rc == 0 && yes);
    for (int step = 0; yes; step++) {
        assert_true(step < 10);
        assert_int_equal(rig_apply(r, SVC_EVICT_ALL, NULL, none, 0), 0);
        RIG_RUN(r, rc, svc_has_handles(r->svc, &yes));
        assert_int_equal(rc, 0);
    }
    assert_null(svc_cont_handle(r->svc, c.hdl));
    assert_int_equal(rig_cont_close(r, c.hdl), -DER_NO_HDL);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_EX, &p), 0);
    memset(uuid, 0, 16);
    memset(want, 1, 16);
    RIG_RUN(r, rc, svc_next_cont(r->svc, uuid, &started));
    assert_int_equal(rc, 0);
    assert_memory_equal(uuid, want, 16);
    RIG_RUN(r, rc, svc_next_cont(r->svc, uuid, &started));
    assert_int_equal(rc, -DER_NONEXIST);
}

static void test_destroyed_containers_are_forgotten_in_steps(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p;
    struct msg_cont_open_rep c;
    struct msg_cont_destroy_req dq = {.cont = "c", .force = 1};
    struct svc_cont_gone gone;
    uint64_t none[4];
    uint8_t uuid[16] = {0};
    bool started = false;
    int steps = 0, rc;

    memset(gone.uuid, 1, 16);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
    assert_int_equal(rig_cont_open(r, p.hdl, "c", DAOS_COO_RW, &c), 0);
    for (int i = 0; i < 150; i++) {
        char name[16];
        const char *names[] = {name};
        struct msg_buf v = {"v", 1};
        struct msg_attr_set_req set = {
            .scope = MSG_SCOPE_CONT, .names = names, .names_nr = 1, .values = &v, .values_nr = 1};

        snprintf(name, sizeof(name), "attr%d", i);
        memcpy(set.hdl, c.hdl, 16);
        assert_int_equal(rig_apply(r, MSG_ATTR_SET, &set, none, 0), 0);
    }
    memcpy(dq.hdl, p.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_CONT_DESTROY, &dq, none, 0), 0);
    for (;;) {
        memset(uuid, 0, 16);
        started = false;
        RIG_RUN(r, rc, svc_next_gone(r->svc, uuid, &started));
        if (rc == -DER_NONEXIST)
            break;
        assert_int_equal(rc, 0);
        assert_memory_equal(uuid, gone.uuid, 16);
        assert_int_equal(rig_apply(r, SVC_CONT_GONE, &gone, none, 0), 0);
        steps++;
    }
    assert_int_equal(steps, 7);
    assert_int_equal(rig_create(r, p.hdl, 1, "c", NULL, 0), 0);
}

static void test_pool_properties(void **state)
{
    struct rig *r = *state;
    struct msg_pool_connect_rep p, ro;
    struct msg_prop set = {.type = DAOS_PROP_PO_SPACE_RB, .val = 7};
    struct msg_pool_set_prop_req q = {.props = &set, .props_nr = 1};
    uint64_t none[4], val = 0;
    int rc;

    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RW, &p), 0);
    assert_int_equal(rig_connect(r, "ann@", "lab@", DAOS_PC_RO, &ro), 0);
    memcpy(q.hdl, p.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_POOL_SET_PROP, &q, none, 0), 0);
    RIG_RUN(r, rc, svc_pool_prop(r->svc, DAOS_PROP_PO_SPACE_RB, &val));
    assert_int_equal(rc, 0);
    assert_int_equal(val, 7);
    set.val = 101;
    assert_int_equal(rig_apply(r, MSG_POOL_SET_PROP, &q, none, 0), -DER_INVAL);
    set = (struct msg_prop){.type = DAOS_PROP_PO_EC_CELL_SZ, .val = 65536};
    assert_int_equal(rig_apply(r, MSG_POOL_SET_PROP, &q, none, 0), -DER_NO_PERM);
    set = (struct msg_prop){.type = DAOS_PROP_PO_LABEL, .text = "new-name"};
    memcpy(q.hdl, ro.hdl, 16);
    assert_int_equal(rig_apply(r, MSG_POOL_SET_PROP, &q, none, 0), -DER_NO_PERM);
    /* what containers made from now on inherit */
    memcpy(q.hdl, p.hdl, 16);
    set = (struct msg_prop){.type = DAOS_PROP_PO_REDUN_FAC, .val = 2};
    assert_int_equal(rig_apply(r, MSG_POOL_SET_PROP, &q, none, 0), 0);
    assert_int_equal(rig_create(r, p.hdl, 3, "c", NULL, 0), 0);
    memset(q.hdl, 3, 16);
    RIG_RUN(r, rc, svc_cont_prop(r->svc, q.hdl, DAOS_PROP_CO_REDUN_FAC, &val));
    assert_int_equal(rc, 0);
    assert_int_equal(val, 2);
}

static void test_unknown_commands_and_handles(void **state)
{
    struct rig *r = *state;
    struct msg_attr_list_req lq = {.scope = 9};
    uint64_t none[64];

    assert_int_equal(rig_apply(r, MSG_OBJ_FETCH, NULL, none, 0), -DER_PROTO);
    assert_int_equal(rig_read(r, MSG_OBJ_FETCH, NULL, none), -DER_PROTO);
    assert_int_equal(rig_read(r, MSG_ATTR_LIST, &lq, none), -DER_INVAL);
    lq.scope = MSG_SCOPE_CONT;
    assert_int_equal(rig_read(r, MSG_ATTR_LIST, &lq, none), -DER_NO_HDL);
    assert_int_equal(svc_applied(r->svc), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_new_pool),
        T(test_who_may_connect),
        T(test_exclusive_pool_handles),
        T(test_life_of_a_container),
        T(test_times_of_a_container),
        T(test_open_flags_and_conflicts),
        T(test_properties_of_a_container),
        T(test_rights_on_a_container),
        T(test_a_list_given_at_creation),
        T(test_who_may_take_a_container_away),
        T(test_attributes),
        T(test_snapshots),
        T(test_object_numbers),
        T(test_a_command_sent_twice_is_applied_once),
        T(test_sessions_that_are_gone_are_forgotten),
        T(test_sessions_go_though_nobody_comes),
        T(test_a_session_of_the_future_waits),
        T(test_restart_keeps_state_and_evicts_when_told),
        T(test_destroyed_containers_are_forgotten_in_steps),
        T(test_pool_properties),
        T(test_unknown_commands_and_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
