/* Messages of Amazon SQS that AWS Lambda has received for us. Each is failed until the verdicts of
 * its events are durable; what is no event gets its verdict too and is not failed. In a FIFO queue
 * the messages of a group are taken one after the other, and behind a failed one all are failed.
 * Before it stands lambda.c, after it rest_post, where messages of the same kind come from servers.
 */
#include "app/lambda_int.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

struct record {
    struct records *of;
    struct slice id, body, group; /* group: of a FIFO queue; absent: there is none */
    enum { RECORD_WAITING, RECORD_OUT, RECORD_DONE, RECORD_FAILED } state;
};

struct records { /* lives until the last answer has come */
    struct engine *engine;
    struct arena arena;
    struct record *items;
    size_t count, done; /* done: those that are not waiting or out */
    size_t out;
    bool is_abandoned, is_posting;
};

static void free_records(struct records *w)
{
    arena_drop(&w->arena);
    free(w);
}

static void post_next(struct records *w, size_t from);

static void take_verdict(void *context, enum err err)
{
    struct record *r = context;
    struct records *w = r->of;
    r->state = err == ERR_NONE ? RECORD_DONE : RECORD_FAILED;
    w->out--;
    w->done++;
    if (w->is_abandoned && w->out == 0)
        free_records(w);
    else if (!w->is_abandoned && !w->is_posting && r->group.at != NULL)
        post_next(w, (size_t)(r - w->items) + 1);
}

static void post(struct records *w, struct record *r)
{
    struct sqs_post p = {r->body, r->id, SLICE("sqs"), SLICE("sqs"), ROLE_OPERATOR};
    r->state = RECORD_OUT;
    w->out++;
    rest_post(w->engine->rest, &p, take_verdict, r);
}

/* What stands before it in its group: waiting or out, failed, or nothing that matters. */
static const struct record *find_before(const struct records *w, const struct record *r)
{
    for (const struct record *b = r; r->group.at != NULL && b > w->items;) {
        b--;
        if (slice_eq(b->group, r->group) && b->state != RECORD_DONE)
            return b;
    }
    return NULL;
}

static void post_next(struct records *w, size_t from)
{
    w->is_posting = true;
    for (size_t k = from; k < w->count; k++) {
        struct record *r = &w->items[k];
        const struct record *before = find_before(w, r);
        if (r->state != RECORD_WAITING || (before != NULL && before->state != RECORD_FAILED))
            continue;
        if (before == NULL) {
            post(w, r);
            continue;
        }
        r->state = RECORD_FAILED;
        w->done++;
    }
    w->is_posting = false;
}

/* --- reading --- */

/* A record without an id can't be failed alone; its event still needs a name. */
static struct slice name_record(struct arena *a, const struct lambda_call *c, size_t n)
{
    struct text t = text_new(a, LAMBDA_ID_BYTES + 24);
    text_put_c(&t, c->invocation.id);
    text_put_char(&t, '/');
    text_put_int(&t, (int64_t)n);
    return text_slice(&t);
}

static void read_record(struct records *w, const struct lambda_call *c, yyjson_val *v, size_t n)
{
    struct record *r = &w->items[n];
    yyjson_val *body = json_get(v, "body");
    bool is_fifo = slice_has_suffix(json_get_text(v, "eventSourceARN"), SLICE(".fifo"));
    struct slice group = json_get_text(json_get(v, "attributes"), "MessageGroupId");
    struct slice id = json_get_text(v, "messageId");
    r->of = w;
    r->id = slice_copy(&w->arena, id.len > 0 ? id : name_record(&w->arena, c, n));
    r->body =
        slice_copy(&w->arena, body == NULL || yyjson_is_str(body) ? json_text(body)
                                                                  : json_write(&w->arena, body));
    r->group = is_fifo && group.len > 0 ? slice_copy(&w->arena, group) : SLICE_NONE;
}

static bool read_all(struct records *w, const struct lambda_call *c)
{
    jmp_buf edge;
    yyjson_val *array = json_get(c->event, "Records"), *v;
    yyjson_arr_iter it = yyjson_arr_iter_with(array);
    w->arena.edge = &edge;
    if (setjmp(edge) != 0)
        return false;
    w->items = arena_array(&w->arena, yyjson_arr_size(array), sizeof *w->items);
    while ((v = yyjson_arr_iter_next(&it)) != NULL)
        read_record(w, c, v, w->count++);
    w->arena.edge = NULL;
    return true;
}

static enum flow_visit visit(const struct lambda_call *c)
{
    (void)c;
    return FLOW_WRITES;
}

static void begin(struct lambda_call *c)
{
    struct records *w = calloc(1, sizeof *w);
    if (w != NULL) {
        arena_init(&w->arena, WORK_BYTES_MAX);
        w->engine = c->engine;
    }
    if (w == NULL || !read_all(w, c)) {
        if (w != NULL)
            free_records(w);
        lambda_fail(c, "Swm.Memory", "memory is short; all messages come again");
        return;
    }
    c->work = w;
    post_next(w, 0);
}

static bool is_done(const struct lambda_call *c)
{
    const struct records *w = c->work;
    return w->done == w->count;
}

/* What is decided but not told to everybody is failed as well: it comes again and changes nothing.
 */
static void finish(struct lambda_call *c, bool is_settled)
{
    struct records *w = c->work;
    struct json_out o = json_out_new(&c->arena, LAMBDA_ANSWER_BYTES_MAX);
    json_object(&o);
    json_key(&o, "batchItemFailures");
    json_array(&o);
    for (size_t k = 0; k < w->count; k++) {
        if (w->items[k].state == RECORD_DONE && is_settled)
            continue;
        json_object(&o);
        json_put_string(&o, "itemIdentifier", w->items[k].id);
        json_object_end(&o);
    }
    json_array_end(&o);
    json_object_end(&o);
    c->answer = json_out_slice(&o);
}

static void drop(struct lambda_call *c)
{
    struct records *w = c->work;
    w->is_abandoned = true;
    if (w->out == 0)
        free_records(w);
}

const struct lambda_handler lambda_records = {visit, begin, is_done, finish, drop};
