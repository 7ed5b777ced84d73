/* What the files of the mode for AWS Lambda share: one invocation, and who works on it.
 *
 *   lambda.c          the process: start, one invocation after the other
 *   lambda_runtime.c  the runtime API
 *   lambda_event.c    what an event is; pure
 *   lambda_records.c  messages of queues
 *   lambda_http.c     HTTP requests of four kinds, and events from whoever may invoke the function
 */
#ifndef SWM_APP_LAMBDA_INT_H
#define SWM_APP_LAMBDA_INT_H

#include "app/engine.h"
#include "app/lambda_runtime.h"
#include "base/json.h"

/* --- lambda_event.c --- */

enum lambda_shape {
    LAMBDA_UNKNOWN,
    LAMBDA_RECORDS, /* messages of Amazon SQS */
    LAMBDA_URL,     /* a function URL, or API Gateway's payload format 2.0 */
    LAMBDA_REST,    /* API Gateway's payload format 1.0 */
    LAMBDA_ALB,     /* an application load balancer */
    LAMBDA_TICK,    /* the schedule */
    LAMBDA_DIRECT   /* an swm event, or an array of them */
};
enum lambda_shape lambda_event_shape(yyjson_val *event);

/* An HTTP request in an event, for http_memory_take; texts in the event or the arena. ERR_INVALID:
 * *why is a sentence. What the answer must look like is told by the event again. */
enum err lambda_event_request(struct arena *a, enum lambda_shape shape, yyjson_val *event,
                              struct http_memory *out, const char **why) MUST_USE;
/* Where API Gateway's root was asked for without a slash at its end: the address that has one,
 * relative, or the page's own relative addresses would lead past the stage. Else absent. */
struct slice lambda_event_detour(struct arena *a, enum lambda_shape shape, yyjson_val *event);
/* The answer in the form that whoever sent the event reads. */
struct slice lambda_event_answer(struct arena *a, enum lambda_shape shape, yyjson_val *event,
                                 const struct http_answer *answer);

/* --- one invocation --- */

struct lambda_call {
    struct engine *engine;
    struct http_server *http;
    struct arena arena;
    struct lambda_invocation invocation;
    enum lambda_shape shape;
    yyjson_val *event;
    int64_t until_ms; /* by the engine's clock: what is not done then is given up */
    void *work;       /* the handler's */
    /* the answer: JSON; or an error, where `error_type` is set */
    struct slice answer;
    const char *error_type;
};

struct lambda_handler {
    enum flow_visit (*visit)(const struct lambda_call *c);
    void (*begin)(struct lambda_call *c); /* may set the answer at once: then it is over */
    bool (*is_done)(const struct lambda_call *c);
    /* Sets the answer. `is_settled`: all that was done is durable, folded and relayed. */
    void (*finish)(struct lambda_call *c, bool is_settled);
    /* What is not done is given up: the work is freed, at once or when its last callback has come.
     */
    void (*drop)(struct lambda_call *c);
};

extern const struct lambda_handler lambda_records, lambda_http, lambda_direct;

void lambda_fail(struct lambda_call *c, const char *type, const char *message);

#endif
