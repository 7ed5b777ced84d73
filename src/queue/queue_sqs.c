/* The frame of the driver for Amazon SQS: opening, the round, what the engine tells, what status
 * shows. Before it stand the engine and the loop; after it the other files of this room. It must
 * not call the engine while the engine is calling it: what follows from an offer happens in the
 * next round. */
#include "queue/queue_sqs.h"

#include "queue/queue_sqs_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIFO_EVENTS QUEUE_EVENTS ".fifo"
#define SOON_MS 5000

static struct queue_sqs *sqs_of(const struct queue *base)
{
    return (struct queue_sqs *)(uintptr_t)base;
}

/* --- what the engine tells --- */

static enum err offer(struct queue *base, const struct queue_message *m)
{
    return far_message_offer(sqs_of(base), m);
}

static void withdraw(struct queue *base, const struct queue_message *m)
{
    struct queue_sqs *q = sqs_of(base);
    far_message_withdraw(q, m);
    far_take_withdraw(q, m);
}

/* Whoever received it keeps it hidden: only its own receipt can. */
static void extend(struct queue *base, const struct queue_message *m, int64_t now_ms)
{
    queue_sqs_set_time(sqs_of(base), now_ms);
    far_take_extend(sqs_of(base), m);
}

static uint64_t unsent_pos(const struct queue *base)
{
    return far_message_unsent_pos(sqs_of(base));
}

static enum err remind(struct queue *base, struct slice instance, int64_t at_ms)
{
    return far_remind(sqs_of(base), instance, at_ms);
}

/* --- how it fares --- */

static struct slice text_of(const char *text)
{
    return text[0] != '\0' ? slice_of(text) : SLICE_NONE;
}

/* They are in the order of their offers. */
static int64_t oldest_unsent(const struct queue_sqs *q)
{
    for (const struct link *k = list_first(&q->all_messages); k != NULL;
         k = list_after(&q->all_messages, k)) {
        const struct far_message *m = LINK_OWNER(k, const struct far_message, all);
        if (!m->is_withdrawn && m->name.visible_at_ms <= q->now_ms)
            return m->offered_at_ms;
    }
    return 0;
}

static void health(const struct queue *base, struct queue_health *out)
{
    const struct queue_sqs *q = sqs_of(base);
    *out = (struct queue_health){.problem = text_of(q->credentials.error),
                                 .is_closed = !q->credentials.is_known,
                                 .unsent = q->messages.count,
                                 .oldest_unsent_at_ms = oldest_unsent(q)};
    for (size_t k = 0; k < q->event_queue_count; k++)
        out->in_hand += q->event_queues[k]->events->in_hand.count;
    for (size_t k = 0; k < FAR_ACTION_COUNT; k++)
        out->requests += q->calls_made[k];
    for (size_t k = 0; k < q->name_count; k++) {
        if (out->problem.at == NULL)
            out->problem = far_queue_problem(q->names[k]);
        if (out->warning.at == NULL)
            out->warning = text_of(q->names[k]->warning);
    }
}

static bool counter(const struct queue *base, size_t n, struct queue_counter *out)
{
    if (n >= FAR_ACTION_COUNT)
        return false;
    *out = (struct queue_counter){far_call_name((enum far_action)n), sqs_of(base)->calls_made[n]};
    return true;
}

static const struct queue_ops queue_ops = {.name = "Amazon SQS",
                                           .offer = offer,
                                           .withdraw = withdraw,
                                           .extend = extend,
                                           .remind = remind,
                                           .unsent_pos = unsent_pos,
                                           .health = health,
                                           .counter = counter};

/* --- opening and closing --- */

static enum err open_events(struct queue_sqs *q, struct slice names)
{
    struct slice name, rest = names;
    if (names.len == 0) {
        enum err e = far_receive_open(q, SLICE(QUEUE_EVENTS), false);
        return e != ERR_NONE ? e : far_receive_open(q, SLICE(FIFO_EVENTS), true);
    }
    while (rest.at != NULL) {
        slice_cut(rest, ',', &name, &rest);
        enum err e = far_receive_open(q, name, false);
        if (e != ERR_NONE)
            return e;
    }
    return ERR_NONE;
}

/* A FIFO queue takes no delay for a single message. */
static enum err open_timers(struct queue_sqs *q, struct slice name)
{
    if (name.len > 0) {
        q->timers = far_queue_obtain(q, name);
        return q->timers == NULL ? ERR_MEMORY : ERR_NONE;
    }
    for (size_t k = 0; k < q->event_queue_count && q->timers == NULL; k++)
        if (!q->event_queues[k]->name.is_fifo)
            q->timers = q->event_queues[k];
    return ERR_NONE;
}

static enum err open_all(struct queue_sqs *q, const struct queue_sqs_config *c)
{
    enum err e = far_http_open(&q->http);
    q->region = strndup(c->region.at, c->region.len);
    if (c->endpoint.len > 0)
        q->endpoint = strndup(c->endpoint.at, c->endpoint.len);
    if (e != ERR_NONE)
        return e;
    if (q->region == NULL || (c->endpoint.len > 0 && q->endpoint == NULL))
        return ERR_MEMORY;
    e = open_events(q, c->events);
    return e != ERR_NONE ? e : open_timers(q, c->timers);
}

enum err queue_sqs_open(const struct queue_sqs_config *config, struct queue_sqs **out)
{
    struct queue_sqs *q = calloc(1, sizeof *q);
    if (q == NULL)
        return ERR_MEMORY;
    q->port.ops = &queue_ops;
    q->front.ops = &far_front_ops;
    q->engine = config->engine;
    q->must_exist = config->must_exist;
    q->random = config->seed;
    q->now_ms = config->now_ms;
    map_init(&q->queues, config->seed);
    map_init(&q->messages, config->seed);
    heap_init(&q->times);
    heap_init(&q->unsent);
    list_init(&q->calls);
    list_init(&q->busy);
    list_init(&q->blocked);
    list_init(&q->all_messages);
    list_init(&q->requests);
    list_init(&q->takes);
    map_init(&q->held, config->seed);
    far_credentials_open(q);
    enum err e = open_all(q, config);
    if (e == ERR_NONE)
        *out = q;
    else
        queue_sqs_close(q);
    return e;
}

struct queue *queue_sqs_queue(struct queue_sqs *q)
{
    return &q->port;
}

struct queue_front *queue_sqs_front(struct queue_sqs *q)
{
    return &q->front;
}

enum err queue_sqs_declare(struct queue_sqs *q, struct slice name)
{
    struct far_queue *w = far_queue_obtain(q, name);
    if (w == NULL)
        return ERR_MEMORY;
    w->is_declared = true;
    return ERR_NONE;
}

void queue_sqs_start(struct queue_sqs *q)
{
    q->is_started = true;
}

void queue_sqs_close(struct queue_sqs *q)
{
    struct link *k;
    far_send_close(q);
    far_delete_close(q);
    far_front_close(q);
    far_take_close(q);
    while ((k = list_first(&q->calls)) != NULL)
        far_call_drop(LINK_OWNER(k, struct far_call, link));
    far_message_free_all(q);
    while (list_take(&q->blocked) != NULL) {
    }
    for (size_t n = 0; n < q->name_count; n++)
        far_queue_free(q, q->names[n]);
    free(q->names);
    free(q->reminders);
    far_credentials_close(q);
    far_http_close(&q->http);
    map_drop(&q->queues);
    map_drop(&q->messages);
    map_drop(&q->held);
    heap_drop(&q->times);
    heap_drop(&q->unsent);
    free(q->region);
    free(q->endpoint);
    free(q);
}

/* --- the round --- */

int queue_sqs_poll_fd(const struct queue_sqs *q)
{
    return q->http.epoll_fd;
}

void queue_sqs_set_time(struct queue_sqs *q, int64_t now_ms)
{
    if (now_ms > q->now_ms)
        q->now_ms = now_ms;
}

static void run_timer(struct queue_sqs *q, struct far_timer *t)
{
    enum err e = heap_put(&q->times, &t->entry, TIME_NEVER, t->entry.tie);
    assert(e == ERR_NONE);
    if (t->kind == FAR_TIMER_MESSAGE)
        far_message_place(q, (struct far_message *)(void *)t, false);
    else if (t->kind == FAR_TIMER_HELD)
        far_take_expire(q, (struct far_held *)(void *)t);
    else
        far_queue_mark(q, (struct far_queue *)(void *)t);
}

/* Credentials were got: what waited for them goes on. */
static void run_credentials(struct queue_sqs *q)
{
    bool was_possible = q->could_call;
    far_credentials_round(q);
    q->could_call = far_call_is_possible(q);
    for (size_t k = 0; !was_possible && q->could_call && k < q->name_count; k++)
        far_queue_mark(q, q->names[k]);
}

/* What a queue's turn makes busy again has its turn in the next round: no queue keeps the loop. */
void queue_sqs_round(struct queue_sqs *q, int64_t now_ms)
{
    struct heap_entry *first;
    queue_sqs_set_time(q, now_ms);
    far_http_round(&q->http);
    while ((first = heap_first(&q->times)) != NULL && first->at_ms <= q->now_ms)
        run_timer(q, (struct far_timer *)(void *)first);
    run_credentials(q);
    for (size_t left = q->busy.count; left > 0 && q->busy.count > 0; left--)
        far_send_round(q, LINK_OWNER(list_take(&q->busy), struct far_queue, busy));
    for (size_t k = 0; k < q->event_queue_count; k++)
        far_receive_round(q, q->event_queues[k]);
    far_remind_round(q);
    far_front_round(q);
    far_take_round(q);
}

int64_t queue_sqs_next(const struct queue_sqs *q)
{
    if (q->busy.count > 0 || q->reminder_count > 0)
        return q->now_ms;
    const struct heap_entry *first = heap_first(&q->times);
    int64_t at_ms = first == NULL ? TIME_NEVER : first->at_ms;
    at_ms = time_min(at_ms, time_min(far_front_next(q), far_take_next(q)));
    return time_min(at_ms, far_credentials_next(q));
}

bool queue_sqs_is_settled(const struct queue_sqs *q)
{
    return q->requests.count == 0 && q->reminder_count == 0;
}

void queue_sqs_drain(struct queue_sqs *q)
{
    q->is_draining = true;
    for (size_t k = 0; k < q->event_queue_count; k++)
        far_receive_drain(q, q->event_queues[k]);
    far_take_drain(q);
}

/* Whether something that is unsent may still go out in the time that a stop has. */
static bool can_send_soon(const struct queue_sqs *q)
{
    if (!far_call_is_possible(q))
        return q->messages.count > 0 && q->credentials.failures == 0;
    for (size_t k = 0; k < q->name_count; k++)
        if (q->names[k]->unsent > 0 && q->names[k]->retry_at_ms < q->now_ms + SOON_MS)
            return true;
    return false;
}

bool queue_sqs_is_idle(const struct queue_sqs *q)
{
    for (size_t k = 0; k < q->event_queue_count; k++)
        if (!far_receive_is_idle(q->event_queues[k]))
            return false;
    return q->is_draining && q->sends == 0 && q->requests.count == 0 && !can_send_soon(q);
}
