/* Any bytes as an event of AWS Lambda: known by its form; a request goes the way of every request,
 * and its answer is JSON again. */
#include "app/lambda_int.h"
#include "core/limits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what it was asked: names and values come back in the answer. */
static void echo(void *context, struct http_request *r)
{
    size_t cursor = 0;
    struct slice name;
    (void)context;
    while (http_query_next(r, &cursor, &name))
        (void)http_query(r, slice_text(http_arena(r), name));
    http_add(r, "X-Path", http_path(r));
    http_reply(r, 200, "text/plain", http_body(r));
}

static void ask(struct http_server *s, struct arena *a, enum lambda_shape shape, yyjson_val *event)
{
    struct http_memory m;
    struct http_answer answer;
    const char *why = NULL;
    if (lambda_event_request(a, shape, event, &m, &why) != ERR_NONE)
        return;
    struct http_request *r = http_memory_take(s, &m);
    if (r == NULL || !http_memory_answer(r, &answer))
        abort();
    struct slice json = lambda_event_answer(a, shape, event, &answer);
    yyjson_val *root;
    if (json.at != NULL && json_read(a, json, json.len, JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
        abort();
    http_memory_end(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct http_server *s;
    struct http_config c = {.handle = echo};
    struct slice bytes = {(const char *)data, size};
    yyjson_val *event;
    arena_init(&a, WORK_BYTES_MAX);
    if (http_open(&c, &s) != ERR_NONE)
        abort();
    if (json_read(&a, bytes, LAMBDA_EVENT_BYTES_MAX, JSON_DEPTH_MAX, NULL, &event) == ERR_NONE) {
        enum lambda_shape shape = lambda_event_shape(event);
        if (shape == LAMBDA_URL || shape == LAMBDA_REST || shape == LAMBDA_ALB)
            ask(s, &a, shape, event);
    }
    http_close(s);
    arena_drop(&a);
    return 0;
}
