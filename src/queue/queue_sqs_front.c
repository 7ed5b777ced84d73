/* What the doors ask of queues that lie at Amazon SQS: what is known is answered at once, the rest
 * is handed through and answered when Amazon SQS has answered. Before it stand the doors, after it
 * calls. Only queues that templates name, that events come from or that were made through these
 * doors are known. */
#include "queue/queue_sqs_int.h"

#include <stdlib.h>
#include <string.h>

#define GIVE_UP_MS 10000
#define REQUEST_BYTES_MAX WORK_BYTES_MAX
#define DETAIL_BYTES 512

static struct queue_sqs *sqs_of(struct queue_front *f)
{
    return (struct queue_sqs *)(void *)((char *)f - offsetof(struct queue_sqs, front));
}

struct far_queue *far_front_find(const struct queue_sqs *q, struct slice name)
{
    struct far_queue *w = far_queue_find(q, name);
    for (size_t k = 0; w == NULL && k < q->name_count; k++)
        if (slice_eq(q->names[k]->name.name, name))
            w = q->names[k];
    return w != NULL && (!w->is_optional || w->url != NULL) ? w : NULL;
}

/* --- one request --- */

static void free_request(struct far_request *r)
{
    list_remove(&r->owner->requests, &r->link);
    arena_drop(&r->arena);
    free(r);
}

static void finish(struct far_request *r, enum err err, struct slice detail)
{
    queue_front_done *done = r->done;
    void *context = r->context;
    char kept[DETAIL_BYTES];
    size_t len = detail.len < sizeof kept ? detail.len : sizeof kept;
    if (len > 0)
        memcpy(kept, detail.at, len);
    free_request(r);
    if (done != NULL)
        done(context, err, (struct slice){kept, len});
}

static enum err err_of(const struct far_call *c)
{
    if (c->outcome == FAR_OK)
        return ERR_NONE;
    if (c->outcome == FAR_NO_QUEUE)
        return ERR_UNKNOWN_QUEUE;
    if (c->outcome == FAR_QUEUE_EXISTS)
        return ERR_EXISTS;
    if (c->outcome != FAR_REFUSED && c->outcome != FAR_TOO_LONG)
        return ERR_OVERLOAD;
    return slice_has_prefix(c->code, SLICE("Invalid")) ||
                   slice_eq_text(c->code, "ReceiptHandleIsInvalid")
               ? ERR_INVALID
               : ERR_REFUSED;
}

/* A batch of which some failed: what the first of them says. */
static void judge_entries(struct far_call *c)
{
    yyjson_val *failed = json_get(c->answer, "Failed");
    yyjson_val *first = yyjson_is_arr(failed) ? yyjson_arr_get_first(failed) : NULL;
    bool is_ours = false;
    if (first == NULL)
        return;
    (void)json_get_bool(first, "SenderFault", &is_ours);
    c->code = json_get_text(first, "Code");
    c->message = json_get_text(first, "Message");
    c->outcome = far_call_judge(c->code, is_ours ? 400 : 500);
}

/* A queue that nobody names and that was deleted is shown when it exists again. */
static void note(struct far_request *r, const struct far_call *c)
{
    struct far_queue *w = r->queue;
    if (c->outcome == FAR_NO_QUEUE || (c->outcome == FAR_OK && r->action == FAR_DROP)) {
        far_queue_forget_url(w);
        w->is_optional = w->is_optional || (!w->is_declared && w->events == NULL);
    }
    if (c->outcome == FAR_OK && r->action == FAR_CREATE)
        w->is_optional = false;
    if (c->outcome == FAR_OK && (r->action == FAR_SET_ATTRIBUTES || r->action == FAR_PURGE))
        w->depth_at_ms = 0;
}

static void answered(struct queue_sqs *q, struct far_call *c)
{
    struct far_request *r = c->context;
    (void)q;
    if (c->outcome == FAR_OK)
        judge_entries(c);
    note(r, c);
    finish(r, err_of(c), c->message);
}

static void fill_batch(struct json_out *o, const struct far_request *r)
{
    for (uint32_t k = 0; k < r->count; k++) {
        const struct queue_send *m = &r->messages[k];
        char id[2] = {(char)('0' + k), '\0'};
        yyjson_val *root = NULL, *attributes;
        if (m->attributes.len > 0 && json_read(o->text.arena, m->attributes, WORK_BYTES_MAX,
                                               JSON_DEPTH_MAX, NULL, &root) != ERR_NONE)
            root = NULL;
        attributes = json_get(root, "MessageAttributes");
        json_object(o);
        json_put_text(o, "Id", id);
        json_put_string(o, "MessageBody", m->body);
        if (m->delay_ms > 0)
            json_put_number(o, "DelaySeconds", m->delay_ms / 1000);
        if (attributes != NULL)
            json_put_raw(o, "MessageAttributes", json_write(o->text.arena, attributes));
        if (json_get_text(root, "MessageGroupId").len > 0)
            json_put_string(o, "MessageGroupId", json_get_text(root, "MessageGroupId"));
        if (r->queue->name.is_fifo)
            json_put_string(o, "MessageDeduplicationId", m->id);
        json_object_end(o);
    }
}

static void fill(struct json_out *o, const void *from)
{
    const struct far_request *r = from;
    if (r->action == FAR_CREATE)
        json_put_string(o, "QueueName", r->queue->name.name);
    if (r->settings.len > 0)
        json_put_raw(o, "Attributes", r->settings);
    if (r->action != FAR_SEND && r->receipt.len == 0)
        return;
    json_key(o, "Entries");
    json_array(o);
    fill_batch(o, r);
    if (r->receipt.len > 0) {
        json_object(o);
        json_put_text(o, "Id", "0");
        json_put_string(o, "ReceiptHandle", r->receipt);
        if (r->action == FAR_HIDE)
            json_put_number(o, "VisibilityTimeout", r->hidden_s);
        json_object_end(o);
    }
    json_array_end(o);
}

static void begin(struct queue_sqs *q, struct far_request *r)
{
    struct far_ask ask = {.action = r->action,
                          .queue = r->queue,
                          .fill = fill,
                          .from = r,
                          .done = answered,
                          .context = r};
    r->call = far_call_begin(q, &ask);
    if (r->call == NULL)
        finish(r, ERR_MEMORY, SLICE_NONE);
}

/* --- waiting for the queue --- */

static void copy(struct far_request *r)
{
    struct arena *a = &r->arena;
    struct queue_send *copies = arena_array(a, r->count + 1, sizeof *copies);
    r->settings = slice_copy(a, r->settings);
    r->receipt = slice_copy(a, r->receipt);
    for (uint32_t k = 0; k < r->count; k++) {
        copies[k] = r->messages[k];
        copies[k].body = slice_copy(a, copies[k].body);
        copies[k].attributes = slice_copy(a, copies[k].attributes);
        copies[k].id = slice_copy(a, copies[k].id);
    }
    r->messages = copies;
}

static bool copy_inputs(struct far_request *r)
{
    jmp_buf edge;
    r->arena.edge = &edge;
    bool is_copied = setjmp(edge) == 0;
    if (is_copied)
        copy(r);
    r->arena.edge = NULL;
    return is_copied;
}

/* NULL: memory is short. */
static struct far_request *make(struct queue_sqs *q, struct far_queue *w,
                                const struct far_request *what)
{
    struct far_request *r = malloc(sizeof *r);
    if (r == NULL)
        return NULL;
    *r = *what;
    r->owner = q;
    r->queue = w;
    r->give_up_at_ms = time_add(q->now_ms, GIVE_UP_MS);
    arena_init(&r->arena, REQUEST_BYTES_MAX);
    list_append(&q->requests, &r->link);
    if (copy_inputs(r))
        return r;
    free_request(r);
    return NULL;
}

static void ask(struct queue_sqs *q, struct far_queue *w, const struct far_request *what)
{
    const char *why = w == NULL ? err_text(ERR_UNKNOWN_QUEUE) : err_text(ERR_MEMORY);
    if (w == NULL || make(q, w, what) == NULL)
        what->done(what->context, w == NULL ? ERR_UNKNOWN_QUEUE : ERR_MEMORY, slice_of(why));
}

void far_front_tell(struct queue_sqs *q, struct far_queue *w, const struct far_request *what)
{
    (void)make(q, w, what);
}

static void run(struct queue_sqs *q, struct far_request *r)
{
    bool is_ready =
        r->action == FAR_CREATE ? far_call_is_possible(q) : far_queue_is_ready(q, r->queue);
    if (is_ready)
        begin(q, r);
    else if (r->queue->error[0] != '\0' && r->queue->retry_at_ms >= r->give_up_at_ms)
        finish(r, ERR_REFUSED, slice_of(r->queue->error));
    else if (q->now_ms >= r->give_up_at_ms || q->is_draining)
        finish(r, ERR_OVERLOAD, SLICE("Amazon SQS does not answer"));
}

void far_front_round(struct queue_sqs *q)
{
    for (struct link *k = list_first(&q->requests), *next; k != NULL; k = next) {
        struct far_request *r = LINK_OWNER(k, struct far_request, link);
        next = list_after(&q->requests, k);
        if (r->call == NULL)
            run(q, r);
    }
}

int64_t far_front_next(const struct queue_sqs *q)
{
    int64_t at_ms = TIME_NEVER;
    for (const struct link *k = list_first(&q->requests); k != NULL;
         k = list_after(&q->requests, k)) {
        const struct far_request *r = LINK_OWNER(k, const struct far_request, link);
        bool can_begin =
            far_call_is_possible(q) && r->queue->url != NULL && q->now_ms >= r->queue->retry_at_ms;
        if (r->call == NULL)
            at_ms = time_min(at_ms, can_begin ? q->now_ms : r->give_up_at_ms);
    }
    return at_ms;
}

void far_front_close(struct queue_sqs *q)
{
    struct link *k;
    while ((k = list_first(&q->requests)) != NULL) {
        struct far_request *r = LINK_OWNER(k, struct far_request, link);
        if (r->call != NULL)
            far_call_drop(r->call);
        free_request(r);
    }
}

/* --- what the doors ask --- */

static void create(struct queue_front *f, struct slice name, struct slice json,
                   queue_front_done *done, void *context)
{
    struct queue_sqs *q = sqs_of(f);
    struct far_queue *w = far_front_find(q, name);
    bool is_new = w == NULL;
    if (w == NULL)
        w = far_queue_obtain(q, name);
    if (w == NULL || q->must_exist) {
        done(context, w == NULL ? ERR_MEMORY : ERR_REFUSED,
             SLICE("this server is not to make queues at Amazon SQS"));
        return;
    }
    w->is_optional = w->is_optional || is_new;
    ask(q, w,
        &(struct far_request){
            .action = FAR_CREATE, .settings = json, .done = done, .context = context});
}

static void set(struct queue_front *f, struct slice name, struct slice json, queue_front_done *done,
                void *context)
{
    ask(sqs_of(f), far_front_find(sqs_of(f), name),
        &(struct far_request){
            .action = FAR_SET_ATTRIBUTES, .settings = json, .done = done, .context = context});
}

static void drop(struct queue_front *f, struct slice name, queue_front_done *done, void *context)
{
    struct far_queue *w = far_front_find(sqs_of(f), name);
    if (w != NULL && (w->is_declared || w->events != NULL)) {
        done(context, ERR_REFUSED, SLICE("swm itself uses this queue"));
        return;
    }
    ask(sqs_of(f), w, &(struct far_request){.action = FAR_DROP, .done = done, .context = context});
}

static void purge(struct queue_front *f, struct slice name, queue_front_done *done, void *context)
{
    ask(sqs_of(f), far_front_find(sqs_of(f), name),
        &(struct far_request){.action = FAR_PURGE, .done = done, .context = context});
}

static void show(struct queue_sqs *q, struct far_queue *w, struct queue_info *out)
{
    far_queue_ask_depth(q, w);
    *out = (struct queue_info){.name = w->name.name.len > 0 ? w->name.name : w->text,
                               .attributes =
                                   w->attributes != NULL ? slice_of(w->attributes) : SLICE("{}"),
                               .visible = w->visible,
                               .in_flight = w->in_flight,
                               .delayed = w->delayed + (int64_t)w->unsent,
                               .problem = w->error[0] != '\0' ? slice_of(w->error) : SLICE_NONE};
}

static enum err info(struct queue_front *f, struct slice name, struct queue_info *out)
{
    struct far_queue *w = far_front_find(sqs_of(f), name);
    if (w == NULL)
        return ERR_NOT_FOUND;
    show(sqs_of(f), w, out);
    return ERR_NONE;
}

/* In order of how they are named: `after` may be the last part of a URL or an ARN. */
static bool next(struct queue_front *f, struct slice after, struct slice prefix,
                 struct queue_info *out)
{
    struct queue_sqs *q = sqs_of(f);
    struct far_queue *last = after.at == NULL ? NULL : far_front_find(q, after);
    struct far_queue *w = far_queue_after(q, last != NULL ? last->text : after, prefix);
    if (w == NULL)
        return false;
    show(q, w, out);
    return true;
}

static void send_all(struct queue_front *f, const struct queue_send *m, uint32_t count,
                     queue_front_done *done, void *context)
{
    struct far_request what = {
        .action = FAR_SEND, .count = count, .done = done, .context = context};
    what.messages = (struct queue_send *)(uintptr_t)m; /* copied, not written to */
    ask(sqs_of(f), far_front_find(sqs_of(f), m[0].queue), &what);
}

static void remove_one(struct queue_front *f, struct slice queue, struct slice receipt,
                       queue_front_done *done, void *context)
{
    ask(sqs_of(f), far_front_find(sqs_of(f), queue),
        &(struct far_request){
            .action = FAR_DELETE, .receipt = receipt, .done = done, .context = context});
}

/* The answer would come too late to be told: what Amazon SQS refuses stays as it is. */
static enum err set_visibility(struct queue_front *f, struct slice queue, struct slice receipt,
                               int64_t visibility_ms)
{
    struct far_queue *w = far_front_find(sqs_of(f), queue);
    if (w == NULL)
        return ERR_UNKNOWN_QUEUE;
    far_front_tell(sqs_of(f), w,
                   &(struct far_request){
                       .action = FAR_HIDE, .receipt = receipt, .hidden_s = visibility_ms / 1000});
    return ERR_NONE;
}

const struct queue_front_ops far_front_ops = {.create = create,
                                              .set = set,
                                              .drop = drop,
                                              .purge = purge,
                                              .info = info,
                                              .next = next,
                                              .send = send_all,
                                              .receive = far_take_begin,
                                              .cancel = far_take_cancel,
                                              .remove = remove_one,
                                              .set_visibility = set_visibility};
