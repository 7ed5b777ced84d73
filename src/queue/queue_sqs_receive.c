/* Receiving events: long polls, more of them while there is much to read, and none while too much
 * is in hand. Before it stands Amazon SQS, after it the engine, whose verdict ends an event. Of a
 * FIFO queue the engine has one event of a group at a time, so that their order stays. */
#include "queue/queue_sqs_int.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define HIDE_AGAIN_MS (FAR_EVENT_HIDDEN_S * 1000 / 2)
#define PAUSE_MS 1000 /* after the engine had no room */
#define ODD_BACK_S 30 /* one that the engine cannot decide, though others it can */

enum err far_receive_open(struct queue_sqs *q, struct slice name, bool is_optional)
{
    struct far_queue *w = far_queue_obtain(q, name);
    if (w == NULL)
        return ERR_MEMORY;
    if (w->events != NULL)
        return ERR_NONE; /* named twice */
    w->events = calloc(1, sizeof *w->events);
    if (w->events == NULL)
        return ERR_MEMORY;
    list_init(&w->events->in_hand);
    list_init(&w->events->ending);
    list_init(&w->events->backs);
    w->events->wanted = 1;
    w->is_optional = is_optional;
    w->can_make = w->can_make && !is_optional;
    w->visibility_s = FAR_EVENT_HIDDEN_S;
    q->event_queues[q->event_queue_count++] = w;
    return ERR_NONE;
}

/* --- events --- */

static struct far_event *make(struct far_queue *w, yyjson_val *v)
{
    struct slice parts[4] = {json_get_text(v, "MessageId"), json_get_text(v, "ReceiptHandle"),
                             json_get_text(json_get(v, "Attributes"), "MessageGroupId"),
                             json_get_text(v, "Body")};
    struct far_event *e =
        calloc(1, sizeof *e + parts[0].len + parts[1].len + parts[2].len + parts[3].len + 1);
    struct slice *texts[4];
    char *at;
    if (e == NULL)
        return NULL;
    e->queue = w;
    texts[0] = &e->id, texts[1] = &e->receipt, texts[2] = &e->group, texts[3] = &e->body;
    at = e->bytes;
    for (int k = 0; k < 4; k++) {
        *texts[k] = (struct slice){at, parts[k].len};
        if (parts[k].len > 0)
            memcpy(at, parts[k].at, parts[k].len);
        at += parts[k].len;
    }
    return e;
}

/* The first in hand of a FIFO queue: only there events wait for others, those of their group. */
static struct link *first_in_order(const struct far_event *e)
{
    return e->queue->name.is_fifo ? list_first(&e->queue->events->in_hand) : NULL;
}

/* Another of its group before it. */
static bool has_elder(const struct far_event *e)
{
    const struct list *l = &e->queue->events->in_hand;
    for (struct link *k = first_in_order(e); k != NULL && k != &e->link; k = list_after(l, k))
        if (slice_eq(e->group, LINK_OWNER(k, struct far_event, link)->group))
            return true;
    return false;
}

/* The next of its group that waits, or NULL. */
static struct far_event *find_younger(const struct far_event *e)
{
    const struct list *l = &e->queue->events->in_hand;
    for (struct link *k = first_in_order(e); k != NULL; k = list_after(l, k)) {
        struct far_event *other = LINK_OWNER(k, struct far_event, link);
        if (other != e && other->state == FAR_WAITING && slice_eq(e->group, other->group))
            return other;
    }
    return NULL;
}

static void take_verdict(void *context, enum err err);

static void work(struct queue_sqs *q, struct far_event *e)
{
    struct queue_sqs_event event = {.body = e->body, .id = e->id};
    e->state = FAR_WORKING;
    q->engine.arrive(q->engine.context, &event, take_verdict, e);
}

static bool is_able(const struct queue_sqs *q)
{
    return q->engine.is_able(q->engine.context);
}

/* No verdict: it comes again, and so does what waited behind it. */
static void give_back(struct queue_sqs *q, struct far_event *e, enum err err)
{
    struct far_events *s = e->queue->events;
    int64_t after_s = 1 + (int64_t)(far_random(q) % 3);
    struct far_event *younger;
    if (err == ERR_CLOSING || !is_able(q))
        after_s = 0; /* for others: this node takes none */
    else if (err_is_retryable(err))
        s->receive_at_ms = time_add(q->now_ms, PAUSE_MS);
    else if (err != ERR_NEWER) /* which is for another node, that knows it */
        after_s = ODD_BACK_S;
    while ((younger = find_younger(e)) != NULL)
        far_delete_give_back(q, younger, after_s);
    far_delete_give_back(q, e, after_s);
}

static void take_verdict(void *context, enum err err)
{
    struct far_event *e = context;
    struct queue_sqs *q = e->owner;
    struct far_event *younger;
    if (err != ERR_NONE) {
        give_back(q, e, err);
        return;
    }
    younger = find_younger(e);
    far_delete_event(q, e);
    if (younger != NULL && q->is_draining)
        give_back(q, younger, ERR_CLOSING);
    else if (younger != NULL)
        work(q, younger);
}

/* --- receives --- */

static bool is_whole(yyjson_val *v)
{
    uint8_t told[16], is[16];
    hash_md5(json_get_text(v, "Body"), is);
    return json_get_text(v, "ReceiptHandle").len > 0 &&
           hex_decode(json_get_text(v, "MD5OfBody"), told, sizeof told) &&
           memcmp(told, is, sizeof is) == 0;
}

/* One that is not kept is visible again by itself. */
static void take_message(struct queue_sqs *q, struct far_queue *w, yyjson_val *v)
{
    struct far_event *e = is_whole(v) ? make(w, v) : NULL;
    if (e == NULL)
        return;
    e->owner = q;
    e->hide_again_at_ms = time_add(q->now_ms, HIDE_AGAIN_MS);
    list_append(&w->events->in_hand, &e->link);
    q->events_in_hand++;
    q->event_bytes += e->body.len;
    if (q->is_draining || !is_able(q))
        far_delete_give_back(q, e, 0);
    else if (!has_elder(e))
        work(q, e);
}

static void take_messages(struct queue_sqs *q, struct far_queue *w, yyjson_val *messages)
{
    struct far_events *s = w->events;
    yyjson_arr_iter it = yyjson_arr_iter_with(messages);
    yyjson_val *v;
    size_t count = yyjson_is_arr(messages) ? yyjson_arr_size(messages) : 0;
    if (count > 0 && s->wanted < FAR_POLLS_MAX)
        s->wanted++;
    else if (count == 0 && s->wanted > 1)
        s->wanted--;
    while (count > 0 && (v = yyjson_arr_iter_next(&it)) != NULL)
        take_message(q, w, v);
}

static void received(struct queue_sqs *q, struct far_call *c)
{
    struct far_queue *w = c->queue;
    struct far_events *s = w->events;
    for (size_t k = 0; k < FAR_POLLS_MAX; k++)
        if (s->calls[k] == c)
            s->calls[k] = NULL;
    s->polls--;
    if (c->outcome == FAR_OK) {
        far_queue_works(q, w);
        take_messages(q, w, json_get(c->answer, "Messages"));
    } else {
        s->wanted = 1;
        if (c->outcome == FAR_NO_QUEUE)
            far_queue_forget_url(w);
        far_queue_fail(q, w, c);
    }
    far_queue_mark(q, w);
}

static void fill(struct json_out *o, const void *from)
{
    (void)from;
    json_put_number(o, "MaxNumberOfMessages", QUEUE_RECEIVES_MAX);
    json_put_number(o, "WaitTimeSeconds", QUEUE_WAIT_S_MAX);
    json_put_number(o, "VisibilityTimeout", FAR_EVENT_HIDDEN_S);
    json_key(o, "AttributeNames");
    json_array(o);
    json_string(o, SLICE("All"));
    json_array_end(o);
}

static bool receive(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    struct far_ask ask = {.action = FAR_RECEIVE,
                          .queue = w,
                          .wait_ms = QUEUE_WAIT_S_MAX * 1000,
                          .fill = fill,
                          .done = received};
    size_t place = 0;
    while (s->calls[place] != NULL)
        place++;
    s->calls[place] = far_call_begin(q, &ask);
    if (s->calls[place] == NULL)
        return false;
    s->polls++;
    return true;
}

static bool has_room(const struct queue_sqs *q)
{
    size_t polls = 0;
    for (size_t k = 0; k < q->event_queue_count; k++)
        polls += q->event_queues[k]->events->polls;
    return q->events_in_hand + polls * QUEUE_RECEIVES_MAX < FAR_EVENTS_MAX &&
           q->event_bytes < FAR_EVENTS_BYTES_MAX;
}

static void receive_more(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    if (q->now_ms < s->receive_at_ms)
        return;
    while (s->polls < s->wanted && has_room(q)) {
        if (!receive(q, w)) {
            s->receive_at_ms = time_add(q->now_ms, PAUSE_MS);
            return;
        }
    }
}

/* --- the round --- */

static int64_t next_of(const struct queue_sqs *q, const struct far_queue *w)
{
    const struct far_events *s = w->events;
    int64_t at_ms = far_delete_next(w);
    if (!far_call_is_possible(q) || w->is_asking)
        return TIME_NEVER; /* whose end marks the queue */
    if (w->retry_at_ms > q->now_ms)
        return w->retry_at_ms; /* nothing is asked before */
    if (!q->is_draining && s->receive_at_ms > q->now_ms && s->polls < s->wanted)
        at_ms = time_min(at_ms, s->receive_at_ms);
    return at_ms;
}

/* What Amazon SQS has begun to hand over is taken and given back; the others are hung up on. */
static void hang_up(struct far_events *s)
{
    for (size_t k = 0; k < FAR_POLLS_MAX; k++) {
        if (s->calls[k] == NULL || s->calls[k]->exchange->len > 0)
            continue;
        far_call_drop(s->calls[k]);
        s->calls[k] = NULL;
        s->polls--;
    }
}

void far_receive_round(struct queue_sqs *q, struct far_queue *w)
{
    bool can_take = !q->is_draining && is_able(q);
    if (!q->is_started)
        return;
    if (far_queue_is_ready(q, w)) {
        far_delete_round(q, w);
        if (can_take)
            receive_more(q, w);
    }
    if (!can_take)
        hang_up(w->events);
    far_queue_wake_at(q, w, next_of(q, w));
}

void far_receive_drain(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    const struct list *l = &s->in_hand;
    for (struct link *k = list_first(l), *next; k != NULL; k = next) {
        struct far_event *e = LINK_OWNER(k, struct far_event, link);
        next = list_after(l, k);
        if (e->state == FAR_WAITING)
            far_delete_give_back(q, e, 0);
    }
    far_queue_mark(q, w);
}

bool far_receive_is_idle(const struct far_queue *w)
{
    const struct far_events *s = w->events;
    return s->polls == 0 && s->in_hand.count == 0 && s->ending.count == 0 && s->backs.count == 0 &&
           s->deletes == 0 && s->hides == 0;
}

static void free_all(struct queue_sqs *q, struct list *l)
{
    struct link *k;
    while ((k = list_take(l)) != NULL)
        far_delete_free(q, LINK_OWNER(k, struct far_event, link));
}

void far_receive_free(struct queue_sqs *q, struct far_queue *w)
{
    free_all(q, &w->events->in_hand);
    free_all(q, &w->events->ending);
    free_all(q, &w->events->backs);
    free(w->events);
    w->events = NULL;
}
