/*
 * Keys: files of them, and connections over TCP between those who have the same one, another one,
 * or none. Who stands between them changes, repeats and leaves out frames, and speaks for either.
 */
#include "tcp_raw.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

/* ---- Files ---- */

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "1111111111111111111111111111111111111111111111111111111111111111"

static char file[64];

static void file_put(const char *text, mode_t mode)
{
    FILE *f;

    snprintf(file, sizeof(file), "/tmp/tarn-keys-%d", getpid());
    unlink(file);
    f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(file, mode), 0);
}

static void file_bad(const char *text, mode_t mode, int rc, const char *what, const char *why)
{
    struct net_keys *keys = NULL;
    struct err e = {0};

    file_put(text, mode);
    assert_int_equal(net_keys_read(file, true, &keys, &e), rc);
    assert_null(keys);
    if (strstr(e.what, what) == NULL || strstr(e.what, file) == NULL ||
        strstr(e.why, why) == NULL || e.next[0] == '\0')
        fail_msg("'%s': %s: %s; %s", text, e.what, e.why, e.next);
    unlink(file);
}

static void files(void **state)
{
    char line[NET_KEY_LINE], mine[NET_KEY_LINE], text[2048];
    struct passwd *pw = getpwuid(getuid());
    struct net_keys *keys;
    struct err e = {0};

    assert_int_equal(net_key_new("node-7", NULL, line), 0);
    assert_int_equal(net_key_new("me", pw->pw_name, mine), 0);
    snprintf(text, sizeof(text), "# keys of a test\n\n%s\n \t%s  \r\n  # end\nzeros " ZEROS, line,
             mine);
    file_put(text, 0600);
    assert_int_equal(net_keys_read(file, true, &keys, &e), 0);
    assert_int_equal(keys->nr, 3);
    assert_int_equal(keys->key[0].uid, UINT32_MAX);
    assert_int_equal(keys->key[1].uid, getuid());
    assert_int_equal(keys->key[1].gid, pw->pw_gid);
    assert_in_range(keys->key[1].groups_nr, 1, 1000);
    assert_ptr_equal(net_keys_find(keys, "me", 2), &keys->key[1]);
    assert_null(net_keys_find(keys, "m", 1));
    assert_null(net_keys_find(keys, "mee", 3));
    assert_memory_not_equal(keys->key[0].secret, keys->key[1].secret, PROOF_KEY);
    assert_true(keys->key[2].secret[0] == 0 && keys->key[2].secret[PROOF_KEY - 1] == 0);
    net_keys_free(keys);
    assert_int_equal(net_keys_read(file, false, &keys, &e), 0); /* a client's: whose is not asked */
    assert_int_equal(keys->key[1].uid, UINT32_MAX);
    net_keys_free(keys);
    unlink(file);
}

static void bad_files(void **state)
{
    struct net_keys *keys = NULL;
    struct err e = {0};
    char line[NET_KEY_LINE];

    file_bad("a " ZEROS "\nb\n", 0600, -DER_INVAL, "line 2", "NAME SECRET");
    file_bad("a " ZEROS "0\n", 0600, -DER_INVAL, "line 1", "64 hexadecimal");
    file_bad("a 0123\n", 0600, -DER_INVAL, "line 1", "64 hexadecimal");
    file_bad("a g" ZEROS, 0600, -DER_INVAL, "line 1", "64 hexadecimal");
    file_bad("a " ZEROS " root root\n", 0600, -DER_INVAL, "line 1", "NAME SECRET");
    file_bad("a " ZEROS " no-such-user-here\n", 0600, -DER_INVAL, "line 1", "no such user");
    file_bad("a " ZEROS "\na " ONES "\n", 0600, -DER_INVAL, "line 2", "before it");
    file_bad("\n#\n", 0600, -DER_INVAL, "key file", "no key in it");
    file_bad("a " ZEROS, 0640, -DER_NO_PERM, "key file", "others");
    file_bad("a " ZEROS, 0604, -DER_NO_PERM, "key file", "others");
    assert_int_equal(net_keys_read("/no/such/keys", true, &keys, &e), -DER_NONEXIST);
    assert_string_equal(e.what, "cannot read key file /no/such/keys");
    e = (struct err){0};
    assert_int_equal(net_keys_read("/tmp", true, &keys, &e), -DER_INVAL);
    assert_int_equal(net_key_new("two words", NULL, line), -DER_INVAL);
    assert_int_equal(net_key_new("", NULL, line), -DER_INVAL);
    assert_int_equal(net_key_new("a", "b\nc", line), -DER_INVAL);
}

/* ---- Both sides have one ---- */

static struct net_keys *two_keys(const char *first, const char *second)
{
    struct net_keys *keys;
    struct err e = {0};
    char text[512];

    snprintf(text, sizeof(text), "%s\n%s\n", first, second);
    file_put(text, 0600);
    assert_int_equal(net_keys_read(file, true, &keys, &e), 0);
    unlink(file);
    return keys;
}

/* The engine's: one of nobody's, one of this user's. */
static struct net_keys *engine_keys(void)
{
    char mine[256];

    snprintf(mine, sizeof(mine), "mine " ONES " %s", getpwuid(getuid())->pw_name);
    return two_keys("any " ZEROS, mine);
}

static void same_key(enum transport t)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = t, .inline_too = true, .keys = keys, .key = &keys->key[1]};
    size_t len = 1 << 20;
    uint8_t *data = malloc(len);
    struct net_remote_stat st;

    fill(data, len, 1);
    stage_open(&s);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(echo(&s, "hello", 5), 0);
        assert_int_equal(s.uid, i == 0 ? getuid() : UINT32_MAX);
        assert_int_equal(update(&s, data, len, 1), 0);
        assert_int_equal(update(&s, data, 3000, 7), 0);
        assert_int_equal(fetch(&s, data, 100000, 3), 0);
        net_remote_stat(s.peer, &st);
        assert_int_equal(st.dials, 1);
        client_close(&s);
        s.key = &keys->key[0];
        client_open(&s);
    }
    stage_close(&s);
    free(data);
    net_keys_free(keys);
}

static void same_key_v4(void **state)
{
    same_key(TCP4);
}

static void same_key_v6(void **state)
{
    same_key(TCP6);
}

/* The engine is gone and comes again: the next connection has secrets of its own. */
static void again(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = keys, .key = &keys->key[1]};

    stage_open(&s);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(echo(&s, "hello", 5), 0);
        on_engine(&s, engine_down);
        on_engine(&s, engine_up);
    }
    assert_int_equal(echo(&s, "hello", 5), 0);
    stage_close(&s);
    net_keys_free(keys);
}

/* Through shared memory the kernel says who it is. */
static void not_through_memory(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = SHM, .inline_too = true, .keys = keys, .key = &keys->key[1]};

    stage_open(&s);
    assert_int_equal(echo(&s, "hello", 5), 0);
    stage_close(&s);
    net_keys_free(keys);
}

/* ---- One side has another one, or none ---- */

/* It does not wait for its deadline, and the log is told once however often it tries. */
static void refused(const struct net_keys *engine, const struct net_key *client,
                    enum net_refusal why, const char *told)
{
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = engine, .key = client};

    engine_open(&s);
    lines_begin();
    for (int i = 0; i < 3; i++) {
        client_open(&s);
        assert_int_equal(echo_within(&s, "x", 1, 60000), -DER_NO_PERM);
        assert_int_equal(s.dialer->refused, why);
        client_close(&s);
    }
    assert_int_equal(s.served, 0);
    assert_true(told == NULL ? lines.nr == 0 : was_told(1, told));
    log_set_sink(NULL);
    engine_close(&s);
}

static void another_key(void **state)
{
    struct net_keys *keys = engine_keys(), *others = two_keys("any " ONES, "strange " ZEROS);

    refused(keys, &others->key[0], NET_REFUSED_KEY, "another secret");
    refused(keys, &others->key[1], NET_REFUSED_KEY, "not in the engine's file");
    refused(keys, NULL, NET_REFUSED_NO_KEY, "has no key");
    refused(NULL, &keys->key[0], NET_REFUSED_UNPROVEN, NULL);
    net_keys_free(keys);
    net_keys_free(others);
}

/* ---- A client by hand ---- */

struct hand {
    int fd;
    struct wbuf hello, proof, request;
    struct proof_greeting g;
    struct net_wire wire; /* seals its frames */
    struct proof secrets;
};

static void hand_hello(struct hand *h, uint64_t id, uint64_t generation, const char *key)
{
    h->wire = (struct net_wire){0};
    h->g = (struct proof_greeting){.generation = generation, .features = NET_FEAT_CANCEL};
    memcpy(h->g.client, &id, sizeof(id));
    memset(h->g.hers, 0x77, sizeof(h->g.hers));
    wire_put_head(&h->hello, NET_HELLO, 0);
    wbuf_bytes(&h->hello, h->g.client, sizeof(h->g.client));
    wbuf_u64(&h->hello, h->g.generation);
    wbuf_u64(&h->hello, h->g.features);
    if (key != NULL) {
        wbuf_bytes(&h->hello, h->g.hers, sizeof(h->g.hers));
        wbuf_str(&h->hello, key);
    }
    assert_int_equal(wire_seal(&h->hello, true), 0);
}

static void hand_connect(struct hand *h, struct stage *s)
{
    uint8_t frame[NET_FRAME_HEAD + PROOF_NONCE];
    enum net_frame kind;
    struct rbuf r;
    uint64_t id;

    h->fd = raw_connect(s);
    raw_send(h->fd, h->hello.data, h->hello.len);
    assert_true(raw_recv(h->fd, frame, sizeof(frame)));
    assert_int_equal(wire_open(frame, sizeof(frame), true, &kind, &id, &r), 0);
    assert_int_equal(kind, NET_CHALLENGE);
    rbuf_copy(&r, h->g.its, sizeof(h->g.its));
    assert_int_equal(rbuf_check_end(&r), 0);
}

static void hand_prove(struct hand *h, const struct net_key *key)
{
    proof_make(&h->secrets, key->secret, &h->g, false);
    h->wire.proof = &h->secrets;
    wire_put_head(&h->proof, NET_PROOF, 0);
    assert_int_equal(wire_seal_for(&h->wire, &h->proof), 0);
    raw_send(h->fd, h->proof.data, h->proof.len);
}

/* The next frame, which is sealed. False: closed. */
static bool hand_takes(struct hand *h, enum net_frame want)
{
    uint8_t frame[4096];
    enum net_frame kind;
    struct rbuf r;
    uint32_t len;
    uint64_t id;

    if (!raw_recv(h->fd, frame, NET_FRAME_HEAD))
        return false;
    memcpy(&len, frame + 8, 4);
    assert_in_range(len, NET_FRAME_HEAD + PROOF_TAG, sizeof(frame));
    assert_true(raw_recv(h->fd, frame + NET_FRAME_HEAD, len - NET_FRAME_HEAD));
    assert_int_equal(wire_open_from(&h->wire, frame, len, &kind, &id, &r), 0);
    assert_int_equal(kind, want);
    return true;
}

static void hand_in(struct hand *h, struct stage *s, uint64_t id, uint64_t generation,
                    const struct net_key *key)
{
    hand_hello(h, id, generation, key->name);
    hand_connect(h, s);
    hand_prove(h, key);
    assert_true(hand_takes(h, NET_WELCOME));
}

/* A sealed ECHO, not sent. */
static void hand_echo(struct hand *h, uint64_t id)
{
    struct msg_echo_req q = {.data = {"hi", 2}};
    struct net_hdr hdr = {.proto = NET_PROTO, .opcode = MSG_ECHO, .incarnation = 7};

    wire_put_head(&h->request, NET_REQUEST, id);
    wire_put_hdr(&h->request, &hdr);
    assert_int_equal(wire_put_body(&h->request, MSG_ECHO, &q, false), 0);
    wbuf_u32(&h->request, 0);
    assert_int_equal(wire_seal_for(&h->wire, &h->request), 0);
}

static void hand_init(struct hand *h)
{
    memset(h, 0, sizeof(*h));
    wbuf_init_grow(&h->hello, 0);
    wbuf_init_grow(&h->proof, 0);
    wbuf_init_grow(&h->request, 0);
}

static void hand_fini(struct hand *h)
{
    wbuf_fini(&h->hello);
    wbuf_fini(&h->proof);
    wbuf_fini(&h->request);
}

/* What was good once is nothing the second time: neither a request on its connection, nor all that
 * a client said on another one. */
static void repeated(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = keys};
    struct hand h;

    engine_open(&s);
    lines_begin();
    hand_init(&h);
    hand_in(&h, &s, 1, 1, &keys->key[1]);
    hand_echo(&h, 1);
    raw_send(h.fd, h.request.data, h.request.len);
    assert_true(hand_takes(&h, NET_REPLY));
    raw_send(h.fd, h.request.data, h.request.len);
    assert_false(hand_takes(&h, NET_REPLY));
    assert_true(was_told(1, "no frame of Tarn, or was damaged"));
    close(h.fd);
    hand_connect(&h, &s);
    raw_send(h.fd, h.proof.data, h.proof.len);
    raw_refused(h.fd, NET_REFUSED_KEY);
    close(h.fd);
    log_set_sink(NULL);
    hand_fini(&h);
    engine_close(&s);
    net_keys_free(keys);
}

/* A bit of a frame, a frame left out, two in another order, a frame that is not sealed: closed. */
static void changed(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = keys};
    struct hand h;

    engine_open(&s);
    lines_begin();
    for (uint64_t at = 0; at < 60; at++) { /* not of length and version, which the wire sees to */
        hand_init(&h);
        hand_in(&h, &s, 100 + at, 1, &keys->key[at % 2]);
        hand_echo(&h, 1);
        h.request.data[at < 6 ? at : h.request.len - (at - 5)] ^= (uint8_t)(1u << at % 8);
        raw_send(h.fd, h.request.data, h.request.len);
        assert_false(hand_takes(&h, NET_REPLY));
        close(h.fd);
        hand_fini(&h);
    }
    for (int way = 0; way < 2; way++) {
        struct wbuf plain;

        hand_init(&h);
        hand_in(&h, &s, 200 + way, 1, &keys->key[0]);
        hand_echo(&h, 1);
        hand_echo(&h, 2);
        wbuf_init_grow(&plain, 0);
        put_echo(&plain, 1, "hi", 2);
        raw_send(h.fd, way == 0 ? h.request.data : plain.data,
                 way == 0 ? h.request.len : plain.len);
        assert_false(hand_takes(&h, NET_REPLY));
        close(h.fd);
        wbuf_fini(&plain);
        hand_fini(&h);
    }
    log_set_sink(NULL);
    engine_close(&s);
    net_keys_free(keys);
}

/* Who changes what is said before there are secrets, gets other ones. */
static void talked_down(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = keys};
    struct hand h;

    engine_open(&s);
    lines_begin();
    for (int what = 0; what < 4; what++) {
        hand_init(&h);
        hand_hello(&h, 5, 1, what == 3 ? NULL : "mine");
        h.fd = -1;
        if (what == 3) { /* the key is left out */
            h.fd = raw_connect(&s);
            raw_send(h.fd, h.hello.data, h.hello.len);
            raw_refused(h.fd, NET_REFUSED_NO_KEY);
        } else {
            hand_connect(&h, &s);
            h.g.features ^= what == 0;
            h.g.generation += what == 1;
            h.g.its[3] ^= what == 2;
            hand_prove(&h, &keys->key[1]);
            raw_refused(h.fd, NET_REFUSED_KEY);
        }
        close(h.fd);
        hand_fini(&h);
    }
    assert_int_equal(s.served, 0);
    log_set_sink(NULL);
    engine_close(&s);
    net_keys_free(keys);
}

/* The secret of one key is not that of another; nor is a client's id worth anything without it. */
static void somebody_else(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = keys};
    struct hand a, b;

    engine_open(&s);
    lines_begin();
    hand_init(&a);
    hand_init(&b);
    hand_in(&a, &s, 9, 1, &keys->key[1]);
    hand_hello(&b, 9, 2, "any"); /* it has heard the id */
    hand_connect(&b, &s);
    hand_prove(&b, &keys->key[0]);
    assert_false(hand_takes(&b, NET_WELCOME));
    assert_true(was_told(1, "has another key"));
    close(b.fd);
    hand_echo(&a, 1);
    raw_send(a.fd, a.request.data, a.request.len);
    assert_true(hand_takes(&a, NET_REPLY)); /* undisturbed */
    close(a.fd);
    hand_hello(&b, 10, 1, "mine");
    hand_connect(&b, &s);
    hand_prove(&b, &keys->key[0]);
    raw_refused(b.fd, NET_REFUSED_KEY);
    close(b.fd);
    log_set_sink(NULL);
    hand_fini(&a);
    hand_fini(&b);
    engine_close(&s);
    net_keys_free(keys);
}

/* Who names a key and then says nothing does not stay; nor who says something else. */
static void says_no_more(void **state)
{
    struct net_keys *keys = engine_keys();
    struct stage s = {.transport = TCP4, .inline_too = true, .keys = keys, .proof_ms = 100};
    struct hand h;
    uint8_t byte;

    engine_open(&s);
    lines_begin();
    hand_init(&h);
    hand_hello(&h, 3, 1, "mine");
    hand_connect(&h, &s);
    assert_false(raw_recv(h.fd, &byte, 1));
    assert_true(was_told(1, "does not show"));
    close(h.fd);
    hand_connect(&h, &s);
    raw_send(h.fd, h.hello.data, h.hello.len); /* not sealed */
    raw_refused(h.fd, NET_REFUSED_KEY);
    close(h.fd);
    await_conns(&s, 0, 5000);
    log_set_sink(NULL);
    hand_fini(&h);
    engine_close(&s);
    net_keys_free(keys);
}

/* ---- An engine by hand ---- */

struct liar {
    int door, way;
    pthread_t thread;
};

static void *lie(void *arg)
{
    struct liar *l = arg;
    uint8_t in[4096];
    struct wbuf b;
    int fd;

    wbuf_init_grow(&b, 0);
    while ((fd = accept(l->door, NULL, NULL)) >= 0) {
        recv(fd, in, sizeof(in), 0); /* HELLO */
        if (l->way > 0) {
            wire_put_head(&b, NET_CHALLENGE, 0);
            wbuf_zero(&b, PROOF_NONCE);
            wire_seal(&b, true);
            send(fd, b.data, b.len, MSG_NOSIGNAL);
            recv(fd, in, sizeof(in), 0); /* PROOF */
        }
        wire_put_head(&b, NET_WELCOME, 0);
        wbuf_u64(&b, 7);
        wbuf_u64(&b, 0);
        wbuf_u32(&b, 0);
        wbuf_u32(&b, 100);
        if (l->way == 2)
            wbuf_zero(&b, PROOF_TAG);
        wire_seal(&b, l->way != 2);
        send(fd, b.data, b.len, MSG_NOSIGNAL);
        recv(fd, in, sizeof(in), 0);
        close(fd);
    }
    wbuf_fini(&b);
    return NULL;
}

/* Welcomes without a key, after a challenge it cannot answer for itself, with a tag that is none:
 * no request goes there. */
static void engines_that_lie(void **state)
{
    struct net_keys *keys = engine_keys();

    for (int way = 0; way < 3; way++) {
        struct stage s = {.transport = TCP4, .key = &keys->key[0]};
        struct net_addr a = {.len = sizeof(a.u.v4)};
        struct liar l = {.way = way, .door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

        a.u.v4.sin_family = AF_INET;
        a.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        assert_int_equal(bind(l.door, &a.u.sa, a.len), 0);
        assert_int_equal(listen(l.door, 4), 0);
        assert_int_equal(getsockname(l.door, &a.u.sa, &a.len), 0);
        net_addr_text(&a, s.addr);
        assert_int_equal(pthread_create(&l.thread, NULL, lie, &l), 0);
        client_open(&s);
        assert_int_equal(echo_within(&s, "x", 1, 60000), -DER_NO_PERM);
        assert_int_equal(s.dialer->refused, NET_REFUSED_UNPROVEN);
        client_close(&s);
        shutdown(l.door, SHUT_RDWR);
        pthread_join(l.thread, NULL);
        close(l.door);
    }
    net_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(same_key_v4),
        cmocka_unit_test(same_key_v6),
        cmocka_unit_test(again),
        cmocka_unit_test(not_through_memory),
        cmocka_unit_test(another_key),
        cmocka_unit_test(repeated),
        cmocka_unit_test(changed),
        cmocka_unit_test(talked_down),
        cmocka_unit_test(somebody_else),
        cmocka_unit_test(says_no_more),
        cmocka_unit_test(engines_that_lie),
    };

    if (!proof_works()) {
        print_message("skipped: built without libsodium\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
