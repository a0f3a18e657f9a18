#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <daos_errno.h>

#include "base/assert.h"

static _Thread_local struct err last_error;

static void part_set(char part[ERR_PART_MAX], const char *text)
{
    snprintf(part, ERR_PART_MAX, "%s", text ? text : "");
}

int err_set(struct err *e, int rc, const char *what, const char *why, const char *next)
{
    if (!e || e->rc)
        return rc;
    e->rc = rc;
    part_set(e->what, what);
    part_set(e->why, why);
    part_set(e->next, next);
    return rc;
}

int err_setf(struct err *e, int rc, const char *next, const char *why, const char *what_fmt, ...)
{
    va_list ap;

    if (!e || e->rc)
        return rc;
    err_set(e, rc, NULL, why, next);
    va_start(ap, what_fmt);
    vsnprintf(e->what, ERR_PART_MAX, what_fmt, ap);
    va_end(ap);
    return rc;
}

void err_what(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return;
    va_start(ap, fmt);
    vsnprintf(e->what, ERR_PART_MAX, fmt, ap);
    va_end(ap);
}

void err_why(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return;
    va_start(ap, fmt);
    vsnprintf(e->why, ERR_PART_MAX, fmt, ap);
    va_end(ap);
}

void err_next(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return;
    va_start(ap, fmt);
    vsnprintf(e->next, ERR_PART_MAX, fmt, ap);
    va_end(ap);
}

void err_last_set(const struct err *e)
{
    last_error = *e;
}

const struct err *err_last(void)
{
    return &last_error;
}

void err_last_clear(void)
{
    memset(&last_error, 0, sizeof(last_error));
}

int err_format(const struct err *e, char *buf, size_t len)
{
    int rc = e ? e->rc : 0;
    const char *why = e && e->why[0] ? e->why : d_errdesc(rc);
    const char *next = e ? e->next : "";

    if (e && e->what[0])
        return snprintf(buf, len, "%s: %s%s%s", e->what, why, next[0] ? "; " : "", next);
    return snprintf(buf, len, "%s%s%s", why, next[0] ? "; " : "", next);
}

/* The table of docs/errors.md; codes not listed exit with 1. 2 is a usage error of a tool. */
static const struct {
    int status;
    int code;
} exits[] = {
    {3, DER_NONEXIST},      {3, DER_ENOENT},       {3, DER_CONT_NONEXIST}, {3, DER_NO_SERVICE},
    {4, DER_EXIST},         {4, DER_ALREADY},      {5, DER_NO_PERM},       {5, DER_EP_RO},
    {5, DER_BAD_CERT},      {5, DER_NO_CERT},      {6, DER_BUSY},          {6, DER_CONT_DESTROYING},
    {7, DER_NOSPACE},       {7, DER_QUOTA_LIMIT},  {8, DER_INVAL},         {8, DER_BADPATH},
    {8, DER_NOTDIR},        {8, DER_OVERFLOW},     {8, DER_KEY2BIG},       {8, DER_NOTAPPLICABLE},
    {8, DER_NOTYPE},        {8, DER_REC_SIZE},     {9, DER_DF_INVAL},      {10, DER_DF_INCOMPT},
    {10, DER_PROTO},        {11, DER_CSUM},        {11, DER_DATA_LOSS},    {11, DER_MISMATCH},
    {12, DER_IO},           {12, DER_NVME_IO},     {13, DER_NOMEM},        {13, DER_DOS},
    {13, DER_NO_SHMEM},     {14, DER_TIMEDOUT},    {14, DER_AGAIN},        {14, DER_OVERLOAD_RETRY},
    {15, DER_UNREACH},      {15, DER_HG},          {15, DER_HG_FATAL},     {15, DER_AGENT_COMM},
    {15, DER_SHUTDOWN},     {15, DER_EXCLUDED},    {16, DER_NOSYS},        {16, DER_NOTSUPPORTED},
    {17, DER_CANCELED},     {17, DER_OP_CANCELED}, {18, DER_TX_RESTART},   {18, DER_TX_BUSY},
    {19, DER_TX_UNCERTAIN}, {20, DER_RF},          {21, DER_HLC_SYNC},     {22, DER_STALE},
    {22, DER_EP_OLD},       {23, DER_NO_HDL},      {23, DER_UNINIT},
};

int err_exit_status(int rc)
{
    int code = rc < 0 ? -rc : rc;

    for (size_t i = 0; i < ARRAY_LEN(exits); i++)
        if (exits[i].code == code)
            return exits[i].status;
    return 1;
}
