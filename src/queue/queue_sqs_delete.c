/* The end of events: deleted when their verdict is durable, given back where there is none; and
 * hidden for longer while the engine has them. All in batches. Before it stands
 * queue_sqs_receive.c, after it calls. What goes wrong here costs a repeat, which harms nobody. */
#include "queue/queue_sqs_int.h"

#include <stdlib.h>
#include <string.h>

#define REQUESTS_MAX 8
#define FAILURES_MAX 5
#define NO_MEMORY_MS 1000
#define HIDE_AGAIN_MS (FAR_EVENT_HIDDEN_S * 1000 / 2)

struct ending { /* from its gathering to its answer */
    struct far_event *events[QUEUE_BATCH_MAX];
    uint32_t count;
};

struct hiding { /* while it is written */
    const struct far_event *events[QUEUE_BATCH_MAX];
    uint32_t count;
    bool is_back;
};

void far_delete_free(struct queue_sqs *q, struct far_event *e)
{
    q->events_in_hand--;
    q->event_bytes -= e->body.len;
    free(e);
}

static void end(struct far_event *e, struct list *where)
{
    list_remove(&e->queue->events->in_hand, &e->link);
    e->state = FAR_ENDING;
    list_append(where, &e->link);
}

void far_delete_event(struct queue_sqs *q, struct far_event *e)
{
    struct far_events *s = e->queue->events;
    end(e, &s->ending);
    if (s->ending.count == 1)
        s->delete_at_ms = time_add(q->now_ms, q->is_draining ? 0 : FAR_DELETE_AFTER_MS);
    if (s->ending.count >= QUEUE_BATCH_MAX || q->is_draining)
        far_queue_mark(q, e->queue);
    else
        far_queue_wake_at(q, e->queue, time_min(e->queue->timer.entry.at_ms, s->delete_at_ms));
}

void far_delete_give_back(struct queue_sqs *q, struct far_event *e, int64_t after_s)
{
    e->back_s = after_s;
    end(e, &e->queue->events->backs);
    far_queue_mark(q, e->queue);
}

/* --- deleting --- */

static void put_id(struct json_out *o, uint32_t k)
{
    char id[2] = {(char)('0' + k), '\0'};
    json_put_text(o, "Id", id);
}

static void fill_deletes(struct json_out *o, const void *from)
{
    const struct ending *b = from;
    json_key(o, "Entries");
    json_array(o);
    for (uint32_t k = 0; k < b->count; k++) {
        json_object(o);
        put_id(o, k);
        json_put_string(o, "ReceiptHandle", b->events[k]->receipt);
        json_object_end(o);
    }
    json_array_end(o);
}

static void take_entries(struct queue_sqs *q, struct ending *b, yyjson_val *entries, bool is_good)
{
    yyjson_arr_iter it = yyjson_arr_iter_with(entries);
    yyjson_val *v;
    while (yyjson_is_arr(entries) && (v = yyjson_arr_iter_next(&it)) != NULL) {
        struct slice id = json_get_text(v, "Id");
        bool is_final = is_good;
        uint32_t k = id.len == 1 ? (uint32_t)(id.at[0] - '0') : QUEUE_BATCH_MAX;
        if (k >= b->count || b->events[k] == NULL)
            continue;
        if (!is_good)
            (void)json_get_bool(v, "SenderFault", &is_final); /* a receipt that is none any more */
        if (!is_final)
            continue;
        far_delete_free(q, b->events[k]);
        b->events[k] = NULL;
    }
}

/* Tried again a few times; then it comes again and is deleted as a repeat. */
static void keep_rest(struct queue_sqs *q, struct far_queue *w, struct ending *b)
{
    struct far_events *s = w->events;
    for (uint32_t k = 0; k < b->count; k++) {
        struct far_event *e = b->events[k];
        if (e == NULL)
            continue;
        if (++e->failures > FAILURES_MAX) {
            far_delete_free(q, e);
            continue;
        }
        list_append(&s->ending, &e->link);
        s->delete_at_ms = time_add(q->now_ms, far_backoff_ms(q, FAR_AGAIN, e->failures));
    }
}

static void deleted(struct queue_sqs *q, struct far_call *c)
{
    struct ending *b = c->context;
    struct far_queue *w = c->queue;
    w->events->deletes--;
    if (c->outcome == FAR_OK) {
        take_entries(q, b, json_get(c->answer, "Successful"), true);
        take_entries(q, b, json_get(c->answer, "Failed"), false);
    } else {
        if (c->outcome == FAR_NO_QUEUE)
            far_queue_forget_url(w);
        far_queue_fail(q, w, c);
    }
    keep_rest(q, w, b);
    free(b);
    far_queue_mark(q, w);
}

static bool delete_some(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    struct ending *b = calloc(1, sizeof *b);
    struct far_ask ask = {.action = FAR_DELETE,
                          .queue = w,
                          .fill = fill_deletes,
                          .from = b,
                          .done = deleted,
                          .context = b};
    if (b == NULL) {
        s->delete_at_ms = time_add(q->now_ms, NO_MEMORY_MS);
        return false;
    }
    while (b->count < QUEUE_BATCH_MAX && list_first(&s->ending) != NULL)
        b->events[b->count++] = LINK_OWNER(list_take(&s->ending), struct far_event, link);
    if (far_call_begin(q, &ask) == NULL) {
        for (uint32_t k = 0; k < b->count; k++)
            list_append(&s->ending, &b->events[k]->link);
        s->delete_at_ms = time_add(q->now_ms, NO_MEMORY_MS);
        free(b);
        return false;
    }
    s->deletes++;
    return true;
}

static void delete_all(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    while (s->deletes < REQUESTS_MAX && s->ending.count > 0) {
        bool is_due = q->now_ms >= s->delete_at_ms;
        bool is_full = s->ending.count >= QUEUE_BATCH_MAX;
        struct far_event *first = LINK_OWNER(list_first(&s->ending), struct far_event, link);
        if (!is_due && (!is_full || first->failures > 0))
            return;
        if (!delete_some(q, w))
            return;
    }
}

/* --- visibility --- */

static void fill_visibility(struct json_out *o, const void *from)
{
    const struct hiding *b = from;
    json_key(o, "Entries");
    json_array(o);
    for (uint32_t k = 0; k < b->count; k++) {
        json_object(o);
        put_id(o, k);
        json_put_string(o, "ReceiptHandle", b->events[k]->receipt);
        json_put_number(o, "VisibilityTimeout",
                        b->is_back ? b->events[k]->back_s : FAR_EVENT_HIDDEN_S);
        json_object_end(o);
    }
    json_array_end(o);
}

/* What failed is visible again a little earlier or later than it should be. */
static void hidden(struct queue_sqs *q, struct far_call *c)
{
    c->queue->events->hides--;
    far_queue_mark(q, c->queue);
}

static void change(struct queue_sqs *q, struct far_queue *w, const struct hiding *b)
{
    struct far_ask ask = {
        .action = FAR_HIDE, .queue = w, .fill = fill_visibility, .from = b, .done = hidden};
    if (b->count > 0 && far_call_begin(q, &ask) != NULL)
        w->events->hides++;
}

static void give_back(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    while (s->backs.count > 0 && s->hides < REQUESTS_MAX) {
        struct hiding b = {.is_back = true};
        struct far_event *events[QUEUE_BATCH_MAX];
        while (b.count < QUEUE_BATCH_MAX && list_first(&s->backs) != NULL) {
            events[b.count] = LINK_OWNER(list_take(&s->backs), struct far_event, link);
            b.events[b.count] = events[b.count];
            b.count++;
        }
        change(q, w, &b);
        for (uint32_t k = 0; k < b.count; k++)
            far_delete_free(q, events[k]);
    }
}

static bool is_due(const struct queue_sqs *q, const struct link *first)
{
    return first != NULL &&
           LINK_OWNER(first, const struct far_event, link)->hide_again_at_ms <= q->now_ms;
}

static void hide(struct queue_sqs *q, struct far_queue *w)
{
    struct far_events *s = w->events;
    while (is_due(q, list_first(&s->in_hand)) && s->hides < REQUESTS_MAX) {
        struct hiding b = {.count = 0};
        while (b.count < QUEUE_BATCH_MAX && is_due(q, list_first(&s->in_hand))) {
            struct far_event *e = LINK_OWNER(list_take(&s->in_hand), struct far_event, link);
            e->hide_again_at_ms = time_add(q->now_ms, HIDE_AGAIN_MS);
            list_append(&s->in_hand, &e->link);
            b.events[b.count++] = e;
        }
        change(q, w, &b);
    }
}

/* --- the round --- */

void far_delete_round(struct queue_sqs *q, struct far_queue *w)
{
    delete_all(q, w);
    give_back(q, w);
    hide(q, w);
}

int64_t far_delete_next(const struct far_queue *w)
{
    const struct far_events *s = w->events;
    const struct link *first = list_first(&s->in_hand);
    int64_t at_ms = TIME_NEVER;
    if (s->ending.count > 0 && s->deletes < REQUESTS_MAX)
        at_ms = s->delete_at_ms;
    if (first != NULL && s->hides < REQUESTS_MAX)
        at_ms = time_min(at_ms, LINK_OWNER(first, const struct far_event, link)->hide_again_at_ms);
    return at_ms;
}

void far_delete_close(struct queue_sqs *q)
{
    for (struct link *k = list_first(&q->calls), *next; k != NULL; k = next) {
        struct far_call *c = LINK_OWNER(k, struct far_call, link);
        struct ending *b = c->context;
        next = list_after(&q->calls, k);
        if (c->action != FAR_DELETE || c->queue == NULL)
            continue;
        for (uint32_t n = 0; n < b->count; n++)
            far_delete_free(q, b->events[n]);
        free(b);
        far_call_drop(c);
    }
}
