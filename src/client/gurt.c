/* Small helpers that programs link: memory, environment, growing text, printable ids. */
#include <daos/common.h>
#include <gurt/common.h>
#include <ctype.h>
#include <limits.h>
#include "base/fail.h"
#include "base/label.h"
#include "client/impl.h"

/* ---- Memory ---- */

void d_free(void *ptr)
{
    base_free(ptr);
}

void *d_calloc(size_t nmemb, size_t size)
{
    return base_calloc(nmemb, size);
}

void *d_malloc(size_t size)
{
    return base_alloc(size);
}

void *d_realloc(void *ptr, size_t size)
{
    return base_realloc(ptr, size);
}

char *d_strndup(const char *s, size_t n)
{
    return base_strndup(s, n);
}

void *d_aligned_alloc(size_t alignment, size_t size, bool zero)
{
    size_t rounded = (size + alignment - 1) / alignment * alignment;
    void *p = base_aligned(alignment, rounded);

    if (p != NULL && zero)
        memset(p, 0, rounded);
    return p;
}

char *d_realpath(const char *path, char *resolved_path)
{
    return realpath(path, resolved_path);
}

static __attribute__((format(printf, 2, 0))) int vformat(char **strp, const char *fmt, va_list ap)
{
    int n = vasprintf(strp, fmt, ap);

    if (n < 0)
        *strp = NULL;
    return n;
}

int d_asprintf(char **strp, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vformat(strp, fmt, ap);
    va_end(ap);
    return n;
}

char *d_asprintf2(int *rc, const char *fmt, ...)
{
    va_list ap;
    char *s;

    va_start(ap, fmt);
    *rc = vformat(&s, fmt, ap);
    va_end(ap);
    return s;
}

int d_write_string_buffer(struct d_string_buffer_t *buf, const char *fmt, ...)
{
    va_list ap;
    size_t need;
    char *grown;
    int n;

    if (buf->status != 0)
        return buf->status;
    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    need = buf->str_size + (size_t)n + 1;
    if (need > buf->buf_size) {
        grown = base_realloc(buf->str, need * 2);
        if (grown == NULL)
            return buf->status = -DER_NOMEM;
        buf->str = grown;
        buf->buf_size = need * 2;
    }
    va_start(ap, fmt);
    vsnprintf(buf->str + buf->str_size, (size_t)n + 1, fmt, ap);
    va_end(ap);
    buf->str_size += (size_t)n;
    return 0;
}

void d_free_string(struct d_string_buffer_t *buf)
{
    base_free(buf->str);
    memset(buf, 0, sizeof(*buf));
}

/* ---- Environment ---- */

/* What getenv() gives is gone once another thread changes the variable, so it is looked at under
 * the lock only. */
static pthread_mutex_t env_lock = PTHREAD_MUTEX_INITIALIZER;

void gurt_forked(void)
{
    pthread_mutex_init(&env_lock, NULL);
}

/* The variable, or NULL; env_end() ends looking at it. */
static const char *env_begin(const char *name)
{
    D_MUTEX_LOCK(&env_lock);
    return getenv(name);
}

static int env_end(int rc)
{
    D_MUTEX_UNLOCK(&env_lock);
    return rc;
}

/* A change of it, whose call gave failed. */
static int env_changed(bool failed)
{
    return env_end(failed ? d_errno2der(errno) : 0);
}

bool d_isenv_def(char *name)
{
    bool is = env_begin(name) != NULL;

    env_end(0);
    return is;
}

int d_getenv_str(char *str_val, size_t str_size, const char *name)
{
    const char *v = env_begin(name);

    if (v == NULL)
        return env_end(-DER_NONEXIST);
    snprintf(str_val, str_size, "%s", v);
    return env_end(strlen(v) < str_size ? 0 : -DER_TRUNC);
}

int d_agetenv_str(char **str_val, const char *name)
{
    const char *v = env_begin(name);

    *str_val = v != NULL ? base_strdup(v) : NULL;
    return env_end(v == NULL ? -DER_NONEXIST : *str_val == NULL ? -DER_NOMEM : 0);
}

void d_freeenv_str(char **str_val)
{
    base_free(*str_val);
    *str_val = NULL;
}

int d_getenv_uint64_t(const char *name, uint64_t *uint64_val)
{
    const char *v = env_begin(name);
    char *end;
    uint64_t n;

    if (v == NULL)
        return env_end(-DER_NONEXIST);
    errno = 0;
    n = strtoull(v, &end, 0);
    if (end == v || *end != '\0' || errno != 0)
        return env_end(-DER_INVAL);
    *uint64_val = n;
    return env_end(0);
}

int d_getenv_uint32_t(const char *name, uint32_t *uint32_val)
{
    uint64_t n;
    int rc = d_getenv_uint64_t(name, &n);

    if (rc == 0 && n > UINT32_MAX)
        rc = -DER_INVAL;
    if (rc == 0)
        *uint32_val = (uint32_t)n;
    return rc;
}

int d_getenv_uint(const char *name, unsigned int *uint_val)
{
    return d_getenv_uint32_t(name, uint_val);
}

int d_getenv_int(const char *name, unsigned int *uint_val)
{
    return d_getenv_uint32_t(name, uint_val);
}

int d_getenv_bool(const char *name, bool *bool_val)
{
    const char *v = env_begin(name);
    char *end;
    long n;

    if (v == NULL)
        return env_end(-DER_NONEXIST);
    n = strtol(v, &end, 0);
    *bool_val = end == v || *end != '\0' || n != 0;
    return env_end(0);
}

int d_getenv_char(const char *name, char *char_val)
{
    const char *v = env_begin(name);

    if (v == NULL)
        return env_end(-DER_NONEXIST);
    if (strlen(v) != 1)
        return env_end(-DER_INVAL);
    *char_val = v[0];
    return env_end(0);
}

int d_putenv(char *name)
{
    D_MUTEX_LOCK(&env_lock);
    return env_changed(putenv(name) != 0);
}

int d_setenv(const char *name, const char *value, int overwrite)
{
    D_MUTEX_LOCK(&env_lock);
    return env_changed(setenv(name, value, overwrite) != 0);
}

int d_unsetenv(const char *name)
{
    D_MUTEX_LOCK(&env_lock);
    return env_changed(unsetenv(name) != 0);
}

int d_clearenv(void)
{
    D_MUTEX_LOCK(&env_lock);
    return env_end(clearenv() == 0 ? 0 : -DER_MISC);
}

/* ---- Text of ids and keys ---- */

#define TEXTS 8

/* What printing helpers return stays until the thread has asked TEXTS more times. */
struct text_ring {
    char text[TEXTS][512];
    unsigned int next;
};
static __thread struct text_ring text_ring;

static char *next_text(void)
{
    return text_ring.text[text_ring.next++ % TEXTS];
}

char *DP_UUID(const void *uuid)
{
    char *s = next_text();

    if (uuid == NULL)
        memcpy(s, "?", 2);
    else
        uuid_text_print(uuid, s);
    return s;
}

static char *printable(const char *in, size_t len)
{
    char *s = next_text();
    size_t i, n = len < sizeof(text_ring.text[0]) - 1 ? len : sizeof(text_ring.text[0]) - 1;

    for (i = 0; i < n; i++)
        s[i] = isprint((unsigned char)in[i]) ? in[i] : '?';
    s[n] = '\0';
    return s;
}

char *daos_key2str(daos_key_t *key)
{
    return key == NULL || key->iov_buf == NULL ? printable("<NULL>", 6)
                                               : printable(key->iov_buf, key->iov_len);
}

char *daos_de2str(const char *de)
{
    return de == NULL ? printable("<NULL>", 6) : printable(de, strlen(de));
}

char *daos_path2str(const char *path)
{
    return daos_de2str(path);
}

char *daos_str_trimwhite(char *str)
{
    char *end;

    while (isspace((unsigned char)*str))
        str++;
    if (*str == '\0')
        return NULL;
    end = str + strlen(str);
    while (isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return str;
}

uint64_t daos_get_ntime(void)
{
    struct timespec t = {0};

    (void)d_gettime(&t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
