/*
 * Transactions: money moves between accounts, all of it or none, while others move theirs.
 *
 *   cc bank.c $(pkg-config --cflags --libs daos) -o bank
 *   tarn pool create ./my-pool
 *   ./bank ./my-pool
 *
 * tarn.h is Tarn's own: daos_tx_open(), daos_tx_commit() and daos_tx_restart() alone are DAOS's.
 */
#include <daos.h>
#include <tarn.h>
#include <stdio.h>
#include <stdlib.h>

enum { NO_MONEY = 1 }; /* codes above 0 are ours */

struct transfer {
    daos_handle_t accounts; /* a key-value object: name, amount */
    const char *from, *to;
    long amount;
};

static void check(const char *what, int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, d_errdesc(rc));
    exit(1);
}

static int balance(daos_handle_t accounts, daos_handle_t th, const char *name, long *amount)
{
    daos_size_t size = sizeof(*amount);

    return daos_kv_get(accounts, th, DAOS_COND_KEY_GET, name, &size, amount, NULL);
}

static int add(daos_handle_t accounts, daos_handle_t th, const char *name, long amount)
{
    long now;
    int rc = balance(accounts, th, name, &now);

    now += amount;
    return rc ? rc : daos_kv_put(accounts, th, 0, name, sizeof(now), &now, NULL);
}

/* Called again from the start when somebody else was faster. Every error is passed on; then nothing
 * happens. */
static int transfer(daos_handle_t th, void *arg)
{
    const struct transfer *t = arg;
    long left;
    int rc;

    rc = add(t->accounts, th, t->to, t->amount);
    if (rc == 0)
        rc = add(t->accounts, th, t->from, -t->amount);
    /* TARN_TF_READ_OWN: this is what the two lines above have left, also from an account to itself
     */
    if (rc == 0)
        rc = balance(t->accounts, th, t->from, &left);
    return rc ? rc : left < 0 ? NO_MONEY : 0;
}

int main(int argc, char **argv)
{
    daos_handle_t pool, cont, kv;
    daos_obj_id_t oid = {.lo = 1, .hi = 0};
    struct transfer t = {.from = "ada", .to = "bob", .amount = 30};
    long first = 100, none = 0, ada, bob;
    int rc;

    if (argc != 2) {
        fprintf(stderr, "usage: bank POOL   (a directory, a label or a UUID)\n");
        return 2;
    }
    check("daos_init", daos_init());
    check("connect", daos_pool_connect(argv[1], NULL, DAOS_PC_RW, &pool, NULL, NULL));
    rc = daos_cont_create_with_label(pool, "bank-example", NULL, NULL, NULL);
    if (rc != -DER_EXIST)
        check("create container", rc);
    check("open container", daos_cont_open(pool, "bank-example", DAOS_COO_RW, &cont, NULL, NULL));
    check("object id", daos_obj_generate_oid(cont, &oid, DAOS_OT_KV_HASHED, OC_SX, 0, 0));
    check("open object", daos_kv_open(cont, oid, DAOS_OO_RW, &kv, NULL));
    check("put", daos_kv_put(kv, DAOS_TX_NONE, 0, "ada", sizeof(first), &first, NULL));
    check("put", daos_kv_put(kv, DAOS_TX_NONE, 0, "bob", sizeof(none), &none, NULL));

    t.accounts = kv;
    while ((rc = tarn_tx_run(cont, TARN_TF_READ_OWN, transfer, &t)) == 0)
        printf("ada gave bob %ld\n", t.amount);
    if (rc == NO_MONEY)
        printf("ada cannot give bob %ld\n", t.amount);
    else if (rc == -DER_TX_UNCERTAIN)
        printf("it may have happened or not: look before doing it again\n");
    else
        check("transfer", rc);
    check("get", balance(kv, DAOS_TX_NONE, "ada", &ada));
    check("get", balance(kv, DAOS_TX_NONE, "bob", &bob));
    printf("ada has %ld, bob has %ld\n", ada, bob);

    check("close object", daos_kv_close(kv, NULL));
    check("close container", daos_cont_close(cont, NULL));
    check("disconnect", daos_pool_disconnect(pool, NULL));
    check("daos_fini", daos_fini());
    return 0;
}
