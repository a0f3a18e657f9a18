/*
 * Spoilt operations. Each place in the code where the compiler called a hook is a site, named after
 * its function (from this program's own symbol table; the code under test is compiled without
 * optimisation, so that source and sites correspond). One mutant spoils one site in one way.
 */
#include <elf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "il_int.h"

#define SITES   512
#define MUTANTS 512

struct site {
    struct place at;
    enum op_kind kind;
    enum order order, fail;
    char name[80]; /* function: operation #n */
};

struct mutant {
    struct place at;
    struct spoilt how;
    char name[128];
    bool dead;
};

static struct {
    struct site site[SITES];
    unsigned n;
    const struct mutant *mutant; /* NULL: none */
} mu;

static bool same(struct place a, struct place b)
{
    return a.pc == b.pc && a.caller == b.caller;
}

/* A mutant whose caller is not told apart is there for all of them. */
static bool covers(struct place mutant, struct place at)
{
    return mutant.pc == at.pc && (!mutant.caller || mutant.caller == at.caller);
}

struct spoilt mutate(struct place at, enum op_kind kind, enum order o, enum order fail)
{
    struct spoilt as_is = {.order = o, .fail = fail};
    unsigned i;

    for (i = 0; i < mu.n && !same(mu.site[i].at, at); i++)
        ;
    if (i == mu.n && mu.n < SITES)
        mu.site[mu.n++] = (struct site){.at = at, .kind = kind, .order = o, .fail = fail};
    return mu.mutant && covers(mu.mutant->at, at) ? mu.mutant->how : as_is;
}

/* ---- Names of sites ---- */

struct symbols {
    const char *map;
    size_t size;
    const Elf64_Sym *sym;
    size_t n;
    const char *str;
    uintptr_t bias;
};

static void symbols_open(struct symbols *s)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const Elf64_Ehdr *eh;
    const Elf64_Shdr *sh;
    struct stat st;

    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    s->size = (size_t)st.st_size;
    s->map = mmap(NULL, s->size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_ptr_not_equal(s->map, MAP_FAILED);
    close(fd);
    eh = (const void *)s->map;
    sh = (const void *)(s->map + eh->e_shoff);
    for (unsigned i = 0; i < eh->e_shnum; i++)
        if (sh[i].sh_type == SHT_SYMTAB) {
            s->sym = (const void *)(s->map + sh[i].sh_offset);
            s->n = sh[i].sh_size / sizeof(*s->sym);
            s->str = s->map + sh[sh[i].sh_link].sh_offset;
        }
    assert_non_null(s->sym);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->str + s->sym[i].st_name, "il_explore") == 0)
            s->bias = (uintptr_t)il_explore - s->sym[i].st_value;
}

/* The function that pc lies in; file: the source it came from, known of static functions only. */
static const char *function_of(const struct symbols *s, const void *pc)
{
    uintptr_t at = (uintptr_t)pc - s->bias;

    for (size_t i = 0; i < s->n; i++)
        if (ELF64_ST_TYPE(s->sym[i].st_info) == STT_FUNC && at > s->sym[i].st_value &&
            at <= s->sym[i].st_value + s->sym[i].st_size)
            return s->str + s->sym[i].st_name;
    return "?";
}

static int by_pc(const void *a, const void *b)
{
    const struct site *x = a, *y = b;

    if (x->at.pc != y->at.pc)
        return x->at.pc < y->at.pc ? -1 : 1;
    return x->at.caller < y->at.caller ? -1 : x->at.caller > y->at.caller;
}

static bool one_of(const char *const *functions, const char *fn)
{
    for (; *functions; functions++)
        if (strcmp(*functions, fn) == 0)
            return true;
    return false;
}

/* Keeps the sites in the functions. A helper's are told apart by the function that calls it. */
static void keep_sites(const struct symbols *s, const char *const *functions)
{
    unsigned kept = 0, k;

    for (unsigned i = 0; i < mu.n; i++) {
        struct site x = mu.site[i];

        if (!one_of(functions, function_of(s, x.at.pc)))
            continue;
        if (x.at.caller && !one_of(functions, function_of(s, x.at.caller)))
            x.at.caller = NULL;
        for (k = 0; k < kept && !same(mu.site[k].at, x.at); k++)
            ;
        mu.site[k] = x;
        if (k == kept)
            kept++;
    }
    mu.n = kept;
}

static void name_sites(const char *const *functions)
{
    static const char *const op[] = {"load",  "store", "read-modify-write", "compare-and-swap",
                                     "fence", "wake"};
    struct symbols s = {0};

    symbols_open(&s);
    keep_sites(&s, functions);
    qsort(mu.site, mu.n, sizeof(mu.site[0]), by_pc);
    for (unsigned i = 0; i < mu.n; i++) {
        struct site *x = &mu.site[i];
        char what[64];
        unsigned nr = 1;
        int len;

        len = snprintf(what, sizeof(what), "%s%s%s: %s",
                       x->at.caller ? function_of(&s, x->at.caller) : "", x->at.caller ? " > " : "",
                       function_of(&s, x->at.pc), op[x->kind]);
        for (unsigned j = 0; j < i; j++)
            nr += strncmp(mu.site[j].name, what, (size_t)len) == 0;
        snprintf(x->name, sizeof(x->name), "%s #%u", what, nr);
    }
    munmap((void *)(uintptr_t)s.map, s.size);
}

/* ---- Mutants ---- */

struct mutants {
    struct mutant m[MUTANTS];
    unsigned n;
};

static void add(struct mutants *all, const struct site *s, struct spoilt how, const char *what)
{
    struct mutant *m = &all->m[all->n++];

    assert_true(all->n <= MUTANTS);
    *m = (struct mutant){.at = s->at, .how = how};
    snprintf(m->name, sizeof(m->name), "%s: %s", s->name, what);
}

static void weaken(struct mutants *all, const struct site *s)
{
    struct spoilt how = {.order = s->order, .fail = s->fail};
    bool rmw = s->kind == OP_RMW || s->kind == OP_CAS;

    if (s->order == SEQ_CST) {
        how.order = s->kind == OP_LOAD ? ACQUIRE : s->kind == OP_STORE ? RELEASE : ACQ_REL;
        add(all, s, how, "not seq_cst");
    }
    if (s->kind != OP_LOAD && s->order >= RELEASE) {
        how.order = s->order == RELEASE || !(rmw || s->kind == OP_FENCE) ? RELAXED : ACQUIRE;
        add(all, s, how, "does not release");
    }
    if (s->kind != OP_STORE && s->order != RELAXED && s->order != RELEASE) {
        how.order = s->order == ACQUIRE || !(rmw || s->kind == OP_FENCE) ? RELAXED : RELEASE;
        add(all, s, how, "does not acquire");
    }
    how.order = s->order;
    if (s->kind == OP_CAS && s->fail != RELAXED) {
        how.fail = RELAXED;
        add(all, s, how, "does not acquire when it fails");
    }
}

static void make_mutants(struct mutants *all)
{
    for (unsigned i = 0; i < mu.n; i++) {
        const struct site *s = &mu.site[i];
        struct spoilt how = {.order = s->order, .fail = s->fail};

        if (s->kind != OP_WAKE)
            weaken(all, s);
        if (s->kind == OP_RMW || s->kind == OP_CAS) {
            how.torn = true;
            add(all, s, how, "torn");
        }
        if (s->kind == OP_FENCE || s->kind == OP_WAKE) {
            how.skip = true;
            add(all, s, how, "left out");
        }
    }
}

/* Does one of the scenes notice? */
static bool noticed(const struct il_scene *const *scenes, size_t n, const uint64_t *whole,
                    const struct mutant *m)
{
    bool found = false;

    mu.mutant = m;
    for (size_t i = 0; i < n && !found; i++)
        found = il_explore(scenes[i], whole[i] * 4).found;
    mu.mutant = NULL;
    return found;
}

static const struct il_excuse *excuse_of(const struct il_excuse *e, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(e[i].mutant, name) == 0)
            return &e[i];
    return NULL;
}

void il_bites(const struct il_scene *const *scenes, size_t n, const char *const *functions,
              const struct il_excuse *excuses, size_t n_excuses)
{
    static struct mutants all;
    uint64_t whole[16];
    unsigned bad = 0, died = 0;

    assert_true(n <= 16);
    mu.n = 0;
    all.n = 0;
    for (size_t i = 0; i < n; i++) {
        struct il_result r = il_explore(scenes[i], 0);

        assert_false(r.found);
        whole[i] = r.states;
    }
    name_sites(functions);
    make_mutants(&all);
    assert_true(all.n > 0);
    for (unsigned i = 0; i < all.n; i++) {
        struct mutant *m = &all.m[i];

        m->dead = noticed(scenes, n, whole, m);
        died += m->dead;
        if (!m->dead && !excuse_of(excuses, n_excuses, m->name)) {
            print_error("nobody notices: \"%s\"\n", m->name);
            bad++;
        }
    }
    for (size_t i = 0; i < n_excuses; i++) {
        bool needed = false;

        for (unsigned k = 0; k < all.n; k++)
            needed |= !all.m[k].dead && strcmp(all.m[k].name, excuses[i].mutant) == 0;
        if (!needed) {
            print_error("excused, but noticed or unknown: \"%s\"\n", excuses[i].mutant);
            bad++;
        }
    }
    print_message("%u of %u mutants are noticed, %zu excused\n", died, all.n, n_excuses);
    assert_int_equal(bad, 0);
}
