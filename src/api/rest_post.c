/* Events that come as a message to the queue swm-events. Before it stands the SQS front or the
 * queue address of the REST interface, after it flow_arrive. The sender is answered when every
 * verdict is durable: what they are, the records tell. */
#include "api/rest_int.h"

#include "core/limits.h"

#include <stdlib.h>

struct post {
    struct arena arena;
    struct rest *rest;
    sqs_posted *reply;
    void *context;
    struct decoded *items;
    size_t count, left;
    enum err err; /* the first that decided nothing */
};

static struct slice nth_id(struct arena *a, struct slice id, size_t n)
{
    struct text t = text_new(a, EVENT_ID_BYTES_MAX);
    text_put(&t, id);
    text_put_char(&t, '/');
    text_put_int(&t, (int64_t)n);
    return text_slice(&t);
}

static void sign(struct post *w, const struct sqs_post *p, size_t n, bool is_alone)
{
    struct event *e = &w->items[n].event;
    e->source = p->source;
    e->actor = p->actor;
    e->is_workers = p->role < ROLE_OPERATOR;
    if (e->id.len == 0)
        e->id = is_alone ? p->id : nth_id(&w->arena, p->id, n);
}

static void take_one(struct post *w, const struct sqs_post *p, yyjson_val *root)
{
    if (root != NULL)
        rest_decode(&w->arena, root, &w->items[0]);
    w->count = 1;
    sign(w, p, 0, true);
}

static void take_array(struct post *w, const struct sqs_post *p, yyjson_val *array)
{
    w->items = arena_array(&w->arena, yyjson_arr_size(array), sizeof *w->items);
    yyjson_arr_iter it = yyjson_arr_iter_with(array);
    for (yyjson_val *v; (v = yyjson_arr_iter_next(&it)) != NULL; w->count++) {
        rest_decode(&w->arena, v, &w->items[w->count]);
        w->items[w->count].body = json_write(&w->arena, v);
        sign(w, p, w->count, false);
    }
}

static void decode(struct post *w, const struct sqs_post *p)
{
    w->items = arena_alloc(&w->arena, sizeof *w->items);
    yyjson_val *root = rest_parse(&w->arena, p->body, EVENT_BYTES_MAX, &w->items[0]);
    size_t count = root != NULL && yyjson_is_arr(root) ? yyjson_arr_size(root) : 0;
    if (count > 0 && count <= EVENTS_BATCH_MAX) {
        take_array(w, p, root);
        return;
    }
    if (count > 0) {
        w->items[0].verdict = VERDICT_TOO_LARGE;
        w->items[0].why = SLICE("an array of events holds at most 1000 of them");
        root = NULL;
    }
    take_one(w, p, root);
}

static void finish(struct post *w)
{
    sqs_posted *reply = w->reply;
    void *context = w->context;
    enum err err = w->err;
    arena_drop(&w->arena);
    free(w);
    reply(context, err);
}

static void take_answer(void *context, const struct flow_answer *answer)
{
    struct post *w = context;
    if (w->err == ERR_NONE)
        w->err = answer->err;
    if (--w->left == 0)
        finish(w);
}

void rest_post(void *rest, const struct sqs_post *p, sqs_posted *reply, void *reply_context)
{
    struct post *w = calloc(1, sizeof *w);
    if (w == NULL) {
        reply(reply_context, ERR_MEMORY);
        return;
    }
    arena_init(&w->arena, WORK_BYTES_MAX);
    w->rest = rest;
    w->reply = reply;
    w->context = reply_context;
    jmp_buf edge;
    w->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        w->err = ERR_MEMORY;
        finish(w);
        return;
    }
    decode(w, p);
    w->arena.edge = NULL;
    for (size_t i = 0; i < w->count; i++) {
        if (!rest_may_send(p->role, &w->items[i])) {
            w->err = ERR_FORBIDDEN;
            finish(w);
            return;
        }
    }
    w->left = w->count + 1; /* one more until all are on their way */
    for (size_t i = 0; i < w->count; i++)
        rest_arrive(w->rest, &w->items[i], take_answer, w);
    take_answer(w, &(struct flow_answer){.err = ERR_NONE});
}
