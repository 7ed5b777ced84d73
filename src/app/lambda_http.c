/* HTTP requests of AWS Lambda's front doors, and events from whoever may invoke the function: both
 * go through the HTTP server's one handler, from memory. Before it stands lambda.c, after it
 * api/http_memory.c. It must not know addresses. */
#include "api/auth.h"
#include "app/lambda_int.h"
#include "core/limits.h"

#include <string.h>

static enum flow_visit visit_of_request(const struct lambda_call *c)
{
    struct slice method = json_get_text(c->event, "httpMethod");
    if (method.at == NULL)
        method = json_get_text(json_get(json_get(c->event, "requestContext"), "http"), "method");
    return slice_eq_text(method, "GET") || slice_eq_text(method, "HEAD") ? FLOW_READS : FLOW_WRITES;
}

static void take(struct lambda_call *c, struct http_memory *m)
{
    m->until_ms = c->until_ms;
    c->work = http_memory_take(c->http, m);
    if (c->work == NULL)
        lambda_fail(c, "Swm.Memory", "memory is short");
}

static void send_elsewhere(struct lambda_call *c, struct slice where)
{
    const struct http_field location = {SLICE("Location"), where};
    const struct http_answer answer = {302, &location, 1, SLICE("")};
    c->answer = lambda_event_answer(&c->arena, c->shape, c->event, &answer);
}

static void begin_request(struct lambda_call *c)
{
    struct http_memory m;
    const char *why;
    struct slice detour = lambda_event_detour(&c->arena, c->shape, c->event);
    if (detour.at != NULL && visit_of_request(c) == FLOW_READS)
        send_elsewhere(c, detour);
    else if (lambda_event_request(&c->arena, c->shape, c->event, &m, &why) == ERR_NONE)
        take(c, &m);
    else
        lambda_fail(c, "Swm.Invalid", why);
}

static bool is_answered(const struct lambda_call *c)
{
    struct http_answer answer;
    return c->answer.at != NULL || http_memory_answer(c->work, &answer);
}

static struct http_answer refusal(int status, struct slice json)
{
    static const struct http_field type = {{"Content-Type", sizeof "Content-Type" - 1},
                                           {"application/json", sizeof "application/json" - 1}};
    return (struct http_answer){status, &type, 1, json};
}

static struct http_answer late(void)
{
    return refusal(503, SLICE("{\"error\":{\"code\":\"overload\",\"message\":\"the time of this "
                              "invocation was not enough; it is not known what became of the "
                              "request\"}}"));
}

static struct http_answer too_large(void)
{
    return refusal(413, SLICE("{\"error\":{\"code\":\"too_large\",\"message\":\"the answer is "
                              "larger than the 6 MB that AWS Lambda may answer; ask for less at "
                              "a time\"}}"));
}

static void finish_request(struct lambda_call *c, bool is_settled)
{
    struct http_answer answer;
    if (c->answer.at != NULL)
        return;
    bool is_late =
        !http_memory_answer(c->work, &answer) || (!is_settled && visit_of_request(c) != FLOW_READS);
    if (is_late)
        answer = late();
    c->answer = lambda_event_answer(&c->arena, c->shape, c->event, &answer);
    if (c->answer.at == NULL) {
        answer = too_large();
        c->answer = lambda_event_answer(&c->arena, c->shape, c->event, &answer);
    }
}

static void drop(struct lambda_call *c)
{
    http_memory_end(c->work);
}

const struct lambda_handler lambda_http = {visit_of_request, begin_request, is_answered,
                                           finish_request, drop};

/* --- direct ----------------------------------------------------------------------------------- */

static enum flow_visit visit_of_event(const struct lambda_call *c)
{
    (void)c;
    return FLOW_WRITES;
}

/* An invocation that AWS repeats has the same id, and so have its events. */
static void begin_event(struct lambda_call *c)
{
    const struct http_field headers[] = {
        {SLICE("Host"), SLICE("localhost")},
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Idempotency-Key"), slice_of(c->invocation.id)},
    };
    struct http_memory m = {.method = SLICE("POST"),
                            .uri = SLICE("/v1/events"),
                            .headers = headers,
                            .header_count = sizeof headers / sizeof headers[0],
                            .body = c->invocation.event,
                            .is_secure = true,
                            .caller = &auth_invoker};
    take(c, &m);
}

static void finish_event(struct lambda_call *c, bool is_settled)
{
    struct http_answer answer;
    bool is_late = !http_memory_answer(c->work, &answer) || !is_settled;
    if (is_late)
        lambda_fail(c, "Swm.Late", "the time of this invocation was not enough");
    else if (answer.status >= 500)
        lambda_fail(c, "Swm.Unavailable", slice_text(&c->arena, answer.body));
    else
        c->answer = slice_copy(&c->arena, answer.body);
}

const struct lambda_handler lambda_direct = {visit_of_event, begin_event, is_answered, finish_event,
                                             drop};
