/* The vocabulary of errors: one table gives each its name (what the API and the CLI show), its
 * sentence, the HTTP status that carries it, and whether trying again may help.
 *
 * A bug asserts. The world and the input return `enum err`, the last parameter of such a function
 * is its result, and every such function is marked MUST_USE. Lower layers return, edges speak. */
#ifndef SWM_BASE_ERR_H
#define SWM_BASE_ERR_H

#include <stdbool.h>

#define MUST_USE __attribute__((warn_unused_result))

/*        symbol          name                 HTTP  retry  text */
#define ERR_TABLE(X)                                                                               \
    X(ERR_NONE, "none", 200, false, "no error")                                                    \
    X(ERR_INVALID, "invalid", 400, false, "the input is not valid")                                \
    X(ERR_UNAUTHORIZED, "unauthorized", 401, false, "credentials are missing or wrong")            \
    X(ERR_FORBIDDEN, "forbidden", 403, false, "this is not allowed from here")                     \
    X(ERR_NOT_FOUND, "not_found", 404, false, "there is no such thing")                            \
    X(ERR_UNKNOWN_TEMPLATE, "unknown_template", 404, false, "there is no such template")           \
    X(ERR_UNKNOWN_INSTANCE, "unknown_instance", 404, false, "there is no such instance")           \
    X(ERR_UNKNOWN_TASK, "unknown_task", 404, false, "the instance has no such task")               \
    X(ERR_UNKNOWN_QUEUE, "unknown_queue", 404, false, "there is no such queue")                    \
    X(ERR_METHOD, "method_not_allowed", 405, false, "this address does not take that method")      \
    X(ERR_REFUSED, "refused", 409, false, "the state does not allow it")                           \
    X(ERR_CONFLICT, "conflict", 409, true, "somebody else was first")                              \
    X(ERR_EXISTS, "exists", 409, false, "it exists already")                                       \
    X(ERR_TOO_LARGE, "too_large", 413, false, "it is larger than the limit")                       \
    X(ERR_HOST, "wrong_host", 421, false, "the Host header names another server")                  \
    X(ERR_OVERLOAD, "overload", 503, true, "too much is waiting; try again shortly")               \
    X(ERR_MEMORY, "out_of_memory", 503, true, "memory is short; try again shortly")                \
    X(ERR_DISK_FULL, "disk_full", 503, true,                                                       \
      "the disk is full; reads go on, writes wait for room")                                       \
    X(ERR_STORE, "store_failed", 503, true, "the store cannot be reached or failed")               \
    X(ERR_CORRUPT, "corrupt", 500, false, "stored data fails its own checks")                      \
    X(ERR_NEWER, "newer_format", 503, false,                                                       \
      "it was written by a newer version of swm, which this one is to be replaced by")             \
    X(ERR_BUSY, "in_use", 500, false, "another process uses it")                                   \
    X(ERR_IO, "io", 500, true, "the operating system reported an error")                           \
    X(ERR_CLOSING, "closing", 503, true, "the server is shutting down")

enum err {
#define X(symbol, name, http, retry, text) symbol,
    ERR_TABLE(X)
#undef X
        ERR_COUNT
};

const char *err_name(enum err e);
const char *err_text(enum err e);
int err_http(enum err e);
/* Whether the same request may succeed later without being changed. */
bool err_is_retryable(enum err e);

#endif
