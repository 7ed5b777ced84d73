/* The runtime API of AWS Lambda, version 2018-06-01: the next invocation is asked for, which may
 * take hours, and answered. The process is frozen between an answer and the next invocation. */
#ifndef SWM_APP_LAMBDA_RUNTIME_H
#define SWM_APP_LAMBDA_RUNTIME_H

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdint.h>

#define LAMBDA_ID_BYTES 128

struct lambda_runtime;

struct lambda_invocation {
    char id[LAMBDA_ID_BYTES];
    struct slice event;  /* JSON, as it was sent; valid until the next invocation */
    int64_t deadline_ms; /* by the system's clock, since 1970 UTC */
    bool is_too_large;   /* `event` is cut */
};

/* `address`: AWS_LAMBDA_RUNTIME_API, "HOST:PORT". ERR_MEMORY. */
enum err lambda_runtime_open(const char *address, struct lambda_runtime **out) MUST_USE;
/* Waits for the next invocation. ERR_IO: the runtime API does not answer, or not as it should;
 * what it said has been logged. */
enum err lambda_runtime_next(struct lambda_runtime *r, struct lambda_invocation *out) MUST_USE;
/* ERR_TOO_LARGE: it did not take an answer of this size, and waits for another one. */
enum err lambda_runtime_answer(struct lambda_runtime *r, const char *id,
                               struct slice json) MUST_USE;
/* An error instead of an answer; `id` NULL: of the start. `type` is a word such as Swm.Memory. */
enum err lambda_runtime_fail(struct lambda_runtime *r, const char *id, const char *type,
                             struct slice message);
int lambda_runtime_fd(const struct lambda_runtime *r); /* of its connection; -1: there is none */
void lambda_runtime_close(struct lambda_runtime *r);

#endif
