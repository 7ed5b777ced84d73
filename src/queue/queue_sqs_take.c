/* Receives of the doors, handed through to Amazon SQS, for workers that speak to swm alone. A task
 * message is handed over only while its task still waits for it; and since such a worker answers
 * by token and knows no receipt, the message is deleted at Amazon SQS when its task ends and kept
 * hidden by a sign of life, where both meet at this server. Elsewhere it comes again, is found to
 * have ended, and is deleted then. */
#include "queue/queue_sqs_int.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TAKE_BYTES_MAX WORK_BYTES_MAX
#define HELD_MAX QUEUE_INFLIGHT_MAX

struct slot {
    struct far_take *take;
    struct queue_delivery delivery;
    struct queue_message name; /* of a task message */
    enum err err;              /* ERR_NOT_FOUND: it has ended */
};

struct far_take {
    struct link link;
    struct queue_sqs *owner;
    struct far_queue *queue;
    struct queue_receive receive; /* its texts are not kept */
    uint64_t handle;
    int64_t until_ms; /* how long it waits for the queue's URL */
    struct far_call *call;
    bool is_answered, is_cancelled;
    struct arena arena;
    uint32_t count, outstanding;
    struct slot slots[QUEUE_RECEIVES_MAX];
};

static struct queue_sqs *sqs_of(struct queue_front *f)
{
    return (struct queue_sqs *)(void *)((char *)f - offsetof(struct queue_sqs, front));
}

/* --- what was received here --- */

static struct far_held *find_held(const struct queue_sqs *q, const struct queue_message *m)
{
    char key[1024];
    assert(far_message_key_bytes(m) <= sizeof key);
    far_message_write_key(key, m);
    return map_find(&q->held, (struct slice){key, far_message_key_bytes(m)});
}

void far_take_expire(struct queue_sqs *q, struct far_held *h)
{
    (void)map_remove(&q->held, h->key);
    heap_remove(&q->times, &h->timer.entry);
    free(h);
}

static int64_t hidden_s(const struct far_take *t)
{
    int64_t s = t->receive.visibility_ms / 1000;
    return t->receive.visibility_ms >= 0 ? s
           : t->queue->visibility_s > 0  ? t->queue->visibility_s
                                         : QUEUE_VISIBILITY_S_DEFAULT;
}

/* Where memory is short it is not kept, and comes again. */
static void keep(struct queue_sqs *q, struct far_take *t, const struct slot *s)
{
    size_t key_len = far_message_key_bytes(&s->name);
    struct far_held *old = find_held(q, &s->name);
    struct far_held *h = calloc(1, sizeof *h + key_len + s->delivery.receipt.len);
    if (old != NULL)
        far_take_expire(q, old);
    if (h == NULL || q->held.count >= HELD_MAX) {
        free(h);
        return;
    }
    h->queue = t->queue;
    h->timer.kind = FAR_TIMER_HELD;
    h->hidden_s = hidden_s(t);
    h->key = (struct slice){h->bytes, key_len};
    h->receipt = (struct slice){h->bytes + key_len, s->delivery.receipt.len};
    h->name = (struct queue_message){.generation = s->name.generation, .attempt = s->name.attempt};
    far_message_write_key(h->bytes, &s->name);
    memcpy(h->bytes + key_len, s->delivery.receipt.at, s->delivery.receipt.len);
    int64_t until_ms = time_add(q->now_ms, h->hidden_s * 1000);
    if (heap_put(&q->times, &h->timer.entry, until_ms, ++q->serials) != ERR_NONE)
        free(h);
    else if (map_put(&q->held, h->key, h) != ERR_NONE)
        far_take_expire(q, h);
}

static void tell(struct queue_sqs *q, struct far_queue *w, struct slice receipt, int64_t after_s)
{
    far_front_tell(q, w,
                   &(struct far_request){.action = after_s < 0 ? FAR_DELETE : FAR_HIDE,
                                         .receipt = receipt,
                                         .hidden_s = after_s});
}

void far_take_withdraw(struct queue_sqs *q, const struct queue_message *m)
{
    struct far_held *h = q->held.count == 0 ? NULL : find_held(q, m);
    if (h == NULL || far_message_compare(&h->name, m) > 0)
        return;
    tell(q, h->queue, h->receipt, -1);
    far_take_expire(q, h);
}

void far_take_extend(struct queue_sqs *q, const struct queue_message *m)
{
    struct far_held *h = q->held.count == 0 ? NULL : find_held(q, m);
    if (h == NULL || far_message_compare(&h->name, m) != 0)
        return;
    tell(q, h->queue, h->receipt, h->hidden_s);
    enum err e = heap_put(&q->times, &h->timer.entry, time_add(q->now_ms, h->hidden_s * 1000),
                          h->timer.entry.tie);
    assert(e == ERR_NONE); /* it lies in the heap: it is only moved */
}

/* --- the answer --- */

static void free_take(struct far_take *t)
{
    list_remove(&t->owner->takes, &t->link);
    arena_drop(&t->arena);
    free(t);
}

static void end(struct far_take *t, enum err err, const struct queue_delivery *d, uint32_t count)
{
    if (!t->is_cancelled)
        t->receive.reply(t->receive.context, err, d, count);
    free_take(t);
}

/* What has ended is deleted; what nobody is there for is given back. */
static void hand_over(struct far_take *t)
{
    struct queue_sqs *q = t->owner;
    struct queue_delivery deliveries[QUEUE_RECEIVES_MAX];
    uint32_t count = 0;
    bool is_there = !t->is_cancelled && t->receive.is_connected(t->receive.context);
    for (uint32_t k = 0; k < t->count; k++) {
        const struct slot *s = &t->slots[k];
        if (s->err == ERR_NOT_FOUND) {
            tell(q, t->queue, s->delivery.receipt, -1);
        } else if (!is_there || s->err != ERR_NONE) {
            tell(q, t->queue, s->delivery.receipt, s->err == ERR_NONE ? 0 : 1);
        } else {
            if (s->delivery.is_task)
                keep(q, t, s);
            deliveries[count++] = s->delivery;
        }
    }
    end(t, ERR_NONE, deliveries, count);
}

static void take_text(void *context, enum err err, struct slice json)
{
    struct slot *s = context;
    (void)json; /* what Amazon SQS has says the same */
    s->err = err;
    if (--s->take->outstanding == 0)
        hand_over(s->take);
}

static void ask_texts(struct far_take *t)
{
    struct queue_sqs *q = t->owner;
    t->outstanding = 1;
    for (uint32_t k = 0; k < t->count; k++) {
        if (!t->slots[k].delivery.is_task)
            continue;
        t->outstanding++;
        q->engine.read_message(q->engine.context, &t->slots[k].name, take_text, &t->slots[k]);
    }
    if (--t->outstanding == 0)
        hand_over(t);
}

static int64_t number_of(yyjson_val *attributes, const char *name)
{
    int64_t n;
    return slice_to_int(json_get_text(attributes, name), &n) ? n : 0;
}

static struct slice write_attributes(struct arena *a, yyjson_val *v)
{
    yyjson_val *user = json_get(v, "MessageAttributes");
    struct slice group = json_get_text(json_get(v, "Attributes"), "MessageGroupId");
    if (user == NULL && group.at == NULL)
        return SLICE_NONE;
    struct json_out o = json_out_new(a, TAKE_BYTES_MAX / 4);
    json_object(&o);
    if (user != NULL)
        json_put_raw(&o, "MessageAttributes", json_write(a, user));
    if (group.at != NULL)
        json_put_string(&o, "MessageGroupId", group);
    json_object_end(&o);
    return json_out_slice(&o);
}

static void read_slot(struct far_take *t, struct slot *s, yyjson_val *v)
{
    struct arena *a = &t->arena;
    yyjson_val *system = json_get(v, "Attributes");
    s->take = t;
    s->delivery = (struct queue_delivery){
        .id = slice_copy(a, json_get_text(v, "MessageId")),
        .body = slice_copy(a, json_get_text(v, "Body")),
        .receipt = slice_copy(a, json_get_text(v, "ReceiptHandle")),
        .attributes = write_attributes(a, v),
        .sent_at_ms = number_of(system, "SentTimestamp"),
        .first_received_at_ms = number_of(system, "ApproximateFirstReceiveTimestamp"),
        .receives = number_of(system, "ApproximateReceiveCount")};
    s->delivery.is_task =
        t->owner->engine.read_name(t->owner->engine.context, a, s->delivery.body, &s->name);
}

static bool read_all(struct far_take *t, yyjson_val *messages)
{
    jmp_buf edge;
    yyjson_arr_iter it = yyjson_arr_iter_with(messages);
    yyjson_val *v;
    t->arena.edge = &edge;
    if (setjmp(edge) != 0) {
        t->arena.edge = NULL;
        return false;
    }
    while (yyjson_is_arr(messages) && t->count < QUEUE_RECEIVES_MAX &&
           (v = yyjson_arr_iter_next(&it)) != NULL)
        read_slot(t, &t->slots[t->count++], v);
    t->arena.edge = NULL;
    return true;
}

static void received(struct queue_sqs *q, struct far_call *c)
{
    struct far_take *t = c->context;
    (void)q;
    t->call = NULL;
    t->is_answered = true;
    if (c->outcome == FAR_OK) {
        if (read_all(t, json_get(c->answer, "Messages")))
            ask_texts(t);
        else
            end(t, ERR_MEMORY, NULL, 0);
        return;
    }
    if (c->outcome == FAR_NO_QUEUE)
        far_queue_forget_url(
            t->queue); /* sending goes on as it was: what it may is another matter */
    end(t, c->outcome == FAR_NO_QUEUE ? ERR_UNKNOWN_QUEUE : ERR_OVERLOAD, NULL, 0);
}

/* --- asking --- */

static void fill(struct json_out *o, const void *from)
{
    static const char *const names[] = {"AttributeNames", "MessageAttributeNames"};
    const struct far_take *t = from;
    json_put_number(o, "MaxNumberOfMessages", t->receive.max);
    if (t->receive.wait_ms >= 0)
        json_put_number(o, "WaitTimeSeconds", t->receive.wait_ms / 1000);
    if (t->receive.visibility_ms >= 0)
        json_put_number(o, "VisibilityTimeout", t->receive.visibility_ms / 1000);
    for (size_t k = 0; k < 2; k++) {
        json_key(o, names[k]);
        json_array(o);
        json_string(o, SLICE("All"));
        json_array_end(o);
    }
}

static void run(struct queue_sqs *q, struct far_take *t)
{
    struct far_ask ask = {.action = FAR_RECEIVE,
                          .queue = t->queue,
                          .wait_ms = QUEUE_WAIT_S_MAX * 1000,
                          .fill = fill,
                          .from = t,
                          .done = received,
                          .context = t};
    bool is_ready = far_queue_is_ready(q, t->queue);
    if (is_ready)
        t->call = far_call_begin(q, &ask);
    if (is_ready && t->call == NULL)
        end(t, ERR_MEMORY, NULL, 0);
    else if (!is_ready && q->now_ms >= t->until_ms)
        end(t, t->queue->error[0] != '\0' ? ERR_OVERLOAD : ERR_NONE, NULL, 0);
}

void far_take_round(struct queue_sqs *q)
{
    for (struct link *k = list_first(&q->takes), *next; k != NULL; k = next) {
        struct far_take *t = LINK_OWNER(k, struct far_take, link);
        next = list_after(&q->takes, k);
        if (t->call == NULL && !t->is_answered)
            run(q, t);
    }
}

int64_t far_take_next(const struct queue_sqs *q)
{
    int64_t at_ms = TIME_NEVER;
    for (const struct link *k = list_first(&q->takes); k != NULL; k = list_after(&q->takes, k)) {
        const struct far_take *t = LINK_OWNER(k, const struct far_take, link);
        if (t->call != NULL || t->is_answered)
            continue;
        at_ms = time_min(at_ms, t->queue->url != NULL && far_call_is_possible(q) &&
                                        q->now_ms >= t->queue->retry_at_ms
                                    ? q->now_ms
                                    : t->until_ms);
    }
    return at_ms;
}

static enum err check(const struct queue_sqs *q, const struct far_queue *w)
{
    if (w == NULL)
        return ERR_UNKNOWN_QUEUE;
    if (w->events != NULL)
        return ERR_REFUSED;
    return q->takes.count >= LONG_POLLS_MAX ? ERR_OVERLOAD : ERR_NONE;
}

uint64_t far_take_begin(struct queue_front *f, const struct queue_receive *r)
{
    struct queue_sqs *q = sqs_of(f);
    struct far_queue *w = far_front_find(q, r->queue);
    enum err err = check(q, w);
    struct far_take *t = err == ERR_NONE && !q->is_draining ? calloc(1, sizeof *t) : NULL;
    if (t == NULL) {
        bool is_late = err == ERR_NONE && q->is_draining;
        r->reply(r->context, err != ERR_NONE ? err : is_late ? ERR_NONE : ERR_MEMORY, NULL, 0);
        return 0;
    }
    arena_init(&t->arena, TAKE_BYTES_MAX);
    t->owner = q;
    t->queue = w;
    t->receive = *r;
    t->handle = ++q->handles;
    t->until_ms = time_add(q->now_ms, r->wait_ms > 0 ? r->wait_ms : 1000);
    list_append(&q->takes, &t->link);
    return t->handle;
}

/* An answer that is on its way is given back when it has come. */
void far_take_cancel(struct queue_front *f, uint64_t handle)
{
    struct queue_sqs *q = sqs_of(f);
    for (struct link *k = list_first(&q->takes); k != NULL; k = list_after(&q->takes, k)) {
        struct far_take *t = LINK_OWNER(k, struct far_take, link);
        if (t->handle != handle)
            continue;
        t->is_cancelled = true;
        if (t->is_answered)
            return;
        if (t->call != NULL)
            far_call_drop(t->call);
        free_take(t);
        return;
    }
}

void far_take_drain(struct queue_sqs *q)
{
    for (struct link *k = list_first(&q->takes), *next; k != NULL; k = next) {
        struct far_take *t = LINK_OWNER(k, struct far_take, link);
        next = list_after(&q->takes, k);
        if (t->is_answered || (t->call != NULL && t->call->exchange->len > 0))
            continue;
        if (t->call != NULL)
            far_call_drop(t->call);
        end(t, ERR_NONE, NULL, 0);
    }
}

void far_take_close(struct queue_sqs *q)
{
    struct link *k;
    size_t cursor;
    while ((k = list_first(&q->takes)) != NULL) {
        struct far_take *t = LINK_OWNER(k, struct far_take, link);
        if (t->call != NULL)
            far_call_drop(t->call);
        free_take(t);
    }
    while (q->held.count > 0) {
        cursor = 0;
        far_take_expire(q, map_next(&q->held, &cursor));
    }
}
