/* The table of errors as functions. */
#include "base/err.h"

#include <assert.h>

static const struct {
    const char *name, *text;
    int http;
    bool is_retryable;
} errors[] = {
#define X(symbol, name, http, retry, text) {name, text, http, retry},
    ERR_TABLE(X)
#undef X
};

const char *err_name(enum err e)
{
    assert(e < ERR_COUNT);
    return errors[e].name;
}

const char *err_text(enum err e)
{
    assert(e < ERR_COUNT);
    return errors[e].text;
}

int err_http(enum err e)
{
    assert(e < ERR_COUNT);
    return errors[e].http;
}

bool err_is_retryable(enum err e)
{
    assert(e < ERR_COUNT);
    return errors[e].is_retryable;
}
